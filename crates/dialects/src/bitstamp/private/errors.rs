//! What the signed endpoints say when they refuse. Sections 8.5 and 8.7.
//!
//! Texts are the venue's; where it publishes a code and no text, the text is the code's published explanation
//! (`spec.md` lists them).

use crate::http::HttpResponse;
use crate::step::Step;

/// A request that is refused for who sent it, or how: `{"status":"error","reason":"…","code":"API0005"}` with 403.
pub struct Refusal {
    code: &'static str,
    reason: &'static str,
}

const fn refusal(code: &'static str, reason: &'static str) -> Refusal {
    Refusal { code, reason }
}

pub const KEY_NOT_FOUND: Refusal = refusal("API0001", "API key not found");
pub const NO_PERMISSION: Refusal = refusal("API0003", "No permission found");
pub const INVALID_NONCE: Refusal = refusal("API0004", "Invalid nonce");
pub const INVALID_SIGNATURE: Refusal = refusal("API0005", "Invalid signature");
pub const INVALID_VERSION: Refusal = refusal("API0010", "Invalid version");
pub const WRONG_KEY_FORMAT: Refusal = refusal("API0011", "Wrong API key format");
pub const NO_AUTH: Refusal = refusal("API0012", "X-Auth header is required");
pub const NO_SIGNATURE: Refusal = refusal("API0013", "X-Auth-Signature header is required");
pub const NO_NONCE: Refusal = refusal("API0014", "X-Auth-Nonce header is required");
pub const NO_TIMESTAMP: Refusal = refusal("API0015", "X-Auth-Timestamp header is required");
pub const NO_VERSION: Refusal = refusal("API0016", "X-Auth-Version header is required");
pub const TIMESTAMP_OUTSIDE: Refusal =
    refusal("API0017", "X-Auth-Timestamp header is out of boundaries");
pub const TIMESTAMP_INVALID: Refusal = refusal("API0018", "X-Auth-Timestamp header is invalid");
pub const CONTENT_TYPE_WRONG: Refusal = refusal("API0019", "Content-Type header is not accepted");
pub const CONTENT_TYPE_NEEDLESS: Refusal =
    refusal("API0020", "Content-Type header should not be present");

