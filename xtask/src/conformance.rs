//! Unmodified third-party clients against the release binary. The scripts in `conformance/` judge;
//! this module installs what they need, starts the servers on a free port, and stops them.

pub mod install;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use self::install::Tools;
use crate::process::{self, Server};
use crate::report::{Report, Tally, summary_of};
use crate::words::Words;

/// The clients, by the names that `--only` takes.
pub const CLIENTS: [&str; 12] = [
    "console",
    "ccxt",
    "node-bitstamp",
    "documents",
    "ccxt-trading",
    "basana",
    "ccxt-timex",
    "same-market",
    "tables",
    "trust",
    "book",
    "autobahn",
];

/// How long ccxt watches unless told otherwise.
pub const SECONDS: u64 = 60;

/// A server is ready in under a second; a busy machine may take longer.
const START: Duration = Duration::from_secs(20);
/// A server asks its clients to reconnect, waits five seconds, and ends.
const STOP: Duration = Duration::from_secs(15);

/// What to run against what.
pub struct Options<'a> {
    pub clients: Vec<&'a str>,
    /// A server that runs already; `None` starts one.
    pub url: Option<String>,
    pub seconds: u64,
    pub long: bool,
}

pub fn run(arguments: &[String]) -> Result<bool, String> {
    let words = Words::read(arguments, &["--long"], &["--only", "--url", "--seconds"])?;
    let mut clients = words.choices("--only", &CLIENTS)?;
    if clients.is_empty() {
        clients = CLIENTS.to_vec();
    }
    let options = Options {
        clients,
        url: words.value("--url").map(|url| url.trim_end_matches('/').to_string()),
        seconds: words.number("--seconds", SECONDS)?,
        long: words.has("--long"),
    };
    let mut report = Report::new();
    run_all(&mut report, &options);
    Ok(report.finish())
}

/// Installs, builds, and runs every wanted client.
pub fn run_all(report: &mut Report, options: &Options) {
    let mut tools = None;
    let all = "cargo xtask conformance";
    let installed =
        report.step("install clients", all, || match install::ready(&options.clients) {
            Ok(ready) => {
                tools = Some(ready);
                Tally::nothing()
            }
            Err(trouble) => Tally::trouble(trouble),
        });
    let Some(tools) = tools.filter(|_| installed) else { return };

    let venue_clients: Vec<&str> =
        options.clients.iter().copied().filter(|name| *name != "autobahn").collect();
    if !venue_clients.is_empty() {
        venue(report, &tools, &venue_clients, options);
    }
    if options.clients.contains(&"autobahn") {
        autobahn(report, &tools, options.long);
    }
}

/// The clients of a venue, all against one server, which must then end cleanly.
fn venue(report: &mut Report, tools: &Tools, clients: &[&str], options: &Options) {
    let mut server = None;
    let url = match &options.url {
        Some(url) => url.clone(),
        None => {
            if !build(report, "build rialto", &["--package", "rialto"]) {
                return;
            }
            let arguments = ["serve", "--ephemeral", "--seed", "7", "--listen", "127.0.0.1:0"];
            let binary = process::target().join("release/rialto");
            let again = format!("{} {}", binary.display(), arguments.join(" "));
            report.step("start the venue", &again, || {
                let mut command = Command::new(&binary);
                match Server::start(command.args(arguments), START) {
                    Ok(started) => {
                        println!("         {}", started.url);
                        server = Some(started);
                        Tally::nothing()
                    }
                    Err(trouble) => Tally::trouble(trouble),
                }
            });
            let Some(server) = &server else { return };
            server.url.clone()
        }
    };
    for client in clients {
        let mut command;
        let limit = match *client {
            "ccxt" => {
                command = tools.python("ccxt_pro_bitstamp.py");
                command.arg(&url).args(["--seconds", &options.seconds.to_string()]);
                Duration::from_secs(options.seconds + 120)
            }
            "node-bitstamp" => {
                command = tools.node("node_bitstamp.js");
                command.arg(&url);
                Duration::from_secs(120)
            }
            "documents" => {
                command = tools.node("documents.js");
                command.arg(&url);
                Duration::from_secs(60)
            }
            "ccxt-trading" => {
                command = tools.python("ccxt_trading_bitstamp.py");
                command.arg(process::target().join("release/rialto"));
                if options.long {
                    command.arg("--long");
                }
                Duration::from_secs(240)
            }
            "basana" => {
                command = tools.basana("basana_bitstamp.py");
                command.arg(process::target().join("release/rialto"));
                Duration::from_secs(120)
            }
            "ccxt-timex" => {
                command = tools.ccxt_timex("ccxt_timex.py");
                command.arg(process::target().join("release/rialto"));
                Duration::from_secs(300)
            }
            "console" => {
                script(report, "console is bundled", &mut tools.bundle(), Duration::from_secs(60));
                command = tools.node("console.js");
                command.arg(process::target().join("release/rialto"));
                command.arg("--shots").arg(process::target().join("conformance/shots"));
                Duration::from_secs(240)
            }
            "same-market" => {
                command = tools.python("same_market.py");
                command.arg(process::target().join("release/rialto"));
                Duration::from_secs(120)
            }
            "tables" => {
                command = tools.tables("tables.py");
                command.arg(process::target().join("release/rialto"));
                Duration::from_secs(120)
            }
            "trust" => {
                command = tools.trust(&process::target().join("release/rialto"));
                Duration::from_secs(600)
            }
            "book" => {
                command = tools.book("book.py");
                command.arg(process::target().join("release/rialto"));
                Duration::from_secs(300)
            }
            other => unreachable!("`{other}` is not a client of a venue"),
        };
        script(report, client, &mut command, limit);
    }
    if let Some(server) = server {
        let again = "cargo xtask conformance --only node-bitstamp";
        report.step("stop the venue (SIGTERM)", again, || match server.stop(STOP) {
            Ok(()) => Tally::one(),
            Err(trouble) => Tally::trouble(trouble),
        });
    }
}

