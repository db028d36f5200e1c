//! What a dialect says of itself to machines: an AsyncAPI document of its socket, and an OpenAPI document of its HTTP
//! half if it has one.
//!
//! Each dialect describes its own messages in its folder, in the few words that are here; the same words are written
//! as either document. Nothing here is on the way of a message: that the description is that of the bytes on the wire
//! is proved by holding the one against the other.

pub mod asyncapi;
pub mod openapi;
pub mod schema;
pub mod value;

pub use asyncapi::{AsyncApi, Channel, Direction, Message, Operation, Parameter};
pub use openapi::{Endpoint, OpenApi};
pub use schema::{
    Member, Schema, anything, boolean, choice, constant, either, integer, list, map, may, must,
    null, number, object, reference, row, text, text_like,
};
pub use value::Value;

#[cfg(test)]
mod tests;

/// The documents of one dialect.
pub struct Documents {
    /// Of its socket.
    pub asyncapi: AsyncApi,
    /// Of its HTTP half, if it has one.
    pub openapi: Option<OpenApi>,
}

/// Where the API can be spoken to.
pub struct Server {
    /// `venue`
    pub id: &'static str,
    /// `ws.bitstamp.net`
    pub host: &'static str,
    /// `/`
    pub path: &'static str,
    /// `wss`
    pub protocol: &'static str,
    /// Which of them it is.
    pub about: &'static str,
}

impl Server {
    /// The demo, at this path.
    #[must_use]
    pub const fn demo(protocol: &'static str, path: &'static str) -> Self {
        let about = "Rialto's demo on one's own machine: `cargo run --release`";
        Self { id: "demo", host: "127.0.0.1:8080", path, protocol, about }
    }
}

/// How a client shows who it is.
pub struct Security {
    /// `token`
    pub id: &'static str,
    /// What the document's language says of it, without the description: `type`, `in`, `name`, `scheme`.
    pub members: &'static [(&'static str, &'static str)],
    /// How it is come by and used.
    pub about: &'static str,
}

impl Security {
    fn value(&self) -> Value {
        let members = self.members.iter().map(|&(name, said)| (name, Value::text(said)));
        Value::object(members.chain([("description", Value::text(self.about))]))
    }
}

/// A schema that others refer to by its name.
pub type Named = (&'static str, Schema);

fn schemas(named: &[Named]) -> Value {
    Value::object(named.iter().map(|(name, schema)| (*name, schema.value())))
}
