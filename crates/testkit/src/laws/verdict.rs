//! What the laws say when they are broken, and over how many seeds they run.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::Engine;
use model::{Command, Event};

/// The seeds of a law: 200 of them, 5,000 if `RIALTO_LONG` is set, else as many as `RIALTO_LAW_SEEDS` says.
///
/// # Panics
/// If `RIALTO_LAW_SEEDS` is not a number.
#[must_use]
pub fn seeds() -> Range<u64> {
    let count = match std::env::var("RIALTO_LAW_SEEDS") {
        Ok(count) => count.parse().expect("RIALTO_LAW_SEEDS is a number"),
        Err(_) if std::env::var_os("RIALTO_LONG").is_some() => 5_000,
        Err(_) => 200,
    };
    0..count
}

/// Lets the engine carry out a command; a panic is an answer too.
pub(super) fn apply(
    engine: &mut Engine,
    command: &Command,
    out: &mut Vec<Event>,
) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| engine.apply(command, out)))
        .map_err(|_| format!("the engine panicked at {command:?}"))
}

/// Of commands that break a law, fewer that still do: whatever can be left out is.
pub(super) fn fewest(commands: &[Command], breaks: impl Fn(&[Command]) -> bool) -> Vec<Command> {
    let mut few = commands.to_vec();
    let mut run = few.len().div_ceil(2);
    while run > 0 {
        let mut from = 0;
        while from < few.len() {
            let till = (from + run).min(few.len());
            let fewer = [&few[..from], &few[till..]].concat();
            if breaks(&fewer) {
                few = fewer;
            } else {
                from = till;
            }
        }
        run = if run == 1 { 0 } else { run.div_ceil(2) };
    }
    few
}

/// Says how a law was broken.
pub(super) fn broken(law: &str, seed: u64, commands: &[Command], found: &str) -> ! {
    use std::fmt::Write;
    let mut list = String::new();
    for command in commands {
        let _ = writeln!(list, "  {command:?}");
    }
    panic!(
        "the law {law} is broken by seed {seed}, by these {} commands:\n{list}{found}",
        commands.len()
    )
}
