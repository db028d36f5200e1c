//! `cargo xtask bench`: the product's own load generator, built for speed. Without a bench's name: our sockets beside simpler
//! things that do the same, for which Node's `ws` is installed under `target/bench`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, works};

/// What deliveries are compared with, pinned; it has no dependencies.
const WS: &str = "ws@8.23.0";

pub fn run(arguments: &[String]) -> Result<bool, String> {
    let mut command = process::cargo();
    command.args(["run", "--release", "--locked", "--package", "rialto", "--", "bench"]);
    if arguments.first().is_none_or(|first| first.starts_with("--")) {
        command.arg("beside");
        if !arguments.iter().any(|argument| argument == "--help" || argument == "--node") {
            match ws() {
                Ok(folder) => {
                    command.arg("--node").arg(folder);
                }
                Err(why) => eprintln!("xtask: without Node's ws: {why}"),
            }
        }
    }
    process::succeeds(command.args(arguments))
}

/// The folder in which `ws` is installed; installs it if it is not there.
fn ws() -> Result<PathBuf, String> {
    if !works("node".as_ref(), &["--version"]) || !works("npm".as_ref(), &["--version"]) {
        return Err(
            "Node.js 18 or newer with npm is not here (Debian: apt-get install nodejs npm)".into(),
        );
    }
    let folder = process::target().join("bench").join(WS);
    if folder.join("node_modules/ws/package.json").exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)
        .map_err(|error| format!("failed to make {}: {error}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", WS]).current_dir(&folder);
    if process::succeeds(&mut npm)? { Ok(folder) } else { Err(format!("failed to install {WS}")) }
}
