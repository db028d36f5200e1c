//! Words of Rust that we do not use: `allow`, `todo!`, tests ignored without a reason.

use super::Finding;
use super::rust::{self, Kind, Token};
use super::tree::Tree;

/// Lints are expected with a reason: an expectation that is no longer needed is told.
pub fn expectations(tree: &Tree) -> Vec<Finding> {
    in_attributes(tree, |inside| {
        let words = |name: &str| inside.iter().position(|token| token.is(name));
        let called = |at: usize| inside.get(at + 1).is_some_and(|next| next.is("("));
        let first = inside.first()?;
        let starts = |name: &str| first.is(name) || first.is("cfg_attr");
        if starts("allow") && words("allow").is_some_and(called) {
            return Some((
                "a lint is allowed".to_string(),
                "write `#[expect(lint, reason = \"…\")]`, or mend what it tells",
            ));
        }
        if starts("expect") && words("expect").is_some_and(called) && words("reason").is_none() {
            return Some((
                "a lint is expected without a reason".to_string(),
                "add `reason = \"…\"`",
            ));
        }
        None
    })
}

/// An ignored test says why: `#[ignore = "…"]`.
pub fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    in_attributes(tree, |inside| {
        let is_bare = inside.first()?.is("ignore") && inside.len() == 1;
        let what = "a test is ignored without a reason".to_string();
        is_bare.then_some((what, "write `#[ignore = \"why, and what runs it\"]`"))
    })
}

/// Nothing is left for later.
pub fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        for pair in source.tokens().windows(2) {
            let [word, mark] = pair else { continue };
            let is_macro = word.kind == Kind::Word && mark.is("!");
            if is_macro && ["todo", "unimplemented", "dbg"].contains(&word.text) {
                findings.push(Finding {
                    path: path.to_string(),
                    line: word.line,
                    what: format!("`{}!`", word.text),
                    remedy: "finish it or take it out; a part that is not built is absent",
                });
            }
        }
    }
    findings
}

/// Judges every attribute's tokens.
fn in_attributes(
    tree: &Tree,
    judge: impl Fn(&[Token<'_>]) -> Option<(String, &'static str)>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        let tokens = source.tokens();
        for (at, inside) in rust::attributes(&tokens) {
            if let Some((what, remedy)) = judge(inside) {
                let line = tokens[at].line;
                findings.push(Finding { path: path.to_string(), line, what, remedy });
            }
        }
    }
    findings
}
