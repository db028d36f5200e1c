//! What is answered over HTTP when something cannot be done: problem bodies. Section A8.
//!
//! ```json
//! {"type":"/api/problems/exchange_symbol_not_found","title":"Symbol not found","status":400,
//!  "detail":"The symbol is not listed","instance":"/api/problems/instances/…","kind":"exchange",
//!  "info":{"symbol":"FOO-BAR"}}
//! ```

use std::borrow::Cow;

use crate::http::{HttpRequest, HttpResponse};
use crate::json::quoted;
use crate::xrocket::wire::failure::{Code, Failure, More};

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    name: &'static str,
    title: &'static str,
    status: u16,
    kind: &'static str,
}

const fn row(name: &'static str, title: &'static str, status: u16, kind: &'static str) -> Row {
    Row { name, title, status, kind }
}

const fn exchange(name: &'static str, title: &'static str) -> Row {
    row(name, title, 400, "exchange")
}

pub static INVALID: Row =
    row("client_data_validation", "Client data validation error", 400, "validation");
pub static UNAUTHORIZED: Row = row("unauthorized", "Unauthorized", 401, "authorization");
pub static BLOCKED: Row = row("user_blocked", "User Blocked", 403, "authorization");
pub static FORBIDDEN: Row = row("forbidden", "Forbidden", 403, "authorization");
pub static NOT_FOUND: Row = row("not_found", "Not found", 404, "not_found");
pub static ASSET_NOT_FOUND: Row = row("asset_not_found", "Asset not found", 404, "not_found");
pub static TOO_MANY_REQUESTS: Row =
    row("too_many_requests", "Rate limit exceeded", 429, "rate_limit");
pub static INTERNAL: Row = row("internal_error", "Internal error", 500, "internal");
pub static UNAVAILABLE: Row = row("service_unavailable", "Service unavailable", 503, "internal");

pub static BALANCE: Row =
    exchange("exchange_amount_more_than_user_balance", "Amount more than user balance");
pub static DUPLICATE: Row =
    exchange("exchange_client_order_id_duplicate", "Client order id duplicate");
pub static NEITHER_SIZE_NOR_FUNDS: Row =
    row("order_size_and_funds_missing", "Order size and funds missing", 400, "validation");
pub static SIZE_AND_FUNDS: Row = row(
    "order_size_and_funds_mutual_exclusion",
    "Order size and funds exclude each other",
    400,
    "validation",
);
pub static LIQUIDITY: Row = exchange("exchange_insufficient_liquidity", "Insufficient liquidity");
pub static PRICE_RANGE: Row = exchange("exchange_price_out_of_range", "Price out of range");
pub static STOP_PRICE_RANGE: Row =
    exchange("exchange_stop_price_out_of_range", "Stop price out of range");
pub static SIZE_RANGE: Row = exchange("exchange_size_out_of_range", "Size out of range");
pub static FUNDS_RANGE: Row = exchange("exchange_funds_out_of_range", "Funds out of range");
pub static NO_IDENTIFIER: Row =
    exchange("exchange_missing_order_identifier", "Missing order identifier");

static DECIMALS: Row = exchange("exchange_incorrect_decimal_places", "Incorrect decimal places");
static ORDER_NOT_FOUND: Row = exchange("exchange_order_not_found", "Order not found");
static SYMBOL_NOT_FOUND: Row = exchange("exchange_symbol_not_found", "Symbol not found");
static SYMBOL_INCORRECT: Row = exchange("exchange_symbol_incorrect", "Symbol incorrect");
static SYMBOL_NOT_AVAILABLE: Row =
    exchange("exchange_symbol_not_available_for_trading", "Symbol not available");
static INTERVAL: Row =
    row("exchange_too_big_interval_validation", "Interval too big", 400, "validation");
static SYMBOL_NOT_OPENED: Row = exchange("exchange_symbol_not_opened", "Symbol not opened");
static ASSET_NOT_AVAILABLE: Row = exchange("exchange_asset_not_available", "Asset not available");
static PRECISION: Row = exchange("exchange_incorrect_precision", "Incorrect precision");

/// A problem, worded but for the name of its instance.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    row: &'static Row,
    detail: Cow<'static, str>,
    info: Vec<(&'static str, More)>,
}

impl Problem {
    /// One that says nothing but this.
    pub fn new(row: &'static Row, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { row, detail: detail.into(), info: Vec::new() }
    }
    /// The same, saying this as well.
    #[must_use]
    pub fn with(mut self, name: &'static str, more: More) -> Self {
        self.info.push((name, more));
        self
    }

