//! `cargo xtask ci`: what a reviewer's machine runs. Format, lints, then every test.

use crate::report::{Report, Tally};
use crate::words::Words;
use crate::{process, test};

pub fn run(arguments: &[String]) -> Result<bool, String> {
    let words = Words::read(arguments, &["--deny", "--long"], &[])?;
    let mut report = Report::new();
    cargo_step(&mut report, "format", &["fmt", "--all", "--check"]);
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    cargo_step(&mut report, "clippy", &clippy);
    if words.has("--deny") {
        cargo_step(
            &mut report,
            "deny",
            &["deny", "--locked", "check", "licenses", "bans", "sources"],
        );
    }
    let options = test::Options { long: words.has("--long"), ..test::Options::default() };
    test::run_all(&mut report, &options);
    Ok(report.finish())
}

fn cargo_step(report: &mut Report, name: &str, arguments: &[&str]) {
    let again = format!("cargo {}", arguments.join(" "));
    report.step(name, &again, || match process::succeeds(process::cargo().args(arguments)) {
        Ok(true) => Tally::one(),
        Ok(false) => Tally::trouble("see above"),
        Err(trouble) => Tally::trouble(trouble),
    });
}
