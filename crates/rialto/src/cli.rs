//! The command line: what can be asked of the binary, in the words that `--help` shows.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use edge::clock::Speed;
use feed::journal::commit::Durability;
use model::Time;

/// A streaming exchange that speaks the published APIs of real venues.
#[derive(Debug, Parser)]
#[command(
    name = "rialto",
    version = env!("RIALTO_VERSION"),
    about = "A streaming exchange that speaks the published APIs of real venues.",
    after_help = "Without a command: `rialto serve`, the demo venue on 127.0.0.1:8080.\n\n\
                  Exit codes: 0 done, 1 it failed and stderr says why, 2 the command line is wrong."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a venue: the demo, or what a configuration says
    #[command(
        after_help = "Examples: the same market on every run, on any free port; and one market on three machines, which meet where \
                            [bus]\nin the configuration says\n  \
                            rialto serve --ephemeral --seed 7 --clock 2026-01-05T09:00:00Z --listen 127.0.0.1:0\n  \
                            rialto serve core --config rialto.toml\n  \
                            rialto serve edge --config rialto.toml --listen 0.0.0.0:8080"
    )]
    Serve(Serve),
    /// Serve a recorded session of a venue again, to clients of that venue
    #[command(after_help = "Example: a recorded morning, ten times as fast, for ever\n  \
                            rialto replay captures/bitstamp-2022-01-05 --speed 10 --loop")]
    Replay(Replay),
    /// Show the book, the tape and the candles of a venue, ours or a real one, and one's positions in ours
    #[cfg(feature = "watch")]
    #[command(
        after_help = "Examples: a market of the demo; the real Bitstamp; the trades of a venue of ours as one line each; and\nbelow a \
                            market the positions of whoever holds a native key, here that of the demo's alice\n  \
                            rialto watch ws://127.0.0.1:8080/bitstamp --market btcusd\n  \
                            rialto watch bitstamp --market btcusd --market etheur\n  \
                            rialto watch ws://127.0.0.1:8080/xrocket --json | jq -c 'select(.event == \"trade\")'\n  \
                            export RIALTO_KEY=$(rialto keys demo --json | jq -r '.accounts[0].native.key')\n  \
                            rialto watch ws://127.0.0.1:8080/bitstamp --market btcusd\n\n\
                            The native key is read from the variable RIALTO_KEY, and shown to venues of ours alone.\n\
                            Which dialect is spoken is told by the URL's path or host, else by --dialect. q, Esc or Ctrl-C ends \
                            it.\nNO_COLOR is heeded. docs/watch.md says what is shown and what a line holds.\n\n\
                            Exit codes: 0 ended as asked, 1 the venue cannot be watched and stderr says why, 2 the command \
                            line is wrong."
    )]
    Watch(crate::watch::Watch),
    /// Listen to a venue and write down all that is said, for `replay` and `export`
    #[command(
        after_help = "Examples: two markets of a venue of ours for a minute, and one of the real Bitstamp until Ctrl-C\n  \
                            rialto record ws://127.0.0.1:8080/bitstamp btcusd ethusd --out capture --for 60s\n  \
                            rialto record bitstamp btcusd --out bitstamp-btcusd\n\n\
                            Books and trades are subscribed to; --say asks for more. docs/captures.md says what is written. Keys \
                            are never."
    )]
    Record(crate::record::Record),
    /// Write trades, books and candles of a capture or a kept market as tables for pandas, Polars or DuckDB
    #[cfg(feature = "parquet")]
    #[command(after_help = "Example: what was recorded, and what DuckDB makes of it\n  \
                            rialto export capture --out tables\n  \
                            duckdb -c \"SELECT instrument, sum(quantity) FROM 'tables/trades.parquet' GROUP BY instrument\"")]
    Export(crate::export::Export),
    /// Run a kept market's journal again and compare every digest in it
    #[command(
        after_help = "Example: what `rialto serve --data rialto-data` has kept\n  rialto verify rialto-data\n\n\
                            Exit codes: 0 it is sound (a torn end is a note), 1 it cannot be read, 2 the command line is \
                            wrong,\n3 it is damaged (segment and offset are told), 4 what was done is not what happens now."
    )]
    Verify(crate::verify::Verify),
    /// Tell how the connections of a venue that runs stand
    #[command(after_help = "Examples: those that fall behind, and all about one of them\n  \
                            rialto connections --waiting 65536\n  rialto connections 17\n\n\
                            On the venue's machine all are told; elsewhere, or with a key of the native API in the variable \
                            RIALTO_KEY, that\nkey's account's.\n\n\
                            Exit codes: 0 told, 1 the venue cannot be asked, 2 the command line is wrong, 3 it is not open.")]
    Connections(crate::why::Connections),
    /// Tell in plain sentences why a connection of a venue that runs ended
    #[command(after_help = "Examples: connection 17, and the last three from an address\n  \
                            rialto why 17\n  rialto why --address 10.0.0.7 --last 3\n\n\
                            On the venue's machine all are told; elsewhere, or with a key of the native API in the variable \
                            RIALTO_KEY, that\nkey's account's.\n\n\
                            Exit codes: 0 told, 1 the venue cannot be asked, 2 the command line is wrong, 3 it knows of no such \
                            connection.")]
    Why(crate::why::Why),
    /// Create, list and revoke accounts and credentials; show those of the demo
    #[command(subcommand)]
    Keys(crate::keys::Keys),
    /// Make a certificate for the venues' own names, for clients that insist on them, and say how to use it
    #[command(
        after_help = "Example: what there is, and what to do with it; then the same for the whole machine\n  \
                            rialto trust\n  sudo rialto trust --install"
    )]
    Trust(crate::trust::Trust),
    /// Take back all that `rialto trust` has made and installed
    #[command(after_help = "Example: also from the system\n  sudo rialto untrust")]
    Untrust(crate::trust::Untrust),
    /// Measure this build, or load any WebSocket server
    #[command(subcommand)]
    Bench(crate::bench::Bench),
    /// Print what bash, zsh or fish complete the command line by
    #[command(after_help = "Example: for bash, from the next shell on\n  \
                            rialto completions bash > ~/.local/share/bash-completion/completions/rialto")]
    Completions(crate::shell::Completions),
    /// Print the manual page
    #[command(after_help = "Example: read it\n  rialto man | man -l -")]
    Man,
}

