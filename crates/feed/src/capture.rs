//! A capture: what somebody who listened to a venue wrote down, read back in order.
//!
//! It is a folder of text files as cryptofeed writes them, named after the venue: `VENUE.0` (what was fetched
//! first), `VENUE.http.0.0` (what was fetched later) and `VENUE.ws.1.0` (the socket); a file that grew too
//! long goes on in `….1`, `….2`. Each line is one of
//!
//! ```text
//! https://HOST/PATH -> TIME: BODY        fetched
//! wss://HOST/PATH <-> TIME               the socket was opened
//! wss://HOST/PATH <- TIME: TEXT          said to the venue
//! TIME: TEXT                             heard from the venue
//! configuration: …                       the recorder's own
//! ```
//!
//! with TIME in seconds since 1970. What the lines mean is a dialect's business.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use model::Time;

#[cfg(test)]
mod tests;

/// The latest moment that is believed: the end of the year 9999, in seconds.
const SECONDS_MAX: i64 = 253_402_300_799;

/// A recorded session with one venue over one socket.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The venue, as its files are named: `BITSTAMP`.
    pub venue: String,
    /// See [`Capture::records`]; never empty.
    records: Vec<Record>,
    /// The files it was read from.
    files: Vec<PathBuf>,
}

/// One line of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, by the recorder's clock.
    pub time: Time,
    /// What.
    pub what: Recorded,
    /// Index into the files, and line, from 1.
    place: (usize, usize),
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The socket was opened.
    Opened,
    /// This was said to the venue.
    Said(String),
    /// This was heard from the venue.
    Heard(String),
    /// This was fetched over HTTP.
    Fetched {
        /// Path and query at the venue, from the first slash after the host.
        path: String,
        /// The body.
        body: String,
    },
}

/// A capture that cannot be read.
#[derive(Debug)]
pub struct CaptureError {
    /// The file or folder.
    pub path: PathBuf,
    /// The line, from 1; 0 if it is not about one.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to read the capture: {}", self.path.display())?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for CaptureError {}

impl Capture {
    /// Reads the one capture that lies in a folder; other files may lie beside it.
    ///
    /// # Errors
    /// [`CaptureError`] if there is none, more than one, or a line makes no sense.
    pub fn read(folder: &Path) -> Result<Self, CaptureError> {
        let failed = |what: String| CaptureError { path: folder.to_owned(), line: 0, what };
        let mut parts = Vec::new();
        let entries = folder.read_dir().map_err(|error| failed(error.to_string()))?;
        for entry in entries {
            let name = entry.map_err(|error| failed(error.to_string()))?.file_name();
            parts.extend(name.to_str().and_then(Part::of));
        }
        parts.sort();
        let sockets = parts.iter().filter(|part| part.stream == Stream::Socket && part.turn == 0);
        let (Some(first), 1) = (parts.first(), sockets.count()) else {
            return Err(failed(
                "a capture of one socket is wanted: files VENUE.0, VENUE.http.0.0 and one VENUE.ws.1.0"
                    .to_owned(),
            ));
        };
        let venue = first.venue.clone();
        if let Some(other) = parts.iter().find(|part| part.venue != venue) {
            return Err(failed(format!(
                "two venues are recorded here, {venue} and {}; give each its own folder",
                other.venue
            )));
        }
        let files: Vec<PathBuf> = parts.iter().map(|part| folder.join(&part.name)).collect();
        let mut records: Vec<Record> = Vec::new();
        let mut stream = None;
        for (at, (part, path)) in parts.iter().zip(&files).enumerate() {
            // A clock that was set back does not change the order in which things were heard.
            let same =
                stream.replace((part.stream, part.number)) == Some((part.stream, part.number));
            let mut latest = if same { records.last().map(|it| it.time) } else { None };
            let failed = |line, what| CaptureError { path: path.clone(), line, what };
            let file = File::open(path).map_err(|error| failed(0, error.to_string()))?;
            for (index, line) in BufReader::new(file).lines().enumerate() {
                let line = line.map_err(|error| failed(index + 1, error.to_string()))?;
                let Some((time, what)) = read(&line).map_err(|what| failed(index + 1, what))?
                else {
                    continue;
                };
                let time = latest.map_or(time, |latest| time.max(latest));
                latest = Some(time);
                records.push(Record { time, what, place: (at, index + 1) });
            }
        }
        if records.is_empty() {
            return Err(failed("its files are empty".to_owned()));
        }
        records.sort_by_key(|record| record.time);
        Ok(Self { venue, records, files })
    }

