//! The bus that a configuration names.

use std::sync::Arc;

use feed::bus::Bus;

use super::lease::Register;
use crate::config::BusPlan;
use crate::run::Failure;

/// The bus on which the machines of a market meet. That no server is there is no failure: it is tried again, and said.
///
/// # Errors
/// [`Failure`] if it cannot be as it is configured.
#[cfg(feature = "nats")]
pub fn connect(plan: &BusPlan) -> Result<Arc<dyn Bus>, Failure> {
    use feed::bus::nats::Nats;

    use crate::aloud;
    use crate::run::failed;

    let bus = Nats::start(options(plan)?).map_err(failed("meet the other machines on a bus"))?;
    // Most often it is there at once. If not, that is said, and it is tried again for ever.
    if let Err(down) = bus.wait(std::time::Duration::from_secs(3)) {
        aloud::complain(format_args!("{down}; it is tried again"));
    }
    Ok(Arc::new(bus))
}

/// The key of the bus' server by which machines agree which of them is the core.
///
/// # Errors
/// [`Failure`] if it cannot be as it is configured.
#[cfg(feature = "nats")]
pub fn register(plan: &BusPlan) -> Result<Box<dyn Register>, Failure> {
    use feed::bus::nats::Key;

    use crate::run::failed;

    let key = Key::new(options(plan)?, &plan.market);
    Ok(Box::new(key.map_err(failed("use the lease on the bus' server"))?))
}

#[cfg(feature = "nats")]
impl Register for feed::bus::nats::Key {
    fn name(&self) -> String {
        self.to_string()
    }

    fn read(&mut self) -> Result<Option<(u64, String)>, String> {
        self.read(super::lease::ANSWER_MAX)
    }

    fn replace(&mut self, revision: Option<u64>, text: &str) -> Result<Option<u64>, String> {
        self.replace(revision, text, super::lease::ANSWER_MAX)
    }
}

/// How its server is reached.
#[cfg(feature = "nats")]
fn options(plan: &BusPlan) -> Result<feed::bus::nats::Options, Failure> {
    use feed::bus::nats::{Options, Tls};

    let login = login(plan)?;
    let tls = Tls {
        is_required: plan.tls,
        authorities: plan.authorities.clone(),
        certificate: plan.certificate.clone(),
        ..Tls::default()
    };
    let servers = plan.servers.iter().map(|server| server.as_str().into()).collect();
    Ok(Options { servers, login, tls, ..Options::default() })
}

/// The key of the bus' server by which machines agree which of them is the core.
///
/// # Errors
/// Always: this build speaks to none.
#[cfg(not(feature = "nats"))]
pub fn register(plan: &BusPlan) -> Result<Box<dyn Register>, Failure> {
    connect(plan).map(|_| unreachable!("it fails"))
}

/// Who this machine is at the server.
#[cfg(feature = "nats")]
fn login(plan: &BusPlan) -> Result<feed::bus::nats::Login, Failure> {
    use feed::bus::nats::Login;

    let secret = |file: &Option<std::path::PathBuf>| {
        let read = file.as_ref().map(|file| {
            let read = std::fs::read_to_string(file);
            let wrong = format!("read the secret in {}", file.display());
            let read = read.map_err(crate::run::failed(wrong))?;
            Ok(Box::<str>::from(read.trim_end_matches(['\r', '\n'])))
        });
        read.transpose()
    };
    Ok(match (&plan.user, secret(&plan.secret_file)?) {
        (Some(user), Some(password)) => Login::Password { user: user.as_str().into(), password },
        (None, Some(token)) => Login::Token(token),
        (_, None) => match (secret(&plan.nkey_file)?, secret(&plan.credentials)?) {
            (Some(seed), _) => Login::Nkey(seed),
            (None, Some(credentials)) => Login::Credentials(credentials),
            (None, None) => Login::Nobody,
        },
    })
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