/// Which part of a market a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// It decides, keeps the journal, and gives it to edges over the bus
    Core,
    /// It shows what the core has decided, and passes on what its clients ask
    Edge,
    /// It keeps a copy of the core's journal, and becomes the core on SIGUSR1, or by itself where there is a lease
    Standby,
}

/// Options of `serve`.
#[derive(Args, Debug, Default)]
pub struct Serve {
    /// Which part of the market this machine is [default: all of it, without a bus]
    #[arg(value_enum)]
    pub role: Option<Role>,
    /// The configuration; without it `./rialto.toml` if there is one, else the demo
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The certificate that is shown where TLS is spoken, as PEM; `rialto trust` makes one
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Where to listen for TLS; port 0 takes a free one [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDRESS")]
    pub tls_listen: Option<SocketAddr>,
    /// The folder in which the market is kept, with the accounts that `rialto keys` makes [default: rialto-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// When what happens is told: once the disk has it (sync); once the system has it, which a loss of power takes back
    /// (batch: the last twentieth of a second; none: more); of a core, once the disk has it and a standby's too
    /// (replicated) [default: sync]
    #[arg(long, value_name = "WHEN", value_parser = told_when, conflicts_with = "ephemeral")]
    pub durability: Option<ToldWhen>,
    /// If the journal is damaged, go on with what is before the damage, and set the rest aside
    #[arg(long, conflicts_with = "ephemeral")]
    pub accept_loss: bool,
    /// The file with the master key that seals their secrets [default: the variable RIALTO_MASTER_KEY]
    #[arg(long, value_name = "FILE")]
    pub master_key: Option<PathBuf>,
    /// Read no accounts and keep nothing on disk
    #[arg(long)]
    pub ephemeral: bool,
    /// What the crowd is seeded with: the same seed and clock give the same market
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Market time at the start and how fast it runs, as in 2026-01-05T09:00:00Z@10 [default: now, at 1]
    #[arg(long, value_name = "TIME[@SPEED]", value_parser = clock)]
    pub clock: Option<Clock>,
    /// How many threads own sockets [default: one for each core]
    #[arg(long, value_name = "N")]
    pub loops: Option<usize>,
}

impl Serve {
    /// Whether the market is kept.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        !self.ephemeral
    }

