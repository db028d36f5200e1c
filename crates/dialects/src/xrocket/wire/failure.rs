//! What a client is told when something cannot be done: the twenty-one codes, and what each says besides. Section A4.2.

use std::borrow::Cow;

use crate::json::quoted;

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The message is not JSON.
    ParseError,
    /// It is JSON, but no request.
    InvalidRequest,
    /// There is no such method.
    MethodNotFound,
    /// A parameter is missing or of another type.
    InvalidParams,
    /// Our fault.
    InternalError,
    /// More decimals than the symbol has.
    IncorrectDecimalPlaces,
    /// No such order.
    OrderNotFound,
    /// This very subscription is there already.
    AlreadySubscribed,
    /// There is no such subscription to end.
    NotSubscribed,
    /// A symbol that is not listed.
    SymbolNotFound,
    /// What has not the form of a symbol.
    SymbolIncorrect,
    /// The symbol takes no orders.
    SymbolNotAvailable,
    /// More candles than are told at once.
    IntervalTooBig,
    /// The symbol's market is closed.
    SymbolNotOpened,
    /// An asset that has no price here.
    AssetNotAvailable,
    /// A step that the symbol's book is not gathered in.
    IncorrectPrecision,
    /// A token that is good for nothing.
    InvalidToken,
    /// A parameter of the right type with a wrong value.
    ValidationError,
    /// Only for who has logged in, or may do this.
    Unauthorized,
    /// The user is blocked.
    UserBlocked,
    /// Too many requests, or subscriptions.
    RateLimitExceeded,
}

/// All of them: number and short name.
pub const CODES: [(Code, i32, &str); 21] = [
    (Code::ParseError, -32700, "Parse error"),
    (Code::InvalidRequest, -32600, "Invalid request"),
    (Code::MethodNotFound, -32601, "Method not found"),
    (Code::InvalidParams, -32602, "Invalid params"),
    (Code::InternalError, -32603, "Internal error"),
    (Code::IncorrectDecimalPlaces, -32000, "Incorrect decimal places"),
    (Code::OrderNotFound, -32001, "Order not found"),
    (Code::AlreadySubscribed, -32002, "Already subscribed"),
    (Code::NotSubscribed, -32003, "Not subscribed"),
    (Code::SymbolNotFound, -32005, "Symbol not found"),
    (Code::SymbolIncorrect, -32006, "Symbol incorrect"),
    (Code::SymbolNotAvailable, -32007, "Symbol not available"),
    (Code::IntervalTooBig, -32008, "Interval too big"),
    (Code::SymbolNotOpened, -32009, "Symbol not opened"),
    (Code::AssetNotAvailable, -32010, "Asset not available"),
    (Code::IncorrectPrecision, -32011, "Incorrect precision"),
    (Code::InvalidToken, -32030, "Invalid token"),
    (Code::ValidationError, -32032, "Validation error"),
    (Code::Unauthorized, -32033, "Unauthorized"),
    (Code::UserBlocked, -32034, "User Blocked"),
    (Code::RateLimitExceeded, -32050, "Rate limit exceeded"),
];

/// What was wrong, in the words of both halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its code.
    pub code: Code,
    /// For people.
    pub detail: Cow<'static, str>,
    /// For programs.
    pub more: Vec<(&'static str, More)>,
}

/// What a failure says for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum More {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Texts.
    Texts(Vec<String>),
}

impl Failure {
    /// One that says nothing but this.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), more: Vec::new() }
    }
    /// The same, saying this as well.
    #[must_use]
    pub fn with(mut self, name: &'static str, more: More) -> Self {
        self.more.push((name, more));
        self
    }
    /// A parameter is missing or of another type.
    pub fn params(field: &'static str, wanted: &str) -> Self {
        Self::new(Code::InvalidParams, format!("{field} must be {wanted}"))
            .with("field", More::Text(field.to_owned()))
    }
    /// A parameter has a wrong value.
    pub fn value(field: &'static str, wanted: &str) -> Self {
        Self::new(Code::ValidationError, format!("{field} must be {wanted}"))
            .with("field", More::Text(field.to_owned()))
    }
    /// Something about a symbol.
    pub fn symbol(code: Code, detail: &'static str, symbol: &str) -> Self {
        Self::new(code, detail).with("symbol", More::Text(symbol.to_owned()))
    }

    /// The answer to a request with this id; `None` where it has none.
    #[must_use]
    pub fn word(&self, id: Option<&str>) -> Vec<u8> {
        let (_, number, message) = CODES[self.code as usize];
        let more = self.more.iter().map(|(name, more)| format!(r#","{name}":{}"#, more.word()));
        format!(
            r#"{{"id":{},"error":{{"code":{number},"message":"{message}","data":{{"detail":{}{}}}}}}}"#,
            id.unwrap_or("null"),
            quoted(&self.detail),
            more.collect::<String>(),
        )
        .into_bytes()
    }
}

impl More {
    /// As JSON.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", texts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_at_its_place_and_is_worded_once() {
        for (at, (code, number, message)) in CODES.into_iter().enumerate() {
            assert_eq!(code as usize, at);
            let said = Failure::new(code, "why").word(Some("\"7\""));
            let said = String::from_utf8(said).expect("it is text");
            assert_eq!(
                said,
                format!(
                    r#"{{"id":"7","error":{{"code":{number},"message":"{message}","data":{{"detail":"why"}}}}}}"#
                )
            );
            let same = CODES.iter().filter(|(_, other, _)| *other == number).count();
            assert_eq!(same, 1, "{number}");
        }
    }

    #[test]
    fn what_it_says_for_programs_is_json() {
        let failure = Failure::new(Code::IncorrectPrecision, "a \"step\"\u{1}")
            .with("precisions", More::Texts(vec!["0.01".into(), "0.1".into()]))
            .with("maxDecimals", More::Number(2));
        assert_eq!(
            String::from_utf8(failure.word(None)).expect("it is text"),
            r#"{"id":null,"error":{"code":-32011,"message":"Incorrect precision","data":{"detail":"a \"step\"\u0001","precisions":["0.01","0.1"],"maxDecimals":2}}}"#
        );
    }
}
