//! The book: `docs/SUMMARY.md` lists every page, and what a page links to is there, its headings too.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{Source, Tree};

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
        for (line, link) in links(&source.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (target, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = match target {
                "" => Some(path.to_string()),
                target => resolved(folder, target),
            };
            let Some(to) = to.filter(|to| is_there(to)) else {
                findings.push(Finding {
                    path: path.to_string(),
                    line,
                    what: format!("a link to `{target}`, which is not there"),
                    remedy: "name the file from the page's own folder",
                });
                continue;
            };
            let page = tree.all().find(|(path, _)| *path == to && to.ends_with(".md"));
            let has_heading = |source: &Source| headings(&source.text).any(|it| it == heading);
            if !heading.is_empty() && page.is_some_and(|(_, source)| !has_heading(source)) {
                findings.push(Finding {
                    path: path.to_string(),
                    line,
                    what: format!("a link to a heading `#{heading}`, which {to} has not"),
                    remedy: "name a heading of that page in lower case, with dashes for blanks and no other signs",
                });
            }
        }
    }
    findings
}

/// The lines outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        !fenced
    })
}

/// The names by which links lead to a page's headings, as mdBook and the usual hosts make them. A second heading of the
/// same words is not looked for.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let words = line.trim_start_matches('#').strip_prefix(' ')?;
        line.starts_with('#').then(|| {
            let kept = |sign: &char| sign.is_alphanumeric() || "-_ ".contains(*sign);
            words.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
        })
    })
}

/// The targets of links outside of code, with their lines.
fn links(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
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
