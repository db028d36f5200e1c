//! `cargo xtask test`: installs what the tests need, then runs all of them.

use crate::conformance::{self, CLIENTS};
use crate::report::{Report, Tally, harness_result};
use crate::words::Words;
use crate::{process, tidy};

/// What to run.
pub struct Options {
    pub long: bool,
    /// Names of steps; empty means all.
    pub only: Vec<String>,
    /// How long ccxt watches the venue.
    pub seconds: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { long: false, only: Vec::new(), seconds: conformance::SECONDS }
    }
}

impl Options {
    fn wants(&self, step: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == step)
    }
}

pub fn run(arguments: &[String]) -> Result<bool, String> {
    let words = Words::read(arguments, &["--long"], &["--only", "--seconds"])?;
    let known: Vec<&str> = ["tidy", "unit"].into_iter().chain(CLIENTS).collect();
    let only = words.choices("--only", &known)?.into_iter().map(String::from).collect();
    let seconds = words.number("--seconds", conformance::SECONDS)?;
    let mut report = Report::new();
    run_all(&mut report, &Options { long: words.has("--long"), only, seconds });
    Ok(report.finish())
}

/// Every wanted step, the cheap ones first; a failed one does not keep the others from running.
pub fn run_all(report: &mut Report, options: &Options) {
    if options.wants("tidy") {
        report.step("tidy", "cargo xtask tidy", tidy::tally);
    }
    if options.wants("unit") {
        unit(report, options.long);
    }
    let clients: Vec<&str> = CLIENTS.into_iter().filter(|name| options.wants(name)).collect();
    if !clients.is_empty() {
        let options = conformance::Options {
            clients,
            url: None,
            seconds: options.seconds,
            long: options.long,
        };
        conformance::run_all(report, &options);
    }
}

/// `cargo test` over the workspace. With `long` the tests find `RIALTO_LONG=1` in their environment
/// and the ignored ones run too.
fn unit(report: &mut Report, long: bool) {
    let again = match long {
        true => "RIALTO_LONG=1 cargo test --workspace -- --include-ignored",
        false => "cargo test --workspace",
    };
    report.step("unit tests and laws", again, || {
        conformance::install::postgres();
        let mut command = process::cargo();
        command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
        if long {
            command.env("RIALTO_LONG", "1").args(["--", "--include-ignored"]);
        }
        if let Err(trouble) = conformance::install::interpreter() {
            println!("         {trouble}");
        }
        let mut total = Tally::nothing();
        let run = process::follow(&mut command, None, |line| {
            if let Some(tally) = harness_result(line) {
                total.passed += tally.passed;
                total.failed += tally.failed;
            }
            if is_progress(line) {
                println!("         {}", line.trim());
            }
        });
        match run {
            Err(trouble) => Tally::trouble(trouble),
            Ok(run) if run.status.is_some_and(|status| status.success()) => total,
            Ok(run) => {
                total.failed = total.failed.max(1);
                total.trouble = Some(troubles(&run.lines));
                total
            }
        }
    });
}

/// The lines that tell how far cargo is, and what a test that was skipped says. A binary without tests says nothing.
fn is_progress(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with("Running ")
        || line.starts_with("Doc-tests ")
        || line.starts_with("Finished ")
        || line.starts_with("SKIPPED"))
        || harness_result(line).is_some_and(|tally| tally != Tally::nothing())
}

/// What a reader needs of a failed `cargo test`: the compiler's errors, or the failures with their
/// output; never the names of all that passed.
fn troubles(lines: &[String]) -> String {
    let mut kept = Vec::new();
    let mut inside = false;
    for line in lines {
        let starts = line == "failures:" || line.starts_with("error") || line.starts_with("---- ");
        let ends = harness_result(line).is_some() || line.trim_start().starts_with("Running ");
        inside = (inside || starts) && !ends;
        if inside {
            kept.push(line.as_str());
        }
    }
    kept[kept.len().saturating_sub(300)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Options, is_progress, troubles};

    #[test]
    fn a_failure_is_shown_with_its_output_and_without_what_passed() {
        let output = "test good ... ok\ntest bad ... FAILED\n\nfailures:\n\n---- bad stdout ----\nseed 7\n\n\
                      failures:\n    bad\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n\
                      \x20    Running unittests src/lib.rs\ntest other ... ok";
        let lines: Vec<String> = output.lines().map(String::from).collect();
        let shown = troubles(&lines);
        assert!(shown.contains("seed 7") && shown.contains("    bad"));
        assert!(!shown.contains("test good") && !shown.contains("test other"));
    }

    #[test]
    fn progress_leaves_out_empty_binaries() {
        assert!(is_progress("     Running unittests src/lib.rs (target/debug/deps/model-0)"));
        assert!(is_progress("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured"));
        assert!(!is_progress("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured"));
        assert!(!is_progress("test model::tests::a ... ok"));
        assert!(is_progress("SKIPPED: the tests of the bus by NATS"));
    }

    #[test]
    fn nothing_named_means_all() {
        assert!(Options::default().wants("tidy"));
        let options = Options { only: vec!["unit".into()], ..Options::default() };
        assert!(options.wants("unit") && !options.wants("tidy"));
    }
}
