//! Rules on the `Cargo.toml` of each crate: who may know whom, where versions stand, which lints
//! are kept.

use super::Finding;
use super::tree::Tree;

/// What a crate may depend on.
struct Acquaintance {
    name: &'static str,
    /// Ours.
    ours: &'static [&'static str],
    /// Others'; `None` where any is a decision told in its commit.
    others: Option<&'static [&'static str]>,
}

/// Third-party crates that compute and do nothing else. A new one is a decision: say in the commit
/// what it saves.
const PURE: &[&str] = &["foldhash", "hashbrown", "slab", "smallvec"];
/// The dialects read JSON, write numbers, and check and make signatures.
const TONGUES: &[&str] = &[
    "base64",
    "foldhash",
    "hashbrown",
    "hmac",
    "itoa",
    "regex-automata",
    "serde",
    "serde_json",
    "sha1_smol",
    "sha2",
    "slab",
    "smallvec",
    "subtle",
];

const EVERYBODY: &[&str] = &["model", "engine", "views", "dialects", "feed", "store", "edge"];

/// The house, from the cellar to the roof. Nobody knows `testkit` or `rialto`.
const HOUSE: [Acquaintance; 11] = [
    Acquaintance { name: "model", ours: &[], others: Some(&[]) },
    Acquaintance { name: "engine", ours: &["model"], others: Some(PURE) },
    Acquaintance { name: "views", ours: &["model"], others: Some(PURE) },
    Acquaintance { name: "dialects", ours: &["model"], others: Some(TONGUES) },
    Acquaintance { name: "nkeys", ours: &[], others: Some(&["ring"]) },
    Acquaintance { name: "feed", ours: &["model", "engine", "dialects", "nkeys"], others: None },
    Acquaintance { name: "store", ours: &["model"], others: None },
    Acquaintance { name: "edge", ours: &["model", "views", "dialects"], others: None },
    Acquaintance { name: "rialto", ours: EVERYBODY, others: None },
    Acquaintance { name: "testkit", ours: EVERYBODY, others: None },
    Acquaintance { name: "xtask", ours: &[], others: Some(&[]) },
];

/// The crates that do no I/O, read no clock, and are the same on every machine.
pub const PURE_CRATES: [&str; 4] = ["model", "engine", "views", "dialects"];

/// One line of a dependency table.
#[derive(Debug, PartialEq, Eq)]
pub struct Dependency<'a> {
    pub name: &'a str,
    pub line: u32,
    pub dev: bool,
    /// Its version is the workspace's.
    pub inherited: bool,
}

/// The dependencies of a manifest, those of a platform too.
pub fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found: Vec<Dependency<'_>> = Vec::new();
    let mut section = "";
    for (index, line) in manifest.lines().enumerate() {
        let line_number = index as u32 + 1;
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').trim();
            if let Some((table, name)) = section.rsplit_once("dependencies.") {
                let dev = table.ends_with("dev-");
                let name = unquoted(name);
                found.push(Dependency { name, line: line_number, dev, inherited: false });
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        let package = value.split("package").nth(1).and_then(|rest| rest.split('"').nth(1));
        if section.contains("dependencies.") {
            if let Some(dependency) = found.last_mut() {
                dependency.inherited |= key == "workspace" && value == "true";
                if key == "package" {
                    dependency.name = unquoted(value);
                }
            }
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let (name, field) = key.split_once('.').unwrap_or((key, ""));
            let inherited =
                field == "workspace" || value.replace(' ', "").contains("workspace=true");
            let name = package.unwrap_or(unquoted(name));
            let dev = section.ends_with("dev-dependencies");
            found.push(Dependency { name, line: line_number, dev, inherited });
        }
    }
    found
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

/// A crate knows only the crates below it.
pub fn acquaintance(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, manifest) in tree.crates() {
        let path = format!("{folder}/Cargo.toml");
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let Some(known) = HOUSE.iter().find(|known| known.name == name) else {
            findings.push(Finding {
                path,
                line: 0,
                what: format!("the house has no crate `{name}`"),
                remedy: "put the code into the crate it belongs to, or add the crate to HOUSE in \
                         xtask/src/tidy/manifests.rs and to ARCHITECTURE.md",
            });
            continue;
        };
        for dependency in dependencies(&manifest.text) {
            let is_ours = HOUSE.iter().any(|known| known.name == dependency.name);
            let is_known = match (is_ours, known.others) {
                (true, _) => known.ours.contains(&dependency.name),
                (false, Some(others)) => others.contains(&dependency.name),
                (false, None) => true,
            };
            // Tests of any crate may use the test kit, and third-party crates.
            let is_for_tests = dependency.dev && (dependency.name == "testkit" || !is_ours);
            if !is_known && !is_for_tests {
                findings.push(Finding {
                    path: path.clone(),
                    line: dependency.line,
                    what: format!("`{name}` knows `{}`", dependency.name),
                    remedy: match is_ours {
                        true => "pass what is needed through `model`, or let `rialto` wire it",
                        false => {
                            "do without, or add it to the list in \
                                  xtask/src/tidy/manifests.rs and say in the commit what it saves"
                        }
                    },
                });
            }
        }
    }
    findings
}

/// A version stands once, in the workspace.
pub fn one_version(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, manifest) in tree.crates() {
        for dependency in dependencies(&manifest.text).iter().filter(|known| !known.inherited) {
            findings.push(Finding {
                path: format!("{folder}/Cargo.toml"),
                line: dependency.line,
                what: format!("`{}` does not take its version from the workspace", dependency.name),
                remedy: "put the version under [workspace.dependencies] and write `workspace = true`",
            });
        }
    }
    findings
}

/// Every crate keeps the workspace's lints; a pure one has its own clippy.toml.
pub fn lints(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, manifest) in tree.crates() {
        let text: String = manifest.text.split_whitespace().collect();
        if !text.contains("[lints]workspace=true") {
            findings.push(Finding {
                path: format!("{folder}/Cargo.toml"),
                line: 0,
                what: "the workspace's lints are not kept".to_string(),
                remedy: "add `[lints]` with `workspace = true`",
            });
        }
    }
    let bans = tree.get(&format!("crates/{}/clippy.toml", PURE_CRATES[0]));
    for name in PURE_CRATES.iter().filter(|name| tree.has(&format!("crates/{name}/Cargo.toml"))) {
        let path = format!("crates/{name}/clippy.toml");
        let own = tree.get(&path);
        if own.is_none() || own.map(|source| &source.text) != bans.map(|source| &source.text) {
            findings.push(Finding {
                path,
                line: 0,
                what: "the bans of the pure crates are missing or differ".to_string(),
                remedy: "make it a link to ../model/clippy.toml",
            });
        }
    }
    findings
}
