//! Which of the things that a dialect's documents know of have been seen on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use testkit::transcript::{Ask, Heard, Said, Step, What, parse};

use crate::schema::check;
use crate::transcripts::{listings_of, transcripts};

/// The documents of a dialect, and what was seen of them.
pub struct Seen {
    name: &'static str,
    asyncapi: Value,
    openapi: Option<Value>,
    /// What clients say, and what they are told: ids of messages.
    received: Vec<String>,
    sent: Vec<String>,
    /// How often each message was seen.
    counts: BTreeMap<String, u64>,
    /// How often each answer of an operation was seen: `getTicker 200`.
    answers: BTreeMap<String, u64>,
    /// Every text of the transcripts.
    texts: BTreeSet<String>,
    /// Frames and messages that were held against the document.
    checked: u64,
}

/// Pointers to the messages of an operation and of its reply.
pub fn messages_of(operation: &Value) -> Vec<&str> {
    let both = [&operation["messages"], &operation["reply"]["messages"]];
    let pointers = both.into_iter().filter_map(Value::as_array).flatten();
    pointers.map(|it| it["$ref"].as_str().expect("a pointer")).collect()
}

impl Seen {
    /// Nothing was seen yet.
    pub fn new(name: &'static str, asyncapi: Value, openapi: Option<Value>) -> Self {
        let (mut received, mut sent) = (BTreeSet::new(), BTreeSet::new());
        let id = |pointer: &Value| {
            let pointer = pointer["$ref"].as_str().expect("a pointer");
            pointer.rsplit('/').next().expect("it ends with a name").to_owned()
        };
        let ids = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(id).collect()
        };
        for operation in asyncapi["operations"].as_object().expect("operations").values() {
            let said = ids(&operation["messages"]);
            match operation["action"].as_str() {
                Some("receive") => received.extend(said),
                _ => sent.extend(said),
            }
            sent.extend(ids(&operation["reply"]["messages"]));
        }
        Self {
            name,
            asyncapi,
            openapi,
            received: received.into_iter().collect(),
            sent: sent.into_iter().collect(),
            counts: BTreeMap::new(),
            answers: BTreeMap::new(),
            texts: BTreeSet::new(),
            checked: 0,
        }
    }

    /// The messages of these ids that a text is, and why it is not the others.
    fn fits(&self, ids: &[String], text: &str) -> (Vec<String>, String) {
        let (mut fits, mut errors) = (Vec::new(), String::new());
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return (fits, "it is no JSON".to_owned());
        };
        for id in ids {
            let payload = &self.asyncapi["components"]["messages"][id]["payload"];
            match check(&self.asyncapi, payload, &value, "") {
                Ok(()) => fits.push(id.clone()),
                Err(error) => errors += &format!("\n  not {id}: {error}"),
            }
        }
        (fits, errors)
    }

    /// A client was told this: it is one message of the document, and no other.
    pub fn told(&mut self, text: &str, place: &str) {
        self.checked += 1;
        let (fits, errors) = self.fits(&self.sent, text);
        let [id] = &fits[..] else {
            panic!("{} at {place}: {text}\nis not one message but {fits:?}{errors}", self.name);
        };
        *self.counts.entry(id.clone()).or_default() += 1;
    }

    /// A client said this. Returns whether it is what the document says that clients may say.
    fn said(&mut self, text: &str) -> Result<(), String> {
        self.checked += 1;
        let (fits, errors) = self.fits(&self.received, text);
        for id in &fits {
            *self.counts.entry(id.clone()).or_default() += 1;
        }
        if fits.is_empty() { Err(errors) } else { Ok(()) }
    }

    /// Reads every transcript. What a client says is what the document says, unless it is refused.
    pub fn read_transcripts(&mut self) {
        let listings = listings_of(self.name);
        for (file, text) in transcripts(self.name) {
            let transcript = parse(&text, &listings, self.name).expect("transcripts are in order");
            for (at, step) in transcript.steps.iter().enumerate() {
                let place = format!("{file}:{}", step.line);
                match &step.what {
                    What::Hear(_, Heard::Text(text)) => {
                        self.texts.insert(text.clone());
                        self.told(text, &place);
                    }
                    What::Say(client, Said::Text(text)) => {
                        self.texts.insert(text.clone());
                        let Err(errors) = self.said(text) else { continue };
                        let heard = |it: &Step| match &it.what {
                            What::Hear(other, heard) | What::HearUntil(other, heard)
                                if other == client =>
                            {
                                Some(heard.clone())
                            }
                            _ => None,
                        };
                        let answers = || transcript.steps[at + 1..].iter().filter_map(heard);
                        let answer = answers().find(|it| is_answer(it, text));
                        let answer = answer.or_else(|| answers().next());
                        if let Some(Heard::Text(answer)) = &answer {
                            let (fits, _) = self.fits(&self.sent, answer);
                            let refused = fits.iter().any(|id| REFUSALS.contains(&id.as_str()));
                            assert!(
                                refused,
                                "{place} is not documented, but taken: {text}{errors}\n{answer}"
                            );
                        }
                    }
                    What::Ask(ask) => self.answered(ask, &place),
                    _ => {}
                }
            }
        }
    }

    /// What a question over HTTP was answered with.
    fn answered(&mut self, ask: &Ask, place: &str) {
        let Some(document) = &self.openapi else { return };
        let method = ask.method.to_lowercase();
        let operation = operation(document, &ask.path).and_then(|item| item.get(&method));
        let Some(operation) = operation else {
            let (method, path) = (&ask.method, &ask.path);
            assert!(ask.status >= 400, "{place}: {method} {path} is not documented, but answered");
            return;
        };
        let id = operation["operationId"].as_str().expect("an id");
        let (status, responses) = (ask.status.to_string(), &operation["responses"]);
        let is_good = responses.get(&status).is_some();
        assert_eq!(is_good, ask.status < 400, "{place}: {id} may not answer {status}");
        if ask.status == 204 {
            assert_eq!(ask.body.as_deref(), Some(""), "{place}: {id} says nothing");
            *self.answers.entry(format!("{id} 204")).or_default() += 1;
            return;
        }
        let answer = if is_good { status.as_str() } else { "default" };
        self.checked += 1;
        let kind = ask.content_type.as_deref().unwrap_or("application/json");
        let schema = &responses[answer]["content"][kind]["schema"];
        assert!(schema.is_object(), "{place}: {id} may not answer {status} with {kind}");
        if let Some(body) = ask.body.as_ref().filter(|it| kind.ends_with("json") && !it.is_empty())
        {
            let value = serde_json::from_str(body).expect("JSON");
            if let Err(error) = check(document, schema, &value, "") {
                panic!("{place}: {id}: {error} in {body}");
            }
            *self.answers.entry(format!("{id} {answer}")).or_default() += 1;
        }
        if is_good {
            check_asked(document, operation, ask, place);
        }
    }

    /// Every example was seen in a transcript, and is what it is an example of.
    pub fn check_examples(&self) {
        for (id, message) in self.asyncapi["components"]["messages"].as_object().expect("messages")
        {
            for example in message["examples"].as_array().expect("examples") {
                let (name, example) = (self.name, &example["payload"]);
                let is_there = self
                    .texts
                    .iter()
                    .any(|text| serde_json::from_str::<Value>(text).is_ok_and(|it| it == *example));
                assert!(is_there, "{name}: no transcript has the example of {id} {example}");
                let checked = check(&self.asyncapi, &message["payload"], example, "");
                assert_eq!(checked, Ok(()), "{name}: an example of {id}");
            }
        }
    }

    /// Everything that the documents know of was seen.
    pub fn check_nothing_is_dead(&self) {
        let all = self.received.iter().chain(&self.sent);
        let dead: Vec<&String> = all.filter(|id| !self.counts.contains_key(*id)).collect();
        assert!(dead.is_empty(), "{}: nobody was seen to say {dead:?}", self.name);
        let Some(document) = &self.openapi else { return };
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let id = operation["operationId"].as_str().expect("an id");
                let statuses = operation["responses"].as_object().expect("responses").keys();
                for status in statuses.filter(|it| *it != "default") {
                    let is_seen = self.answers.contains_key(&format!("{id} {status}"));
                    assert!(is_seen, "{}: {method} {path} was not seen: {id} {status}", self.name);
                }
            }
        }
        let is_refused = self.answers.keys().any(|it| it.ends_with(" default"));
        assert!(is_refused, "{}: no refusal was seen over HTTP", self.name);
    }
}

