//! Captures written on the spot: order, times, and what is refused.

use std::path::PathBuf;

use model::Time;

use super::{Capture, Recorded, time};

/// A folder of its own, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path =
            std::env::temp_dir().join(format!("rialto-capture-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        for (name, text) in files {
            std::fs::write(path.join(name), text).expect("a file");
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

const OPENED: &str = "wss://v/ <-> 3\nwss://v/ <- 4.5: say\n5: a: b\n";

#[test]
fn records_come_in_the_order_of_time_and_of_their_file() {
    let folder = Folder::with(
        "order",
        &[
            ("V.0", "https://v/first?x=1 -> 2.25: {}\nconfiguration: {}\n"),
            ("V.http.0.0", "https://v/a -> 4.9: A\n\nhttp://v -> 5.000001: B\n"),
            ("V.ws.1.0", OPENED),
            ("V.ws.1.1", "4.999: set back\n6: last\n"),
            ("README", "beside it"),
            ("V.ws.md", "beside it"),
        ],
    );
    let capture = Capture::read(&folder.0).expect("a capture");
    assert_eq!(capture.venue, "V");
    let fetched =
        |path: &str, body: &str| Recorded::Fetched { path: path.into(), body: body.into() };
    let all: Vec<(i64, Recorded)> =
        capture.records().iter().map(|record| (record.time.0, record.what.clone())).collect();
    let expected = [
        (2_250_000, fetched("/first?x=1", "{}")),
        (3_000_000, Recorded::Opened),
        (4_500_000, Recorded::Said("say".into())),
        (4_900_000, fetched("/a", "A")),
        (5_000_000, Recorded::Heard("a: b".into())),
        (5_000_000, Recorded::Heard("set back".into())),
        (5_000_001, fetched("/", "B")),
        (6_000_000, Recorded::Heard("last".into())),
    ];
    assert_eq!(all, expected);
    assert_eq!(capture.fetched().count(), 3);
    let error = capture.error(&capture.records()[5], "so".into()).to_string();
    assert!(error.ends_with("V.ws.1.1, line 1: so"), "{error}");
}

#[test]
fn what_is_no_capture_is_refused_with_its_place() {
    for (name, files, told) in [
        ("empty", &[][..], "one socket is wanted"),
        ("no-socket", &[("V.0", "")], "one socket is wanted"),
        ("sockets", &[("V.ws.1.0", OPENED), ("V.ws.2.0", OPENED)], "one socket is wanted"),
        ("venues", &[("V.ws.1.0", OPENED), ("W.0", "")], "V and W"),
        ("nothing", &[("V.ws.1.0", "")], "its files are empty"),
        ("time", &[("V.ws.1.0", "5: a\nx: b")], "V.ws.1.0, line 2: \"x\" is no time"),
        ("colon", &[("V.ws.1.0", "5 a")], "line 1: no time followed by a colon"),
        ("arrow", &[("V.ws.1.0", "wss://v/ 5: a")], "line 1: neither opened nor said"),
        ("answer", &[("V.ws.1.0", ""), ("V.0", "https://v/a: 5")], "V.0, line 1: an address"),
    ] {
        let folder = Folder::with(name, files);
        let error = Capture::read(&folder.0).expect_err(name).to_string();
        assert!(error.contains(told), "{name}: {error}");
    }
    let error = Capture::read(&PathBuf::from("/nowhere/at/all")).expect_err("no folder");
    assert!(error.to_string().contains("/nowhere/at/all: "), "{error}");
}

#[test]
fn times_are_exact_to_the_microsecond() {
    for (text, micros) in [
        ("1641343696.2410529", 1_641_343_696_241_052),
        ("1641343697.40338", 1_641_343_697_403_380),
        ("7", 7_000_000),
        ("253402300799.999999", 253_402_300_799_999_999),
    ] {
        assert_eq!(time(text), Ok(Time(micros)));
    }
    for text in ["", ".5", "5.", "-1", "1e9", " 1", "253402300800", "99999999999999999999", "1.5.5"]
    {
        time(text).expect_err(text);
    }
}