    /// What has to have what happens before it is told, on this machine.
    #[must_use]
    pub fn durability(&self) -> Durability {
        match self.durability {
            Some(ToldWhen::Here(durability)) => durability,
            Some(ToldWhen::Replicated) | None => Durability::Sync,
        }
    }

    /// Whether another machine has to have it as well.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.durability == Some(ToldWhen::Replicated)
    }
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// The folder of the capture: one that `rialto record` wrote, or files VENUE.0, VENUE.http.0.0 and VENUE.ws.1.0, as
    /// cryptofeed writes them
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// How fast market time runs, such as 10 or 0.5 [default: 1]
    #[arg(long, value_name = "SPEED", value_parser = speed)]
    pub speed: Option<Speed>,
    /// Open the doors at this moment of the recording, by the recorder's clock, such as 2026-01-05T09:30:00Z; what was
    /// before it, since the connection was made, is shown as it was then [default: the beginning]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Time>,
    /// Begin anew at the end, with later stamps and new ids; else it stays up with the last books
    #[arg(long = "loop")]
    pub looped: bool,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// How many threads own sockets [default: one for each core]
    #[arg(long, value_name = "N")]
    pub loops: Option<usize>,
}

/// When what happens is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldWhen {
    /// Once it is as durable as this on this machine.
    Here(Durability),
    /// Once it is durable on this machine's disk and on a standby's.
    Replicated,
}

/// Where market time starts and how fast it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Market time at the start.
    pub start: Time,
    /// How fast it runs.
    pub speed: Speed,
}

fn told_when(text: &str) -> Result<ToldWhen, String> {
    if text == "replicated" {
        return Ok(ToldWhen::Replicated);
    }
    let here = [Durability::Sync, Durability::Batch, Durability::None];
    let here = here.into_iter().find(|it| it.name() == text).map(ToldWhen::Here);
    here.ok_or_else(|| format!("{text:?} is none of sync, batch, none, replicated"))
}

/// A moment, as people write it.
pub fn moment(text: &str) -> Result<Time, String> {
    let at: jiff::Timestamp =
        text.parse().map_err(|_| format!("{text:?} is not a time such as 2026-01-05T09:00:00Z"))?;
    Ok(Time(at.as_microsecond()))
}

fn clock(text: &str) -> Result<Clock, String> {
    let (start, pace) = match text.rsplit_once('@') {
        Some((start, pace)) => (start, speed(pace)?),
        None => (text, Speed::WALL),
    };
    Ok(Clock { start: moment(start)?, speed: pace })
}

fn speed(text: &str) -> Result<Speed, String> {
    let thousandths = model::decimal::parse_units(text.as_bytes(), 3).ok();
    match thousandths.and_then(|thousandths| u32::try_from(thousandths).ok()) {
        Some(thousandths) if thousandths > 0 => Ok(Speed(thousandths)),
        _ => Err(format!(
            "{text:?} is not a speed: a positive number with at most three decimals, such as 10 or 0.5"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_clock_has_a_start_and_perhaps_a_speed() {
        let start = Time::from_seconds(1_767_603_600);
        assert_eq!(clock("2026-01-05T09:00:00Z"), Ok(Clock { start, speed: Speed::WALL }));
        assert_eq!(
            clock("2026-01-05T10:00:00+01:00@2.5"),
            Ok(Clock { start, speed: Speed(2_500) })
        );
        for wrong in [
            "",
            "yesterday",
            "2026-01-05T09:00:00Z@",
            "2026-01-05T09:00:00Z@0",
            "2026-01-05T09:00:00Z@-1",
        ] {
            assert!(clock(wrong).is_err(), "{wrong:?}");
        }
    }
}
