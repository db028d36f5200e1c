//! However deep a stranger nests what a dialect reads, it is read in a bounded depth of calls: a stack that overflows ends
//! the whole process.
//!
//! Each message that a client says in a transcript is said again with one of its members nested as deep as a message may be
//! long: in objects under its own name, in lists of those, and in plain lists. Threads of tests have two megabytes of stack,
//! as loops have.

use std::collections::BTreeSet;

use dialects::{Credential, Login, Standing, Visitor};
use model::AccountId;
use serde_json::Value;
use testkit::transcript::Setup;

use super::transcripts::{DIALECTS, dialect, transcripts};

const HERE: &str = "\"@nested@\"";
/// A message needs no more than this to overflow what calls itself.
const BYTES_MAX: usize = 96 * 1_024;

/// Where the members of a message stand, each with its name.
fn members(value: &Value, at: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(inside) => {
            for (name, member) in inside {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push((at.clone(), name.clone()));
                members(member, &at, found);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate().take(1) {
                members(item, &format!("{at}/{place}"), found);
            }
        }
        _ => {}
    }
}

/// Something nested as deep as so many bytes allow.
fn nested(opens: &str, closes: &str, bytes_max: usize) -> String {
    let depth = bytes_max / (opens.len() + closes.len());
    format!("{}1{}", opens.repeat(depth), closes.repeat(depth))
}

/// Says a message in all of these ways to a dialect; returns how many that were.
fn say(name: &str, message: &Value) -> usize {
    let dialect = dialect(name, &Setup::default());
    let holder = Credential {
        account: AccountId(1),
        secret: Vec::new(),
        may_trade: true,
        instruments: None,
        quotes: None,
        blocked: false,
    };
    let login = Login { key: "key".into(), holder, standing: Standing::Good };
    let bytes_max = dialect.manners().message_bytes_max.min(BYTES_MAX);
    let mut found = Vec::new();
    members(message, "", &mut found);
    let mut said = 0;
    for (at, member) in found {
        let mut holed = message.clone();
        *holed.pointer_mut(&at).expect("it was found there") = Value::from("@nested@");
        let holed = holed.to_string();
        let room = bytes_max.saturating_sub(holed.len());
        let object = format!("{{\"{member}\":");
        for (opens, closes) in
            [(&*object, "}"), (&*format!("[{object}"), "}]"), ("[", "]"), ("{\"a\":", "}")]
        {
            let text = holed.replacen(HERE, &nested(opens, closes, room), 1);
            for login in [None, Some(&login)] {
                let visitor = Visitor { login, ..Visitor::STRANGER };
                let mut requests = Vec::new();
                dialect.decode(text.as_bytes(), &visitor, &mut requests);
                assert!(!requests.is_empty(), "{name} says nothing to {at} nested");
                said += 1;
            }
        }
    }
    said
}

#[test]
fn what_is_nested_without_end_is_answered() {
    for name in DIALECTS {
        // One message of each shape: the same members at the same places, doing the same.
        let mut shapes = BTreeSet::new();
        let mut said = 0;
        for text in transcripts(name).values() {
            let messages = text.lines().filter_map(|line| line.strip_prefix("> "));
            for message in messages.filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
                let mut places = Vec::new();
                members(&message, "", &mut places);
                let does = ["event", "method", "type", "action", "stream"]
                    .map(|it| message[it].to_string());
                if shapes.insert((places, does)) {
                    said += say(name, &message);
                }
            }
        }
        println!("{name}: {} shapes, said in {said} ways", shapes.len());
        assert!(said > 50, "only {said} ways of {name}");
    }
}
