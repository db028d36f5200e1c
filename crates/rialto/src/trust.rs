//! `rialto trust` and `rialto untrust`: what makes clients believe that this machine is a venue, and what takes that
//! back.
//!
//! An authority is made that can vouch for the venues' names and for this machine, and for nothing else; it signs one
//! certificate and its key is forgotten at once, never written. So nobody who reads the folder can vouch for anything,
//! and a certificate that has ended is replaced by a new authority. Nothing outside of the folder is touched unless
//! `--install` asks for it.

mod authority;
mod system;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::run::{Failure, failed};
use authority::Made;
use system::System;

/// The host names by which clients of the venues ask for them.
pub const HOSTS: [&str; 8] = [
    "ws.bitstamp.net",
    "www.bitstamp.net",
    "exchange.app-api.xrocket.exchange",
    "exchange.app-api.testnet.xrocket.exchange",
    "exchange.api.xrocket.exchange",
    "exchange.api.testnet.xrocket.exchange",
    "plasma-relay-backend.timex.io",
    "ws.finazon.io",
];

/// What is in the folder.
const AUTHORITY: &str = "ca.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// Options of `trust`.
#[derive(Args, Debug)]
pub struct Trust {
    /// The folder for the certificate, its key and the authority's certificate
    #[arg(long, value_name = "DIR", default_value = "rialto-tls")]
    pub dir: PathBuf,
    /// The address that the venues' names are to lead to
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub address: IpAddr,
    /// Make new ones where there are some; whoever trusts the old ones has to be told
    #[arg(long)]
    pub renew: bool,
    /// Write the names into /etc/hosts and have the system trust the authority; needs root
    #[arg(long)]
    pub install: bool,
    /// The root of the file system
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// Options of `untrust`.
#[derive(Args, Debug)]
pub struct Untrust {
    /// The folder that `rialto trust` has made
    #[arg(long, value_name = "DIR", default_value = "rialto-tls")]
    pub dir: PathBuf,
    /// The root of the file system
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// Makes what is needed, and prints or installs it.
///
/// # Errors
/// [`Failure`] if it cannot be written.
pub fn trust(options: &Trust) -> Result<(), Failure> {
    let dir = &options.dir;
    let was_there = [AUTHORITY, CERTIFICATE, KEY].iter().all(|name| dir.join(name).exists());
    if !was_there || options.renew {
        let made =
            authority::make(&HOSTS, Timestamp::now()).map_err(failed("make a certificate"))?;
        write(dir, &made).map_err(failed(format_args!("write to {}", dir.display())))?;
    }
    let dir = fs::canonicalize(dir).map_err(failed(format_args!("find {}", dir.display())))?;
    if options.install {
        let pem = fs::read_to_string(dir.join(AUTHORITY));
        let pem = pem.map_err(failed(format_args!("read {AUTHORITY} in {}", dir.display())))?;
        System::at(&options.root).install(options.address, &HOSTS, &pem)?;
    }
    say(&words(&dir, options, was_there && !options.renew));
    Ok(())
}

/// Takes all of it back, from the system and from the folder.
///
/// # Errors
/// [`Failure`] if something is there and cannot be removed.
pub fn untrust(options: &Untrust) -> Result<(), Failure> {
    let dir = &options.dir;
    let mut removed = System::at(&options.root).uninstall()?;
    for name in [AUTHORITY, CERTIFICATE, KEY] {
        let path = dir.join(name);
        if system::remove(&path)? {
            removed.push(path.display().to_string());
        }
    }
    // What else somebody keeps there stays, and so does the folder then.
    let _others = fs::remove_dir(dir);
    say(&match removed.is_empty() {
        true => "nothing of `rialto trust` is left here\n".to_owned(),
        false => format!("removed:\n  {}\n", removed.join("\n  ")),
    });
    Ok(())
}

/// Writes what was made; the key is for its owner alone.
fn write(dir: &Path, made: &Made) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::create_dir_all(dir)?;
    // One that is there may be open to others, and keeps its mode if it is only written anew.
    let key = dir.join(KEY);
    if key.exists() {
        fs::remove_file(&key)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
    file.write_all(made.key.as_bytes())?;
    fs::write(dir.join(CERTIFICATE), &made.certificate)?;
    fs::write(dir.join(AUTHORITY), &made.authority)
}

/// What there is, and what to do with it.
fn words(dir: &Path, options: &Trust, was_there: bool) -> String {
    let file = |name| dir.join(name).display().to_string();
    let (authority, certificate, key) = (file(AUTHORITY), file(CERTIFICATE), file(KEY));
    let made = if was_there { "was there already (--renew makes another)" } else { "made" };
    let mut text = format!(
        "{made}: {certificate}, its key beside it, and {authority}\n\nServe with it, at the port where clients of the \
         venues look (below 1024, which needs root or CAP_NET_BIND_SERVICE):\n  rialto serve --tls-certificate \
         {certificate} --tls-key {key} --tls-listen {}:443\n\nTell a client to trust it:\n  Python (ssl, websockets, \
         aiohttp), curl: SSL_CERT_FILE={authority}\n  Python requests:                       \
         REQUESTS_CA_BUNDLE={authority}\n  Node:                                  NODE_EXTRA_CA_CERTS={authority}\n",
        options.address
    );
    if options.install {
        text += "\nInstalled: the names in /etc/hosts, and the authority for the whole system. `rialto untrust` takes \
                 both back.\n";
    } else {
        text += &format!(
            "\nLead the names to this machine, in /etc/hosts (--install does it, and has the system trust the \
             authority):\n{}",
            system::block(options.address, &HOSTS)
        );
    }
    text
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody has to read what we say.
    let _said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
