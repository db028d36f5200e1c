//! The OpenAPI 3.1 document of an HTTP half.

use super::schema::{Member, Schema};
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
    /// What any of it may be answered instead, with a status of 400 or more: content types and forms.
    pub refusals: Vec<(&'static str, Schema)>,
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
    /// What is told, and how it is read: a few words first.
    pub about: &'static str,
    /// What stands in the braces of its path.
    pub path_parameters: Vec<Member>,
    /// What may stand in its query.
    pub query: Vec<Member>,
    /// What has to be sent in its body: its content type and form.
    pub body: Option<(&'static str, Schema)>,
    /// The status of an answer that is no refusal.
    pub status: u16,
    /// What is answered then, as JSON; nothing with 204.
    pub answer: Schema,
    /// What has to be shown for it: any one of these.
    pub security: Vec<&'static str>,
}

impl OpenApi {
    /// The document.
    #[must_use]
    pub fn document(&self) -> String {
        let mut paths: Vec<(&'static str, Vec<(&'static str, Value)>)> = Vec::new();
        for endpoint in &self.endpoints {
            let operation = (endpoint.method, endpoint.value(&self.refusals));
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
    fn value(&self, refusals: &[(&'static str, Schema)]) -> Value {
        let parameter = |place: &'static str| {
            move |it: &Member| {
                Value::object([
                    ("name", Value::text(it.name)),
                    ("in", Value::text(place)),
                    ("required", Value::boolean(it.is_required)),
                    ("schema", it.schema.value()),
                ])
            }
        };
        let in_path = self.path_parameters.iter().map(parameter("path"));
        let in_query = self.query.iter().map(parameter("query"));
        let content = |bodies: &[(&'static str, Schema)]| {
            let body = |(kind, schema): &(&'static str, Schema)| {
                (*kind, Value::object([("schema", schema.value())]))
            };
            Value::object(bodies.iter().map(body))
        };
        let answer = |about: &str, bodies: &[(&'static str, Schema)]| {
            Value::object([("description", Value::text(about)), ("content", content(bodies))])
        };
        // Who has nothing to say says 204.
        let good = (self.status != 204).then(|| ("application/json", self.answer.clone()));
        let good = good.as_slice();
        let answers = [
            (self.status.to_string(), answer("What was asked for.", good)),
            ("default".to_owned(), answer("A refusal.", refusals)),
        ];
        let mut members = vec![
            ("operationId", Value::text(self.id)),
            ("summary", Value::text(self.about.split(": ").next().unwrap_or_default())),
            ("description", Value::text(self.about)),
            ("parameters", Value::List(in_path.chain(in_query).collect())),
        ];
        if !self.security.is_empty() {
            let any = |it: &&'static str| Value::object([(*it, Value::List(Vec::new()))]);
            members.push(("security", Value::List(self.security.iter().map(any).collect())));
        }
        if let Some(body) = &self.body {
            let body = content(std::slice::from_ref(body));
            let required = ("required", Value::boolean(true));
            members.push(("requestBody", Value::object([required, ("content", body)])));
        }
        members.push(("responses", Value::object(answers)));
        Value::object(members)
    }
}
