//! A dialect with other manners than its own, for tests of limits and timers.

use std::sync::Arc;

use dialects::{
    Admission, Dialect, Documents, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords,
    Manners, Parting, Request, Step, Subject, Visitor,
};
use model::{Sequence, Update};

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
    fn admit(&self, request: &HttpRequest<'_>) -> Step<Admission> {
        self.dialect.admit(request)
    }
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>) {
        self.dialect.decode(message, visitor, out);
    }
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        self.dialect.encode(subject, update, sequence, out)
    }
    fn tells_state_first(&self, subject: &Subject) -> bool {
        self.dialect.tells_state_first(subject)
    }
    fn http(&self, request: &HttpRequest<'_>) -> Step {
        self.dialect.http(request)
    }
    fn http_too_fast(&self) -> HttpResponse {
        self.dialect.http_too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        self.dialect.part(parting)
    }
    fn documents(&self) -> Option<Documents> {
        self.dialect.documents()
    }
}
