//! The OpenAPI document: whole, kept in the project, and no other than what is served.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::served;

/// The operations of the document: method, path, operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("a document has paths");
    let each = |(path, item)| {
        let item: &Value = item;
        let methods = item.as_object().expect("a path has methods");
        let path: &String = path;
        methods.iter().map(move |(method, it)| (method.to_uppercase(), path.clone(), it))
    };
    paths.iter().flat_map(each).collect()
}

#[test]
fn the_copy_in_docs_is_what_is_served() {
    let (_served, [mut alice]) = served(["alice"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/rialto.json");
    if std::env::var_os("RIALTO_RENEW").is_some() {
        let text = alice.get("/openapi.json").with_status(200).text;
        std::fs::write(&path, text).expect("docs/openapi/rialto.json can be written");
    }
    let kept = std::fs::read_to_string(&path).expect("docs/openapi/rialto.json is there");
    let kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    assert!(
        kept == *alice.document(),
        "docs/openapi/rialto.json is not what is served; take it anew:\n  \
         RIALTO_RENEW=1 cargo test -p testkit --test house -- the_copy_in_docs"
    );
}

#[test]
fn the_document_is_whole() {
    let (_served, [alice]) = served(["alice"]);
    let document = alice.document();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().expect("split gives at least one");
        assert!(document.pointer(pointer).is_some(), "{pointer} is nowhere");
    }
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(document) {
        let id = operation["operationId"].as_str().expect("an operation has an id");
        assert!(ids.insert(id), "{id} is the id of two");
        for said in ["summary", "description"] {
            let is_said = operation[said].as_str().is_some_and(|it| !it.is_empty());
            assert!(is_said, "{method} {path} has no {said}");
        }
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path}");
    }
}

/// A page with something at the places of its parameters.
fn filled(path: &str) -> String {
    let path = path.strip_prefix("/rialto/v1").expect("all of it is there");
    path.replace("{instrument}", "BTC-USD").replace("{order}", "1").replace("{connection}", "1")
}

#[test]
fn every_operation_is_served_and_asks_for_a_key_where_the_document_says_so() {
    let (_served, [alice]) = served(["alice"]);
    let document = alice.document().clone();
    for (method, path, operation) in operations(&document) {
        let mut nobody = alice.another().always("Authorization", "");
        let told = nobody.ask(&method, &filled(&path), None);
        let needs_key = operation["security"][0].get("key").is_some();
        assert_eq!(told.head.status == 401, needs_key, "{method} {path}: {}", told.text);
        assert_ne!(told.head.status, 405, "{method} {path}");
    }
}

#[test]
fn the_parameters_of_a_query_are_those_of_the_document() {
    let (_served, [mut alice]) = served(["alice"]);
    let document = alice.document().clone();
    for (method, path, operation) in operations(&document) {
        if method == "POST" || method == "PUT" {
            continue;
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let documented: BTreeSet<&str> = parameters
            .iter()
            .filter(|it| it["in"] == "query")
            .map(|it| it["name"].as_str().expect("a parameter has a name"))
            .collect();
        let told = alice.ask(&method, &format!("{}?nonsense=1", filled(&path)), None);
        assert_eq!(told.clone().with_status(400).problem(), ("bad-parameter", Some("query")));
        // What is told lists the names there are, in backticks, after the one that there is not.
        let detail = told.body["detail"].as_str().expect("a text");
        let known: BTreeSet<&str> =
            detail.split('`').skip(1).step_by(2).filter(|name| *name != "nonsense").collect();
        assert_eq!(known, documented, "{method} {path}");
    }
}
