//! The bus that a configuration names.

use std::sync::Arc;

use feed::bus::Bus;

use crate::config::BusPlan;
use crate::run::Failure;

/// The bus on which the machines of a market meet. That no server is there is no failure: it is tried again, and said.
///
/// # Errors
/// [`Failure`] if it cannot be as it is configured.
#[cfg(feature = "nats")]
pub fn connect(plan: &BusPlan) -> Result<Arc<dyn Bus>, Failure> {
    use feed::bus::nats::{Login, Nats, Options, Tls};

    use crate::aloud;
    use crate::run::failed;

    let secret = plan.secret_file.as_ref().map(|file| {
        let read = std::fs::read_to_string(file);
        let read = read.map_err(failed(format_args!("read the secret in {}", file.display())))?;
        Ok(Box::<str>::from(read.trim_end_matches(['\r', '\n'])))
    });
    let login = match (&plan.user, secret.transpose()?) {
        (Some(user), Some(password)) => Login::Password { user: user.as_str().into(), password },
        (None, Some(token)) => Login::Token(token),
        (_, None) => Login::Nobody,
    };
    let tls = Tls {
        is_required: plan.tls,
        authorities: plan.authorities.clone(),
        certificate: plan.certificate.clone(),
        ..Tls::default()
    };
    let servers = plan.servers.iter().map(|server| server.as_str().into()).collect();
    let options = Options { servers, login, tls, ..Options::default() };
    let bus = Nats::start(options).map_err(failed("meet the other machines on a bus"))?;
    // Most often it is there at once. If not, that is said, and it is tried again for ever.
    if let Err(down) = bus.wait(std::time::Duration::from_secs(3)) {
        aloud::complain(format_args!("{down}; it is tried again"));
    }
    Ok(Arc::new(bus))
}

/// The bus on which the machines of a market meet.
///
/// # Errors
/// Always: this build has none.
#[cfg(not(feature = "nats"))]
pub fn connect(_plan: &BusPlan) -> Result<Arc<dyn Bus>, Failure> {
    Err(Failure(
        "failed to meet the other machines: this build speaks no NATS; build it with --features nats".to_owned(),
    ))
}
