//! The project's own tasks, run as `cargo xtask COMMAND`. Standard library only, so that a fresh
//! machine compiles it in seconds. It starts and watches other programs; it holds no logic of the
//! product.

mod bench;
mod ci;
mod conformance;
mod process;
mod report;
mod test;
mod tidy;
mod words;

use std::process::ExitCode;

const HELP: &str = "\
The project's tasks.

usage: cargo xtask COMMAND [OPTIONS]

  test         install what the tests need, then run all of them
                 --long         the full counts (slow: Autobahn section 9, every law at its full number of seeds)
                 --only NAME    one step: tidy, unit, or a client as for conformance (may be repeated)
                 --seconds N    how long ccxt watches the venue (default 60)
  tidy         check the rules of the house: who may know whom, orphan files, bans, words
                 --list         name the rules
  conformance  unmodified third-party clients against the release binary
                 --only NAME    console, ccxt, node-bitstamp, documents, ccxt-trading, basana, ccxt-timex, same-market,
                                tables, trust, autobahn (may be repeated)
                 --url URL      a server that runs already, instead of starting one
                 --seconds N    how long ccxt watches (default 60)
                 --long         Autobahn section 9 too, and a token that is outlived
  ci           format check, clippy, then test
                 --deny         licences and duplicates too (needs cargo-deny)
                 --long         as for test
  bench        our sockets beside a plain send() loop, a joined-write loop and Node's ws (needs npm for that), in alternation
                 --rounds N     how often each has its turn (default 7)
                 --json         one JSON object
  bench ARGS   cargo run --release -p rialto -- bench ARGS

examples:
  cargo xtask test
  cargo xtask test --only tidy --only unit
  cargo xtask conformance --only ccxt --seconds 20
  cargo xtask conformance --only node-bitstamp --url http://127.0.0.1:8080

exit code: 0 all passed, 1 something failed, 2 the command line was not understood.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("--help", &[][..]),
    };
    let wants_help = rest.iter().any(|argument| argument == "--help" || argument == "-h");
    if matches!(command, "--help" | "-h" | "help") || (wants_help && command != "bench") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let outcome = match command {
        "test" => test::run(rest),
        "tidy" => tidy::run(rest),
        "conformance" => conformance::run(rest),
        "ci" => ci::run(rest),
        "bench" => bench::run(rest),
        unknown => Err(format!("unknown command `{unknown}`")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask: {message}\nsee: cargo xtask --help");
            ExitCode::from(2)
        }
    }
}