    /// The response; [`Instance::name`] completes it.
    pub fn word(&self) -> HttpResponse {
        let Row { name, title, status, kind } = self.row;
        let mut body = format!(
            r#"{{"type":"/api/problems/{name}","title":"{title}","status":{status},"detail":{},"instance":"{UNNAMED}","kind":"{kind}""#,
            quoted(&self.detail)
        )
        .into_bytes();
        if !self.info.is_empty() {
            let info: Vec<String> = self
                .info
                .iter()
                .map(|(name, more)| format!(r#""{name}":{}"#, more.word()))
                .collect();
            body.extend_from_slice(format!(r#","info":{{{}}}"#, info.join(",")).as_bytes());
        }
        body.push(b'}');
        HttpResponse::json(*status, body)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let row = match failure.code {
            Code::ParseError
            | Code::InvalidRequest
            | Code::MethodNotFound
            | Code::InvalidParams
            | Code::ValidationError => &INVALID,
            Code::IncorrectDecimalPlaces => &DECIMALS,
            Code::OrderNotFound => &ORDER_NOT_FOUND,
            Code::SymbolNotFound => &SYMBOL_NOT_FOUND,
            Code::SymbolIncorrect => &SYMBOL_INCORRECT,
            Code::SymbolNotAvailable => &SYMBOL_NOT_AVAILABLE,
            Code::IntervalTooBig => &INTERVAL,
            Code::SymbolNotOpened => &SYMBOL_NOT_OPENED,
            Code::AssetNotAvailable => &ASSET_NOT_AVAILABLE,
            Code::IncorrectPrecision => &PRECISION,
            Code::InvalidToken | Code::Unauthorized => &UNAUTHORIZED,
            Code::UserBlocked => &BLOCKED,
            Code::RateLimitExceeded => &TOO_MANY_REQUESTS,
            Code::InternalError | Code::AlreadySubscribed | Code::NotSubscribed => &INTERNAL,
        };
        Self { row, detail: failure.detail, info: failure.more }
    }
}

/// Stands in a problem's body until it is known what was asked.
const UNNAMED: &str = "/api/problems/instances/";

/// The name of what may go wrong with a request: the same for the same request, as nothing here is drawn by lot.
pub struct Instance(u128);

impl Instance {
    /// That of a request.
    pub fn of(request: &HttpRequest<'_>) -> Self {
        // FNV-1a, 128 bits.
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        let parts = [
            request.method.as_bytes(),
            request.path.as_bytes(),
            request.query.unwrap_or("").as_bytes(),
            request.body,
        ];
        let bytes = parts.into_iter().flat_map(|part| part.iter().chain(b"\n"));
        Self(bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME)))
    }

    /// Names the instance in a problem's body; all else stays as it is.
    pub fn name(&self, mut response: HttpResponse) -> HttpResponse {
        if response.status < 400 {
            return response;
        }
        let uuid = self.uuid();
        let unnamed = format!(r#""instance":"{UNNAMED}""#);
        let windows = response.body.windows(unnamed.len());
        if let Some(at) = windows.into_iter().position(|window| window == unnamed.as_bytes()) {
            let end = at + unnamed.len() - 1;
            response.body.splice(end..end, uuid.into_bytes());
        }
        response
    }

    /// As a UUID of the eighth version.
    fn uuid(&self) -> String {
        let hex = format!("{:032x}", self.0);
        format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xrocket::wire::failure::CODES;

    #[test]
    fn problems_are_worded_and_named_after_what_was_asked() {
        let failure = Failure::symbol(Code::SymbolNotFound, "The symbol is not listed", "FOO-BAR");
        let request = HttpRequest::bare("GET", "/api/v1/trades");
        let response = Instance::of(&request).name(Problem::from(failure).word());
        assert_eq!(response.status, 400);
        let body = String::from_utf8(response.body).expect("it is text");
        let (front, rest) = body.split_once("instances/").expect("it is named");
        let (uuid, back) = rest.split_at(36);
        assert_eq!(
            front,
            r#"{"type":"/api/problems/exchange_symbol_not_found","title":"Symbol not found","status":400,"detail":"The symbol is not listed","instance":"/api/problems/"#
        );
        assert_eq!(back, r#"","kind":"exchange","info":{"symbol":"FOO-BAR"}}"#);
        let other = HttpRequest { query: Some("symbol=A"), ..request };
        assert_ne!(Instance::of(&other).uuid(), uuid);
        assert_eq!(Instance::of(&request).uuid(), uuid);
        assert_eq!((&uuid[14..15], &uuid[19..20]), ("8", "8"));
    }

    #[test]
    fn every_code_of_the_socket_has_its_twin() {
        let twins = CODES.map(|(code, ..)| Problem::from(Failure::new(code, "")).row.name);
        assert_eq!(twins[Code::OrderNotFound as usize], "exchange_order_not_found");
        assert_eq!(twins[Code::AssetNotAvailable as usize], "exchange_asset_not_available");
        assert_eq!(twins[Code::UserBlocked as usize], "user_blocked");
    }
}
