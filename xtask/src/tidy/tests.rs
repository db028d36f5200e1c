//! Each rule is seen to fail on what it forbids, and to be silent on what it allows; at the end the
//! project's own tree passes all of them.

use super::manifests::{Dependency, dependencies};
use super::rust::{self, Kind};
use super::tree::Tree;
use super::{Finding, RULES, long_files};

/// Runs one rule over a tree of (path, text) and compares the places it tells, as `path:line`.
fn check(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], expected: &[&str]) {
    let tree = Tree::of(files.iter().map(|(path, text)| (path.to_string(), text.to_string())));
    let mut findings = rule(&tree);
    findings.sort();
    let places: Vec<String> =
        findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect();
    assert_eq!(places, expected, "{findings:#?}");
    assert!(findings.iter().all(|finding| !finding.what.is_empty() && !finding.remedy.is_empty()));
}

/// A manifest with these lines under [dependencies].
fn manifest(dependencies: &str) -> String {
    format!("[package]\nname = \"x\"\n[lints]\nworkspace = true\n[dependencies]\n{dependencies}")
}

#[test]
fn the_project_is_tidy() {
    let tally = super::tally();
    assert_eq!(tally.failed, 0, "\n{}", tally.trouble.unwrap_or_default());
    assert_eq!(tally.passed as usize, RULES.len());
}

#[test]
fn acquaintance() {
    let rule = super::manifests::acquaintance;
    let check_one = |name: &str, lines: &str, expected: &[&str]| {
        check(rule, &[(&format!("crates/{name}/Cargo.toml"), &manifest(lines))], expected);
    };
    check_one("model", "", &[]);
    check_one("model", "serde.workspace = true", &["crates/model/Cargo.toml:6"]);
    check_one("model", "engine.workspace = true", &["crates/model/Cargo.toml:6"]);
    check_one("engine", "model.workspace = true\nhashbrown.workspace = true", &[]);
    check_one(
        "engine",
        "model.workspace = true\nviews.workspace = true",
        &["crates/engine/Cargo.toml:7"],
    );
    check_one("engine", "tokio = { workspace = true }", &["crates/engine/Cargo.toml:6"]);
    check_one("dialects", "serde_json = { workspace = true }\nmodel.workspace = true", &[]);
    check_one("edge", "tokio.workspace = true\ndialects.workspace = true", &[]);
    check_one("edge", "engine.workspace = true", &["crates/edge/Cargo.toml:6"]);
    check_one(
        "edge",
        "[target.'cfg(unix)'.dependencies]\nfeed.workspace = true",
        &["crates/edge/Cargo.toml:7"],
    );
    check_one("edge", "[dependencies.engine]\nworkspace = true", &["crates/edge/Cargo.toml:6"]);
    check_one(
        "edge",
        "other = { package = \"engine\", path = \"../engine\" }",
        &["crates/edge/Cargo.toml:6"],
    );
    check_one(
        "edge",
        "[dev-dependencies]\ntestkit.workspace = true\nproptest.workspace = true",
        &[],
    );
    check_one("edge", "testkit.workspace = true", &["crates/edge/Cargo.toml:6"]);
    check_one("edge", "[dev-dependencies]\nengine.workspace = true", &["crates/edge/Cargo.toml:7"]);
    check_one("rialto", "edge.workspace = true\nengine.workspace = true", &[]);
    check_one("rialto", "testkit.workspace = true", &["crates/rialto/Cargo.toml:6"]);
    check_one("shed", "", &["crates/shed/Cargo.toml:0"]);
}

#[test]
fn dependency_tables_are_read() {
    let text = "[dependencies]\na.workspace = true # b\n# c = \"1\"\nd = \"1\"\n[dependencies.e]\nworkspace = true\n\
                features = [\"x\"]\n[dev-dependencies]\nf = { workspace = true, features = [\"y\"] }\n[features]\ng = []\n";
    let row = |name, line, dev, inherited| Dependency { name, line, dev, inherited };
    let expected = [
        row("a", 2, false, true),
        row("d", 4, false, false),
        row("e", 5, false, true),
        row("f", 9, true, true),
    ];
    assert_eq!(dependencies(text), expected);
}

#[test]
fn one_version() {
    let rule = super::manifests::one_version;
    let lines = "serde = { workspace = true, features = [\"derive\"] }\nitoa = \"1\"\nslab = { version = \"0.4\" }";
    let place = "crates/dialects/Cargo.toml";
    check(rule, &[(place, &manifest(lines))], &[&format!("{place}:7"), &format!("{place}:8")]);
}

