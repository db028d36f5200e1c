//! A terminal of a test's own.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// What does not come within so long fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both ends of a terminal.
pub struct Terminal {
    /// The test's.
    pub master: File,
    /// The program's.
    pub slave: OwnedFd,
    /// What is written on it, as it comes.
    written: Receiver<Vec<u8>>,
}

impl Terminal {
    pub fn new(columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let mut options = File::options();
        let slave = options.read(true).write(true).open(name.to_str().expect("text"));
        let master = File::from(master);
        let mut reader = master.try_clone().expect("one more of it");
        let (told, written) = sync_channel(1 << 10);
        std::thread::spawn(move || {
            // Ends with the test, which may wait for no read: a program that is gone writes nothing.
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if told.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let terminal = Self { master, slave: slave.expect("the other end").into(), written };
        terminal.resize(columns, rows);
        terminal
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).expect("a size");
    }

    pub fn end(&self) -> Stdio {
        self.slave.try_clone().expect("one more of it").into()
    }

    /// Reads until all of these were written, in any order.
    pub fn wait(&self, marks: &[&str]) -> String {
        let began = Instant::now();
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if marks.iter().all(|mark| text.contains(mark)) {
                return text;
            }
            let written = self.written.recv_timeout(PATIENCE.saturating_sub(began.elapsed()));
            let end = text.get(text.len().saturating_sub(600)..);
            read.extend(written.unwrap_or_else(|_| panic!("{marks:?} do not come: {end:?}")));
        }
    }
}
