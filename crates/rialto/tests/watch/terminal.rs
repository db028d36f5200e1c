//! A terminal of the test's own: the view is drawn on it, follows its size, and gives it back as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::{PATIENCE, Process, Venue};

/// Both ends of a terminal.
struct Terminal {
    master: File,
    slave: OwnedFd,
}

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let mut options = File::options();
        let slave = options.read(true).write(true).open(name.to_str().expect("text"));
        let terminal = Self { master: master.into(), slave: slave.expect("the other end").into() };
        terminal.resize(columns, rows);
        terminal
    }

    fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).expect("a size");
    }

    fn end(&self) -> Stdio {
        self.slave.try_clone().expect("one more of it").into()
    }

    /// Reads until all of these were written, in any order.
    fn wait(&mut self, marks: &[&str]) -> String {
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

#[test]
fn a_view_takes_a_terminal_follows_its_size_and_gives_it_back() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    for (quit, colours) in [("q", true), ("\x1b", true), ("\x03", false)] {
        let mut terminal = Terminal::new(80, 24);
        let before = tcgetattr(&terminal.slave).expect("its state");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(["watch", &format!("ws://{}/bitstamp", venue.address), "--market", "btcusd"]);
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        if !colours {
            command.env("NO_COLOR", "1");
        }
        command.stdin(terminal.end()).stdout(terminal.end()).stderr(terminal.end());
        let mut process = Process(command.spawn().expect("the binary starts"));
        let drawn = terminal.wait(&["\x1b[?1049h", "spread", "▲"]);
        assert_eq!(drawn.contains("\x1b[0;32m"), colours, "{drawn:?}");
        let during = tcgetattr(&terminal.slave).expect("its state");
        assert!(during.local_modes != before.local_modes, "keys come one by one");

        // The rule behind a title reaches the new edge: the row is addressed beyond the old one.
        terminal.resize(140, 50);
        let id = process.0.id().to_string();
        assert!(Command::new("kill").args(["-WINCH", &id]).status().is_ok_and(|it| it.success()));
        terminal.wait(&["\x1b[50;1H"]);

        terminal.master.write_all(quit.as_bytes()).expect("a key");
        let rest = terminal.wait(&["\x1b[?1049l"]);
        assert!(rest.contains("\x1b[?25h"), "the cursor is back: {rest:?}");
        assert!(process.0.wait().expect("it ends").success(), "{quit:?}");
        let after = tcgetattr(&terminal.slave).expect("its state");
        assert_eq!(format!("{before:?}"), format!("{after:?}"), "{quit:?}");
    }
}
