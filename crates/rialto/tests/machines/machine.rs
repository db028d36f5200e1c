//! Machines of a market as processes of the binary itself, and a way to ask them.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::served::Line;

use crate::server::Server;

pub const PATIENCE: Duration = Duration::from_secs(90);
pub const AGAIN: Duration = Duration::from_millis(50);

pub const CONFIG: &str = r#"
[crowd]
warm_up_seconds = 5

[crowd.wander]
BTC = "0.8"

[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd", xrocket = "BTC-USD", timex = "BTCUSD" }
crowd = { activity = "busy", start = "60000", size = "0.05" }
"#;

/// By which one run of the campaign is asked for, or several: `7`, `7-20`.
pub const SEED: &str = "RIALTO_SEED";

/// A folder that is gone when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str, server: &Server) -> Self {
        let folder = Self::bare(name);
        let bus = format!("\n[bus]\nservers = [\"{}\"]\n", server.address());
        let text = format!("{CONFIG}{bus}");
        std::fs::write(folder.0.join("rialto.toml"), text).expect("it is ours");
        folder
    }

    /// One with no configuration.
    pub fn bare(name: &str) -> Self {
        let name = format!("rialto-machines-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// A machine with this part, which keeps what it keeps in a folder of this name.
    pub fn machine(&self, role: &str, data: &str) -> Machine {
        self.machine_told(role, data, &[])
    }

    /// The same with more options.
    pub fn machine_told(&self, role: &str, data: &str, more: &[&str]) -> Machine {
        self.machine_at(role, data, &[&["--listen", "127.0.0.1:0"], more].concat())
    }

    /// The same, and it is said among these options where it listens.
    pub fn machine_at(&self, role: &str, data: &str, more: &[&str]) -> Machine {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(["serve", role, "--data", data]).args(more);
        command.env_remove("RIALTO_MASTER_KEY").current_dir(&self.0);
        Machine::start(command, self.0.join(format!("{data}.said")))
    }

    /// Notes what is done here, for whoever looks at it afterwards.
    pub fn note(&self, what: &str) {
        note(&self.0.join("done"), what);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever asks for one run wants to know why it failed.
        if std::thread::panicking() && std::env::var_os(SEED).is_some() {
            return note(&self.0.join("done"), "failed; this folder is kept");
        }
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A machine at work, killed when dropped.
pub struct Machine {
    pub child: Child,
    /// What it says, line by line, wherever it says it.
    said: Receiver<String>,
    pub all: Vec<String>,
}

impl Machine {
    /// What it says is kept in this file as well, as long as its folder is.
    fn start(mut command: Command, file: PathBuf) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let (tell, said) = sync_channel(65_536);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let out: Box<dyn Read + Send> = Box::new(out.expect("a pipe"));
        let err: Box<dyn Read + Send> = Box::new(err.expect("a pipe"));
        for pipe in [out, err] {
            let (tell, file) = (tell.clone(), file.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    note(&file, &line);
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, said, all: Vec::new() }
    }

    /// Waits until it says something with these words in it.
    pub fn says(&mut self, words: &str) -> String {
        self.says_one_of(&[words])
    }

    /// The same with one of these.
    pub fn says_one_of(&mut self, words: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let line = match self.said.recv_timeout(AGAIN) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => continue,
                // It has ended.
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.all.push(line.clone());
            if words.iter().any(|words| line.contains(words)) {
                return line;
            }
        }
        panic!("it never said one of {words:?}, but {:#?}", self.all);
    }

    /// Waits until it has said something with these words in it, now or before.
    pub fn has_to_say(&mut self, words: &str) {
        if !self.has_said(words) {
            self.says(words);
        }
    }

    /// Whether it has said something with these words in it by now.
    pub fn has_said(&mut self, words: &str) -> bool {
        self.all.extend(self.said.try_iter());
        self.all.iter().any(|line| line.contains(words))
    }

    /// Where it listens, once it does.
    pub fn address(&mut self) -> String {
        let line = self.says("listening on http://");
        line.rsplit("http://").next().expect("an address").to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("an id");
        kill_process(Pid::from_raw(id).expect("an id"), signal).expect("it is there");
    }

    /// Whether it is gone; then all that it has said is known.
    pub fn has_ended(&mut self) -> bool {
        let has_ended = self.child.try_wait().expect("a child").is_some();
        if has_ended {
            self.all.extend(self.said.iter());
        }
        has_ended
    }

    /// Ends it by force.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is there to be killed");
        self.child.wait().expect("it ends");
    }

    /// What it ends with, and all that it has said.
    pub fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().expect("it ends").code();
        let mut all = std::mem::take(&mut self.all);
        all.extend(self.said.iter());
        (code, all)
    }

    /// What it ends with.
    pub fn ends(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Appends a line to a file, with the time of the day in seconds.
fn note(file: &Path, line: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs_f64() % 86_400.0;
    let file = OpenOptions::new().create(true).append(true).open(file);
    // Nothing hangs on it.
    let _noted = file.and_then(|mut file| writeln!(file, "{seconds:.3} {line}"));
}

/// Status and body of an answer.
pub fn ask(address: &str, request: &str, key: &str, body: &str) -> (u16, Value) {
    let mut line = Line::to(address.parse().expect("an address"));
    line.send(format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let (head, body) = line.answer().expect("an answer");
    (head.status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// Asks until this is the status.
pub fn until(address: &str, request: &str, key: &str, status: u16) -> Value {
    let begun = Instant::now();
    loop {
        let (told, body) = ask(address, request, key, "");
        if told == status {
            return body;
        }
        assert!(begun.elapsed() < PATIENCE, "{request}: waited for {status}: {told} {body}");
        std::thread::sleep(AGAIN);
    }
}

/// A key of somebody of the demo.
pub fn key(address: &str) -> String {
    key_of(address, 0)
}

/// A key of this account of the demo.
pub fn key_of(address: &str, account: usize) -> String {
    let (status, demo) = ask(address, "GET /rialto/v1/demo", "", "");
    assert_eq!(status, 200, "{demo}");
    demo["accounts"][account]["native"]["key"].as_str().expect("a key").to_owned()
}