/// The methods of a path: a fixed one goes before one with parameters.
fn operation<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    let path = path.trim_end_matches('/');
    let fits = |template: &str| {
        let (wanted, given) = (template.trim_end_matches('/').split('/'), path.split('/'));
        wanted.clone().count() == given.clone().count()
            && wanted.zip(given).all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
    };
    let paths = document["paths"].as_object().expect("paths");
    let exact = paths.iter().find(|(template, _)| template.trim_end_matches('/') == path);
    exact.or_else(|| paths.iter().find(|(template, _)| fits(template))).map(|(_, item)| item)
}

/// Parameters that mean nothing anywhere, with which transcripts show that they are left alone.
const NOBODYS: [&str; 3] = ["a", "foo", "x"];

/// What was asked and not refused is what the document says that may be asked: each parameter, and a body that is JSON.
fn check_asked(document: &Value, operation: &Value, ask: &Ask, place: &str) {
    let id = &operation["operationId"];
    let names = |form: &str| -> Vec<String> {
        let pairs = form.split('&').filter(|it| !it.is_empty());
        pairs.map(|it| it.split('=').next().unwrap_or_default().to_owned()).collect()
    };
    let parameters = operation["parameters"].as_array().expect("parameters");
    let known: BTreeSet<&str> = parameters.iter().filter_map(|it| it["name"].as_str()).collect();
    let asked = names(ask.query.as_deref().unwrap_or_default());
    for name in asked.iter().filter(|it| !NOBODYS.contains(&it.as_str())) {
        assert!(known.contains(name.as_str()), "{place}: {id} is asked with {name}");
    }
    for (kind, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        if kind != "application/json" || ask.form.is_empty() {
            continue;
        }
        let Ok(asked) = serde_json::from_str(&ask.form) else { continue };
        let checked = check(document, &body["schema"], &asked, "");
        assert_eq!(checked, Ok(()), "{place}: {id} is asked {}", ask.form);
    }
}

/// Whether this has the id of that, if that has one.
fn is_answer(heard: &Heard, said: &str) -> bool {
    let Heard::Text(heard) = heard else { return false };
    let id = |text: &str| serde_json::from_str::<Value>(text).ok()?.get("id").cloned();
    id(said).is_some_and(|said| id(heard) == Some(said))
}

/// Messages that say that something was not done.
const REFUSALS: [&str; 2] = ["failure", "error"];

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_all: u64 = self.counts.values().sum();
        let (kinds, answers) = (self.counts.len(), self.answers.len());
        write!(
            f,
            "{} checked: {of_all} messages of {kinds} kinds, answers of {answers} kinds",
            self.checked
        )
    }
}
