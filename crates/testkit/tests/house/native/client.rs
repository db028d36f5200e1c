//! A client of the native API that holds every answer against the OpenAPI document.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use testkit::served::Served;
use testkit::served::line::{Head, Line};

use super::schema;

/// One client, on one connection.
pub struct Client {
    line: Line,
    address: SocketAddr,
    document: Arc<Value>,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Told {
    pub head: Head,
    pub text: String,
    pub body: Value,
}

impl Told {
    /// The answer, if this is its status.
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.head.status, status, "{}", self.text);
        self
    }

    /// The problem's code, and where it is.
    #[track_caller]
    pub fn problem(&self) -> (&str, Option<&str>) {
        assert_eq!(self.head.header("content-type"), Some("application/problem+json"));
        let code = self.body["code"].as_str().expect("a problem has a code");
        assert_eq!(self.body["type"], format!("urn:rialto:problem:{code}"));
        assert_eq!(self.body["status"], self.head.status);
        for said in ["title", "detail", "remedy"] {
            assert!(self.body[said].as_str().is_some_and(|it| !it.is_empty()), "{said} of {code}");
        }
        (code, self.body["where"].as_str())
    }
}

impl Client {
    /// A client of this venue without a key.
    pub fn of(served: &Served) -> Self {
        let mut client = Self {
            line: served.line(),
            address: served.address,
            document: Arc::default(),
            headers: Vec::new(),
        };
        let (_, text) = client.send("GET", "/rialto/v1/openapi.json", None);
        client.document = Arc::new(serde_json::from_str(&text).expect("the document is JSON"));
        client
    }

    /// The same on another connection.
    pub fn another(&self) -> Self {
        Self {
            line: Line::to(self.address),
            address: self.address,
            document: Arc::clone(&self.document),
            headers: self.headers.clone(),
        }
    }

    /// The same by this key.
    pub fn by(self, key: &str) -> Self {
        self.always("Authorization", &format!("Bearer {key}"))
    }

    /// The same, and this header with every request.
    pub fn always(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Asks for a page below the prefix.
    pub fn get(&mut self, path: &str) -> Told {
        self.ask("GET", path, None)
    }

    /// Sends a body to a page.
    pub fn post(&mut self, path: &str, body: &str) -> Told {
        self.ask("POST", path, Some(body))
    }

    /// Sends another body to a page.
    pub fn put(&mut self, path: &str, body: &str) -> Told {
        self.ask("PUT", path, Some(body))
    }

    /// Takes away what a page shows.
    pub fn delete(&mut self, path: &str) -> Told {
        self.ask("DELETE", path, None)
    }

    /// Asks, and holds the answer against the document.
    ///
    /// # Panics
    /// If the document does not say so.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<&str>) -> Told {
        self.ask_with(method, path, body, &[])
    }

    /// The same with these headers.
    pub fn ask_with(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&str>,
        more: &[(&str, &str)],
    ) -> Told {
        let kept = self.headers.clone();
        self.headers.extend(more.iter().map(|&(name, value)| (name.into(), value.into())));
        let whole = format!("/rialto/v1{path}");
        let (head, text) = self.send(method, &whole, body);
        self.headers = kept;
        let body = serde_json::from_str(&text).expect("every answer is JSON");
        let told = Told { head, text, body };
        schema::check_answer(&self.document, method, &whole, &told);
        told
    }

    fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> (Head, String) {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        let named =
            |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !named("host") {
            request += &format!("Host: {}\r\n", self.address);
        }
        if body.is_some() && !named("content-type") {
            request += "Content-Type: application/json\r\n";
        }
        for (name, value) in &self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        let body = body.unwrap_or_default();
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.line.send(request);
        self.line.answer().expect("an answer")
    }
}
