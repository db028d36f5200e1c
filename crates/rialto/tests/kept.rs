//! A kept market at its beginnings and ends: the binary itself, started, ended or killed at a moment that is known.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A folder that is gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("rialto-kept-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// The binary with these words, at work in this folder.
    fn rialto(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(words).env_remove("RIALTO_MASTER_KEY").current_dir(&self.0);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A venue at work, killed when dropped.
struct Venue {
    child: Child,
    said: String,
}

impl Venue {
    fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut venue = Self { child, said: String::new() };
        let mut lines = BufReader::new(venue.child.stdout.take().expect("a pipe")).lines();
        while !venue.said.contains("listening on http://") {
            let line = lines.next().expect("it says where it listens").expect("text");
            venue.said += &format!("{line}\n");
        }
        venue
    }

    /// Asks it to end; what it ended with.
    fn end(mut self) -> Option<i32> {
        let id = i32::try_from(self.child.id()).expect("an id");
        let id = Pid::from_raw(id).expect("an id");
        kill_process(id, Signal::TERM).expect("it is there");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

const SERVE: [&str; 5] = ["serve", "--data", "kept", "--listen", "127.0.0.1:0"];

#[test]
fn nobody_has_to_read_what_it_complains_of() {
    let folder = Folder::new("unread");
    let mut unread = folder.rialto(&SERVE);
    unread.stderr(Stdio::piped());
    let mut venue = Venue::start(unread);
    drop(venue.child.stderr.take());
    assert_eq!(venue.end(), Some(0), "nobody reads");

    let mut full = folder.rialto(&SERVE);
    full.stderr(File::create("/dev/full").expect("it is there"));
    assert_eq!(Venue::start(full).end(), Some(0), "the disk is full");

    let mut wrong = folder.rialto(&[&SERVE[..], &["--seed", "1"]].concat());
    wrong.stderr(File::create("/dev/full").expect("it is there"));
    assert_eq!(wrong.status().expect("it starts").code(), Some(1), "another seed is refused");
}

#[test]
fn a_market_is_kept_in_its_usual_place_unless_that_is_another_ones_or_nothing_is_to_be_kept() {
    const PLAIN: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];
    let folder = Folder::new("usual");
    let usual = folder.0.join("rialto-data");
    let ephemeral = [&PLAIN[..], &["--ephemeral"]].concat();
    assert_eq!(Venue::start(folder.rialto(&ephemeral)).end(), Some(0));
    assert!(!usual.exists(), "nothing was to be kept");

    let venue = Venue::start(folder.rialto(&PLAIN));
    let (code, said) = ended(folder.rialto(&PLAIN));
    assert!(code == Some(1) && said.contains("served by another process"), "{code:?}: {said}");
    assert!(said.contains("--data") && said.contains("--ephemeral"), "{said}");
    assert_eq!(venue.end(), Some(0));
    let venue = Venue::start(folder.rialto(&PLAIN));
    assert!(venue.said.contains("the journal in rialto-data/journal"), "{}", venue.said);
    drop(venue);

    let demo = include_str!("../demo.toml").replacen("tick = \"0.01\"", "tick = \"0.1\"", 1);
    fs::write(folder.0.join("rialto.toml"), demo).expect("a configuration");
    let (code, said) = ended(folder.rialto(&PLAIN));
    assert!(code == Some(1) && said.contains("other instruments"), "{code:?}: {said}");
    assert!(said.contains("--data") && said.contains("--ephemeral"), "{said}");
}

/// What it says and ends with, if it ends by itself.
fn ended(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[test]
fn a_beginning_that_is_torn_is_set_aside_and_one_that_is_damaged_is_refused_with_what_to_do() {
    let folder = Folder::new("beginning");
    let segment = folder.0.join("kept/journal/0000000001.journal");
    drop(Venue::start(folder.rialto(&SERVE)));
    let whole = fs::read(&segment).expect("a segment");

    for name in ["journal.torn", "journal.torn.2"] {
        let torn = &whole[..whole.len().min(150)];
        fs::write(&segment, torn).expect("a segment");
        let venue = Venue::start(folder.rialto(&SERVE));
        assert!(venue.said.contains("a new journal in"), "{}", venue.said);
        assert!(venue.said.contains("first record of 0000000001.journal"), "{}", venue.said);
        let aside = segment.with_extension(name);
        assert_eq!(fs::read(aside).ok().as_deref(), Some(torn), "{name}");
    }

    let mut flipped = whole;
    flipped[140] ^= 1;
    fs::write(&segment, &flipped).expect("a segment");
    for further in [&[][..], &["--accept-loss"]] {
        let (code, said) = ended(folder.rialto(&[&SERVE[..], further].concat()));
        let named = said.contains("damaged at 0000000001.journal, offset 65");
        assert!(
            code == Some(1) && named && said.contains("restore the segment"),
            "{code:?}: {said}"
        );
    }
    assert_eq!(fs::read(&segment).ok(), Some(flipped), "it is left as it is");
}

/// How many commands a journal has, in so many lives.
fn commands(folder: &Folder, lives: u32) -> u64 {
    let (code, said) = ended(folder.rialto(&["verify", "kept"]));
    assert_eq!(code, Some(0), "{said}");
    let (count, rest) = said.split_once(" commands in ").expect("it counts them");
    assert!(rest.starts_with(&format!("{lives} lives")), "{said}");
    count.lines().next_back().expect("a line").parse().expect("a number")
}

/// A market whose warm-up was interrupted plays the rest of it before its doors open: it is as lively as one that
/// was not.
#[test]
fn a_warm_up_that_was_interrupted_is_finished_by_the_next_start() {
    const CLOCK: [&str; 4] = ["--clock", "2026-01-05T09:00:00Z", "--seed", "7"];
    let words = [&SERVE[..], &CLOCK].concat();
    let (whole, broken) = (Folder::new("warm"), Folder::new("interrupted"));
    assert_eq!(Venue::start(whole.rialto(&words)).end(), Some(0));
    let all = commands(&whole, 1);

    let mut child = broken.rialto(&words).stdout(Stdio::null()).spawn().expect("the binary starts");
    let segment = broken.0.join("kept/journal/0000000001.journal");
    // Behind what is written there are zeros.
    let written = || fs::read(&segment).map_or(0, |it| it.iter().filter(|&&byte| byte > 0).count());
    while written() < 80_000 {
        std::thread::yield_now();
    }
    child.kill().and_then(|()| child.wait()).expect("it is there to be killed");
    let before = commands(&broken, 1);
    assert!(before < all / 2, "{before} of {all} commands: it was killed too late");
    let venue = Venue::start(broken.rialto(&words));
    assert!(venue.said.contains("goes on for"), "{}", venue.said);
    assert_eq!(venue.end(), Some(0));
    let after = commands(&broken, 2);
    assert!(after > all - all / 10, "{after} commands, and {all} without an interruption");

    let venue = Venue::start(broken.rialto(&words));
    assert!(!venue.said.contains("goes on for"), "{}", venue.said);
}

/// Doors that were opened stay open: what the configuration says of a warm-up from then on is for other markets.
#[test]
fn a_market_that_clients_have_seen_is_not_warmed_up_again() {
    let folder = Folder::new("warmer");
    let demo = include_str!("../demo.toml");
    let warmed = |seconds: u32| {
        let text = demo.replace("warm_up_seconds = 600", &format!("warm_up_seconds = {seconds}"));
        fs::write(folder.0.join("rialto.toml"), text).expect("a configuration");
        Venue::start(folder.rialto(&SERVE))
    };
    assert_eq!(warmed(5).end(), Some(0));
    let venue = warmed(600);
    assert!(!venue.said.contains("goes on for"), "{}", venue.said);
    assert!(!venue.said.contains("ahead"), "{}", venue.said);
}
