//! The binary at work in a folder of its own, and a way to ask it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
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

/// A folder that is gone when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("rialto-crash-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        std::fs::write(path.join("rialto.toml"), CONFIG).expect("a file");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A venue at work, killed when dropped.
pub struct Venue {
    child: Child,
    pub address: String,
    pub said: String,
}

/// The binary with these words, in this folder.
fn rialto(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.args(words).env_remove("RIALTO_MASTER_KEY").current_dir(folder);
    command
}

/// What it says and ends with, if it ends by itself.
pub fn ended(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = rialto(folder, words).output().expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

pub const SERVE: [&str; 5] = ["serve", "--data", "kept", "--listen", "127.0.0.1:0"];

impl Venue {
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    pub fn start_with(folder: &Path, further: &[&str]) -> Self {
        let mut command = rialto(folder, &[&SERVE, further].concat());
        command.stdout(Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        let mut venue = Self { child, address: String::new(), said: String::new() };
        let mut lines = BufReader::new(venue.child.stdout.take().expect("a pipe")).lines();
        while venue.address.is_empty() {
            let line = lines.next().expect("it says where it listens").expect("text");
            venue.said += &format!("{line}\n");
            if let Some(address) = line.strip_prefix("listening on http://") {
                venue.address = address.to_owned();
            }
        }
        venue
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is there to be killed");
        self.child.wait().expect("it ends");
    }

    /// An answer by the native API.
    pub fn ask(&self, key: &str, path: &str) -> Value {
        let (status, body) =
            ask(&self.address, &super::tongues::native("GET", path, key, None, ""))
                .expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Sends a request (where its host is the local one, to the port that is listened on now), and reads the answer; `None` if there is no whole one.
pub fn ask(address: &str, request: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = request.replace("Host: localhost", &format!("Host: {address}"));
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let lower = head.to_ascii_lowercase();
    let length: usize = lower.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
    let whole = (body.len() == length).then_some(body)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(whole).expect("JSON")))
}
