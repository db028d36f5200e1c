//! `rialto export`: what is kept of a market, as tables for pandas, Polars or DuckDB: trades, level by level what became of the
//! books, and candles.
//!
//! A capture of ours goes through the connector of its dialect, as in a replay; a kept market's journal is run again, and what
//! is told of it at the book's cadence is what stands in the tables. Numbers are exact: whole numbers with a scale, never
//! floats.

mod rows;
mod table;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dialects::Tells;
use feed::hearing::Hearing;
use feed::journal::disk::Folder;
use feed::source::engine::rerun::Rerun;
use model::{BookUpdate, EventBody, Interval, TopicKind, Update};
use views::Board;

use crate::aloud::answer;
use crate::captured::{self, Opened};
use crate::config::Config;
use crate::kept::origin;
use crate::run::{Failure, failed};
use crate::verify::journal;

use self::rows::Rows;

/// Options of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// The folder of a capture, or the one that `rialto serve --data` was given
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The folder for the tables: trades, l2 and candles
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How they are written
    #[arg(long, value_name = "FORMAT", default_value = "parquet")]
    pub format: Format,
    /// How long a candle is, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub candles: u32,
    /// The configuration that a kept market was served with; without it `./rialto.toml` if there is one, else the demo
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Apache Parquet, packed with zstd.
    Parquet,
}

/// Writes the tables, and says what is in them.
///
/// # Errors
/// [`Failure`] if there is nothing to export, or it cannot be read or written.
pub fn run(options: &Export) -> Result<(), Failure> {
    let Format::Parquet = options.format;
    let lines = match captured::is_ours(&options.dir) {
        true => capture(options)?,
        false => kept(options)?,
    };
    for line in lines {
        answer(line);
    }
    Ok(())
}

fn capture(options: &Export) -> Result<Vec<String>, Failure> {
    let unreadable = || format!("export {}", options.dir.display());
    let opened = Opened::at(&options.dir)?;
    let mut reader = opened.reader()?;
    let head = reader.head().clone();
    let tongue = captured::tongue(&head)?;
    if tongue.published.tells == Tells::Bars {
        return Err(Failure(format!(
            "failed to {}: {} tells bars, which are neither trades nor books; they are not exported",
            unreadable(),
            tongue.name
        )));
    }
    let interval = Interval::Seconds(options.candles);
    let mut rows = Rows::create(&options.out, (&head.listings, &[]), interval, true)?;
    let mut hearing = Hearing::with((tongue.connector)(&head.listings, ""));
    let mut heard = Vec::new();
    while let Some(entry) = reader.entry().map_err(failed(unreadable()))? {
        hearing.take(&entry, &mut heard);
        for heard in heard.drain(..) {
            // What a venue does not stamp happened when it was heard.
            let time = if heard.time.0 > 0 { heard.time } else { entry.at };
            match &heard.body {
                EventBody::Printed(trade) => rows.trade(entry.at, heard.instrument, trade)?,
                EventBody::BookSnapshot(book) => {
                    let sides = [&book.bids, &book.asks].map(|side| side.iter().copied());
                    rows.levels(entry.at, time, heard.instrument, true, sides)?;
                }
                EventBody::BookDelta(book) => {
                    let sides = [&book.bids, &book.asks].map(|side| side.iter().copied());
                    rows.levels(entry.at, time, heard.instrument, false, sides)?;
                }
                _ => {}
            }
        }
    }
    let mut lines = rows.finish()?;
    lines.extend(captured::notes(&reader, &hearing));
    Ok(lines)
}

fn kept(options: &Export) -> Result<Vec<String>, Failure> {
    let here = options.dir.display();
    let path = journal(&options.dir);
    let nothing = || Failure(format!("there is neither a capture nor a journal in {here}"));
    if !path.is_dir() {
        return Err(nothing());
    }
    let config =
        Config::load(options.config.as_deref()).map_err(failed("read the configuration"))?;
    let unreadable = || format!("read {}", path.display());
    let disk = Folder::at(&path);
    let begun = origin(&disk).map_err(failed(unreadable()))?.ok_or_else(nothing)?;
    let segments = feed::journal::reader::segments(&disk).map_err(failed(unreadable()))?;
    if segments.first().is_some_and(|&first| first > 1) {
        return Err(Failure(format!(
            "failed to export {here}: the beginning of its journal is not kept any more, and nothing is exported from an \
             image; keep more of it with keep_bytes under [journal]"
        )));
    }
    let mut reader = feed::journal::reader::Reader::open(&disk)
        .map_err(failed(unreadable()))?
        .ok_or_else(nothing)?;
    let interval = Interval::Seconds(options.candles);
    let mut rows =
        Rows::create(&options.out, (&config.listings, &config.contracts), interval, false)?;
    let mut boards: Vec<Board> =
        config.listings.iter().map(|it| Board::new(it.instrument.id, begun.time)).collect();
    for board in &mut boards {
        board.listen(TopicKind::Trades);
        board.listen(TopicKind::Delta { cadence: config.bitstamp.cadence });
    }
    // What the crowd asked for is in the journal; it need not be asked again.
    let mut rerun = Rerun::new(config.market_without_crowd(begun.time));
    let mut events = Vec::new();
    while let Some(record) = reader.record().map_err(failed(unreadable()))? {
        for entry in &record.entries {
            rerun.entry(entry, &mut events).map_err(|difference| {
                Failure(format!(
                    "failed to export {here}: what was done is not what happens now, {difference}"
                ))
            })?;
        }
        for event in &events {
            for board in &mut boards {
                let instrument = board.instrument();
                let mut failed = Ok(());
                board.apply(event, &mut |_, update| {
                    let told = match update {
                        Update::Trade(trade) => rows.trade(trade.time, instrument, trade),
                        Update::Delta(BookUpdate { time, bids, asks }) => {
                            let sides = [bids, asks].map(|side| side.best_first().copied());
                            rows.levels(*time, *time, instrument, false, sides)
                        }
                        _ => Ok(()),
                    };
                    if failed.is_ok() {
                        failed = told;
                    }
                });
                failed?;
            }
        }
        events.clear();
    }
    let tail = reader.tail().map_err(failed(unreadable()))?;
    let mut lines = rows.finish()?;
    lines.extend(tail.torn.map(|torn| format!("note: {torn}")));
    Ok(lines)
}
