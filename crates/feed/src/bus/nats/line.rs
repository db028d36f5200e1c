//! What waits to be sent: so many messages and bytes at most, in order.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use super::Presence;

/// The most messages, questions and answers that wait to be sent.
pub(super) const LINE_MESSAGES_MAX: usize = 16_384;
/// The most bytes that wait to be sent.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the thread is to do.
pub(super) enum Order {
    /// A message on a subject, or an answer to an inbox.
    Say { subject: Box<str>, message: Vec<u8> },
    /// A question with its number.
    Ask { subject: Box<str>, question: Vec<u8>, number: u64 },
    /// Somebody listens. There is room for all of them: whoever listens has more of it than this.
    Listen(Arc<Presence>),
}

impl Order {
    /// Messages and bytes.
    fn load(&self) -> (usize, usize) {
        match self {
            Self::Say { message: bytes, .. } | Self::Ask { question: bytes, .. } => {
                (1, bytes.len())
            }
            Self::Listen(_) => (0, 0),
        }
    }
}

/// Orders in line.
#[derive(Default)]
pub(super) struct Line {
    orders: VecDeque<Order>,
    messages: usize,
    bytes: usize,
}

impl Line {
    /// Whether there was room; if not, the order is gone.
    pub fn put(&mut self, order: Order) -> bool {
        let (messages, bytes) = order.load();
        let is_in = messages == 0
            || self.messages < LINE_MESSAGES_MAX && self.bytes + bytes <= LINE_BYTES_MAX;
        if is_in {
            self.messages += messages;
            self.bytes += bytes;
            self.orders.push_back(order);
        }
        is_in
    }

    /// The next one.
    pub fn take(&mut self) -> Option<Order> {
        let order = self.orders.pop_front()?;
        let (messages, bytes) = order.load();
        self.messages -= messages;
        self.bytes -= bytes;
        Some(order)
    }

    /// All messages, questions and answers; those who listen stay.
    pub fn clear(&mut self) -> Vec<Order> {
        let is_listen = |order: &Order| matches!(order, Order::Listen(_));
        let (stay, gone) = std::mem::take(&mut self.orders).into_iter().partition(is_listen);
        *self = Self { orders: stay, messages: 0, bytes: 0 };
        gone.into()
    }
}
