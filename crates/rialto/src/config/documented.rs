//! The configuration as it is described: `deploy/rialto.toml` has every option that is read, each as its default or said to have none,
//! and `docs/configuration.md` is made of that file. Tests only.
//!
//! Which options there are is asked of the reader itself: it names them when it refuses one that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Config;

/// A table of the example, as it stands there.
#[derive(Debug)]
struct Section {
    /// Its path, such as `instrument.crowd`.
    name: String,
    /// Whether it is one of a list.
    listed: bool,
    /// What is said of it.
    about: String,
    /// Whether it stands behind a `#`.
    is_left_out: bool,
    options: Vec<Written>,
}

/// An option of the example.
#[derive(Debug)]
struct Written {
    key: String,
    value: String,
    about: String,
    is_left_out: bool,
    /// The number of its line, from 0.
    line: usize,
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn example() -> String {
    std::fs::read_to_string(place("deploy/rialto.toml")).expect("it is there")
}

/// Reads a line as a heading: its name, and whether it is one of a list.
fn heading(line: &str) -> Option<(&str, bool)> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let listed = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let name = listed.unwrap_or(inner);
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
    is_name.then_some((name, listed.is_some()))
}

/// Reads a line as an option.
fn option(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_key && !key.is_empty()).then_some((key, value))
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut about = String::new();
    for (number, whole) in text.lines().enumerate() {
        let quoted = whole.strip_prefix("# ");
        let line = quoted.unwrap_or(whole);
        if let Some((name, listed)) = heading(line) {
            sections.push(Section {
                name: name.to_owned(),
                listed,
                about: std::mem::take(&mut about),
                is_left_out: quoted.is_some(),
                options: Vec::new(),
            });
            continue;
        }
        // In a table that is left out an option is behind one sign more.
        let is_out = sections.last().is_some_and(|section| section.is_left_out);
        let inner = if is_out { line.strip_prefix("# ") } else { quoted };
        let found = match inner {
            Some(inner) => option(inner).map(|found| (found, true)),
            None => option(line).map(|found| (found, false)),
        };
        match (found, quoted, sections.last_mut()) {
            (Some(((key, value), is_left_out)), _, Some(section)) => {
                section.options.push(Written {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    about: std::mem::take(&mut about),
                    is_left_out,
                    line: number,
                })
            }
            (None, Some(words), _) => {
                let blank = if about.is_empty() { "" } else { " " };
                let _ = write!(about, "{blank}{words}");
            }
            // What is said of the whole file ends with an empty line or sign.
            _ => about.clear(),
        }
    }
    // A table of a list that is there once more shows what it may hold, and is explained where it is first.
    let mut names = BTreeSet::new();
    sections.retain(|section| names.insert(section.name.clone()));
    sections
}

