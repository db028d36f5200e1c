//! `rialto bench latency`: how long any WebSocket server takes to answer at a fixed rate.
//!
//! Each question has its time in advance, and its answer is late from that time on, whether or not it could be asked then: a
//! server that stands still for a second is charged with every question of that second, not with one (no coordinated
//! omission). What is asked is a ping, which every server has to answer, or a text. How late questions were asked by us is told
//! apart: where that is much, this end was the limit.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use clap::Args;
use edge::ws::Opcode;
use serde_json::json;

use super::numbers::{Histogram, Shares, Thousands, at_least_one};
use super::progress::Progress;
use super::sockets::{Heard, Plan, Sockets};
use super::target::Server;

/// How long sockets may take to say goodbye at the end.
const PARTING: Duration = Duration::from_secs(2);
/// A wait shorter than this is spun through: the system's own wait is only good to a millisecond.
const SPUN: Duration = Duration::from_millis(2);

/// Options of `rialto bench latency`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server, as in ws://127.0.0.1:8080/bitstamp
    #[command(flatten)]
    pub server: Server,
    /// How many sockets ask, one after the other
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub sockets: usize,
    /// Questions a second, all sockets together
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: u64,
    /// What is asked instead of a ping
    #[arg(long, value_name = "TEXT")]
    pub ask: Option<String>,
    /// Only messages with this text in them are answers; else all are. Answers of a socket come in the order of its questions
    #[arg(long, value_name = "TEXT", requires = "ask")]
    pub answer: Option<String>,
    /// What each socket says when it is open, such as a subscription; may be repeated
    #[arg(long, visible_alias = "subscribe", value_name = "TEXT")]
    pub say: Vec<String>,
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// How long the last answers may take
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub patience: u64,
}

/// What was found; `_us` is microseconds.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server.
    pub url: String,
    /// Sockets that opened.
    pub opened: usize,
    /// Questions a second, as wanted.
    pub rate: u64,
    /// Questions that were due.
    pub due: u64,
    /// Of those, the ones that were asked: a socket that has ended asks nothing.
    pub asked: u64,
    /// From a question's own time to its answer's being read.
    pub latency_us: Option<Shares>,
    /// From a question's own time to its being written.
    pub asked_late_us: Option<Shares>,
    /// Questions that nobody answered.
    pub unanswered: u64,
    /// Why sockets did not open, or ended early, and how many.
    pub ended: BTreeMap<String, u64>,
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "latency",
            "url": self.url,
            "opened": self.opened,
            "rate": self.rate,
            "due": self.due,
            "asked": self.asked,
            "latency_us": self.latency_us,
            "asked_late_us": self.asked_late_us,
            "unanswered": self.unanswered,
            "ended": self.ended,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rate, due, unanswered] = [self.rate, self.due, self.unanswered].map(Thousands);
        write!(
            f,
            "latency: {}: {due} questions, {rate} a second, of {} sockets",
            self.url, self.opened
        )?;
        match &self.latency_us {
            Some(latency) => write!(f, "\n  answered    {latency}")?,
            None => write!(f, "\n  answered    none")?,
        }
        if let Some(late) = &self.asked_late_us {
            write!(f, "\n  asked late  {late} (this end; it is in the above)")?;
        }
        if self.unanswered > 0 {
            write!(f, "\n  unanswered  {unanswered}")?;
        }
        self.ended.iter().try_for_each(|(why, count)| write!(f, "\n  {count:>10}  {why}"))
    }
}

/// What was asked and what came of it. Times are ns since the bench began.
struct Asked {
    /// For each socket, when the questions that wait for an answer were due, the oldest first.
    waiting: Vec<VecDeque<u64>>,
    /// Whether questions are pings.
    pings: bool,
    answer: Option<Vec<u8>>,
    /// When the first was due, by the wall's clock.
    begun_ns: Option<u64>,
    latency: Histogram,
}

impl Asked {
    fn hear(&mut self, heard: Heard<'_>) {
        let Some(begun) = self.begun_ns else { return };
        if heard.is_pong != self.pings {
            return;
        }
        let is_answer =
            |text: &Vec<u8>| heard.payload.windows(text.len().max(1)).any(|it| it == text);
        if !self.answer.as_ref().is_none_or(is_answer) {
            return;
        }
        if let Some(due) = self.waiting[heard.socket].pop_front() {
            self.latency.add((heard.at_ns.saturating_sub(begun)).saturating_sub(due) / 1_000);
        }
    }
}

