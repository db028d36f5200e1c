//! The view is drawn on a terminal, follows its size, and gives it back as it was.

use std::io::Write;
use std::process::Command;

use rustix::termios::tcgetattr;

use super::positions::{NOBODYS, buy};
use super::pty::Terminal;
use super::{Process, Venue, credential};

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

#[test]
fn positions_are_drawn_below_the_market_and_a_refusal_is_said_there() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let alice = credential(0, "native", "key");
    buy(&venue, &alice);
    for (key, shown) in [(alice.as_str(), "BTC-USD-PERP"), (NOBODYS, "nobody holds this key")] {
        let terminal = Terminal::new(110, 30);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(["watch", &format!("ws://{}/bitstamp", venue.address), "--market", "btcusd"]);
        command.env("TERM", "xterm").env("RIALTO_KEY", key);
        command.stdin(terminal.end()).stdout(terminal.end()).stderr(terminal.end());
        let _process = Process(command.spawn().expect("the binary starts"));
        let drawn = terminal.wait(&["spread", shown]);
        assert!(!drawn.contains(key), "a key is shown");
    }
}
