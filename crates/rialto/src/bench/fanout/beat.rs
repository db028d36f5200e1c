//! A dialect of beats: whatever a client says subscribes it, and every trade is so many bytes.

use std::time::Duration;

use dialects::{
    Dialect, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords, Manners, Opening, Parting,
    Request, Subject, Visitor,
};
use model::{InstrumentId, Sequence, Topic, TopicKind, Update};

/// It has one topic.
pub struct Beat {
    message_bytes: usize,
    is_stamped: bool,
    manners: Manners,
    doors: Doors,
}

/// Digits of a stamp, with which the text of a stamped message begins.
pub const STAMP_DIGITS: usize = 20;

/// Appends the text of a stamped message.
pub fn push_stamped(out: &mut Vec<u8>, stamp: u64, message_bytes: usize) {
    out.extend_from_slice(format!("{stamp:0STAMP_DIGITS$}").as_bytes());
    out.extend(std::iter::repeat_n(b'.', message_bytes - STAMP_DIGITS));
}

/// How it ends a connection.
pub const GOODBYE: (u16, &str) = (1008, "slow consumer");

/// What a subscription is answered with.
pub const ACKNOWLEDGEMENT: &[u8] = b"ok";

impl Beat {
    /// Trades of this length.
    pub fn of(message_bytes: usize) -> Self {
        Self {
            message_bytes,
            is_stamped: false,
            manners: Manners {
                message_bytes_max: 512,
                oversize_reason: "",
                subscriptions_max: 1_024,
                ping_every: None,
                pong_within: Duration::from_secs(60),
                idle_max: None,
                age_max: None,
                notice: Duration::from_secs(5),
                queue_bytes_max: 16 * 1024 * 1024,
                stall_max: Duration::from_secs(60),
                ..Manners::LENIENT
            },
            doors: Doors { socket_paths: &[], http_prefixes: &[], hosts: &[] },
        }
    }

    /// The same for readers for whom at most so many bytes may wait.
    pub fn bounded(mut self, queue_bytes_max: usize) -> Self {
        self.manners.queue_bytes_max = queue_bytes_max;
        self
    }

    /// Trades of this length that begin with their number.
    pub fn stamped(message_bytes: usize) -> Self {
        Self { is_stamped: true, ..Self::of(message_bytes) }
    }
}

impl Dialect for Beat {
    fn name(&self) -> &'static str {
        "beat"
    }
    fn doors(&self) -> &Doors {
        &self.doors
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, _: &[u8], _: &Visitor<'_>, out: &mut Vec<Request>) {
        out.push(Request::Subscribe {
            subscription: "beat".into(),
            subjects: vec![Topic::of(InstrumentId(0), TopicKind::Trades).into()],
            stamp: None,
            opening: Opening::Said(ACKNOWLEDGEMENT.to_vec()),
        });
    }
    fn encode(&self, _: &Subject, of: &Update<'_>, _: Sequence, out: &mut FrameBuilder) -> bool {
        if let (Update::Trade(trade), true) = (of, self.is_stamped) {
            push_stamped(out.text_mut(), trade.id.0, self.message_bytes);
            return true;
        }
        out.text_mut().extend(std::iter::repeat_n(b'.', self.message_bytes));
        true
    }
    fn http(&self, _: &HttpRequest<'_>) -> dialects::Step {
        dialects::Step::Reply(HttpResponse::json(404, Vec::new()))
    }
    fn http_too_fast(&self) -> HttpResponse {
        HttpResponse::json(429, Vec::new())
    }
    fn part(&self, _: Parting) -> LastWords {
        LastWords { message: None, close: Some(GOODBYE) }
    }
}