#[test]
fn lints() {
    let rule = super::manifests::lints;
    let bans = "disallowed-types = []\n";
    let good = manifest("");
    let house = |engine: &'static str| {
        [
            ("crates/model/Cargo.toml", good.as_str()),
            ("crates/model/clippy.toml", bans),
            ("crates/engine/Cargo.toml", good.as_str()),
            ("crates/engine/clippy.toml", engine),
        ]
    };
    check(rule, &house(bans), &[]);
    check(rule, &house("\n"), &["crates/engine/clippy.toml:0"]);
    check(rule, &house(bans)[..3], &["crates/engine/clippy.toml:0"]);
    check(
        rule,
        &[("crates/edge/Cargo.toml", "[package]\nname = \"edge\"\n")],
        &["crates/edge/Cargo.toml:0"],
    );
}

#[test]
fn purity() {
    let rule = super::pure::purity;
    let check_line = |line: &str, is_pure: bool| {
        let place = "crates/engine/src/lib.rs";
        let expected = [format!("{place}:2")];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let text = format!("//! The engine.\n{line}\n");
        check(rule, &[(place, &text)], if is_pure { &[] } else { &expected });
        check(rule, &[("crates/edge/src/lib.rs", &text)], &[]);
        check(rule, &[("crates/engine/src/tests.rs", &text)], &[]);
    };
    for impure in [
        "use std::net::TcpStream;",
        "use std::{fmt, fs};",
        "use std::{collections::{BTreeMap, HashMap}, fmt};",
        "use std::time::{Duration, Instant};",
        "use std::time::*;",
        "fn f() { let t = std::time::SystemTime::now(); }",
        "use std::collections::hash_map::Entry;",
        "fn f() { std::env::var(\"X\"); }",
        "fn f() { std::thread::yield_now(); }",
        "use std::sync::mpsc;",
        "fn f() { time::Instant::now(); }",
        "fn f(x: f64) {}",
        "const X: u8 = 1.5 as u8;",
        "const X: u8 = 1e3 as u8;",
        "fn f() { println!(\"x\"); }",
        "use std::hash::RandomState;",
    ] {
        check_line(impure, false);
    }
    for pure in [
        "use std::collections::{BTreeMap, VecDeque};",
        "use std::time::Duration;",
        "use hashbrown::HashMap;",
        "// f64 and std::fs are only words here",
        "/* std::net /* f32 */ f64 */",
        "const X: &str = \"f64 std::fs::read\";",
        "const X: &str = r#\"f64 \" 1.5\"#;",
        "fn f(x: (u8, (u8, u8))) { x.1.0; 1.max(2); 0..10; 1_000u64; 0xe5; 5usize; 0x1f64; }",
        "#[cfg(test)] mod tests { use std::time::Instant; fn f(x: f64) {} }",
        "#[cfg(test)] use std::{fs, net};",
        "fn f<'a>(x: &'a char) { let c = '\"'; let d = '\\''; let b = b'\"'; }",
    ] {
        check_line(pure, true);
    }
    let both = "//! x\n#[cfg(test)]\nfn a(x: f64) {}\nfn b(x: f32) {}\n#[cfg(not(test))]\nfn c(x: f32) {}\n";
    let place = "crates/views/src/lib.rs";
    check(rule, &[(place, both)], &[&format!("{place}:4"), &format!("{place}:6")]);
}

#[test]
fn a_module_for_tests_only_may_be_impure() {
    let rule = super::pure::purity;
    let slow = ("crates/engine/src/slow.rs", "//! x\nfn f(x: f64) {}\n");
    let manifest = ("crates/engine/Cargo.toml", "");
    let root = "crates/engine/src/lib.rs";
    check(rule, &[manifest, (root, "//! x\n#[cfg(test)]\nmod slow;\n"), slow], &[]);
    check(rule, &[manifest, (root, "//! x\nmod slow;\n"), slow], &["crates/engine/src/slow.rs:2"]);
}

const TWO_DIALECTS: [(&str, &str); 2] =
    [("crates/dialects/src/bitstamp/wire.rs", ""), ("crates/dialects/src/timex/wire.rs", "")];

