//! The few words in which a value on the wire is described. Both documents understand them: they are of the part of
//! JSON Schema that draft 7 and 2020-12 have in common.

use super::value::Value;

/// What a value may be.
#[derive(Clone, Debug)]
pub struct Schema {
    words: Vec<(&'static str, Value)>,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) name: &'static str,
    pub(super) schema: Schema,
    pub(super) is_required: bool,
}

/// A member that is always there.
#[must_use]
pub fn must(name: &'static str, schema: Schema, about: &str) -> Member {
    Member { name, schema: schema.about(about), is_required: true }
}

/// A member that may be left out.
#[must_use]
pub fn may(name: &'static str, schema: Schema, about: &str) -> Member {
    Member { name, schema: schema.about(about), is_required: false }
}

fn of_type(name: &str) -> Schema {
    Schema { words: vec![("type", Value::text(name))] }
}

/// Anything at all.
#[must_use]
pub const fn anything() -> Schema {
    Schema { words: Vec::new() }
}
/// Any text.
#[must_use]
pub fn text() -> Schema {
    of_type("string")
}
/// A text of this form, an expression that is searched for: begin with `^` and end with `$`.
#[must_use]
pub fn text_like(pattern: &str) -> Schema {
    text().with("pattern", Value::text(pattern))
}
/// An integer.
#[must_use]
pub fn integer() -> Schema {
    of_type("integer")
}
/// A number.
#[must_use]
pub fn number() -> Schema {
    of_type("number")
}
/// True or false.
#[must_use]
pub fn boolean() -> Schema {
    of_type("boolean")
}
/// Null.
#[must_use]
pub fn null() -> Schema {
    of_type("null")
}
/// This text and no other.
#[must_use]
pub fn constant(text: &str) -> Schema {
    of_type("string").with("const", Value::text(text))
}
/// One of these texts.
#[must_use]
pub fn choice(texts: &[&str]) -> Schema {
    of_type("string").with("enum", Value::texts(texts))
}
/// As many of these as there are.
#[must_use]
pub fn list(item: Schema) -> Schema {
    of_type("array").with("items", item.value())
}
/// So many of these.
#[must_use]
pub fn row(count: usize, item: Schema) -> Schema {
    let count = Value::integer(i64::try_from(count).expect("a row is short"));
    list(item).with("minItems", count.clone()).with("maxItems", count)
}
/// An object of these members and no others.
#[must_use]
pub fn object(members: impl IntoIterator<Item = Member>) -> Schema {
    let members: Vec<Member> = members.into_iter().collect();
    let required: Vec<&str> =
        members.iter().filter(|it| it.is_required).map(|it| it.name).collect();
    let properties = members.iter().map(|it| (it.name, it.schema.value()));
    let mut schema = of_type("object").with("properties", Value::object(properties));
    if !required.is_empty() {
        schema = schema.with("required", Value::texts(&required));
    }
    schema.with("additionalProperties", Value::boolean(false))
}
/// An object whose members have names that are not known beforehand, and are all this.
#[must_use]
pub fn map(of: Schema) -> Schema {
    of_type("object").with("additionalProperties", of.value())
}
/// One of these, or several at once.
#[must_use]
pub fn either(schemas: impl IntoIterator<Item = Schema>) -> Schema {
    let all = schemas.into_iter().map(|it| it.value()).collect();
    Schema { words: vec![("anyOf", Value::List(all))] }
}
/// The schema of this name.
#[must_use]
pub fn reference(name: &str) -> Schema {
    let Value::Object(mut members) = Value::pointer(&["components", "schemas", name]) else {
        unreachable!("a pointer is an object")
    };
    let (_, target) = members.pop().expect("it has one member");
    Schema { words: vec![("$ref", target)] }
}

impl Schema {
    /// The same, with members of which nothing is said, as it is read by who leaves them alone.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.words.retain(|(word, _)| *word != "additionalProperties");
        self.with("additionalProperties", Value::boolean(true))
    }
    /// The same, or null.
    #[must_use]
    pub fn or_null(self) -> Self {
        either([self, null()])
    }
    /// What it means, and in which unit; nothing is said if the text is empty.
    #[must_use]
    pub fn about(self, about: &str) -> Self {
        if about.is_empty() {
            return self;
        }
        // What stands beside a reference is not read everywhere.
        if self.words.iter().any(|(word, _)| *word == "$ref") {
            let all = Value::List(vec![self.value()]);
            return Self { words: vec![("allOf", all)] }.with("description", Value::text(about));
        }
        let mut schema = self;
        schema.words.retain(|(word, _)| *word != "description");
        schema.with("description", Value::text(about))
    }
    /// The same, with another word of the language.
    #[must_use]
    pub fn with(mut self, word: &'static str, said: Value) -> Self {
        self.words.push((word, said));
        self
    }
    /// As it is written.
    #[must_use]
    pub fn value(&self) -> Value {
        Value::object(self.words.clone())
    }
}
