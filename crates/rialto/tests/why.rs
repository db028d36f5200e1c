//! `rialto connections` and `rialto why`, asked of a venue that runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use testkit::served::Line;

/// What ends is remembered as soon as its loop has seen it; later than this it is not.
const PATIENCE: Duration = Duration::from_secs(60);

fn rialto(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.args(words).env_remove("RIALTO_KEY").current_dir(std::env::temp_dir());
    command
}

fn asked(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = rialto(words).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

struct Venue(Child);

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have ended by itself; the test has failed then.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
fn people_are_told_how_connections_stand_and_why_one_ended() {
    let words = ["serve", "--ephemeral", "--seed", "7", "--listen", "127.0.0.1:0"];
    let mut venue = Venue(rialto(&words).stdout(Stdio::piped()).spawn().expect("it starts"));
    let lines = BufReader::new(venue.0.stdout.take().expect("a pipe")).lines();
    let url = lines
        .map(|line| line.expect("text"))
        .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
        .expect("it says where it listens");
    let address = url.strip_prefix("http://").expect("a URL").parse().expect("an address");
    let mut line = Line::to(address);
    line.upgrade("/bitstamp");
    line.subscribe("live_trades_btcusd");

    let (code, told, _) = asked(&["connections", "--url", &url]);
    assert_eq!(code, Some(0));
    let rows: Vec<&str> = told.lines().collect();
    assert_eq!(rows.len(), 2, "{told}");
    let peer = line.stream().local_addr().expect("open").to_string();
    assert!(rows[1].starts_with("1 ") && rows[1].contains(&peer), "{told}");
    let (code, told, _) = asked(&["connections", "1", "--url", &url]);
    assert!(
        code == Some(0) && told.ends_with("1 subscriptions:\n  live_trades_btcusd\n"),
        "{told}"
    );
    let (code, told, _) = asked(&["why", "1", "--url", &url]);
    assert!(code == Some(0) && told.ends_with("It has not ended.\n"), "{told}");

    // What is no WebSocket frame is ended by the venue.
    line.send([0xf1, 0x80, 0, 0, 0, 0]);
    while line.hear() != testkit::served::Heard::End {}
    let begun = Instant::now();
    let told = loop {
        let (code, told, _) = asked(&["why", "--address", &peer, "--url", &url]);
        if code == Some(0) {
            break told;
        }
        assert!(code == Some(3) && begun.elapsed() < PATIENCE, "waited in vain: {code:?} {told}");
    };
    assert!(told.starts_with("Connection 1 (bitstamp, from "), "{told}");
    assert!(told.contains("The venue ended it, with close code 1002 (violation): "), "{told}");
    assert!(told.contains("\nWhat to do: use a WebSocket library"), "{told}");
    let (code, told, _) = asked(&["why", "1", "--json", "--url", &url]);
    assert!(code == Some(0) && told.contains(r#""reason":"violation""#), "{told}");

    let (code, told, error) = asked(&["why", "2", "--url", &url]);
    assert!(code == Some(3) && told.is_empty() && error.contains("no such connection"), "{error}");
    let (code, _, error) = asked(&["why", "--dialect", "latin", "--url", &url]);
    assert!(code == Some(1) && error.contains("is not the name of a dialect"), "{error}");
    let (code, _, error) = asked(&["why", "--url", "ws://127.0.0.1:1"]);
    assert!(code == Some(1) && error.contains("http://HOST:PORT"), "{error}");
    assert_eq!(asked(&["why", "one"]).0, Some(2));
}
