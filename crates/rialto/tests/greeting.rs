//! The first minute: what a venue says when it is started is what one needs to try it, and credentials only where people look.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use pty::Terminal;

#[path = "watch/pty.rs"]
mod pty;

/// A process that is killed when the test is over, however it ends.
struct Process(Child);

impl Process {
    fn serve(out: Stdio, input: Stdio) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(["serve", "--ephemeral", "--seed", "7", "--listen", "127.0.0.1:0"]);
        Self(command.stdin(input).stdout(out).spawn().expect("the binary starts"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
fn a_pipe_is_told_where_everything_is_and_nothing_else() {
    let mut process = Process::serve(Stdio::piped(), Stdio::null());
    let lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines();
    let mut said: Vec<String> = Vec::new();
    for line in lines {
        said.push(line.expect("text"));
        if said.last().is_some_and(|line| line.starts_with("listening on ")) {
            break;
        }
    }
    let http = said.last().and_then(|line| line.strip_prefix("listening on ")).expect("the last");
    let socket = http.replacen("http", "ws", 1);
    // What is served comes first; what is kept of it is said there as well.
    assert!(said[0].starts_with("rialto ") && said[0].ends_with("the built-in demo, seed 7"));
    let at = said.iter().position(|line| line.starts_with("console: ")).expect("the console");
    assert!(said[..at].iter().all(|line| !line.contains("://")), "{said:?}");
    let expected = [
        format!("console: {http}/"),
        format!("bitstamp: {socket}/bitstamp"),
        format!("xrocket: {socket}/xrocket"),
        format!("timex: {socket}/timex/socket/relay"),
        format!("confluencecode: {socket}/confluencecode"),
        format!("finazon: {socket}/finazon/v1"),
        format!(
            "ccxt: python3 -c \"import ccxt; u='{http}/bitstamp/api'; x=ccxt.bitstamp({{'urls':{{'api':{{'public':u,'private':u}}}}}}); \
             print(x.fetch_order_book('BTC/USD')['bids'][0])\""
        ),
        format!("listening on {http}"),
    ];
    assert_eq!(said[at..], expected);
}

#[test]
fn a_terminal_is_told_the_demos_credentials_as_well() {
    let terminal = Terminal::new(200, 50);
    let _process = Process::serve(terminal.end(), terminal.end());
    let said = terminal.wait(&["listening on http://"]);
    let json = Command::new(env!("CARGO_BIN_EXE_rialto")).args(["keys", "demo", "--json"]).output();
    let demo: serde_json::Value =
        serde_json::from_slice(&json.expect("it answers").stdout).expect("JSON");
    for account in demo["accounts"].as_array().expect("a list") {
        for credential in [&account["bitstamp"]["secret"], &account["native"]["key"]] {
            let credential = credential.as_str().expect("text");
            assert!(said.contains(credential), "{credential} in {said}");
        }
    }
    let last = said.find("listening on ").expect("it was waited for");
    assert!(
        said.find("secret").is_some_and(|at| at < last),
        "the last line stays the last: {said}"
    );
}
