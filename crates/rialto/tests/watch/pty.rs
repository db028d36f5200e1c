//! A terminal of a test's own.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;
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
}

impl Terminal {
    pub fn new(columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let mut options = File::options();
        let slave = options.read(true).write(true).open(name.to_str().expect("text"));
        let terminal = Self { master: master.into(), slave: slave.expect("the other end").into() };
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
    pub fn wait(&mut self, marks: &[&str]) -> String {
        let began = Instant::now();
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if marks.iter().all(|mark| text.contains(mark)) {
                return text;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{marks:?} do not come: {:?}",
                text.get(text.len().saturating_sub(600)..)
            );
            let mut bytes = [0; 4096];
            let count = self.master.read(&mut bytes).expect("the view is drawn");
            read.extend(&bytes[..count]);
        }
    }
}