impl Refusal {
    /// As it is answered.
    pub fn response(&self) -> HttpResponse {
        let Self { code, reason } = self;
        let body = format!(r#"{{"status":"error","reason":"{reason}","code":"{code}"}}"#);
        HttpResponse::json(403, body.into_bytes())
    }
}

/// A request that is understood and cannot be done:
/// `{"status":"error","reason":"Order not found.","response_code":"404.002","response_explanation":"…"}` with 200.
pub struct Failure {
    code: &'static str,
    reason: &'static str,
    explanation: &'static str,
}

const fn failure(code: &'static str, reason: &'static str, explanation: &'static str) -> Failure {
    Failure { code, reason, explanation }
}

/// One of which no other text is published.
const fn as_explained(code: &'static str, explanation: &'static str) -> Failure {
    failure(code, explanation, explanation)
}

pub const ORDER_NOT_FOUND: Failure =
    failure("404.002", "Order not found.", "Order not found for corresponding request.");
pub const PAIR_NOT_FOUND: Failure = failure(
    "404.003",
    "Currency pair not found.",
    "Currency pair not found for corresponding request.",
);
pub const CURRENCY_NOT_FOUND: Failure =
    failure("404.006", "Currency not found.", "Currency not found for corresponding request.");
pub const ID_MISSING: Failure =
    failure("400.035", "Missing id POST param.", "POST parameter(s) is missing from request: id.");
pub const ID_MALFORMED: Failure =
    failure("400.036", "Invalid id POST param.", "POST parameter(s) is malformed: id.");
pub const ORDER_ID_MALFORMED: Failure =
    failure("400.016", "Invalid order id", "POST parameter(s) is malformed: order_id.");
pub const NEITHER_ID: Failure = failure(
    "400.072",
    "Missing id POST param.",
    "At least one of POST parameters must be set in request: id, orig_client_order_id.",
);
pub const MARKET_NOT_FOUND: Failure =
    as_explained("404.007", "Market not found for corresponding request.");
pub const NO_EVENTS: Failure =
    as_explained("404.008", "No events found for the provided parameters.");
pub const SOURCE_MISSING: Failure =
    as_explained("400.078", "POST parameter(s) is missing from request: order_source.");
pub const MARKET_MISSING: Failure =
    as_explained("400.079", "POST parameter(s) is missing from request: market.");
pub const SOURCE_MALFORMED: Failure =
    as_explained("400.080", "POST parameter(s) is malformed: order_source.");
pub const SINCE_EVENT_MALFORMED: Failure =
    as_explained("400.081", "POST parameter(s) is malformed: since_id.");
pub const UNTIL_EVENT_MALFORMED: Failure =
    as_explained("400.082", "POST parameter(s) is malformed: until_id.");
pub const EVENT_OF_OTHER_MARKET: Failure =
    as_explained("400.083", "Event ID market mismatch: event ID does not match requested market.");
pub const EVENT_OF_OTHER_SOURCE: Failure = as_explained(
    "400.084",
    "Event ID source mismatch: event ID does not match requested order source.",
);
pub const EVENTS_REVERSED: Failure =
    as_explained("400.085", "Invalid event ID range: until_id must be greater than since_id.");
pub const OFFSET_INVALID: Failure =
    failure("400.010", "Invalid offset.", "POST parameter(s) is malformed: offset.");
pub const LIMIT_INVALID: Failure =
    failure("400.011", "Invalid limit", "POST parameter(s) is malformed: limit.");
pub const LIMIT_TOO_LARGE: Failure =
    failure("400.011", "Limit too large", "POST parameter(s) is malformed: limit.");
pub const SORT_INVALID: Failure =
    failure("400.012", "Invalid sort parameter", "POST parameter(s) is malformed: sort.");
pub const SINCE_INVALID: Failure = failure(
    "400.013",
    "Invalid since_timestamp parameter",
    "POST parameter(s) is malformed: since_timestamp.",
);
pub const UNTIL_INVALID: Failure = failure(
    "400.034",
    "Invalid until_timestamp parameter",
    "POST parameter(s) is malformed: until_timestamp.",
);
pub const SINCE_ID_INVALID: Failure =
    failure("400.007", "Invalid since_id parameter", "POST parameter(s) is malformed.");
pub const CANCEL_HALTED: Failure = failure(
    "400.003",
    "Order cancellation failed due to trade halt.",
    "Trading for provided market is disabled.",
);
pub const REPLACE_HALTED: Failure = failure(
    "400.003",
    "Order replacement failed due to trade halt.",
    "Trading for provided market is disabled.",
);
pub const REPLACE_IMPOSSIBLE: Failure = failure(
    "400.086",
    "Invalid time in force for replace order.",
    "Invalid time in force for replace order.",
);
pub const UNKNOWN: Failure = failure("500.001", "Unknown server error.", "Unknown server error.");

impl Failure {
    /// As it is answered.
    pub fn response(&self) -> HttpResponse {
        let Self { code, reason, explanation } = self;
        let body = format!(
            r#"{{"status":"error","reason":"{reason}","response_code":"{code}","response_explanation":"{explanation}"}}"#
        );
        HttpResponse::json(200, body.into_bytes())
    }
    /// The last step.
    pub fn step(&self) -> Step {
        Step::Reply(self.response())
    }
}

/// A field of a form that cannot be used, and why: `{"status":"error","reason":{"price":["Enter a number."]},…}`
/// with 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// `None` for what is about the form as a whole.
    field: Option<&'static str>,
    why: String,
    code: &'static str,
    /// Whether it is said of the form as a whole as well.
    said_of_all: bool,
}

/// What is wrong with this field.
pub fn field(name: &'static str, code: &'static str, why: impl Into<String>) -> Unusable {
    Unusable { field: Some(name), why: why.into(), code, said_of_all: false }
}

/// What is wrong with the form as a whole.
pub fn all(code: &'static str, why: impl Into<String>) -> Unusable {
    Unusable { field: None, why: why.into(), code, said_of_all: false }
}

/// This field is a number with more decimals than there are. Said of the form as a whole as well, where clients look
/// for the words by which they know a bad order (decision 11).
pub fn too_precise(name: &'static str, code: &'static str, decimals: u8) -> Unusable {
    let why = format!("Ensure that there are no more than {decimals} decimal places.");
    Unusable { said_of_all: true, ..field(name, code, why) }
}

