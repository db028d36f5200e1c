//! What lies in `deploy/` fits the binary: the dashboard asks for metrics that there are, the unit starts a command that
//! there is. Tests only.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use edge::goodbye::Goodbyes;
use edge::metrics::Counters;

use crate::cli::{Cli, Command};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let text = read("grafana.json");
    let _whole: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let page = edge::prometheus::page(
        &Arc::new(Counters::default()),
        &Arc::new(Goodbyes::new(1)),
        None,
        None,
    );
    let served: BTreeSet<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let asked: BTreeSet<&str> = text
        .match_indices("rialto_")
        .filter(|&(at, _)| !text[..at].ends_with(word))
        .map(|(at, _)| text[at..].split(|letter| !word(letter)).next().unwrap_or_default())
        .collect();
    assert!(asked.len() > 20, "{asked:?}");
    let unknown: Vec<_> = asked.difference(&served).collect();
    assert!(unknown.is_empty(), "nothing serves {unknown:?}");
}

#[test]
fn the_unit_and_the_container_start_what_there_is() {
    let unit = read("rialto.service");
    let line =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let container = read("Containerfile");
    let words =
        container.lines().find_map(|line| line.strip_prefix("CMD ")).expect("it runs something");
    let words: Vec<String> = serde_json::from_str(words).expect("in the form of a list");
    let unit_words = line.split_whitespace().map(str::to_owned);
    let contained = std::iter::once("rialto".to_owned()).chain(words);
    for words in [unit_words.collect::<Vec<_>>(), contained.collect()] {
        let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let Some(Command::Serve(serve)) = cli.command else { panic!("{words:?} does not serve") };
        assert!(serve.keeps() && serve.data.is_some(), "{words:?} keeps nothing, or anywhere");
    }
}
