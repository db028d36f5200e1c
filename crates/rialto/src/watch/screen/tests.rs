//! A panic gives the terminal back before it says what it has to say.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::{ENTER, LEAVE, Screen};

/// Set for the process that is to panic.
const PANICS: &str = "RIALTO_PANICS_WITH_THE_TERMINAL";

/// The other half of the test below, in a process of its own.
#[test]
fn panics_with_the_terminal() {
    if std::env::var_os(PANICS).is_some() {
        Screen::is_there().expect("it has a terminal");
        let _screen = Screen::take().expect("it can be taken");
        panic!("on purpose");
    }
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
    let size = Winsize { ws_col: 80, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).expect("a size");
    let name = ptsname(&master, Vec::new()).expect("it has a name");
    let slave = File::options().read(true).write(true).open(name.to_str().expect("text"));
    let slave: OwnedFd = slave.expect("the other end").into();
    let before = tcgetattr(&slave).expect("its state");
    let end = || Stdio::from(slave.try_clone().expect("one more of it"));
    let mut child = Command::new(std::env::current_exe().expect("this very program"))
        .args(["--exact", "watch::screen::tests::panics_with_the_terminal", "--nocapture"])
        .args(["--test-threads", "1"])
        .envs([(PANICS, "1"), ("TERM", "xterm")])
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("it starts");
    let mut master = File::from(master);
    let mut read = Vec::new();
    let said = loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if text.contains("on purpose") {
            break text;
        }
        let mut bytes = [0; 4096];
        let count = master.read(&mut bytes).expect("it says something");
        read.extend(&bytes[..count]);
    };
    let place = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what:?} in {said:?}"));
    assert!(place(ENTER) < place(LEAVE) && place(LEAVE) < place("on purpose"), "{said:?}");
    assert_eq!(child.wait().expect("it ends").code(), Some(101));
    let after = tcgetattr(&slave).expect("its state");
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
}