/// The field has to be there.
pub const REQUIRED: &str = "This field is required.";
/// The field has to be a number.
pub const NO_NUMBER: &str = "Enter a number.";
/// The field has to be one of some words.
pub const NO_CHOICE: &str = "Not a valid choice.";

/// There is no such thing here.
pub const NOT_SUPPORTED: &str = "This field is not supported.";

/// Whatever the reason: the market takes no order of this kind now.
pub fn not_placed() -> Unusable {
    all("400.003", "Order could not be placed.")
}

impl Unusable {
    /// As it is answered.
    pub fn response(&self) -> HttpResponse {
        respond(self.code, std::slice::from_ref(self))
    }
}

/// Two of them at once. If both are missing, or both malformed otherwise, no single field has the code.
pub fn both(one: Unusable, two: Unusable) -> HttpResponse {
    let code = match (one.why == REQUIRED, two.why == REQUIRED) {
        _ if one.code == two.code => one.code,
        (true, true) => "400.004",
        _ => "400.007",
    };
    respond(code, &[one, two])
}

fn respond(code: &str, wrong: &[Unusable]) -> HttpResponse {
    let mut reasons: Vec<String> = wrong
        .iter()
        .map(|it| format!(r#""{}":["{}"]"#, it.field.unwrap_or("__all__"), it.why))
        .collect();
    let of_all = wrong.iter().filter(|it| it.said_of_all);
    let of_all: Vec<String> = of_all.map(|it| format!(r#""{}""#, it.why)).collect();
    if !of_all.is_empty() {
        reasons.push(format!(r#""__all__":[{}]"#, of_all.join(",")));
    }
    let reasons = reasons.join(",");
    let body = format!(r#"{{"status":"error","reason":{{{reasons}}},"response_code":"{code}"}}"#);
    HttpResponse::json(200, body.into_bytes())
}

/// What the endpoints of derivatives say: `{"code":"API5506","message":"…","field":"market"}` with 400. Section 8.7.
pub struct Denial {
    code: &'static str,
    message: &'static str,
    /// Which field of the request is meant, if it is one.
    field: Option<&'static str>,
}

const fn denial(code: &'static str, message: &'static str, field: Option<&'static str>) -> Denial {
    Denial { code, message, field }
}

pub const NO_SUCH_MARKET: Denial =
    denial("400.007", "Market not found for corresponding request.", Some("market"));
pub const NOT_TAKEN: Denial = denial("API5502", "Something went wrong, try again later.", None);
pub const UNKNOWN_ORDER_TYPE: Denial = denial("API5503", "Unknown order type.", Some("order_type"));
pub const NO_PERPETUAL: Denial =
    denial("API5504", "Selected market is not supported.", Some("market"));
pub const BAD_ARGUMENTS: Denial = denial("API5505", "Invalid arguments.", None);
pub const BAD_MODE: Denial = denial("API5505", "Invalid arguments.", Some("margin_mode"));
pub const BAD_LEVERAGE: Denial = denial("API5505", "Invalid arguments.", Some("leverage"));
pub const NO_DERIVATIVES: Denial =
    denial("API5506", "Trade account does not support derivatives.", None);
pub const NOT_CHANGED: Denial = denial("API5508", "Collateral cannot be changed.", None);
pub const NOT_ISOLATED: Denial =
    denial("API5509", "Given position is not isolated. Collateral cannot be changed.", None);
pub const NO_POSITION: Denial =
    denial("API5510", "Given position is not found.", Some("position_id"));
/// Nobody takes it, or it is being liquidated.
pub const NOT_CLOSED: Denial =
    denial("400.003", "Unknown error while processing order.", Some("position_id"));

impl Denial {
    /// The last step.
    pub fn step(&self) -> Step {
        let Self { code, message, field } = self;
        let field = field.map_or_else(String::new, |field| format!(r#","field":"{field}""#));
        let body = format!(r#"{{"code":"{code}","message":"{message}"{field}}}"#);
        Step::Reply(HttpResponse::json(400, body.into_bytes()))
    }
}

/// The leverage that an order names cannot be chosen.
pub fn leverage_refused() -> Unusable {
    field("leverage", "400.007", NO_CHOICE)
}

/// The margin mode that an order names cannot be chosen while a position is open.
pub fn mode_refused() -> Unusable {
    field("margin_mode", "400.007", NO_CHOICE)
}
