//! Why something is not done: what is told, and the number that the venue has for it. Section B4.1.
//!
//! On the socket only the message travels; over HTTP both.

use std::borrow::Cow;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The venue's number for it.
    pub code: Code,
    /// What is told.
    pub message: Cow<'static, str>,
}

/// The venue's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Our fault.
    Internal = 0,
    /// There is no such operation.
    Unsupported = 1,
    /// Something is missing or wrong.
    BadRequest = 4_000,
    /// There is not enough to pay with.
    InsufficientBalance = 4_001,
    /// A market order found nobody.
    OrderBookEmpty = 4_002,
    /// A post-only order would have matched.
    OrderBookNotEmpty = 4_007,
    /// A fill-or-kill order could not be filled whole.
    NotFullMatch = 4_008,
    /// Whoever asks may not.
    Forbidden = 4_300,
    /// It is not there.
    NotFound = 4_400,
    /// The server has too much to do.
    Overload = 4_900,
    /// Whoever asks does so too often.
    UserOverload = 4_901,
}

impl Code {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}

impl Refusal {
    /// Whoever asks may not.
    pub const ACCESS_DENIED: Self = Self::said(Code::Forbidden, "Access denied");
    /// There is no such operation.
    pub const UNSUPPORTED: Self = Self::said(Code::Unsupported, "Unsupported operation");
    /// It is no message.
    pub const MALFORMED: Self = Self::said(Code::BadRequest, "Malformed message");
    /// The pattern cannot be compiled, or would cost too much.
    pub const INVALID_PATTERN: Self = Self::said(Code::BadRequest, "Invalid pattern");
    /// Nothing is subscribed by this id.
    pub const NO_SUBSCRIPTION: Self = Self::said(Code::NotFound, "Subscription not found");
    /// One subscription more than allowed.
    pub const TOO_MANY_SUBSCRIPTIONS: Self =
        Self::said(Code::UserOverload, "Too many subscriptions");
    /// Whoever asks does so too often.
    pub const TOO_FAST: Self = Self::said(Code::UserOverload, "Too many requests");
    /// The server has too much to do.
    pub const OVERLOAD: Self = Self::said(Code::Overload, "Server overload");
    /// Our fault.
    pub const INTERNAL: Self = Self::said(Code::Internal, "Internal error");
    /// A market order found nobody.
    pub const BOOK_EMPTY: Self = Self::said(Code::OrderBookEmpty, "Order book is empty");
    /// A post-only order would have matched.
    pub const BOOK_NOT_EMPTY: Self = Self::said(Code::OrderBookNotEmpty, "Order book is not empty");
    /// A fill-or-kill order could not be filled whole.
    pub const NOT_FULL_MATCH: Self = Self::said(Code::NotFullMatch, "Not full match");

    const fn said(code: Code, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    /// With these words.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// A member is missing.
    #[must_use]
    pub fn required(member: &str) -> Self {
        Self::new(Code::BadRequest, format!("{member} is required"))
    }

    /// A member is of the wrong type, or its value cannot be.
    #[must_use]
    pub fn invalid(member: &str) -> Self {
        Self::new(Code::BadRequest, format!("{member} is invalid"))
    }

    /// A symbol is not in upper case.
    #[must_use]
    pub fn not_upper(symbol: &str) -> Self {
        Self::new(Code::BadRequest, format!("Symbol must be uppercase: {symbol}"))
    }

    /// An address is not in lower case.
    #[must_use]
    pub fn not_lower(address: &str) -> Self {
        Self::new(Code::BadRequest, format!("Address must be lowercase: {address}"))
    }

    /// Nothing of this name is listed.
    #[must_use]
    pub fn market_not_found(symbol: &str) -> Self {
        Self::new(Code::NotFound, format!("Market not found: {symbol}"))
    }

    /// There is not enough of a token.
    #[must_use]
    pub fn insufficient(symbol: &str, required: &str, actual: &str) -> Self {
        let message =
            format!("Insufficient {symbol} balance. Required: {required}, actual: {actual}.");
        Self::new(Code::InsufficientBalance, message)
    }
}
