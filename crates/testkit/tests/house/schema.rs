//! Holds a value against a schema of a document: the part of JSON Schema that the documents use, and no more. A word
//! that it does not know is a failure, as is a field that the document does not name.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// Words that say nothing of what is valid.
const ANNOTATIONS: [&str; 8] = [
    "description",
    "example",
    "examples",
    "default",
    "title",
    "propertyNames",
    "readOnly",
    "deprecated",
];

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
            "const" if said != value => return wrong(format!("{value} is not {said}")),
            "pattern" => {
                let pattern = said.as_str().expect("a pattern is a text");
                if value.as_str().is_some_and(|text| !is_like(pattern, text)) {
                    return wrong(format!("{value} is not like {said}"));
                }
            }
            "anyOf" | "allOf" => {
                let all = said.as_array().expect("a list");
                let fits = |one| check(document, one, value, at);
                let errors: Vec<String> = all.iter().filter_map(|one| fits(one).err()).collect();
                let wanted = if word == "anyOf" { 1 } else { all.len() };
                if all.len() - errors.len() < wanted {
                    return wrong(format!("fits too few: {}", errors.join("; ")));
                }
            }
            "minItems" | "maxItems" => {
                let count = value.as_array().map(|items| items.len() as u64);
                let said = said.as_u64().expect("a count");
                if count.is_some_and(|it| if word == "minItems" { it < said } else { it > said }) {
                    return wrong(format!("has not {word} {said}"));
                }
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
                        None if is_open(words) => {}
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
            // Judged with the properties.
            "additionalProperties" if said.is_boolean() => {}
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
            "const" | "enum" | "minimum" | "maximum" | "format" => {}
            word if ANNOTATIONS.contains(&word) => {}
            word => return wrong(format!("the schema says {word:?}, which nobody checks")),
        }
    }
    Ok(())
}

/// Whether a text has this form. Each expression is read once.
fn is_like(pattern: &str, text: &str) -> bool {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if !known.contains_key(pattern) {
            let read = Regex::new(pattern).expect("a pattern is in order");
            known.insert(pattern.to_owned(), read);
        }
        known[pattern].is_match(text)
    })
}

/// Whether members may stand there of which nothing is said.
fn is_open(words: &Map<String, Value>) -> bool {
    words.get("additionalProperties").is_some_and(|said| *said != Value::Bool(false))
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type is a text") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("nobody checks the type {other}"),
    }
}

fn is_moment(text: &str) -> bool {
    let shape: String = text.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    shape == "0000-00-00T00:00:00.000000Z"
}
