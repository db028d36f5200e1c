//! Who may write at all: requests that are addressed to this very listener, from no other site's page.
//!
//! A page on the web can make a browser send requests to this machine, and by binding its own name to our address
//! it can make them look as if they were its own. What it cannot do is leave out its name: the browser sends it in
//! `Host`, and in `Origin` where the page is another's. So names that are not ours are refused.

use std::net::{IpAddr, SocketAddr};

use ::http::HeaderMap;

use super::problem::{Code, Problem};

#[cfg(test)]
mod tests;

/// Refuses what is not addressed to `local`, the address at which this connection was accepted, or comes from
/// another site's page. `names` are further names of ours, as `Host` has them.
///
/// # Errors
/// [`Code::ForeignHost`].
pub(crate) fn guard(
    headers: &HeaderMap,
    authority: Option<&str>,
    local: SocketAddr,
    names: &[String],
) -> Result<(), Box<Problem>> {
    let text = |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or(""));
    let is_ours = |host: &str, port| {
        names.iter().any(|name| name.eq_ignore_ascii_case(host)) || is_local(host, local, port)
    };
    // A request may carry several of each; all of them have to be ours.
    let mut hosts = authority.into_iter().chain(text("host")).peekable();
    if hosts.peek().is_none() {
        let detail = "the request names no host";
        return Err(Problem::new(Code::ForeignHost, detail).at("header Host"));
    }
    // Who leaves out the port means that of its scheme.
    let unsaid = if local.port() == 443 { 443 } else { 80 };
    if let Some(host) = hosts.find(|host| !is_ours(host, unsaid)) {
        let detail = format!("Host is {host:?}, and this is {local}");
        return Err(Problem::new(Code::ForeignHost, detail).at("header Host"));
    }
    for origin in text("origin") {
        let host = match origin.split_once("://") {
            Some(("http", host)) => Some((host, 80)),
            Some(("https", host)) => Some((host, 443)),
            _ => None,
        };
        if !host.is_some_and(|(host, port)| is_ours(host, port)) {
            let detail = format!("Origin is {origin:?}, and this is {local}");
            return Err(Problem::new(Code::ForeignHost, detail).at("header Origin"));
        }
    }
    Ok(())
}

/// Whether a host and perhaps a port name this address: literally, or as `localhost` where it is loopback.
fn is_local(host: &str, local: SocketAddr, port_unsaid: u16) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => match port.parse() {
            Ok(port) => (name, port),
            Err(_) => return false,
        },
        _ => (host, port_unsaid),
    };
    if port != local.port() {
        return false;
    }
    let here = local.ip().to_canonical();
    if here.is_loopback() && name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok_and(|named| named.to_canonical() == here)
}
