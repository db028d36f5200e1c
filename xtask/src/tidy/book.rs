//! The book: `docs/SUMMARY.md` lists every page, and what a page links to is there.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

const SUMMARY: &str = "docs/SUMMARY.md";

/// Every page of `docs/` is in the book once.
pub fn summary(tree: &Tree) -> Vec<Finding> {
    let Some(summary) = tree.all().find(|(path, _)| *path == SUMMARY) else { return Vec::new() };
    let mut listed = BTreeSet::new();
    let mut findings = Vec::new();
    for (line, target) in links(&summary.1.text) {
        if !listed.insert(target.to_string()) {
            findings.push(Finding {
                path: SUMMARY.to_string(),
                line,
                what: format!("`{target}` again"),
                remedy: "list a page once",
            });
        }
    }
    for (path, _) in tree.all() {
        let page = path.strip_prefix("docs/").filter(|page| page.ends_with(".md"));
        if page.is_some_and(|page| path != SUMMARY && !listed.contains(page)) {
            findings.push(Finding {
                path: path.to_string(),
                line: 0,
                what: "no place in docs/SUMMARY.md".to_string(),
                remedy: "list the page there",
            });
        }
    }
    findings
}

/// What pages link to within the project is there.
pub fn linked(tree: &Tree) -> Vec<Finding> {
    let paths: BTreeSet<&str> = tree.all().map(|(path, _)| path).collect();
    let is_there = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        paths.contains(path)
            || paths.range(folder.as_str()..).next().is_some_and(|it| it.starts_with(&folder))
    };
    let mut findings = Vec::new();
    for (path, source) in tree.all().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&source.text) {
            let target = target.split('#').next().unwrap_or_default();
            let is_ours =
                !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
            if is_ours && !resolved(folder, target).is_some_and(|path| is_there(&path)) {
                findings.push(Finding {
                    path: path.to_string(),
                    line,
                    what: format!("a link to `{target}`, which is not there"),
                    remedy: "name the file from the page's own folder",
                });
            }
        }
    }
    findings
}

/// The targets of links outside of code, with their lines.
fn links(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            // What stands between signs of code is no link.
            let in_code = line[..line.len() - rest.len() + at].matches('`').count() % 2 == 1;
            rest = &rest[at + 2..];
            let Some((target, _)) = rest.split_once(')') else { break };
            if !in_code && !target.contains(' ') {
                found.push((number, target));
            }
        }
    }
    found
}

/// A path from the root, of one that is named from a folder; none if it leads out of the project.
fn resolved(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
