//! Other programs: run one and follow its lines, or start a server and stop it by its process id.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a program may be silent before we say that it still runs.
const SILENCE: Duration = Duration::from_secs(60);
/// A followed program waits when it is this far ahead of us.
const QUEUE_LINES: usize = 1024;
/// How much of what a server said is kept.
const TAIL_LINES: usize = 40;

/// The workspace's root.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let xtask = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    xtask.parent().expect("xtask lies in the workspace's root").to_path_buf()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs to the end, showing its output. Says whether it succeeded.
pub fn succeeds(command: &mut Command) -> Result<bool, String> {
    let status = command.stdin(Stdio::null()).status();
    Ok(status.map_err(|error| cannot_start(command, &error))?.success())
}

/// How a followed program ended.
pub struct Followed {
    /// `None`: it was killed because its time was over.
    pub status: Option<ExitStatus>,
    /// Everything it said, both outputs in the order they came.
    pub lines: Vec<String>,
}

impl Followed {
    /// The last `count` lines.
    pub fn tail(&self, count: usize) -> String {
        self.lines[self.lines.len().saturating_sub(count)..].join("\n")
    }
}

/// Runs to the end or for `limit`, handing each line (of both outputs) to `on_line` as it comes.
pub fn follow(
    command: &mut Command,
    limit: Option<Duration>,
    mut on_line: impl FnMut(&str),
) -> Result<Followed, String> {
    let started = Instant::now();
    let (mut child, said) = start_merged(command).map_err(|error| cannot_start(command, &error))?;
    let (sender, said_lines) = mpsc::sync_channel(QUEUE_LINES);
    std::thread::spawn(move || each_line(said, |line| sender.send(line).is_ok()));
    // The command keeps its ends of the pipe open; without them the lines end with the program.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut lines: Vec<String> = Vec::new();
    let mut quiet_since = Instant::now();
    loop {
        let left = limit.map_or(SILENCE, |limit| limit.saturating_sub(started.elapsed()));
        match said_lines.recv_timeout(left.min(SILENCE)) {
            Ok(line) => {
                on_line(&line);
                lines.push(line);
                quiet_since = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if limit.is_some_and(|limit| started.elapsed() >= limit) {
                    // Already ended is as good as killed.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok(Followed { status: None, lines });
                }
                let last = lines.last().map_or("", String::as_str);
                let quiet = quiet_since.elapsed().as_secs();
                println!("         still running, silent for {quiet} s after: {last}");
            }
        }
    }
    let status = child.wait().map_err(|error| format!("failed to wait for a program: {error}"))?;
    Ok(Followed { status: Some(status), lines })
}

/// A program that serves until it is stopped.
pub struct Server {
    child: Child,
    tail: Arc<Mutex<VecDeque<String>>>,
    /// What it said it listens on.
    pub url: String,
}

impl Server {
    /// Starts `command` and waits for its line `listening on URL`. What it says is read to its end,
    /// so that it never waits for us; the last lines are kept.
    pub fn start(command: &mut Command, limit: Duration) -> Result<Server, String> {
        let (child, said) = start_merged(command).map_err(|error| cannot_start(command, &error))?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let mut server = Server { child, tail: Arc::clone(&tail), url: String::new() };
        let (announce, announced) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            each_line(said, |line| {
                if let Some(url) = line.strip_prefix("listening on ") {
                    // The first address is the one that is waited for.
                    let _ = announce.try_send(url.trim().trim_end_matches('/').to_string());
                }
                let mut tail = lock(&tail);
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(line);
                true
            });
        });
        let why = match announced.recv_timeout(limit) {
            Ok(url) => {
                server.url = url;
                return Ok(server);
            }
            Err(RecvTimeoutError::Timeout) => format!("within {} s", limit.as_secs()),
            Err(RecvTimeoutError::Disconnected) => "and ended".to_string(),
        };
        let name = name_of(command);
        Err(format!("{name} did not say `listening on …` {why}; it said:\n{}", server.tail()))
    }

    /// Asks it to end (SIGTERM to its process id) and waits. An error says how it ended instead.
    pub fn stop(mut self, limit: Duration) -> Result<(), String> {
        if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("it had ended before it was asked to: {status}\n{}", self.tail()));
        }
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        asked.map_err(|error| format!("failed to run kill: {error}"))?;
        let started = Instant::now();
        while started.elapsed() < limit {
            match self.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("after SIGTERM it ended with {status}\n{}", self.tail()));
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Err(format!("it still ran {} s after SIGTERM and was killed", limit.as_secs()))
    }

    /// The end of what it said.
    pub fn tail(&self) -> String {
        lock(&self.tail).make_contiguous().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a program can be started at all and succeeds.
pub fn works(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Starts a program with both outputs in one pipe.
fn start_merged(command: &mut Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    Ok((command.spawn()?, reader))
}

/// Hands over each line until the program ends or `on_line` wants no more.
fn each_line(said: PipeReader, mut on_line: impl FnMut(String) -> bool) {
    let mut reader = BufReader::new(said);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        line.clear();
        if !on_line(text) {
            return;
        }
    }
}

fn lock(tail: &Mutex<VecDeque<String>>) -> MutexGuard<'_, VecDeque<String>> {
    tail.lock().expect("the reader of a server's lines does not panic")
}

fn cannot_start(command: &Command, error: &io::Error) -> String {
    format!("failed to start {}: {error}", name_of(command))
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Server, follow};
    use std::process::Command;
    use std::time::Duration;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_of_both_outputs_come_in_order() {
        let mut seen = Vec::new();
        let run = follow(&mut shell("echo one; echo two >&2; echo three; exit 3"), None, |line| {
            seen.push(line.to_string());
        });
        let run = run.expect("sh starts");
        assert_eq!(seen, ["one", "two", "three"]);
        assert_eq!(run.lines, seen);
        assert_eq!(run.status.and_then(|status| status.code()), Some(3));
    }

    #[test]
    fn a_program_past_its_time_is_killed() {
        let run = follow(
            &mut shell("echo begun; exec sleep 600"),
            Some(Duration::from_millis(300)),
            |_| {},
        );
        let run = run.expect("sh starts");
        assert!(run.status.is_none());
        assert_eq!(run.lines, ["begun"]);
    }

    #[test]
    fn a_server_names_its_address_and_is_asked_to_end() {
        let script = "trap 'exit 0' TERM; echo warming; echo 'listening on http://127.0.0.1:1/'; \
                      while :; do sleep 0.05; done";
        let server =
            Server::start(&mut shell(script), Duration::from_secs(20)).expect("it listens");
        assert_eq!(server.url, "http://127.0.0.1:1");
        assert_eq!(server.stop(Duration::from_secs(20)), Ok(()));
    }

    #[test]
    fn a_server_that_ends_badly_is_told() {
        let early = Server::start(&mut shell("echo no port free"), Duration::from_secs(20));
        assert!(
            early.is_err_and(|error| error.contains("and ended") && error.contains("no port free"))
        );

        let script = "trap 'exit 7' TERM; echo 'listening on x'; while :; do sleep 0.05; done";
        let server =
            Server::start(&mut shell(script), Duration::from_secs(20)).expect("it listens");
        assert!(server.stop(Duration::from_secs(20)).is_err_and(|error| error.contains('7')));
    }
}