/// Opens the sockets, asks, and parts.
///
/// # Errors
/// If not one socket opens.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let mut sockets = Sockets::new(Plan {
        target: options.server.target()?,
        sockets: options.sockets,
        opening_max: 64,
        timeout: Duration::from_secs(10),
        say: options.say.clone(),
    })?;
    let mut asked = Asked {
        waiting: vec![VecDeque::new(); options.sockets],
        pings: options.ask.is_none(),
        answer: options.answer.as_ref().map(|text| text.clone().into_bytes()),
        begun_ns: None,
        latency: Histogram::default(),
    };
    sockets.open(&mut |heard| asked.hear(heard), &mut |text| progress.show(text))?;
    // What was said at the beginning is answered first.
    sockets.turn_for(Duration::from_millis(500), &mut |_| {})?;

    let question = options.ask.as_deref().map_or(&b""[..], str::as_bytes);
    let opcode = if asked.pings { Opcode::Ping } else { Opcode::Text };
    let (mut late, mut count, mut sent) = (Histogram::default(), 0, 0);
    let due_in_all = options.rate * options.seconds;
    let due_ns =
        |number: u64| (u128::from(number) * 1_000_000_000 / u128::from(options.rate)) as u64;
    let begun = Instant::now();
    asked.begun_ns = Some(super::sockets::wall_ns());
    while count < due_in_all && sockets.counts().open > 0 {
        let now = begun.elapsed().as_nanos() as u64;
        while count < due_in_all && due_ns(count) <= now {
            let socket = (count % options.sockets as u64) as usize;
            // Before it is asked: the answer may be read in the same turn.
            asked.waiting[socket].push_back(due_ns(count));
            if sockets.send(socket, opcode, question) {
                late.add((begun.elapsed().as_nanos() as u64).saturating_sub(due_ns(count)) / 1_000);
                sent += 1;
            }
            count += 1;
        }
        let until = begun + Duration::from_nanos(due_ns(count));
        let is_near = until.saturating_duration_since(Instant::now()) < SPUN;
        sockets.turn(if is_near { Instant::now() } else { until - SPUN }, &mut |heard| {
            asked.hear(heard)
        })?;
        if progress.is_due() {
            progress.show(&format!("{} of {} questions", Thousands(count), Thousands(due_in_all)));
        }
    }
    let patience = Instant::now() + Duration::from_secs(options.patience);
    while Instant::now() < patience
        && sockets.counts().open > 0
        && asked.waiting.iter().any(|waiting| !waiting.is_empty())
    {
        sockets.turn(patience, &mut |heard| asked.hear(heard))?;
    }
    progress.done();
    let (opened, ended) = (sockets.counts().opened, sockets.ended().clone());
    sockets.part(PARTING)?;
    Ok(Report {
        url: options.server.url().to_owned(),
        opened,
        rate: options.rate,
        due: due_in_all,
        asked: sent,
        latency_us: asked.latency.shares(),
        asked_late_us: late.shares(),
        unanswered: due_in_all - asked.latency.shares().map_or(0, |shares| shares.count),
        ended,
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::bench::sockets::tests::server;

    fn options(url: String) -> Options {
        Options {
            server: Server::at(url),
            sockets: 1,
            rate: 200,
            ask: Some("what".to_owned()),
            answer: None,
            say: Vec::new(),
            seconds: 1,
            patience: 20,
        }
    }

    #[test]
    fn who_stands_still_is_charged_with_every_question_of_that_time() {
        let address = server(b"", |_, mut peer| {
            for number in 0.. {
                let Some(question) = peer.hear() else { return };
                if question != "what" {
                    return drop(peer.frame(Opcode::Close, b"\x03\xe8"));
                }
                if number == 20 {
                    thread::sleep(Duration::from_millis(500));
                }
                drop(peer.say("noise"));
                drop(peer.say("that's it"));
            }
        });
        let asked =
            Options { answer: Some("it".to_owned()), ..options(format!("ws://{address}/")) };
        let report = run(&asked).expect("the server answers");
        let latency = report.latency_us.expect("there are answers");
        assert_eq!((latency.count, report.asked, report.unanswered), (200, 200, 0), "{report}");
        // A hundred questions fell into that half second, the last of which hardly waited: one of ten waited for most of
        // it. Had they been asked one after the other, one of them all would have.
        assert!(latency.p90 >= 350_000 && latency.max >= 490_000, "{report}");
    }

    #[test]
    fn who_is_asked_nothing_else_answers_pings_and_noise_is_no_answer() {
        let address = server(b"", |_, mut peer| {
            drop(peer.say("noise"));
            while peer.hear().is_some() {}
        });
        let asked = Options { sockets: 3, ask: None, ..options(format!("ws://{address}/")) };
        let report = run(&asked).expect("the server answers");
        let count = report.latency_us.map(|shares| shares.count);
        assert_eq!((count, report.asked, report.unanswered), (Some(200), 200, 0), "{report}");
    }

    #[test]
    fn what_is_never_answered_is_told() {
        let address =
            server(b"", |_, mut peer| while peer.hear().is_some_and(|it| it == "what") {});
        let asked = Options { rate: 10, patience: 0, ..options(format!("ws://{address}/")) };
        let report = run(&asked).expect("the server opens");
        assert_eq!((report.latency_us, report.unanswered), (None, 10), "{report}");
        assert_eq!(report.opened, 1);
    }
}
