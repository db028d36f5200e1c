//! The visitor: what a dialect may know of the connection on which a message came.
//!
//! Lent by the house for the length of one [`decode`](crate::Dialect::decode). A dialect stays a function of its
//! arguments: who is logged in, what is subscribed, what time it is and what a new name may be made of all come from
//! here.

use core::fmt;
use std::time::Duration;

use model::Time;

use crate::step::Credential;

/// Whoever said a message.
#[derive(Clone, Copy)]
pub struct Visitor<'a> {
    /// Who logged in on this connection, if somebody did; look at its [`Login::standing`] as well.
    pub login: Option<&'a Login>,
    /// The client's own names of what is subscribed now, in their order.
    pub subscriptions: &'a [Box<str>],
    /// Whether the message came as a binary one.
    pub binary: bool,
    /// The message came faster than [`Manners::pace`](crate::Manners::pace) allows: after so long the next is welcome.
    /// The dialect is to refuse it, and to do nothing else.
    pub too_fast: Option<Duration>,
    /// The wall's time, for tokens that expire. Not market time.
    pub wall: Time,
    /// Bytes that no other message gets, for names that the server gives.
    pub fresh_id: [u8; 16],
}

impl Visitor<'_> {
    /// Somebody of whom nothing is known yet.
    pub const STRANGER: Self = Self {
        login: None,
        subscriptions: &[],
        binary: false,
        too_fast: None,
        wall: Time(0),
        fresh_id: [0; 16],
    };

    /// Whether something is subscribed by this name.
    #[must_use]
    pub fn is_subscribed(&self, name: &str) -> bool {
        self.subscriptions.binary_search_by(|known| (**known).cmp(name)).is_ok()
    }
}

/// Who logged in on a connection.
pub struct Login {
    /// The key that was identified.
    pub key: Box<str>,
    /// What was known of its holder then, but for the secret.
    pub holder: Credential,
    /// Whether it is still good.
    pub standing: Standing,
}

/// Tells whose, and no secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { holder, standing, .. } = self;
        write!(f, "Login({}, {standing:?})", holder.account)
    }
}

/// Whether a login is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Good,
    /// Its time is over.
    Expired,
    /// Its key was revoked since.
    Revoked,
    /// Its account was blocked since.
    Blocked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_subscribed_is_found_by_its_whole_name() {
        let names: [Box<str>; 3] = ["a".into(), "ab".into(), "b".into()];
        let visitor = Visitor { subscriptions: &names, ..Visitor::STRANGER };
        assert!(visitor.is_subscribed("ab"));
        assert!(!visitor.is_subscribed("abc"));
        assert!(!Visitor::STRANGER.is_subscribed("a"));
    }
}
