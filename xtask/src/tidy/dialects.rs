//! The dialects' folders: the same files in each, no use of a neighbour, and nobody outside who
//! asks which dialect it is.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::rust::{Kind, Token};
use super::tree::{Tree, is_under};

const FOLDER: &str = "crates/dialects/src";

/// What each dialect's folder has; a module may be a file or a folder with `mod.rs`.
const MODULES: [&str; 8] =
    ["mod", "wire", "channel", "convert", "document", "server", "http", "client"];
const OTHERS: [&str; 2] = ["spec.md", "transcripts/"];
/// What those have besides that know accounts, orders and money.
const TRADING: [&str; 4] = ["money", "object", "own", "private"];

/// Who may name a dialect: the file that declares it, the list of what its credentials look like, the
/// binary that wires, and tests.
const MAY_NAME: [&str; 6] = [
    "crates/dialects/src/lib.rs",
    "crates/store/src/form.rs",
    "crates/rialto",
    "crates/testkit",
    "fuzz",
    "xtask",
];

/// The names of the dialects: the folders that hold a wire, a channel list, or transcripts.
fn names(tree: &Tree) -> Vec<String> {
    let folders = tree.names_in(FOLDER).into_iter().filter_map(|name| name.strip_suffix('/'));
    let marks = ["wire.rs", "wire/", "channel.rs", "spec.md", "transcripts/"];
    let dialects = folders.filter(|name| {
        let inside = tree.names_in(&format!("{FOLDER}/{name}"));
        marks.iter().any(|mark| inside.contains(mark))
    });
    dialects.map(String::from).collect()
}

/// No dialect names another.
pub fn neighbours(tree: &Tree) -> Vec<Finding> {
    let names = names(tree);
    let mut findings = Vec::new();
    for own in &names {
        for (path, source) in tree.rust_under(&format!("{FOLDER}/{own}")) {
            for token in source.tokens() {
                let other = names.iter().find(|other| *other != own && mentions(&token, other));
                if let Some(other) = other {
                    findings.push(Finding {
                        path: path.to_string(),
                        line: token.line,
                        what: format!("`{own}` names its neighbour `{other}`"),
                        remedy: "move what both need to crates/dialects/src, in no dialect's words",
                    });
                }
            }
        }
    }
    findings
}

/// Nobody outside a dialect's folder names it, in a path, a word or a string. Tests may.
pub fn branches(tree: &Tree) -> Vec<Finding> {
    let names = names(tree);
    let is_inside =
        |path: &str| names.iter().any(|name| is_under(path, &format!("{FOLDER}/{name}")));
    let may_name = |path: &str| MAY_NAME.iter().any(|may| path == *may || is_under(path, may));
    let mut findings = Vec::new();
    for (path, source) in tree.rust().filter(|(path, _)| !is_inside(path) && !may_name(path)) {
        for token in source.tokens().iter().filter(|token| !token.test) {
            if let Some(name) = names.iter().find(|name| mentions(token, name)) {
                findings.push(Finding {
                    path: path.to_string(),
                    line: token.line,
                    what: format!("`{}` asks for the dialect `{name}`", token.text.trim()),
                    remedy: "ask the `Dialect` value, or take it from the binary's wiring",
                });
            }
        }
    }
    findings
}

/// Whether a word or a string holds a dialect's name, in any case.
fn mentions(token: &Token<'_>, name: &str) -> bool {
    matches!(token.kind, Kind::Word | Kind::Text) && token.text.to_lowercase().contains(name)
}

/// Each folder has what a dialect has; what one has besides, all have, unless it is about trading.
pub fn same_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let names = names(tree);
    for name in &names {
        let inside = tree.names_in(&format!("{FOLDER}/{name}"));
        let has_module = |module: &str| {
            inside.contains(format!("{module}.rs").as_str())
                || inside.contains(format!("{module}/").as_str())
        };
        let modules = MODULES.iter().filter(|module| !has_module(module));
        let modules = modules.map(|module| format!("{module}.rs"));
        let others = OTHERS.iter().filter(|other| !inside.contains(*other));
        for missing in modules.chain(others.map(|other| other.to_string())) {
            findings.push(Finding {
                path: format!("{FOLDER}/{name}"),
                line: 0,
                what: format!("`{missing}` is missing"),
                remedy: "a dialect is complete or absent: write it",
            });
        }
        for file in inside {
            let stem = file.trim_end_matches(".rs").trim_end_matches('/');
            owners.entry(stem.to_string()).or_default().insert(name.clone());
        }
    }
    for (stem, having) in owners.iter().filter(|(stem, _)| *stem != "tests") {
        for name in names.iter().filter(|name| !having.contains(*name)) {
            let known =
                MODULES.contains(&stem.as_str()) || stem == "spec.md" || stem == "transcripts";
            if !known && !TRADING.contains(&stem.as_str()) {
                let others: Vec<&str> = having.iter().map(String::as_str).collect();
                findings.push(Finding {
                    path: format!("{FOLDER}/{name}"),
                    line: 0,
                    what: format!("`{stem}` is in {} but not here", others.join(", ")),
                    remedy: "put it into one of the files that every dialect has",
                });
            }
        }
    }
    findings
}
