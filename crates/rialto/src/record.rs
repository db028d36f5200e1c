//! `rialto record`: listens to a venue as any client of it would, and writes down all that is said, for `rialto replay` and
//! `rialto export`. `docs/captures.md` describes what is written.
//!
//! Here is what is asked for and what is said to people; [`crate::listening`] holds the conversation, [`keep`] the pen.

mod keep;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use feed::recording::{Frame, Head, What};

use crate::aloud::{answer, complain};
use crate::bench::progress::Progress;
use crate::captured::moment;
use crate::listening::fetch::Fetcher;
use crate::listening::listener::{Listener, Until, Witness, wall};
use crate::listening::{Venue, names};
use crate::run::{Failure, failed};

use self::keep::{Pen, size};

/// Options of `record`.
#[derive(Args, Debug)]
pub struct Record {
    /// Which venue.
    #[command(flatten)]
    pub venue: Venue,
    /// What to record, by symbol or BASE-QUOTE; without any, all if there are at most 16
    #[arg(value_name = "INSTRUMENT")]
    pub instruments: Vec<String>,
    /// The folder of the capture; if it holds one of the same, it is gone on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Say this as well once the connection is open, and whatever comes of it is recorded
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
}

/// Records until it is asked to end.
pub fn run(options: &Record) -> ExitCode {
    match record(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(failure);
            ExitCode::FAILURE
        }
    }
}

fn record(options: &Record) -> Result<(), Failure> {
    let (tongue, mut target) = options.venue.target()?;
    let secret = options.venue.secret(tongue, &mut target)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start"))?;
    let fetcher = Fetcher::new(&target)?;
    runtime.block_on(async {
        // 1. What is there, and by which rules.
        let (listings, fetched) =
            options.venue.listings(&options.instruments, tongue, &fetcher).await?;
        let head = Head {
            dialect: tongue.name.to_owned(),
            url: secret.hide(&target.url()).0,
            software: format!("rialto {}", env!("CARGO_PKG_VERSION")),
            begun: wall(),
            first: 0,
            begins: true,
            listings: listings.clone(),
        };
        // 2. The pen, and the conversation.
        let pen = Pen::take(&options.out, head)?;
        // Who is told that it records may ask it to end at once.
        let until = Until::of(options.venue.lasts)?;
        answer(format_args!(
            "recording {} of {} in {}",
            names(&listings, tongue),
            secret.hide(&target.url()).0,
            options.out.display()
        ));
        let connector = (tongue.connector)(&listings, secret.text());
        let beat = tongue.published.beat;
        let witness = Recorder { pen, progress: Progress::new(), opened: Instant::now() };
        let says = options.say.clone();
        let mut listener = Listener { target, secret, connector, beat, fetcher, witness, says };
        if let Some((path, body)) = fetched {
            listener.directory(&path, body)?;
        }
        let ended = listener.listen(until).await;
        // 3. The end: what was heard is on the disk whether or not it ended well.
        let Recorder { pen, mut progress, .. } = listener.witness;
        progress.done();
        let told = pen.end(match &ended {
            Ok(why) => Some(why.to_string()),
            Err(_) => None,
        })?;
        ended?;
        answer(told);
        Ok(())
    })
}

/// Writes down what is heard, and says how far it is.
struct Recorder {
    pen: Pen,
    progress: Progress,
    /// When the connection was opened.
    opened: Instant,
}

impl Witness for Recorder {
    fn note(&mut self, what: What, redacted: bool) -> Result<(), Failure> {
        match &what {
            What::Opened { .. } => self.opened = Instant::now(),
            What::Heard(Frame::Text(bytes) | Frame::Binary(bytes)) => {
                self.pen.counts.heard += 1;
                self.pen.counts.heard_bytes += bytes.len() as u64;
            }
            _ => {}
        }
        self.pen.write(&what, redacted)
    }

    fn gap(&mut self, why: &str) -> Result<(), Failure> {
        self.pen.gap(why)
    }

    fn again(&mut self, why: &str, pause: Duration) -> Result<(), Failure> {
        self.progress.done();
        let now = moment(wall());
        complain(format_args!("{now}: {why}; again in {} s", pause.as_secs()));
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.pen.due()
    }

    fn turn(&mut self) -> Result<(), Failure> {
        self.pen.turn()
    }

    fn glance(&mut self) {
        if self.progress.is_due() {
            let counts = self.pen.counts;
            self.progress.show(&format!(
                "{} s on this connection: {} messages, {}; {} on the disk, {} gaps",
                self.opened.elapsed().as_secs(),
                counts.heard,
                size(counts.heard_bytes),
                size(self.pen.written()),
                counts.gaps
            ));
        }
    }
}