    /// Everything, in the order of the recorder's clock; what one file tells stays in its order. Never empty.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Everything that was fetched, path and body, in order.
    pub fn fetched(&self) -> impl Iterator<Item = (&str, &str)> {
        self.records.iter().filter_map(|record| match &record.what {
            Recorded::Fetched { path, body } => Some((path.as_str(), body.as_str())),
            _ => None,
        })
    }

    /// The error that a record makes no sense for this reason.
    #[must_use]
    pub fn error(&self, record: &Record, what: String) -> CaptureError {
        let (file, line) = record.place;
        CaptureError { path: self.files[file].clone(), line, what }
    }
}

/// One file of a capture, as its name tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    venue: String,
    stream: Stream,
    number: u32,
    /// Which file of the same stream, from 0.
    turn: u32,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    First,
    Http,
    Socket,
}

impl Part {
    fn of(name: &str) -> Option<Self> {
        let pieces: Vec<&str> = name.split('.').collect();
        let (stream, number, turn) = match pieces[1..] {
            [turn] => (Stream::First, "0", turn),
            ["http", number, turn] => (Stream::Http, number, turn),
            ["ws", number, turn] => (Stream::Socket, number, turn),
            _ => return None,
        };
        Some(Self {
            venue: pieces[0].to_owned(),
            stream,
            number: number.parse().ok()?,
            turn: turn.parse().ok()?,
            name: name.to_owned(),
        })
    }
}

/// Reads one line; `None` if it is none of ours.
fn read(line: &str) -> Result<Option<(Time, Recorded)>, String> {
    if line.is_empty() || line.starts_with("configuration: ") {
        return Ok(None);
    }
    if line.starts_with("wss://") || line.starts_with("ws://") {
        let (_, rest) = line.split_once(" <-").ok_or("neither opened nor said")?;
        if let Some(at) = rest.strip_prefix("> ") {
            return Ok(Some((time(at)?, Recorded::Opened)));
        }
        let (at, text) = timed(rest.trim_start())?;
        return Ok(Some((at, Recorded::Said(text.to_owned()))));
    }
    if let Some(address) = line.strip_prefix("https://").or(line.strip_prefix("http://")) {
        let (address, rest) = address.split_once(" -> ").ok_or("an address but no answer")?;
        let path = address.find('/').map_or("/", |slash| &address[slash..]).to_owned();
        let (at, body) = timed(rest)?;
        return Ok(Some((at, Recorded::Fetched { path, body: body.to_owned() })));
    }
    let (at, text) = timed(line)?;
    Ok(Some((at, Recorded::Heard(text.to_owned()))))
}

/// `TIME: TEXT`.
fn timed(line: &str) -> Result<(Time, &str), String> {
    let (at, text) = line.split_once(": ").ok_or("no time followed by a colon")?;
    Ok((time(at)?, text))
}

/// Seconds since 1970 with any number of decimals; those below the microsecond are cut.
fn time(text: &str) -> Result<Time, String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let known = digits(seconds) && digits(fraction);
    let seconds = seconds.parse().ok().filter(|seconds| known && *seconds <= SECONDS_MAX);
    let seconds: i64 = seconds.ok_or_else(|| format!("{text:.40?} is no time"))?;
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
    Ok(Time(seconds * 1_000_000 + micros))
}
