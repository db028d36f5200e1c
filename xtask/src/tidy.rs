//! The rules of the house, kept by a program: who may know whom, which words and tools a crate may
//! use, which files a folder has. It reads text; it compiles nothing. What needs types is clippy's
//! (`clippy.toml` beside each pure crate).

mod bans;
mod book;
mod dialects;
mod manifests;
mod modules;
mod pure;
mod rust;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use std::fmt;

use self::tree::Tree;
use crate::process;
use crate::report::Tally;
use crate::words::Words;

/// A breach of a rule: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    /// Counted from 1; 0 means the file as a whole.
    line: u32,
    what: String,
    remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, line, what, remedy } = self;
        match line {
            0 => write!(out, "{path}: {what}; {remedy}"),
            line => write!(out, "{path}:{line}: {what}; {remedy}"),
        }
    }
}

/// A rule reads the tree and tells what breaches it.
struct Rule {
    name: &'static str,
    promise: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: [Rule; 16] = [
    Rule {
        name: "acquaintance",
        promise: "a crate knows only the crates below it",
        check: manifests::acquaintance,
    },
    Rule {
        name: "one-version",
        promise: "a dependency's version stands in the workspace, once",
        check: manifests::one_version,
    },
    Rule {
        name: "lints",
        promise: "every crate keeps the workspace's lints; a pure one has its clippy.toml",
        check: manifests::lints,
    },
    Rule {
        name: "purity",
        promise: "a pure crate has no I/O, clock, thread, environment, float, unordered map",
        check: pure::purity,
    },
    Rule { name: "neighbours", promise: "no dialect uses another", check: dialects::neighbours },
    Rule {
        name: "branches",
        promise: "nobody outside a dialect's folder asks which dialect it is",
        check: dialects::branches,
    },
    Rule {
        name: "same-files",
        promise: "every dialect's folder has the same files",
        check: dialects::same_files,
    },
    Rule { name: "orphans", promise: "every .rs file is part of a crate", check: modules::orphans },
    Rule {
        name: "module-docs",
        promise: "every .rs file opens with what it is",
        check: modules::module_docs,
    },
    Rule {
        name: "expectations",
        promise: "lints are expected with a reason, never allowed",
        check: bans::expectations,
    },
    Rule {
        name: "unfinished",
        promise: "nothing is left for later: no todo!, unimplemented!, dbg!",
        check: bans::unfinished,
    },
    Rule { name: "ignored-tests", promise: "an ignored test says why", check: bans::ignored_tests },
    Rule {
        name: "words",
        promise: "the text speaks of the project alone and leaves nothing for later",
        check: text::words,
    },
    Rule {
        name: "tidy-text",
        promise: "no trailing space, no tab, no CR",
        check: text::whitespace,
    },
    Rule {
        name: "book",
        promise: "docs/SUMMARY.md lists every page of docs once",
        check: book::summary,
    },
    Rule {
        name: "links",
        promise: "what a page links to within the project is there",
        check: book::linked,
    },
];

/// Files longer than this are listed, not refused: long is allowed where splitting hides the story.
const LONG_FILE_LINES: usize = 500;

pub fn run(arguments: &[String]) -> Result<bool, String> {
    let words = Words::read(arguments, &["--list"], &[])?;
    if words.has("--list") {
        for rule in &RULES {
            println!("{:<14} {}", rule.name, rule.promise);
        }
        return Ok(true);
    }
    let tally = tally();
    if let Some(trouble) = &tally.trouble {
        println!("{trouble}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// Checks the project's own tree; each rule counts once.
pub fn tally() -> Tally {
    let tree = match Tree::read(&process::root()) {
        Ok(tree) => tree,
        Err(trouble) => return Tally::trouble(trouble),
    };
    for (path, lines) in long_files(&tree) {
        println!("         long: {path}: {lines} lines");
    }
    let mut tally = Tally::nothing();
    let mut troubles = Vec::new();
    for rule in &RULES {
        let mut findings = (rule.check)(&tree);
        if findings.is_empty() {
            tally.passed += 1;
            continue;
        }
        tally.failed += 1;
        findings.sort();
        troubles.push(format!("{}: {}", rule.name, rule.promise));
        troubles.extend(findings.iter().map(|finding| format!("  {finding}")));
    }
    if !troubles.is_empty() {
        tally.trouble = Some(troubles.join("\n"));
    }
    tally
}

/// The .rs files that are longer than one reads at a sitting.
fn long_files(tree: &Tree) -> Vec<(&str, usize)> {
    let lengths = tree.rust().map(|(path, source)| (path, source.text.lines().count()));
    lengths.filter(|(_, lines)| *lines > LONG_FILE_LINES).collect()
}
