//! The AsyncAPI 3.0 document of a socket. It is written from the server's side, as the language wants it: what clients
//! ask is received, what they are told is sent.

use super::schema::Schema;
use super::value::Value;
use super::{Named, Security, Server, schemas};

/// What there is to say of a socket.
pub struct AsyncApi {
    /// The API's name.
    pub title: &'static str,
    /// What it is; how one connects, logs in, stays, and is parted with, closing codes and all. CommonMark.
    pub about: &'static str,
    /// Where it is spoken.
    pub servers: Vec<Server>,
    /// Who may.
    pub security: Vec<Security>,
    /// What can be listened to, and where requests go.
    pub channels: Vec<Channel>,
    /// What is done on the channels.
    pub operations: Vec<Operation>,
    /// What is said, in either direction.
    pub messages: Vec<Message>,
    /// What they are made of.
    pub schemas: Vec<Named>,
}

/// Where messages pass. All of a dialect's channels share one socket: an address is the name that is subscribed to, or
/// none where there is no such name.
pub struct Channel {
    /// `liveTrades`
    pub id: &'static str,
    /// `live_trades_{market}`
    pub address: Option<&'static str>,
    /// A few words.
    pub title: &'static str,
    /// What is told, when, and how it is read.
    pub about: &'static str,
    /// What stands in the braces of its address.
    pub parameters: Vec<Parameter>,
    /// What the query of the handshake has, if it has anything.
    pub query: Option<Schema>,
    /// The ids of its messages.
    pub messages: Vec<&'static str>,
}

/// What stands in braces in an address.
pub struct Parameter {
    /// `market`
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What it can be, if that is a short list.
    pub values: Vec<&'static str>,
    /// What it can be, for instance.
    pub examples: Vec<&'static str>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client to the server.
    Received,
    /// From the server to a client.
    Sent,
}

/// What is done on a channel.
pub struct Operation {
    /// `subscribe`
    pub id: &'static str,
    /// By whom.
    pub direction: Direction,
    /// On which.
    pub channel: &'static str,
    /// A few words.
    pub summary: &'static str,
    /// What is said: of the channel's messages.
    pub messages: Vec<&'static str>,
    /// What is answered, on the same channel.
    pub reply: Vec<&'static str>,
    /// What has to be shown for it: any one of these.
    pub security: Vec<&'static str>,
}

/// One kind of message.
pub struct Message {
    /// `trade`
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// When it is said and what it means.
    pub about: &'static str,
    /// What it is made of.
    pub payload: Schema,
    /// As it was seen on the wire.
    pub examples: Vec<&'static str>,
}

impl AsyncApi {
    /// The document.
    #[must_use]
    pub fn document(&self) -> String {
        let channels = self.channels.iter().map(|it| (it.id, it.value()));
        let operations = self.operations.iter().map(|it| (it.id, it.value()));
        let messages = self.messages.iter().map(|it| (it.id, it.value()));
        let mut components =
            vec![("messages", Value::object(messages)), ("schemas", schemas(&self.schemas))];
        if !self.security.is_empty() {
            let schemes = self.security.iter().map(|it| (it.id, it.value()));
            components.push(("securitySchemes", Value::object(schemes)));
        }
        let info = Value::object([
            ("title", Value::text(self.title)),
            ("version", Value::text(env!("CARGO_PKG_VERSION"))),
            ("description", Value::text(self.about)),
        ]);
        let servers = self.servers.iter().map(|it| {
            let value = Value::object([
                ("host", Value::text(it.host)),
                ("pathname", Value::text(it.path)),
                ("protocol", Value::text(it.protocol)),
                ("description", Value::text(it.about)),
            ]);
            (it.id, value)
        });
        Value::object([
            ("asyncapi", Value::text("3.0.0")),
            ("info", info),
            ("defaultContentType", Value::text("application/json")),
            ("servers", Value::object(servers)),
            ("channels", Value::object(channels)),
            ("operations", Value::object(operations)),
            ("components", Value::object(components)),
        ])
        .document()
    }
}

impl Channel {
    fn value(&self) -> Value {
        let address = self.address.map_or(Value::Written("null".into()), Value::text);
        let messages =
            self.messages.iter().map(|it| (*it, Value::pointer(&["components", "messages", it])));
        let mut members = vec![
            ("address", address),
            ("title", Value::text(self.title)),
            ("description", Value::text(self.about)),
            ("messages", Value::object(messages)),
        ];
        if !self.parameters.is_empty() {
            let parameters = self.parameters.iter().map(|it| (it.name, it.value()));
            members.push(("parameters", Value::object(parameters)));
        }
        if let Some(query) = &self.query {
            let socket = Value::object([
                ("method", Value::text("GET")),
                ("query", query.value()),
                ("bindingVersion", Value::text("0.1.0")),
            ]);
            members.push(("bindings", Value::object([("ws", socket)])));
        }
        Value::object(members)
    }
}

impl Parameter {
    fn value(&self) -> Value {
        let mut members = vec![("description", Value::text(self.about))];
        if !self.values.is_empty() {
            members.push(("enum", Value::texts(&self.values)));
        }
        if !self.examples.is_empty() {
            members.push(("examples", Value::texts(&self.examples)));
        }
        Value::object(members)
    }
}

impl Operation {
    fn value(&self) -> Value {
        let on_channel = |ids: &[&str]| {
            let pointer = |it: &&str| Value::pointer(&["channels", self.channel, "messages", it]);
            Value::List(ids.iter().map(pointer).collect())
        };
        let action = match self.direction {
            Direction::Received => "receive",
            Direction::Sent => "send",
        };
        let channel = Value::pointer(&["channels", self.channel]);
        let mut members = vec![
            ("action", Value::text(action)),
            ("channel", channel.clone()),
            ("summary", Value::text(self.summary)),
        ];
        if !self.security.is_empty() {
            let pointer = |it: &&str| Value::pointer(&["components", "securitySchemes", it]);
            let schemes = self.security.iter().map(pointer).collect();
            members.push(("security", Value::List(schemes)));
        }
        members.push(("messages", on_channel(&self.messages)));
        if !self.reply.is_empty() {
            let reply = [("channel", channel), ("messages", on_channel(&self.reply))];
            members.push(("reply", Value::object(reply)));
        }
        Value::object(members)
    }
}

impl Message {
    fn value(&self) -> Value {
        let example =
            |it: &&'static str| Value::object([("payload", Value::Written((*it).into()))]);
        let examples = self.examples.iter().map(example).collect();
        Value::object([
            ("name", Value::text(self.id)),
            ("title", Value::text(self.title)),
            ("summary", Value::text(self.about)),
            ("contentType", Value::text("application/json")),
            ("payload", self.payload.value()),
            ("examples", Value::List(examples)),
        ])
    }
}
