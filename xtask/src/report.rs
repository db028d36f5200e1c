//! Steps with their time and tally, a line each, and the summary at the end. It prints and counts;
//! what a step does is the caller's.

use std::time::Instant;

/// What a step found out.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    /// What went wrong, for a step that could not be carried out or counts nothing itself.
    pub trouble: Option<String>,
}

impl Tally {
    /// A step that is one thing and succeeded.
    pub fn one() -> Tally {
        Tally { passed: 1, ..Tally::default() }
    }

    /// A step that only prepares: it succeeded, and counts nothing.
    pub fn nothing() -> Tally {
        Tally::default()
    }

    /// A step that failed as a whole.
    pub fn trouble(what: impl Into<String>) -> Tally {
        Tally { failed: 1, trouble: Some(what.into()), ..Tally::default() }
    }
}

/// All steps of one run.
pub struct Report {
    started: Instant,
    passed: u64,
    failed: u64,
    /// Name and re-run command of the steps that failed.
    failures: Vec<(String, String)>,
}

impl Report {
    pub fn new() -> Report {
        Report { started: Instant::now(), passed: 0, failed: 0, failures: Vec::new() }
    }

    /// Runs one step; `again` is the command that runs it alone. Says whether it passed.
    pub fn step(&mut self, name: &str, again: &str, work: impl FnOnce() -> Tally) -> bool {
        println!("[{:>4.0} s] {name}", self.started.elapsed().as_secs_f64());
        let started = Instant::now();
        let tally = work();
        let seconds = started.elapsed().as_secs_f64();
        self.passed += tally.passed;
        self.failed += tally.failed;
        let counts = match (tally.passed, tally.failed) {
            (0, 0) => String::new(),
            (passed, 0) => format!(", {passed} passed"),
            (passed, failed) => format!(", {passed} passed, {failed} failed"),
        };
        if tally.failed == 0 {
            println!("         ok: {name} ({seconds:.1} s{counts})");
            return true;
        }
        println!("         FAILED: {name} ({seconds:.1} s{counts})");
        if let Some(trouble) = tally.trouble {
            for line in trouble.lines() {
                println!("           {line}");
            }
        }
        println!("         run again: {again}");
        self.failures.push((name.to_string(), again.to_string()));
        false
    }

    /// Prints what failed and, alone on the last line, `N passed, N failed`. Says whether all passed.
    pub fn finish(self) -> bool {
        println!();
        for (name, again) in &self.failures {
            println!("failed: {name}; run again: {again}");
        }
        println!("took {:.0} s", self.started.elapsed().as_secs_f64());
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// The last line of the form `N passed, N failed` in a program's output.
pub fn summary_of<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Option<Tally> {
    lines.rev().find_map(|line| {
        let (passed, failed) = line.trim().split_once(" passed, ")?;
        let passed = passed.parse().ok()?;
        let failed = failed.strip_suffix(" failed")?.parse().ok()?;
        Some(Tally { passed, failed, trouble: None })
    })
}

/// The tally of one line `test result: ok. 3 passed; 0 failed; …` of the test harness.
pub fn harness_result(line: &str) -> Option<Tally> {
    let counts = line.trim().strip_prefix("test result: ")?.split_once(". ")?.1;
    let number_before = |word: &str| {
        let field = counts.split("; ").find(|field| field.ends_with(word))?;
        field.strip_suffix(word)?.trim().parse().ok()
    };
    Some(Tally {
        passed: number_before("passed")?,
        failed: number_before("failed")?,
        trouble: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Report, Tally, harness_result, summary_of};

    #[test]
    fn a_failed_step_fails_the_run() {
        let mut report = Report::new();
        assert!(report.step("good", "again", Tally::one));
        assert!(!report.step("bad", "again", || Tally::trouble("it broke")));
        assert!(!report.finish());

        let mut report = Report::new();
        assert!(report.step("preparing", "again", Tally::nothing));
        assert!(report.finish());
    }

    #[test]
    fn the_last_summary_line_counts() {
        let lines = ["1 passed, 9 failed", "247 passed, 0 failed", "wrote a report"];
        let expected = Tally { passed: 247, failed: 0, trouble: None };
        assert_eq!(summary_of(lines.into_iter()), Some(expected));
        assert_eq!(summary_of(["passed, failed", "all passed, none failed"].into_iter()), None);
    }

    #[test]
    fn the_harness_line_is_read() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";
        let expected = Tally { passed: 12, failed: 3, trouble: None };
        assert_eq!(harness_result(line), Some(expected));
        assert_eq!(harness_result("test result of the day"), None);
    }
}
