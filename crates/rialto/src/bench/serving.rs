//! This very program, serving a venue on a free port of loopback, for as long as a bench looks at it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use edge::ws::head;
use rustix::process::{Pid, Signal, kill_process};

use super::process::Process;
use crate::aloud::complain;

/// How long a venue may take to listen; it needs well under a second unless the machine is very busy.
const START: Duration = Duration::from_secs(30);
/// How long an answer over HTTP may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long one may be.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How many lines of what a venue said are kept for the case that it fails.
const TAIL_LINES: usize = 20;

/// A venue that this very program serves, on a free port of loopback; it ends with this value.
#[derive(Debug)]
pub struct Venue {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens for TLS, if it does.
    pub encrypted: Option<SocketAddr>,
    /// How long that took, from starting the program to reading the line.
    pub listening_after: Duration,
    started: Instant,
}

impl Venue {
    /// Starts `rialto serve --ephemeral --listen 127.0.0.1:0` with further arguments, and waits until it
    /// listens.
    pub fn start(arguments: &[&str]) -> Result<Self, String> {
        Self::serve(&[&["--ephemeral"], arguments].concat(), START)
    }

    /// The same with a market that is kept in this folder.
    pub fn start_kept(folder: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::serve(&[&["--data", text_of(folder)?], arguments].concat(), START)
    }

    /// The same as one of the machines of a market, which may take so long to listen.
    pub fn start_as(
        role: &str,
        folder: &Path,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<Self, String> {
        Self::serve(&[&[role, "--data", text_of(folder)?], arguments].concat(), patience)
    }

    fn serve(arguments: &[&str], patience: Duration) -> Result<Self, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("failed to find this program's own file: {error}"))?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        let (reader, writer) =
            std::io::pipe().map_err(|error| format!("failed to make a pipe: {error}"))?;
        let second =
            writer.try_clone().map_err(|error| format!("failed to make a pipe: {error}"))?;
        command.stdin(Stdio::null()).stdout(writer).stderr(second);
        let started = Instant::now();
        let child =
            command.spawn().map_err(|error| format!("failed to start {command:?}: {error}"))?;
        // The command keeps its ends of the pipe open; without them the lines end with the program.
        drop(command);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on the child ends with this value, whatever happens.
        let mut venue = Self {
            child,
            address: nowhere,
            encrypted: None,
            listening_after: Duration::ZERO,
            started,
        };
        let (announce, announced) = mpsc::sync_channel(1);
        thread::spawn(move || listen_to(reader, &announce));
        match announced.recv_timeout(patience) {
            Ok(Announced { url, encrypted, at }) => {
                venue.address = address_of("http://", &url)?;
                venue.encrypted = encrypted.map(|url| address_of("https://", &url)).transpose()?;
                venue.listening_after = at.duration_since(started);
                Ok(venue)
            }
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "failed to start a venue: it did not say `listening on …` within {} s",
                patience.as_secs()
            )),
            Err(RecvTimeoutError::Disconnected) => {
                let status = venue
                    .child
                    .wait()
                    .map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(format!("failed to start a venue: it ended with {status} before it listened"))
            }
        }
    }

    /// Its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The status that a path answers with.
    pub fn status(&self, path: &str) -> Result<u16, String> {
        let answer = self.ask(path)?;
        match head::response(&answer) {
            Ok(Some((response, _))) => Ok(response.status().as_u16()),
            Ok(None) => {
                Err(format!("failed to ask {} for {path}: the answer was cut", self.address))
            }
            Err(bad) => Err(format!("failed to ask {} for {path}: {bad}", self.address)),
        }
    }

    /// What a path answers with, its head included.
    pub fn text(&self, path: &str) -> Result<String, String> {
        self.ask(path).map(|answer| String::from_utf8_lossy(&answer).into_owned())
    }

    /// How it says on `/metrics` that it stands.
    pub fn metrics(&self) -> Result<Metrics, String> {
        self.text("/metrics").map(Metrics)
    }

    /// Ends it as it is ended in service, and waits until it has.
    pub fn end(mut self) -> Result<(), String> {
        let failed = |why: &dyn std::fmt::Display| format!("failed to end a venue: {why}");
        let told = kill_process(Pid::from_child(&self.child), Signal::TERM);
        told.map_err(|error| failed(&error))?;
        let status = self.child.wait().map_err(|error| failed(&error))?;
        if status.success() { Ok(()) } else { Err(failed(&status)) }
    }

    fn ask(&self, path: &str) -> Result<Vec<u8>, String> {
        let ask = || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect_timeout(&self.address, ANSWER)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_write_timeout(Some(ANSWER))?;
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.address
            )?;
            let mut answer = Vec::new();
            stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
            Ok(answer)
        };
        ask().map_err(|error| format!("failed to ask {} for {path}: {error}", self.address))
    }
}

/// What a venue tells of itself on `/metrics`.
#[derive(Clone, Debug)]
pub struct Metrics(String);

impl Metrics {
    /// The number of this name.
    pub fn read(&self, name: &str) -> Result<u64, String> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.and_then(|line| line.trim().parse().ok());
        number.ok_or_else(|| format!("failed to read the metrics: no {name}"))
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // Already ended is as good as ended now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a venue listens, as it said it.
struct Announced {
    url: String,
    encrypted: Option<String>,
    at: Instant,
}

fn text_of(folder: &Path) -> Result<&str, String> {
    folder.to_str().ok_or_else(|| "failed to name the folder: it is no text".to_owned())
}

fn address_of(scheme: &str, url: &str) -> Result<SocketAddr, String> {
    let address = url.strip_prefix(scheme).unwrap_or(url).trim_end_matches('/');
    address.parse().map_err(|_| format!("the venue listens on {url}, which is no address"))
}

/// Reads what a venue says to its end, so that it never waits for us. If it ends without having
/// announced its address, its last lines are shown.
fn listen_to(reader: PipeReader, announce: &SyncSender<Announced>) {
    let mut tail = VecDeque::new();
    let mut encrypted = None;
    let mut announced = false;
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        if let Some(url) = line.strip_prefix("listening on ") {
            announced = true;
            // The first address is the one that is waited for.
            let (url, encrypted) = (url.trim().to_owned(), encrypted.take());
            let _ = announce.try_send(Announced { url, encrypted, at: Instant::now() });
        } else if let Some(url) = line.strip_prefix("encrypted: listening on ") {
            encrypted = Some(url.trim().to_owned());
        } else if !announced {
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line);
        }
    }
    if !announced {
        for line in tail {
            complain(format_args!("the venue said: {line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Venue;

    #[test]
    fn a_program_that_ends_instead_of_listening_is_told() {
        // The running program is the tests, and they know no `serve`.
        let error = Venue::start(&[]).expect_err("tests do not listen");
        assert!(
            error.contains("ended with exit status") && error.contains("before it listened"),
            "{error}"
        );
    }
}
