//! A program at work as a process of its own: what it says is heard line by line, wherever it says it, and it is killed when
//! it is dropped. And a folder for it, that is gone then; and what it answers over HTTP.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::served::Line;

/// How long what must happen may take, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How long it is waited before it is looked again.
const AGAIN: Duration = Duration::from_millis(20);

/// Lines that may wait to be looked at.
const LINES_MAX: usize = 65_536;

/// A process, killed when dropped.
pub struct Process {
    child: Child,
    said: Receiver<String>,
    heard: Vec<String>,
}

impl Process {
    /// Starts this.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (tell, said) = sync_channel(LINES_MAX);
        let out: Box<dyn Read + Send> = Box::new(child.stdout.take().expect("it is piped"));
        let err: Box<dyn Read + Send> = Box::new(child.stderr.take().expect("it is piped"));
        for pipe in [out, err] {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, said, heard: Vec::new() }
    }

    /// Waits until it says a line with these words in it.
    ///
    /// # Panics
    /// If it does not.
    pub fn says(&mut self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let line = match self.said.recv_timeout(AGAIN) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => continue,
                // It has ended.
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.heard.push(line);
            let last = self.heard.last().filter(|line| line.contains(words));
            if let Some(line) = last {
                return line.clone();
            }
        }
        panic!("it never said {words:?}, but {:#?}", self.heard);
    }

    /// All that it has said so far.
    pub fn heard(&mut self) -> &[String] {
        self.heard.extend(self.said.try_iter());
        &self.heard
    }

    /// Where it listens, once it does.
    ///
    /// # Panics
    /// If it does not.
    pub fn address(&mut self) -> String {
        let line = self.says("listening on http://");
        line.rsplit("http://").next().expect("an address").to_owned()
    }

    /// Sends it this signal: `TERM`, `STOP`.
    ///
    /// # Panics
    /// If it is not there.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill runs").success(), "it is there");
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.end();
    }

    /// What it ends with, and all that it has said.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn ends(mut self) -> (Option<i32>, Vec<String>) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                // Both pipes end with it.
                let rest: Vec<String> = self.said.iter().collect();
                self.heard.extend(rest);
                return (status.code(), std::mem::take(&mut self.heard));
            }
            self.heard.extend(self.said.try_iter());
            assert!(Instant::now() < until, "it does not end: {:#?}", self.heard);
            std::thread::sleep(AGAIN);
        }
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder that is gone when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, named so.
    ///
    /// # Panics
    /// If there can be none.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rialto-{}-{count}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Status and body of an answer, to a request such as `GET /readyz` with a key for the native API, or none.
///
/// # Panics
/// If nobody listens there, or answers.
#[must_use]
pub fn ask(address: &str, request: &str, key: &str, body: &str) -> (u16, Value) {
    let mut line = Line::to(address.parse().expect("an address"));
    let authorization = match key {
        "" => String::new(),
        key => format!("Authorization: Bearer {key}\r\n"),
    };
    line.send(format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let (head, body) = line.answer().expect("an answer");
    (head.status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// Asks until this is so, and returns what was answered then.
///
/// # Panics
/// If it never is.
pub fn until(
    what: &str,
    mut ask: impl FnMut() -> (u16, Value),
    is_so: impl Fn(u16, &Value) -> bool,
) -> Value {
    let began = Instant::now();
    loop {
        let (status, told) = ask();
        if is_so(status, &told) {
            return told;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {status} {told}");
        std::thread::sleep(AGAIN);
    }
}
