//! What is told to people: a line on stderr or stdout. Nobody has to read it: a closed pipe, or a full disk behind it,
//! is no reason to end, and `eprintln!` would panic.

use std::fmt::Display;
use std::io::Write;

/// A line on stderr, under our name.
pub fn complain(what: impl Display) {
    // There is nobody left to be told that this failed.
    let _told = writeln!(std::io::stderr().lock(), "rialto: {what}");
}

/// A line on stdout: what was asked for.
pub fn answer(what: impl Display) {
    // Whoever asked reads no further; the exit code is told all the same.
    let _told = writeln!(std::io::stdout().lock(), "{what}");
}