#[test]
fn neighbours() {
    let rule = super::dialects::neighbours;
    let place = "crates/dialects/src/bitstamp/server.rs";
    let check_line = |line: &str, expected: &[&str]| {
        let [first, second] = TWO_DIALECTS;
        check(rule, &[first, second, (place, &format!("//! x\n{line}\n"))], expected);
    };
    check_line("use crate::frame::Frame;", &[]);
    check_line("// as timex does", &[]);
    check_line("const PATH: &str = \"/bitstamp\";", &[]);
    check_line("use crate::timex::wire::Push;", &[&format!("{place}:2")]);
    check_line("use super::super::{timex, frame};", &[&format!("{place}:2")]);
    check_line("const X: &str = include_str!(\"../timex/spec.md\");", &[&format!("{place}:2")]);
    check_line("#[cfg(test)] use crate::timex;", &[&format!("{place}:2")]);
}

#[test]
fn branches() {
    let rule = super::dialects::branches;
    let check_line = |place: &str, line: &str, expected: &[&str]| {
        let [first, second] = TWO_DIALECTS;
        check(rule, &[first, second, (place, &format!("//! x\n{line}\n"))], expected);
    };
    let session = "crates/edge/src/session.rs";
    check_line(session, "if dialect.name() == \"bitstamp\" {}", &[&format!("{session}:2")]);
    check_line(session, "match name { Name::Bitstamp => {} }", &[&format!("{session}:2")]);
    check_line(session, "use dialects::timex;", &[&format!("{session}:2")]);
    check_line(session, "if path.starts_with(\"/timex/socket\") {}", &[&format!("{session}:2")]);
    check_line(session, "// Bitstamp pings each 54 s.", &[]);
    check_line(session, "#[cfg(test)] mod tests { use dialects::timex; }", &[]);
    check_line("crates/edge/src/tests.rs", "use dialects::timex;", &[]);
    check_line("crates/rialto/src/run.rs", "use dialects::bitstamp;", &[]);
    check_line("crates/dialects/src/lib.rs", "pub mod bitstamp;", &[]);
    check_line(
        "crates/dialects/src/frame.rs",
        "fn bitstamp() {}",
        &["crates/dialects/src/frame.rs:2"],
    );
}

#[test]
fn same_files() {
    let rule = super::dialects::same_files;
    let folder = "crates/dialects/src";
    let files = |name: &str, except: &str, more: &str| -> Vec<(String, String)> {
        let usual = "mod.rs wire.rs channel.rs convert.rs document.rs server.rs http.rs client.rs spec.md transcripts/a.txt";
        let kept = usual.split(' ').filter(|file| *file != except).chain(more.split_whitespace());
        kept.map(|file| (format!("{folder}/{name}/{file}"), String::new())).collect()
    };
    let check_two =
        |first: Vec<(String, String)>, second: Vec<(String, String)>, expected: &[&str]| {
            let both: Vec<_> =
                first.iter().chain(&second).map(|(p, t)| (p.as_str(), t.as_str())).collect();
            check(rule, &both, expected);
        };
    check_two(files("a", "", ""), files("b", "", ""), &[]);
    check_two(files("a", "", "tests.rs"), files("b", "http.rs", "http/mod.rs"), &[]);
    check_two(files("a", "", ""), files("b", "http.rs", ""), &["crates/dialects/src/b:0"]);
    check_two(files("a", "", ""), files("b", "spec.md", ""), &["crates/dialects/src/b:0"]);
    check_two(files("a", "transcripts/a.txt", ""), vec![], &["crates/dialects/src/a:0"]);
    check_two(files("a", "", "tricks.rs"), files("b", "", ""), &["crates/dialects/src/b:0"]);
    check_two(files("a", "", "tricks.rs"), vec![], &[]);
    check_two(files("a", "", "private.rs private/sign.rs"), files("b", "", ""), &[]);
}

