//! Rules on plain text, in every file that we write: code, comments, documentation, configuration.

use super::Finding;
use super::tree::Tree;

/// Words that do not belong, each with what to do. Split so that this file does not hold them.
const WORDS: [(&str, &str); 14] = [
    (concat!("/wo", "rk/"), MACHINE),
    (concat!("/fa", "rm/"), MACHINE),
    (concat!("/ho", "me/"), MACHINE),
    (concat!("/ro", "ot/"), MACHINE),
    (concat!("/Us", "ers/"), MACHINE),
    (concat!("bash", "_jobs"), MACHINE),
    (concat!("co-auth", "ored-by"), ALONE),
    (concat!("issue ", "#"), ALONE),
    (concat!("to", "do:"), LATER),
    (concat!("fix", "me"), LATER),
    (concat!("xx", "x:"), LATER),
    (concat!("for ", "now"), LATER),
    (concat!("not yet ", "implemented"), LATER),
    (concat!("not ", "implemented yet"), LATER),
];

const MACHINE: &str = "name a path from the project's root";
const ALONE: &str = "speak of the project alone";
const LATER: &str = "finish it or take it out, and say what is";

/// What others wrote: recordings, lock files, licences, built assets.
fn is_ours(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_text = [
        ".rs", ".md", ".toml", ".py", ".js", ".mjs", ".ts", ".css", ".html", ".yml", ".yaml", ".sh",
    ]
    .iter()
    .any(|ending| name.ends_with(ending));
    (is_text || path.starts_with(".ci/") || path.starts_with("deploy/"))
        && !path
            .split('/')
            .any(|part| ["data", "dist", "corpus", "vendor", "assets"].contains(&part))
}

/// No machine's paths, nothing left for later.
pub fn words(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.all().filter(|(path, _)| is_ours(path)) {
        for (index, line) in source.text.lines().enumerate() {
            let lower = line.to_lowercase();
            for (word, remedy) in WORDS {
                let Some(at) = lower.find(&word.to_lowercase()) else { continue };
                let begins = word.starts_with('/') || !lower[..at].ends_with(char::is_alphanumeric);
                let ends = !lower[at + word.len()..].starts_with(char::is_alphanumeric)
                    || !word.ends_with(char::is_alphanumeric);
                if begins && ends {
                    let what = format!("`{word}`");
                    findings.push(Finding {
                        path: path.to_string(),
                        line: index as u32 + 1,
                        what,
                        remedy,
                    });
                }
            }
        }
    }
    findings
}

/// Lines end where their text ends.
pub fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.all().filter(|(path, _)| is_ours(path)) {
        for (index, line) in source.text.split('\n').enumerate() {
            let what = match line {
                _ if line.ends_with('\r') => "a carriage return",
                _ if line.trim_end() != line => "space at the end of the line",
                _ if line.contains('\t') => "a tab",
                _ => continue,
            };
            findings.push(Finding {
                path: path.to_string(),
                line: index as u32 + 1,
                what: what.to_string(),
                remedy: "take it out (a Rust string can say `\\t`)",
            });
        }
        if !source.text.is_empty() && !source.text.ends_with('\n') {
            findings.push(Finding {
                path: path.to_string(),
                line: 0,
                what: "no newline at the end".to_string(),
                remedy: "end the last line",
            });
        }
    }
    findings
}