/// The options that the reader knows where this stands before them, by asking for one that it cannot know.
fn known(before: &str) -> Option<Vec<String>> {
    let error = Config::read("probe", &format!("{before}no_such_option = 1\n")).err()?;
    let expected = error.message.split_once("unknown field `no_such_option`, expected ")?.1;
    Some(expected.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// All tables and their options. A table is known by knowing options of its own.
fn all_known() -> BTreeMap<String, BTreeSet<String>> {
    let mut tables = BTreeMap::new();
    let mut asked = vec![(String::new(), String::new())];
    while let Some((table, before)) = asked.pop() {
        let mut options = BTreeSet::new();
        for name in known(&before).expect("it is a table") {
            let path = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
            // A list of tables within a table is written as a value.
            let listed = table.is_empty().then(|| format!("{before}[[{path}]]\n"));
            let mut headings = [format!("{before}[{path}]\n")].into_iter().chain(listed);
            match headings.find(|heading| known(heading).is_some()) {
                Some(heading) => asked.push((path, heading)),
                None => drop(options.insert(name)),
            }
        }
        tables.insert(table, options);
    }
    tables
}

/// The text without a sign before the lines that these sections and options have.
fn with(text: &str, is_meant: impl Fn(usize, &str) -> bool) -> String {
    let line = |(number, line): (usize, &str)| match line.strip_prefix("# ") {
        Some(inner) if is_meant(number, inner) => inner.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().enumerate().map(|it| line(it) + "\n").collect()
}

fn without(text: &str, left_out: usize) -> String {
    let lines = text.lines().enumerate().filter(|(number, _)| *number != left_out);
    lines.map(|(_, line)| format!("{line}\n")).collect()
}

/// What is so of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is what is so without it.
    Default,
    /// There is no default, and it may be left out.
    None,
    /// There is no default, and it may not.
    Required,
}

/// How each option stands, by table and key.
///
/// # Panics
/// If it stands otherwise in the example.
fn standings(text: &str) -> BTreeMap<(String, String), Standing> {
    let read = |text: &str| {
        let mut config = Config::read("the example", text)?;
        // Of pairs no order is meant.
        config.finazon.datasets.sort();
        config.finazon.feeds.sort();
        Ok::<_, super::ConfigError>(config)
    };
    let base = read(text).expect("the example is in order");
    let mut standings = BTreeMap::new();
    for section in &sections(text) {
        let lines: BTreeSet<usize> = section.options.iter().map(|option| option.line).collect();
        let is_heading = |line: &str| heading(line) == Some((&section.name, section.listed));
        // A table that is left out is looked at as it would be if it were not.
        let text = if section.is_left_out {
            with(text, |number, line| lines.contains(&number) || is_heading(line))
        } else {
            text.to_owned()
        };
        let base = if section.is_left_out {
            let there = read(&text).unwrap_or_else(|error| panic!("[{}]: {error}", section.name));
            assert!(there != base, "[{}] says nothing new: let it stand", section.name);
            there
        } else {
            base.clone()
        };
        for option in &section.options {
            let name = format!("{} under [{}]", option.key, section.name);
            let standing = if option.is_left_out {
                let beside = |other| read(&with(&text, |at, _| at == option.line || at == other));
                // One that needs another is looked at with whichever of its table that is, else with all of it.
                let pair = |_| lines.iter().find_map(|&other| beside(other).ok()).ok_or(());
                let there = beside(option.line).or_else(pair);
                let there = there.or_else(|()| read(&with(&text, |line, _| lines.contains(&line))));
                let there = there.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(there != base, "{name} is written as its default: let it stand");
                Standing::None
            } else {
                match read(&without(&text, option.line)) {
                    // Of many instruments none is the usual one.
                    Ok(without) if section.listed && without != base => Standing::None,
                    Ok(without) => {
                        assert!(without == base, "{name} is not written as its default");
                        Standing::Default
                    }
                    Err(_) => Standing::Required,
                }
            };
            standings.insert((section.name.clone(), option.key.clone()), standing);
        }
    }
    standings
}

#[test]
fn the_example_has_every_option_that_is_read_and_each_default() {
    let text = example();
    let known = all_known();
    assert!(known.len() > 10 && known["limits"].len() > 5, "{known:?}");
    let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for section in sections(&text) {
        assert!(
            section.options.iter().all(|it| !it.about.is_empty()),
            "{section:?} is not explained"
        );
        let keys = section.options.into_iter().map(|option| option.key).collect();
        written.insert(section.name, keys);
    }
    for (table, options) in &known {
        let there = written.remove(table).unwrap_or_default();
        let missing: Vec<_> = options.difference(&there).collect();
        assert!(
            missing.is_empty(),
            "deploy/rialto.toml has no {missing:?} under [{table}]: add each with its default (or behind a # if it has none) and \
             what it does"
        );
        let unread: Vec<_> = there.difference(options).collect();
        assert!(unread.is_empty(), "nothing reads {unread:?} under [{table}]");
    }
    assert!(written.is_empty(), "nothing reads {written:?}");
    let standings = standings(&text);
    let of = |table: &str, key: &str| standings[&(table.to_owned(), key.to_owned())];
    assert_eq!(of("server", "listen"), Standing::Default);
    assert_eq!(of("tls", "plain"), Standing::Default);
    assert_eq!(of("tls", "key"), Standing::Required);
    assert_eq!(of("journal", "keep_days"), Standing::None);
}

/// The page of the configuration.
fn page(text: &str) -> String {
    let standings = standings(text);
    let mut page = String::from(
        "# Configuration\n\n`rialto serve` reads `./rialto.toml`, or the file that `--config` names; without either it runs the demo. \
         Options of the command line come first. What is wrong in a file is told with its line and column, and an option that does \
         not exist is wrong. Numbers that must be exact stand in quotes. The whole as a file to start from is \
         [deploy/rialto.toml](../deploy/rialto.toml), of which this page is made.\n",
    );
    for section in sections(text) {
        let (left, right) = if section.listed { ("[[", "]]") } else { ("[", "]") };
        let _ = write!(page, "\n## `{left}{}{right}`\n\n", section.name);
        if !section.about.is_empty() {
            let _ = write!(page, "{}\n\n", section.about);
        }
        page += "| option | default | what it does |\n|---|---|---|\n";
        for option in section.options {
            let value = format!("`{}`", option.value);
            let default = match standings[&(section.name.clone(), option.key.clone())] {
                Standing::Default => value,
                Standing::None => format!("none; such as {value}"),
                Standing::Required => format!("must be said; such as {value}"),
            };
            let _ = writeln!(page, "| `{}` | {default} | {} |", option.key, option.about);
        }
    }
    page
}

#[test]
fn the_page_of_the_configuration_is_made_of_the_example() {
    let made = page(&example());
    let path = place("docs/configuration.md");
    if std::env::var_os("RIALTO_RENEW").is_some() {
        std::fs::write(&path, &made).expect("it can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/configuration.md is not what deploy/rialto.toml says; make it anew:\n\
         RIALTO_RENEW=1 cargo test -p rialto --bin rialto documented"
    );
}
