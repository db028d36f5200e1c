//! `rialto`: a streaming exchange that speaks the published APIs of real venues.

mod bench;
mod cli;
mod config;
mod kept;
mod keys;
mod known;
mod replay;
mod run;
mod serve;
mod trust;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let ended = match Cli::parse().command.unwrap_or_else(|| Command::Serve(cli::Serve::default()))
    {
        Command::Serve(options) => serve::venue(&options).and_then(run::run),
        Command::Replay(options) => replay::venue(&options).and_then(run::run),
        Command::Verify(options) => return verify::run(&options),
        Command::Keys(keys) => keys::run(&keys),
        Command::Trust(options) => trust::trust(&options),
        Command::Untrust(options) => trust::untrust(&options),
        Command::Bench(bench) => bench::run(&bench).map_err(run::Failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rialto: {failure}");
            ExitCode::FAILURE
        }
    }
}
