//! The tongues: what each published API says and understands, both ends, as pure functions.
//!
//! A dialect turns text into [`Request`]s and [`Update`](model::Update)s into [`Frame`]s. It opens no
//! socket, reads no clock, holds no session and knows no other dialect; a folder each, with the same files.
//! Which dialect it is talking to, nobody outside a dialect's folder asks.

pub mod dialect;
pub mod frame;
pub mod http;
pub mod kept;
pub mod manners;
pub mod rows;
pub mod step;
pub mod visitor;

pub mod connector;
pub mod document;
pub mod iso;
pub mod json;
pub mod published;
pub mod text;

pub mod bitstamp;
pub mod confluencecode;
pub mod finazon;
pub mod timex;
pub mod xrocket;

pub use connector::{Connector, Errand, Heard, Misheard};
pub use dialect::{
    Admission, Dialect, Doors, Fault, Opening, Request, Subject, WordState, Wording,
};
pub use document::Documents;
pub use frame::{Frame, FrameBuilder, FramePool, HEADROOM};
pub use http::{HttpRequest, HttpResponse};
pub use kept::Kept;
pub use manners::{LastWords, Manners, OnRevoked, Pace, Parting, Tolerance};
pub use published::{Beat, KeyPlace, Published, Tells};
pub use step::{
    Credential, Nonce, NotRevoked, Outcome, Shown, Step, Submission, Then, ThenHolder, ThenPass,
};
pub use visitor::{Login, Standing, Visitor};
