//! `rialto`: a streaming exchange that speaks the published APIs of real venues.

// They panic where nobody listens; `aloud` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod accounts;
mod aloud;
mod asking;
mod bench;
mod captured;
mod cli;
mod cluster;
mod config;
mod console;
#[cfg(test)]
mod deploy;
#[cfg(feature = "parquet")]
mod export;
mod follower;
mod kept;
mod keys;
mod known;
mod listening;
mod record;
mod replay;
mod replica;
mod run;
mod serve;
mod shell;
mod tongues;
mod trust;
mod verify;
#[cfg(feature = "watch")]
mod watch;
mod why;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let ended = match Cli::parse().command.unwrap_or_else(|| Command::Serve(cli::Serve::default()))
    {
        Command::Serve(options) => serve::run(&options),
        Command::Replay(options) => replay::venue(&options).and_then(run::run).map(drop),
        #[cfg(feature = "parquet")]
        Command::Export(options) => export::run(&options),
        #[cfg(feature = "watch")]
        Command::Watch(options) => watch::run(&options),
        Command::Record(options) => return record::run(&options),
        Command::Verify(options) => return verify::run(&options),
        Command::Connections(options) => return why::connections(&options),
        Command::Why(options) => return why::why(&options),
        Command::Keys(keys) => keys::run(&keys),
        Command::Trust(options) => trust::trust(&options),
        Command::Untrust(options) => trust::untrust(&options),
        Command::Completions(options) => shell::completions(&options),
        Command::Man => shell::man(),
        Command::Bench(bench) => bench::run(&bench).map_err(run::Failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            aloud::complain(failure);
            ExitCode::FAILURE
        }
    }
}
