//! A dialect with other manners than its own, for tests of limits and timers.

use std::sync::Arc;

use dialects::{
    Dialect, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords, Manners, Parting, Request,
};
use model::{Topic, Update};

/// See the module. It says what the dialect says, at other limits.
pub struct Mannered {
    dialect: Arc<dyn Dialect>,
    manners: Manners,
}

impl Mannered {
    /// This dialect with these manners.
    pub fn new(dialect: Arc<dyn Dialect>, manners: Manners) -> Self {
        Self { dialect, manners }
    }
}

impl Dialect for Mannered {
    fn name(&self) -> &'static str {
        self.dialect.name()
    }
    fn doors(&self) -> &Doors {
        self.dialect.doors()
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], out: &mut Vec<Request>) {
        self.dialect.decode(message, out);
    }
    fn encode(&self, topic: &Topic, update: &Update<'_>, out: &mut FrameBuilder) -> bool {
        self.dialect.encode(topic, update, out)
    }
    fn tells_state_first(&self, topic: &Topic) -> bool {
        self.dialect.tells_state_first(topic)
    }
    fn http(&self, request: &HttpRequest<'_>) -> dialects::Step {
        self.dialect.http(request)
    }
    fn http_too_fast(&self) -> HttpResponse {
        self.dialect.http_too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        self.dialect.part(parting)
    }
}
