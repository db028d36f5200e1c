//! Holds an answer against an OpenAPI document: the part of JSON Schema that the document uses, and no more. A word
//! that it does not know is a failure, as is a field that the document does not name.

use serde_json::Value;

use super::Told;

/// Words that say nothing of what is valid.
const ANNOTATIONS: [&str; 7] =
    ["description", "example", "default", "title", "propertyNames", "readOnly", "deprecated"];

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

/// Whether a value is what a schema says.
pub fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |why: String| Err(format!("{at}: {why}"));
    let words = schema.as_object().ok_or_else(|| format!("{at}: no schema"))?;
    for (word, said) in words {
        match word.as_str() {
            "$ref" => {
                let target = said.as_str().and_then(|it| it.strip_prefix('#'));
                let target = target.and_then(|it| document.pointer(it));
                let target = target.ok_or_else(|| format!("{said} is nowhere"))?;
                check(document, target, value, at)?;
            }
            "type" => {
                let is_one = match said {
                    Value::Array(all) => all.iter().any(|one| is_of(value, one)),
                    one => is_of(value, one),
                };
                if !is_one {
                    return wrong(format!("{value} is not {said}"));
                }
            }
            "enum" if !said.as_array().is_some_and(|all| all.contains(value)) => {
                return wrong(format!("{value} is none of {said}"));
            }
            "oneOf" => {
                let all = said.as_array().expect("a list");
                let fit = all.iter().filter(|one| check(document, one, value, at).is_ok()).count();
                if fit != 1 {
                    return wrong(format!("{value} fits {fit} of {said}"));
                }
            }
            "properties" => {
                let Some(fields) = value.as_object() else { continue };
                for (name, field) in fields {
                    match said.get(name) {
                        Some(schema) => check(document, schema, field, &format!("{at}.{name}"))?,
                        None => return wrong(format!("{name} is not documented")),
                    }
                }
            }
            "required" => {
                for name in said.as_array().expect("a list") {
                    let name = name.as_str().expect("names are text");
                    if value.is_object() && value.get(name).is_none() {
                        return wrong(format!("{name} is missing"));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, said, item, &format!("{at}[{index}]"))?;
                }
            }
            "additionalProperties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    check(document, said, field, &format!("{at}.{name}"))?;
                }
            }
            // What is no number, as far as another may stand there, has no bounds.
            "minimum" if value.is_number() && value.as_i64() < said.as_i64() => {
                return wrong(format!("{value} is below {said}"));
            }
            "maximum" if value.is_number() && value.as_i64() > said.as_i64() => {
                return wrong(format!("{value} is above {said}"));
            }
            "format" if said == "date-time" => {
                if value.as_str().is_some_and(|text| !is_moment(text)) {
                    return wrong(format!("{value} is no RFC 3339 in UTC with microseconds"));
                }
            }
            "enum" | "minimum" | "maximum" | "format" => {}
            word if ANNOTATIONS.contains(&word) => {}
            word => return wrong(format!("the schema says {word:?}, which nobody checks")),
        }
    }
    Ok(())
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type is a text") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("nobody checks the type {other}"),
    }
}

fn is_moment(text: &str) -> bool {
    let shape: String = text.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    shape == "0000-00-00T00:00:00.000000Z"
}
