//! Holds an answer against the OpenAPI document.

use serde_json::Value;

use super::Told;
use crate::schema::check;

/// Checks an answer's status, type and body.
pub fn check_answer(document: &Value, method: &str, path: &str, told: &Told) {
    let operation = operation(document, method, path);
    let status = told.head.status.to_string();
    // What is no page of the document is refused as its pages refuse.
    let Some(operation) = operation else {
        assert!(told.head.status >= 400, "{method} {path} is in no document: {}", told.text);
        let problem = serde_json::json!({"$ref": "#/components/schemas/Problem"});
        return assert_valid(document, &problem, told);
    };
    let responses = &operation["responses"];
    let response = responses.get(&status).unwrap_or(&responses["default"]);
    let is_error = responses.get(&status).is_none();
    assert_eq!(is_error, told.head.status >= 400, "{method} {path}: {status} {}", told.text);
    let kind = told.head.header("content-type").expect("an answer has a type");
    let schema = &response["content"][kind]["schema"];
    assert!(schema.is_object(), "{method} {path} may not answer {status} with {kind}");
    assert_valid(document, schema, told);
}

fn assert_valid(document: &Value, schema: &Value, told: &Told) {
    if let Err(error) = check(document, schema, &told.body, "") {
        panic!("{error} in {}", told.text);
    }
}

/// The operation that a request means.
fn operation<'d>(document: &'d Value, method: &str, path: &str) -> Option<&'d Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let paths = document["paths"].as_object().expect("a document has paths");
    // A fixed path goes before one with parameters.
    let exact = paths
        .get(path)
        .or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item));
    exact?.get(method.to_ascii_lowercase())
}