/// The Autobahn cases against the echo endpoint, which is built on the product's framing code: in the clear, and
/// encrypted by its keys.
fn autobahn(report: &mut Report, tools: &Tools, long: bool) {
    if !build(report, "build the echo endpoint", &["--package", "testkit", "--bin", "echo"]) {
        return;
    }
    let folder = process::target().join("conformance/autobahn-tls");
    for (name, tls) in [("autobahn", None), ("autobahn (TLS)", Some(folder))] {
        let mut listen = Command::new(process::target().join("release/echo"));
        listen.args(["--listen", "127.0.0.1:0"]);
        if let Some(folder) = &tls {
            listen.arg("--tls").arg(folder);
        }
        let mut echo = None;
        report.step("start the echo endpoint", &format!("{listen:?}"), || {
            match Server::start(&mut listen, START) {
                Ok(started) => {
                    echo = Some(started);
                    Tally::nothing()
                }
                Err(trouble) => Tally::trouble(trouble),
            }
        });
        let Some(echo) = echo else { return };
        let mut command = tools.python("autobahn.py");
        command.arg(&echo.url);
        match &tls {
            None => command.arg("--reports").arg(process::target().join("conformance/autobahn")),
            Some(folder) => command.arg("--trust").arg(folder.join("ca.pem")),
        };
        if long {
            command.arg("--long");
        }
        let limit = Duration::from_secs(if long { 1_800 } else { 300 });
        again(report, name, "cargo xtask conformance --only autobahn", &mut command, limit);
    }
}

/// Release build of one package.
fn build(report: &mut Report, name: &str, what: &[&str]) -> bool {
    let mut arguments = vec!["build", "--release", "--locked"];
    arguments.extend(what);
    let again = format!("cargo {}", arguments.join(" "));
    report.step(name, &again, || {
        match process::follow(process::cargo().args(&arguments), None, |_| {}) {
            Ok(run) if run.status.is_some_and(|status| status.success()) => Tally::nothing(),
            Ok(run) => Tally::trouble(run.tail(60)),
            Err(trouble) => Tally::trouble(trouble),
        }
    })
}

/// Runs a script that ends with the line `N passed, N failed` and tells by its exit code.
fn script(report: &mut Report, name: &str, command: &mut Command, limit: Duration) {
    again(report, name, &format!("cargo xtask conformance --only {name}"), command, limit);
}

/// The same where it is run again by these words.
fn again(report: &mut Report, name: &str, words: &str, command: &mut Command, limit: Duration) {
    report.step(name, words, || {
        let run = process::follow(command, Some(limit), |line| println!("         {line}"));
        match run {
            Err(trouble) => Tally::trouble(trouble),
            Ok(run) => judge(&run, limit),
        }
    });
}

/// The script's own tally, corrected where its ending contradicts it.
fn judge(run: &process::Followed, limit: Duration) -> Tally {
    let tally = summary_of(run.lines.iter().map(String::as_str));
    let Some(status) = run.status else {
        let mut tally = tally.unwrap_or_default();
        tally.failed += 1;
        tally.trouble = Some(format!("it was stopped after {} s", limit.as_secs()));
        return tally;
    };
    match tally {
        None => Tally::trouble(format!("it ended ({status}) without its summary line")),
        Some(tally) if tally.failed == 0 && !status.success() => Tally {
            failed: 1,
            trouble: Some(format!("its summary has no failure, but it ended with {status}")),
            ..tally
        },
        Some(tally) if tally.failed == 0 && tally.passed == 0 => {
            Tally::trouble("it checked nothing")
        }
        Some(tally) => tally,
    }
}

/// The folder of the scripts.
fn scripts() -> PathBuf {
    process::root().join("conformance")
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::process::follow;
    use std::process::Command;
    use std::time::Duration;

    fn judged(script: &str) -> (u64, u64) {
        let mut command = Command::new("sh");
        let limit = Duration::from_secs(20);
        let run = follow(command.args(["-c", script]), Some(limit), |_| {}).expect("sh starts");
        let tally = judge(&run, limit);
        (tally.passed, tally.failed)
    }

    #[test]
    fn a_script_is_believed_only_when_line_and_exit_code_agree() {
        assert_eq!(judged("echo '5 passed, 0 failed'"), (5, 0));
        assert_eq!(judged("echo '5 passed, 2 failed'; exit 1"), (5, 2));
        assert_eq!(judged("echo '5 passed, 0 failed'; exit 1"), (5, 1));
        assert_eq!(judged("echo '0 passed, 0 failed'"), (0, 1));
        assert_eq!(judged("exit 0"), (0, 1));
    }
}
