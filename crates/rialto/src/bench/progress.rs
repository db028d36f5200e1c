//! One line that says how far a bench is, on a terminal only.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line is written again.
const PERIOD: Duration = Duration::from_millis(250);

/// The line; it is wiped away at the end.
pub struct Progress {
    terminal: bool,
    due: Instant,
    shown: bool,
}

impl Progress {
    /// A line on stderr, if people read that.
    pub fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), due: Instant::now() + PERIOD, shown: false }
    }

    /// Whether it is worth wording something new.
    pub fn is_due(&self) -> bool {
        self.terminal && Instant::now() >= self.due
    }

    /// Shows this, if it is time.
    pub fn show(&mut self, text: &str) {
        if self.is_due() {
            self.write(&format!("\r\x1b[K{text}"));
            self.due = Instant::now() + PERIOD;
            self.shown = true;
        }
    }

    /// Wipes the line away.
    pub fn done(&mut self) {
        if self.shown {
            self.write("\r\x1b[K");
            self.shown = false;
        }
    }

    fn write(&self, text: &str) {
        // Nobody reads it: no reason to stop measuring.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done();
    }
}