#[test]
fn orphans() {
    let rule = super::modules::orphans;
    let check_files = |files: &[(&str, &str)], expected: &[&str]| {
        let named: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("crates/a/{path}"), *text)).collect();
        let mut all: Vec<(&str, &str)> =
            named.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        all.push(("crates/a/Cargo.toml", "[[bin]]\nname = \"x\"\npath = \"other/main.rs\"\n"));
        check(rule, &all, expected);
    };
    check_files(
        &[
            ("src/lib.rs", "mod b;\nmod c;"),
            ("src/b.rs", "mod d;"),
            ("src/b/d.rs", ""),
            ("src/c/mod.rs", "mod e;"),
            ("src/c/e.rs", ""),
        ],
        &[],
    );
    check_files(&[("src/lib.rs", "// mod b;"), ("src/b.rs", "")], &["crates/a/src/b.rs:0"]);
    check_files(
        &[("src/lib.rs", "mod b;"), ("src/b.rs", ""), ("src/d.rs", "")],
        &["crates/a/src/d.rs:0"],
    );
    check_files(&[("src/lib.rs", "mod b { pub mod c; }"), ("src/b/c.rs", "")], &[]);
    check_files(&[("src/lib.rs", "mod b { fn f() {} } pub(crate) mod c;"), ("src/c.rs", "")], &[]);
    check_files(
        &[("src/lib.rs", "#[path = \"odd/name.rs\"]\nmod b;"), ("src/odd/name.rs", "")],
        &[],
    );
    check_files(&[("src/lib.rs", "include!(\"made.rs\");"), ("src/made.rs", "")], &[]);
    check_files(
        &[
            ("src/main.rs", "mod b;"),
            ("src/b.rs", ""),
            ("src/bin/echo.rs", ""),
            ("src/bin/two/main.rs", ""),
        ],
        &[],
    );
    check_files(
        &[
            ("tests/all.rs", "mod laws;"),
            ("tests/laws/mod.rs", ""),
            ("build.rs", ""),
            ("other/main.rs", ""),
        ],
        &[],
    );
}

#[test]
fn module_docs() {
    let rule = super::modules::module_docs;
    check(
        rule,
        &[
            ("a.rs", "//! The words.\nfn f() {}\n"),
            ("b.rs", "\n//! Late, but first.\n"),
            ("b/tests.rs", ""),
        ],
        &[],
    );
    check(
        rule,
        &[("a.rs", "// The words.\n"), ("b.rs", "//!\n"), ("c.rs", "")],
        &["a.rs:1", "b.rs:1", "c.rs:1"],
    );
}

#[test]
fn expectations() {
    let rule = super::bans::expectations;
    let bad = "#[allow(dead_code)]\n#![allow(dead_code)]\n#[cfg_attr(test, allow(x))]\n#[expect(dead_code)]\nfn f() {}\n";
    check(rule, &[("a.rs", bad)], &["a.rs:1", "a.rs:2", "a.rs:3", "a.rs:4"]);
    let good = "#[expect(dead_code, reason = \"read by the console\")]\nfn f() { x.allow(1); x.expect(\"y\"); }\n\
                // #[allow(x)]\n#[doc = \"allow(x)\"]\nfn g() {}\n";
    check(rule, &[("a.rs", good)], &[]);
}

#[test]
fn unfinished() {
    let rule = super::bans::unfinished;
    let bad = "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\nfn c() { dbg!(1); }\n";
    check(rule, &[("a.rs", bad)], &["a.rs:1", "a.rs:2", "a.rs:3"]);
    check(
        rule,
        &[("a.rs", "// dbg!(x)\nfn todo() { let x = \"todo!()\"; unreachable!() }\n")],
        &[],
    );
}

#[test]
fn ignored_tests() {
    let rule = super::bans::ignored_tests;
    check(rule, &[("a.rs", "#[test]\n#[ignore]\nfn a() {}\n")], &["a.rs:2"]);
    check(
        rule,
        &[("a.rs", "#[test]\n#[ignore = \"an hour; xtask test --long runs it\"]\nfn a() {}\n")],
        &[],
    );
}

#[test]
fn words() {
    let rule = super::text::words;
    let check_line = |path: &str, line: &str, is_good: bool| {
        let place = format!("{path}:2");
        let expected = [place.as_str()];
        check(rule, &[(path, &format!("x\n{line}\n"))], if is_good { &[] } else { &expected });
    };
    // Split, so that this file passes the rule it tests.
    for word in [
        concat!("see /wo", "rk/notes"),
        concat!("in /ho", "me/me"),
        concat!("// TO", "DO: later"),
        concat!("// FIX", "ME"),
        concat!("good enough for ", "now."),
        concat!("For ", "now it waits"),
        concat!("Issue ", "#12"),
        concat!("Co-Auth", "ored-By: x"),
    ] {
        check_line("docs/a.md", word, false);
        check_line("crates/edge/src/a.rs", word, false);
        check_line("crates/edge/data/a.toml", word, true);
        check_line("Cargo.lock", word, true);
    }
    for word in ["the network/ is", "for nowhere", "a todo list", "issue a frame"] {
        check_line("docs/a.md", word, true);
    }
}

#[test]
fn whitespace() {
    let rule = super::text::whitespace;
    check(
        rule,
        &[("a.md", "one \ntwo\r\n\tthree\nfour")],
        &["a.md:0", "a.md:1", "a.md:2", "a.md:3"],
    );
    check(rule, &[("a.md", "one\n\ntwo\n"), ("b.md", ""), ("data/c.md", "x \n")], &[]);
}

