//! The tongues: what each published API says and understands, both ends, as pure functions.
//!
//! A dialect turns text into [`Request`]s and [`Update`](model::Update)s into [`Frame`]s. It opens no
//! socket, reads no clock, holds no session and knows no other dialect; a folder each, with the same files.
//! Which dialect it is talking to, nobody outside a dialect's folder asks.

pub mod dialect;
pub mod frame;
pub mod http;
pub mod manners;

pub mod connector;
pub mod text;

pub mod bitstamp;

pub use connector::{Connector, Errand, Heard, Misheard};
pub use dialect::{Dialect, Doors, Request};
pub use frame::{Frame, FrameBuilder, FramePool, HEADROOM};
pub use http::{Credential, HttpRequest, HttpResponse, Nonce, Outcome, Step, Submission};
pub use manners::{LastWords, Manners, Parting};
