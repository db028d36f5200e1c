//! The OpenAPI 3.1 document of an HTTP half.

use super::schema::Schema;
use super::value::Value;
use super::{Named, Security, Server, schemas};

/// What there is to say of an HTTP half.
pub struct OpenApi {
    /// The API's name.
    pub title: &'static str,
    /// What it is, how one signs, what every refusal looks like. CommonMark.
    pub about: &'static str,
    /// Where it is asked.
    pub servers: Vec<Server>,
    /// Who may.
    pub security: Vec<Security>,
    /// What can be asked.
    pub endpoints: Vec<Endpoint>,
    /// What answers are made of.
    pub schemas: Vec<Named>,
}

/// One question.
pub struct Endpoint {
    /// `get`
    pub method: &'static str,
    /// The path at the venue, with braces.
    pub path: &'static str,
    /// `ticker`
    pub id: &'static str,
    /// A few words.
    pub summary: &'static str,
    /// What is told, and how it is read.
    pub about: &'static str,
    /// What stands in the braces of its path, each with what it means.
    pub path_parameters: Vec<(&'static str, Schema)>,
    /// What may stand in its query.
    pub query: Vec<Member>,
    /// What has to be sent in its body: its content type and form.
    pub body: Option<(&'static str, Schema)>,
    /// What is answered.
    pub answers: Vec<Answer>,
    /// What has to be shown for it: any one of these.
    pub security: Vec<&'static str>,
}

/// What may stand in a query: its name, what it may be, and whether it has to be there.
pub type Member = (&'static str, Schema, bool);

/// An answer of one status.
pub struct Answer {
    /// `200`
    pub status: u16,
    /// When it is given.
    pub about: &'static str,
    /// Its content type and form; `None` if it has no body.
    pub body: Option<(&'static str, Schema)>,
}

impl OpenApi {
    /// The document.
    #[must_use]
    pub fn document(&self) -> String {
        let mut paths: Vec<(&'static str, Vec<(&'static str, Value)>)> = Vec::new();
        for endpoint in &self.endpoints {
            let operation = (endpoint.method, endpoint.value());
            match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
                Some((_, operations)) => operations.push(operation),
                None => paths.push((endpoint.path, vec![operation])),
            }
        }
        let paths = paths.into_iter().map(|(path, operations)| (path, Value::object(operations)));
        let mut components = vec![("schemas", schemas(&self.schemas))];
        if !self.security.is_empty() {
            let schemes = self.security.iter().map(|it| (it.id, it.value()));
            components.push(("securitySchemes", Value::object(schemes)));
        }
        let server = |it: &Server| {
            Value::object([
                ("url", Value::text(&format!("{}://{}{}", it.protocol, it.host, it.path))),
                ("description", Value::text(it.about)),
            ])
        };
        Value::object([
            ("openapi", Value::text("3.1.0")),
            (
                "info",
                Value::object([
                    ("title", Value::text(self.title)),
                    ("version", Value::text(env!("CARGO_PKG_VERSION"))),
                    ("description", Value::text(self.about)),
                ]),
            ),
            ("servers", Value::List(self.servers.iter().map(server).collect())),
            ("paths", Value::object(paths)),
            ("components", Value::object(components)),
        ])
        .document()
    }
}

impl Endpoint {
    fn value(&self) -> Value {
        let parameter = |name: &str, place: &str, schema: &Schema, is_required: bool| {
            Value::object([
                ("name", Value::text(name)),
                ("in", Value::text(place)),
                ("required", Value::boolean(is_required)),
                ("schema", schema.value()),
            ])
        };
        let in_path =
            self.path_parameters.iter().map(|(name, it)| parameter(name, "path", it, true));
        let in_query =
            self.query.iter().map(|(name, it, must)| parameter(name, "query", it, *must));
        let content = |(kind, schema): &(&'static str, Schema)| {
            Value::object([(*kind, Value::object([("schema", schema.value())]))])
        };
        let answers = self.answers.iter().map(|it| {
            let mut members = vec![("description", Value::text(it.about))];
            members.extend(it.body.as_ref().map(|body| ("content", content(body))));
            (it.status.to_string(), Value::object(members))
        });
        let mut members = vec![
            ("operationId", Value::text(self.id)),
            ("summary", Value::text(self.summary)),
            ("description", Value::text(self.about)),
            ("parameters", Value::List(in_path.chain(in_query).collect())),
        ];
        if !self.security.is_empty() {
            let any = |it: &&'static str| Value::object([(*it, Value::List(Vec::new()))]);
            members.push(("security", Value::List(self.security.iter().map(any).collect())));
        }
        if let Some(body) = &self.body {
            let required = ("required", Value::boolean(true));
            members.push(("requestBody", Value::object([required, ("content", content(body))])));
        }
        members.push(("responses", Value::object(answers)));
        Value::object(members)
    }
}
