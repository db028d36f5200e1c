//! The modules of each crate: which file each `mod` line means, which files no line means, and
//! whether a file says what it is.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::rust::{self, Kind, Token};
use super::tree::Tree;

/// A file that a `mod` line or an `include!` leads to.
struct Child {
    path: String,
    test: bool,
    /// Cargo compiles it by itself.
    root: bool,
}

/// Every .rs file is part of a crate.
pub fn orphans(tree: &Tree) -> Vec<Finding> {
    let reached = reached(tree);
    let orphans = tree.rust().filter(|(path, _)| !reached.contains_key(*path));
    let findings = orphans.map(|(path, _)| Finding {
        path: path.to_string(),
        line: 0,
        what: "no `mod` line leads here".to_string(),
        remedy: "declare it in its parent, or delete it",
    });
    findings.collect()
}

/// The files that only tests compile, as `#[cfg(test)] mod name;` and what hangs on it.
pub fn test_files(tree: &Tree) -> Vec<String> {
    reached(tree).into_iter().filter(|(_, test)| *test).map(|(path, _)| path).collect()
}

/// Every file that can be reached from a root, and whether only as a test.
fn reached(tree: &Tree) -> BTreeMap<String, bool> {
    let mut reached: BTreeMap<String, bool> = BTreeMap::new();
    let mut next: Vec<Child> = roots(tree);
    while let Some(Child { path, test, root }) = next.pop() {
        let Some(source) = tree.get(&path) else { continue };
        // Seen before is enough, unless it was seen as a test only and now is the product's.
        if reached.get(&path).is_some_and(|known| !known || test) {
            continue;
        }
        reached.insert(path.clone(), test);
        let test = test || source.test;
        let found = children(tree, &path, &rust::tokens(&source.text), root);
        next.extend(found.into_iter().map(|child| Child { test: child.test || test, ..child }));
    }
    reached
}

/// What cargo compiles by itself: libraries, binaries, tests, examples, benches, build scripts,
/// and what a manifest names with `path = "….rs"`.
fn roots(tree: &Tree) -> Vec<Child> {
    let mut roots = BTreeSet::new();
    let manifests =
        tree.all().filter_map(|(path, source)| Some((path.strip_suffix("/Cargo.toml")?, source)));
    for (folder, manifest) in manifests {
        for file in ["src/lib.rs", "src/main.rs", "build.rs"] {
            roots.insert(format!("{folder}/{file}"));
        }
        for place in ["src/bin", "tests", "examples", "benches"] {
            for name in tree.names_in(&format!("{folder}/{place}")) {
                match name.strip_suffix('/') {
                    Some(inner) => roots.insert(format!("{folder}/{place}/{inner}/main.rs")),
                    None => roots.insert(format!("{folder}/{place}/{name}")),
                };
            }
        }
        for line in manifest.text.lines().filter(|line| line.trim_start().starts_with("path")) {
            if let Some(file) = line.split('"').nth(1) {
                roots.insert(format!("{folder}/{file}"));
            }
        }
    }
    let there = roots.into_iter().filter(|path| path.ends_with(".rs") && tree.has(path));
    there.map(|path| Child { path, test: false, root: true }).collect()
}

/// The files that one file's `mod` lines and `include!`s mean.
fn children(tree: &Tree, path: &str, tokens: &[Token<'_>], is_root: bool) -> Vec<Child> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    // `mod x;` in a root or a mod.rs means a file beside it; elsewhere, in the folder of its name.
    let base = match is_root || file == "mod.rs" {
        true => folder.to_string(),
        false => path.trim_end_matches(".rs").to_string(),
    };
    let mut found = Vec::new();
    // The inline modules we are in: their names, and the depth of braces they opened at.
    let mut inline: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0;
    let mut named_path = None;
    for (at, token) in tokens.iter().enumerate() {
        let text_after = |steps: usize| tokens.get(at + steps).map_or("", |token| token.text);
        match token.text {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last().is_some_and(|(_, opened)| *opened == depth) {
                    inline.pop();
                }
            }
            "path"
                if text_after(1) == "="
                    && tokens.get(at.wrapping_sub(1)).is_some_and(|t| t.is("[")) =>
            {
                named_path = Some(text_after(2).trim_matches('"'));
            }
            "include" if text_after(1) == "!" => {
                let file = text_after(3).trim_matches('"');
                found.push(Child { path: join(folder, file), test: token.test, root: false });
            }
            "mod" if token.kind == Kind::Word && text_after(2) == "{" => {
                inline.push((text_after(1), depth));
            }
            "mod" if token.kind == Kind::Word && text_after(2) == ";" => {
                let name = text_after(1).trim_start_matches("r#");
                let mut place = base.clone();
                for (module, _) in &inline {
                    place = join(&place, module);
                }
                let candidates = match named_path.take() {
                    Some(file) if inline.is_empty() => vec![join(folder, file)],
                    Some(file) => vec![join(&place, file)],
                    None => vec![format!("{place}/{name}.rs"), format!("{place}/{name}/mod.rs")],
                };
                let meant = candidates.into_iter().find(|candidate| tree.has(candidate));
                found.extend(meant.map(|path| Child { path, test: token.test, root: false }));
            }
            _ => {}
        }
    }
    found
}

/// `folder/file`, with `..` resolved.
fn join(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Every .rs file opens with a sentence that says what it is; a `tests.rs` is its module's.
pub fn module_docs(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust().filter(|(path, _)| !path.ends_with("/tests.rs"));
    let silent = files.filter(|(_, source)| {
        let first =
            source.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!/"));
        !first.is_some_and(|line| {
            line.strip_prefix("//!").is_some_and(|said| !said.trim().is_empty())
        })
    });
    let findings = silent.map(|(path, _)| Finding {
        path: path.to_string(),
        line: 1,
        what: "the file does not say what it is".to_string(),
        remedy: "open with `//!`, what it is and what it is not",
    });
    findings.collect()
}
