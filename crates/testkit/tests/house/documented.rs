//! What machines are told of each dialect: kept in the project, whole, and no other than what is on the wire.
//!
//! Every message of every transcript, and every frame of a market that is played, is held against the documents; and
//! everything that the documents know of has to be seen.

mod live;
mod seen;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use testkit::served;
use testkit::transcript::Setup;

use crate::transcripts::{DIALECTS, dialect};
use seen::Seen;

/// The documents of a dialect: AsyncAPI, and OpenAPI if it has an HTTP half.
fn texts(name: &str) -> Vec<(&'static str, String)> {
    let documents = dialect(name, &Setup::default()).documents().expect("it is documented");
    let asyncapi = ("asyncapi", documents.asyncapi.document());
    let openapi = documents.openapi.map(|it| ("openapi", it.document()));
    [asyncapi].into_iter().chain(openapi).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a document is JSON")
}

#[test]
fn the_documents_kept_are_those_that_are_served() {
    let renews = std::env::var_os("RIALTO_RENEW").is_some();
    for name in DIALECTS {
        for (kind, text) in texts(name) {
            let file = format!("docs/{kind}/{name}.json");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&file);
            if renews {
                std::fs::write(&path, &text).expect("the project can be written to");
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == text,
                "{file} is not what is served; renew it, and read what changed:\n  \
                 RIALTO_RENEW=1 cargo test -p testkit --test house -- documents_kept"
            );
        }
    }
}

#[test]
fn documents_lie_below_docs_for_those_that_are_served() {
    for name in DIALECTS {
        let mut setup = served::Setup::bitstamp();
        setup.dialect = dialect(name, &Setup::default()).into();
        let served = setup.serve();
        let ask = |method: &str, path: &str| {
            let mut line = served.line();
            line.send(format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
            line.answer().expect("an answer")
        };
        let texts = texts(name);
        for (kind, text) in &texts {
            let (head, body) = ask("GET", &format!("/docs/{kind}/{name}.json"));
            assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
            assert!(body == *text, "{kind} of {name}");
            assert_eq!(ask("POST", &format!("/docs/{kind}/{name}.json")).0.status, 405);
            assert_eq!(ask("GET", &format!("/docs/{kind}/parrot.json")).0.status, 404);
            assert_eq!(ask("GET", &format!("/docs/{kind}/{name}")).0.status, 404);
        }
        if texts.len() == 1 {
            assert_eq!(ask("GET", &format!("/docs/openapi/{name}.json")).0.status, 404);
        }
    }
}

#[test]
fn the_documents_are_whole() {
    for name in DIALECTS {
        for (kind, text) in texts(name) {
            let document = parsed(&text);
            for part in text.split("\"$ref\": \"#").skip(1) {
                let pointer = part.split('"').next().expect("split gives at least one");
                assert!(
                    document.pointer(pointer).is_some(),
                    "{kind} of {name}: {pointer} is nowhere"
                );
            }
            for schema in members(&document["components"]["schemas"]) {
                let pointer = format!("\"#/components/schemas/{schema}\"");
                assert!(text.contains(&pointer), "{kind} of {name}: nothing is made of {schema}");
            }
            if kind == "asyncapi" {
                assert_whole(name, &document);
            }
        }
    }
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Every message is on a channel and in an operation, and is explained and shown.
fn assert_whole(name: &str, document: &Value) {
    assert_eq!(document["asyncapi"], "3.0.0");
    let mut told = BTreeSet::new();
    for (id, operation) in document["operations"].as_object().expect("operations") {
        let channel = operation["channel"]["$ref"].as_str().expect("a channel");
        for said in seen::messages_of(operation) {
            assert!(said.starts_with(&format!("{channel}/")), "{name}: {id} is on another channel");
            told.insert(said.rsplit('/').next().expect("it ends with a name").to_owned());
        }
    }
    for (id, message) in document["components"]["messages"].as_object().expect("messages") {
        assert!(told.contains(id), "{name}: nobody says {id}");
        for word in ["title", "summary"] {
            assert!(message[word].as_str().is_some_and(|it| !it.is_empty()), "{name}: {id} {word}");
        }
        let examples = message["examples"].as_array().expect("examples");
        assert!(!examples.is_empty(), "{name}: {id} has no example");
    }
    for (id, channel) in document["channels"].as_object().expect("channels") {
        let address = channel["address"].as_str().unwrap_or_default();
        let in_braces = address.split('{').skip(1).filter_map(|it| it.split('}').next());
        let named: BTreeSet<&str> = in_braces.collect();
        let explained: BTreeSet<&str> = members(&channel["parameters"]).into_iter().collect();
        assert_eq!(named, explained, "{name}: parameters of {id}");
    }
}

#[test]
fn all_that_is_said_is_documented_and_all_that_is_documented_is_said() {
    for name in DIALECTS {
        let texts = texts(name);
        let mut seen = Seen::new(name, parsed(&texts[0].1), texts.get(1).map(|it| parsed(&it.1)));
        seen.read_transcripts();
        seen.check_examples();
        live::play(name, 1, &mut seen);
        seen.check_nothing_is_dead();
        println!("{name}: {seen}");
    }
}