#[test]
fn long_files_are_listed() {
    let text = "x\n".repeat(501);
    let tree = Tree::of([("a.rs".to_string(), text), ("b.rs".to_string(), "x\n".repeat(500))]);
    assert_eq!(long_files(&tree), [("a.rs", 501)]);
}

#[test]
fn a_finding_says_what_where_and_what_to_do() {
    let mut finding =
        Finding { path: "a.rs".into(), line: 7, what: "`x`".into(), remedy: "take it out" };
    assert_eq!(finding.to_string(), "a.rs:7: `x`; take it out");
    finding.line = 0;
    assert_eq!(finding.to_string(), "a.rs: `x`; take it out");
}

#[test]
fn tokens_know_their_kind_and_line() {
    let source = "#!/usr/bin/env x\nfn f<'a>() { // c\n 'b'; '\\n'; \"s\\\"\n\"; r#\"\n\"# 1.5e-3 2..3 x.0.1 br\"\\\" }";
    let seen: Vec<(Kind, &str, u32)> =
        rust::tokens(source).iter().map(|token| (token.kind, token.text, token.line)).collect();
    for expected in [
        (Kind::Lifetime, "'a", 2),
        (Kind::Char, "'b'", 3),
        (Kind::Char, "'\\n'", 3),
        (Kind::Text, "\"s\\\"\n\"", 3),
        (Kind::Text, "r#\"\n\"#", 4),
        (Kind::Float, "1.5e-3", 5),
        (Kind::Integer, "3", 5),
        (Kind::Integer, "1", 5),
        (Kind::Text, "br\"\\\"", 5),
        (Kind::Mark, "}", 5),
    ] {
        assert!(seen.contains(&expected), "{expected:?} is not among {seen:?}");
    }
    assert!(!seen.iter().any(|(_, text, _)| *text == "c" || *text == "env"));
}

#[test]
fn use_trees_are_spread_out() {
    let tokens = rust::tokens("use a::{b, c::{self, d as e}, f::*}; pub use g; h::i::<J>::k()");
    let paths: Vec<String> =
        rust::paths(&tokens).iter().map(|path| path.segments.join("::")).collect();
    assert_eq!(paths, ["a::b", "a::c::self", "a::c::d", "a::f::*", "g", "h::i"]);
}

#[test]
fn book() {
    let rule = super::book::summary;
    let summary = |text: &'static str| ("docs/SUMMARY.md", text);
    check(rule, &[("docs/a.md", "# A")], &[]);
    check(
        rule,
        &[summary("- [A](a.md)\n- [B](b/c.md)\n"), ("docs/a.md", ""), ("docs/b/c.md", "")],
        &[],
    );
    check(
        rule,
        &[summary("- [A](a.md)\n"), ("docs/a.md", ""), ("docs/b.md", "")],
        &["docs/b.md:0"],
    );
    check(
        rule,
        &[summary("- [A](a.md)\n- [A](a.md)\n"), ("docs/a.md", "")],
        &["docs/SUMMARY.md:2"],
    );
}

#[test]
fn links() {
    let rule = super::book::linked;
    let page = |text: &'static str| ("docs/a.md", text);
    let b = "# B's `x`: one\n```\n# not\n```\n## The `other_two` of b\n";
    let there = [("README.md", ""), ("docs/b.md", b), ("deploy/unit", "")];
    let with = |page: (&'static str, &'static str)| [&[page][..], &there].concat();
    check(
        rule,
        &with(page(
            "[b](b.md#bs-x-one) [up](../README.md) [folder](../deploy/) [far](https://x.y)",
        )),
        &[],
    );
    check(
        rule,
        &with(page("## Above\n[here](#above) `[no](link.md)`\n```\n[nor](this.md)\n```")),
        &[],
    );
    check(rule, &with(page("fine\n[gone](c.md) and [b](b.md)")), &["docs/a.md:2"]);
    check(rule, &with(page("[b](docs/b.md)")), &["docs/a.md:1"]);
    check(rule, &with(page("fine\n[b](b.md#x)")), &["docs/a.md:2"]);
    check(rule, &with(page("[b](b.md#the-other_two-of-b) [b](b.md#not)")), &["docs/a.md:1"]);
    check(rule, &with(page("# Here\n\n[here](#there)")), &["docs/a.md:3"]);
    check(rule, &with(page("[out](../../elsewhere)")), &["docs/a.md:1"]);
}
