//! One market on several machines: a core, which decides, and edges, which show what it decided and pass on what their
//! clients ask.
//!
//! An edge is not sent events. It is sent the bytes of the core's journal and runs them again (decision 16): so it comes
//! to the same events, boards and frames, and every digest in the journal proves it on the way. What is submitted at an
//! edge goes to the core as a question; the answer is only which command it became, and what that caused is seen when
//! the edge runs it again. The bus may lose, double and reorder all of it.

pub mod bus;
pub mod core;
pub mod edge;
pub mod lease;
pub mod line;
pub mod standby;
pub mod until_lost;

mod inbox;
mod subjects;
mod words;

#[cfg(test)]
mod tests;

pub use subjects::Subjects;

use crate::run::Failure;

/// What is said where machines are to meet and it is not said where.
pub fn no_bus() -> Failure {
    Failure(
        "failed to find the other machines of the market: the configuration has no [bus]; add one with servers = \
         [\"nats://127.0.0.1:4222\"]"
            .to_owned(),
    )
}
