//! Says which commit the binary is made of, where that is known: in a clone with git at hand.

use std::path::Path;
use std::process::Command;

fn main() {
    let version = env!("CARGO_PKG_VERSION");
    let version = match git(&["rev-parse", "--short=10", "HEAD"]) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=RIALTO_VERSION={version}");
    println!("cargo::rerun-if-changed=build.rs");
    // What moves with each commit: the log of HEAD, whichever branch it is on.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    if let Some(log) = log.filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// What git says to this, in one line.
fn git(words: &[&str]) -> Option<String> {
    let said =
        Command::new("git").args(words).output().ok().filter(|said| said.status.success())?;
    let line = String::from_utf8(said.stdout).ok()?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}
