//! The pure crates: no input, no output, no clock, no float, no order by chance. Clippy bans the
//! same by type; this also sees names that clippy does not resolve, and needs no compiler.

use super::Finding;
use super::manifests::PURE_CRATES;
use super::rust::{self, Kind};
use super::tree::Tree;

/// Where the standard library touches the world. A path is banned when it begins with one of these.
const WORLD: [(&[&str], &str); 16] = [
    (&["net"], "touches the network"),
    (&["fs"], "touches the disk"),
    (&["thread"], "starts or looks at threads"),
    (&["env"], "reads the environment"),
    (&["process"], "starts or ends processes"),
    (&["os"], "touches the system"),
    (&["sync", "mpsc"], "passes between threads"),
    (&["time", "Instant"], "reads a clock"),
    (&["time", "SystemTime"], "reads a clock"),
    (&["time", "UNIX_EPOCH"], "reads a clock"),
    (&["time", "*"], "may read a clock"),
    (&["collections", "HashMap"], "is ordered by chance"),
    (&["collections", "HashSet"], "is ordered by chance"),
    (&["collections", "hash_map"], "is ordered by chance"),
    (&["collections", "*"], "brings what is ordered by chance"),
    (&["hash", "RandomState"], "is seeded by chance"),
];

const PRINTS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

const REMEDY: &str = "take time, randomness and bytes as arguments, use scaled integers, and \
                      BTreeMap, a sorted Vec or hashbrown with a fixed seed";

/// Everything impure outside tests.
pub fn purity(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in PURE_CRATES {
        let folder = format!("crates/{name}");
        for (path, source) in tree.rust_under(&folder) {
            let mut found = |line, what| {
                findings.push(Finding { path: path.to_string(), line, what, remedy: REMEDY });
            };
            let tokens = source.tokens();
            for path in rust::paths(&tokens).iter().filter(|path| !path.test) {
                if let Some(why) = world(&path.segments) {
                    found(path.line, format!("`{}` {why}", path.segments.join("::")));
                }
            }
            for (at, token) in tokens.iter().enumerate().filter(|(_, token)| !token.test) {
                let word = token.kind == Kind::Word;
                if token.kind == Kind::Float || word && ["f32", "f64"].contains(&token.text) {
                    found(token.line, format!("`{}` is a float", token.text));
                }
                let is_macro = tokens.get(at + 1).is_some_and(|next| next.is("!"));
                if word && is_macro && PRINTS.contains(&token.text) {
                    found(token.line, format!("`{}!` writes to the terminal", token.text));
                }
            }
        }
    }
    findings
}

/// Why a path is banned. `std::time::Instant::now`, and `time::Instant` after `use std::time`.
fn world(segments: &[&str]) -> Option<&'static str> {
    let banned = |rest: &[&str]| WORLD.iter().find(|(path, _)| rest.starts_with(path));
    let ban = match segments {
        ["std" | "core" | "alloc", rest @ ..] => banned(rest),
        rest => banned(rest).filter(|(path, _)| path.len() > 1 && path[1] != "*"),
    };
    ban.map(|(_, why)| *why)
}
