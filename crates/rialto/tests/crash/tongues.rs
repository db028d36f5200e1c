//! How orders are placed, cancelled and looked up in each dialect that the traders speak, and how it is read what came of it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A language in which one can trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// Requests are signed, with a nonce: the same one may be sent again.
    Bitstamp,
    /// Orders have an idempotency key, cancels have none.
    Native,
    /// A client's name for an order is good once.
    XRocket,
    /// Nothing keeps a request from being done twice: whoever has no answer looks for the order first.
    TimeX,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum What {
    /// An order of this name.
    Place(String),
    /// The end of the order with this id.
    Cancel(String),
    /// Another one of this name in the place of the order with this id.
    Replace(String, String),
}

/// What came of it.
#[derive(Debug)]
pub enum Told {
    Placed(Own),
    Canceled,
    /// It had ended before, or so it is said.
    Gone,
    /// There is an order of this name already.
    Known,
}

/// An order, as its dialect tells it.
#[derive(Clone, Debug)]
pub struct Own {
    pub name: String,
    pub id: String,
    /// In 10^-8 of a coin.
    pub filled: i128,
    /// By its owner, or replaced.
    pub canceled: bool,
    /// Trades that were told with it (natively).
    pub trades: Vec<String>,
}

/// The size of each order.
const SIZE: &str = "0.00100000";

impl Tongue {
    /// Asks for an order at this price, or at any.
    pub fn place(self, who: &Value, name: &str, nonce: &str, price: Option<usize>) -> String {
        match (self, price) {
            (Self::Bitstamp, None) => {
                let form = format!("amount={SIZE}&client_order_id={name}");
                signed(who, "buy/market/btcusd/", &form, nonce)
            }
            (Self::Bitstamp, Some(price)) => {
                let form = format!("amount={SIZE}&price={price}.00&client_order_id={name}");
                signed(who, "buy/btcusd/", &form, nonce)
            }
            (Self::Native, price) => {
                let rest = match price {
                    None => r#""side":"sell","type":"market""#.to_owned(),
                    Some(price) => format!(r#""side":"buy","type":"limit","price":"{price}""#),
                };
                let body = format!(
                    r#"{{"instrument":"BTC-USD","quantity":"{SIZE}","client_order_id":"{name}",{rest}}}"#
                );
                native("POST", "orders", text(who, "native", "key"), Some(name), &body)
            }
            (Self::XRocket, price) => {
                let rest = match price {
                    None => r#""type":"market","timeInForce":"IOC""#.to_owned(),
                    Some(price) => {
                        format!(r#""type":"limit","timeInForce":"GTC","price":"{price}.00""#)
                    }
                };
                let body = format!(
                    r#"{{"symbol":"BTC-USD","side":"buy","size":"{SIZE}","clientOrderId":"{name}",{rest}}}"#
                );
                xrocket(who, "POST", "orders", &body)
            }
            (Self::TimeX, price) => {
                let rest = price.map_or_else(
                    || "orderTypes=MARKET".to_owned(),
                    |price| format!("orderTypes=LIMIT&price={price}&expireIn=86400"),
                );
                let order = format!("symbol=BTCUSD&side=BUY&quantity={SIZE}&clientOrderId={name}");
                timex(who, "POST", &format!("trading/orders?{order}&{rest}"))
            }
        }
    }

    /// Asks for the end of an order.
    pub fn cancel(self, who: &Value, id: &str, nonce: &str) -> String {
        match self {
            Self::Bitstamp => signed(who, "cancel_order/", &format!("id={id}"), nonce),
            Self::Native => {
                native("DELETE", &format!("orders/{id}"), text(who, "native", "key"), None, "")
            }
            Self::XRocket => xrocket(who, "DELETE", &format!("order?orderId={id}"), ""),
            Self::TimeX => timex(who, "DELETE", &format!("trading/orders?id={id}")),
        }
    }

    /// Asks for another order in the place of one, in Bitstamp's dialect.
    pub fn replace(
        self,
        who: &Value,
        (id, name): (&str, &str),
        nonce: &str,
        price: usize,
    ) -> String {
        assert_eq!(self, Self::Bitstamp, "the others do without");
        let form = format!("id={id}&amount={SIZE}&price={price}.00&client_order_id={name}");
        signed(who, "replace_order/", &form, nonce)
    }

    /// Asks for a page of the account's orders, the first of them 0: those that are open and then those that have
    /// ended, or all; `None` behind the last.
    pub fn list(self, who: &Value, page: usize) -> String {
        match self {
            Self::XRocket if page == 0 => xrocket(who, "GET", "orders/active", ""),
            Self::XRocket => {
                let path = format!("orders/history?pageSize=100&currentPage={page}");
                xrocket(who, "GET", &path, "")
            }
            Self::TimeX => {
                let page = format!("size=1000&page={page}&sort=createdAt,asc");
                timex(who, "GET", &format!("history/orders?{page}"))
            }
            Self::Bitstamp | Self::Native => panic!("the native API lists those"),
        }
    }

    /// Asks how an order stands; the answer is a list.
    pub fn look_up(self, who: &Value, name: &str) -> String {
        match self {
            Self::XRocket => xrocket(who, "GET", &format!("order?clientOrderId={name}"), ""),
            Self::TimeX => timex(who, "GET", &format!("history/orders?clientOrderId={name}")),
            Self::Bitstamp | Self::Native => panic!("they repeat what they asked"),
        }
    }

    /// Asks what the account holds of an asset.
    pub fn balance(self, who: &Value, asset: &str, nonce: &str) -> String {
        match self {
            Self::Bitstamp => {
                let path = format!("account_balances/{}/", asset.to_lowercase());
                signed(who, &path, "any=thing", nonce)
            }
            Self::Native => native("GET", "balances", text(who, "native", "key"), None, ""),
            Self::XRocket => xrocket(who, "GET", "accounts/trading/balances", ""),
            Self::TimeX => timex(who, "GET", "trading/balances"),
        }
    }

    /// Reads that.
    pub fn total<'a>(self, asset: &str, body: &'a Value) -> &'a Value {
        let (list, name, total) = match self {
            Self::Bitstamp => return &body["total"],
            Self::Native => (&body["balances"], "asset", "total"),
            Self::XRocket => (&body["balances"], "asset", "balance"),
            Self::TimeX => (body, "currency", "totalBalance"),
        };
        let all = list.as_array().unwrap_or_else(|| panic!("{self:?}: {body}"));
        let it = all.iter().find(|it| it[name] == asset).expect("it has some");
        &it[total]
    }

    /// Reads an order.
    pub fn own(self, order: &Value) -> Own {
        let name_of = |name: &str| order[name].as_str().unwrap_or_default().to_owned();
        let (name, filled, canceled) = match self {
            Self::Bitstamp => (name_of("client_order_id"), 0, false),
            Self::Native => {
                let is_canceled = order["status"] == "canceled" || order["status"] == "replaced";
                (name_of("client_order_id"), units(&order["filled"], 8), is_canceled)
            }
            Self::XRocket => {
                let is_canceled = order["status"] == "cancelled";
                (name_of("clientOrderId"), units(&order["dealSize"], 8), is_canceled)
            }
            Self::TimeX => {
                let is_canceled = units(&order["cancelledQuantity"], 8) != 0;
                (name_of("clientOrderId"), units(&order["filledQuantity"], 8), is_canceled)
            }
        };
        let id = order["id"].as_str().unwrap_or_else(|| panic!("no id: {order}")).to_owned();
        Own { name, id, filled, canceled, trades: Vec::new() }
    }

    /// Reads what came of something. What cannot be, or what is no answer to it, is a failure of the test.
    pub fn told(self, what: &What, status: u16, body: &Value) -> Told {
        match (self, what, status) {
            (Self::Bitstamp | Self::XRocket, What::Place(_), 200 | 201) => {
                Told::Placed(self.own(body))
            }
            (Self::Native, What::Place(_), 201) => {
                let trades = body["trades"].as_array().into_iter().flatten();
                let id = |trade: &Value| trade["id"].as_str().expect("an id").to_owned();
                Told::Placed(Own { trades: trades.map(id).collect(), ..self.own(&body["order"]) })
            }
            (Self::TimeX, What::Place(_), 200) => Told::Placed(self.own(&body["orders"][0])),
            (Self::XRocket, What::Place(_), _)
                if body["type"] == "/api/problems/exchange_client_order_id_duplicate" =>
            {
                Told::Known
            }
            (Self::Bitstamp, What::Cancel(_), 200) if body["status"] == "Canceled" => {
                Told::Canceled
            }
            (Self::Bitstamp, What::Replace(_, name), 200) if body["order_id"].is_u64() => {
                let (id, name) = (body["order_id"].to_string(), name.clone());
                Told::Placed(Own { name, id, filled: 0, canceled: false, trades: Vec::new() })
            }
            (Self::Bitstamp, What::Cancel(_) | What::Replace(..), _)
                if body["reason"] == "Order not found." =>
            {
                Told::Gone
            }
            (Self::Native, What::Cancel(_), 200) if body["order"]["status"] == "canceled" => {
                Told::Canceled
            }
            (Self::Native, What::Cancel(_), 409) if body["code"] == "not-open" => Told::Gone,
            (Self::XRocket, What::Cancel(id), 200)
                if body["cancelledOrderIds"][0].as_str() == Some(id) =>
            {
                Told::Canceled
            }
            (Self::XRocket, What::Cancel(_), _)
                if body["type"] == "/api/problems/exchange_order_not_found" =>
            {
                Told::Gone
            }
            (Self::TimeX, What::Cancel(id), 200) => {
                match body["changedOrders"][0]["oldId"].as_str() == Some(id) {
                    true => Told::Canceled,
                    false => {
                        assert_eq!(body["unchangedOrders"][0].as_str(), Some(&**id), "{body}");
                        Told::Gone
                    }
                }
            }
            _ => panic!("{self:?}, {what:?}: {status} {body}"),
        }
    }
}

fn text<'a>(who: &'a Value, dialect: &str, name: &str) -> &'a str {
    who[dialect][name].as_str().expect("text")
}

/// A request of the native API.
pub fn native(method: &str, path: &str, key: &str, once: Option<&str>, body: &str) -> String {
    let once = once.map_or_else(String::new, |once| format!("Idempotency-Key: {once}\r\n"));
    format!(
        "{method} /rialto/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {key}\r\n{once}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn plain(method: &str, path: &str, authorization: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: {authorization}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn xrocket(who: &Value, method: &str, path: &str, body: &str) -> String {
    let bearer = format!("Bearer {}", text(who, "xrocket", "token"));
    plain(method, &format!("/xrocket/api/v1/{path}"), &bearer, body)
}

fn timex(who: &Value, method: &str, path: &str) -> String {
    let pair = format!("{}:{}", text(who, "timex", "id"), text(who, "timex", "secret"));
    let basic = format!("Basic {}", STANDARD.encode(pair));
    plain(method, &format!("/timex/{path}"), &basic, "")
}

/// A request as Bitstamp's clients sign it, under the venue's own name.
fn signed(who: &Value, path: &str, form: &str, nonce: &str) -> String {
    let text = |name: &str| text(who, "bitstamp", name);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let (auth, host) = (format!("BITSTAMP {}", text("key")), "www.bitstamp.net");
    let (path, kind) = (format!("/api/v2/{path}"), "application/x-www-form-urlencoded");
    let signs = format!("{auth}POST{host}{path}{kind}{nonce}{now}v2{form}");
    let mut mac = Hmac::<Sha256>::new_from_slice(text("secret").as_bytes()).expect("any key");
    mac.update(signs.as_bytes());
    let signature: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Auth: {auth}\r\n\
         X-Auth-Signature: {signature}\r\nX-Auth-Nonce: {nonce}\r\nX-Auth-Timestamp: {now}\r\n\
         X-Auth-Version: v2\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

/// A decimal text in units of `10^-decimals`; more decimals than that are zeros.
pub fn units(text: &Value, decimals: usize) -> i128 {
    let text = text.as_str().expect("a decimal text");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let mut part = part.trim_end_matches('0').to_owned();
    assert!(part.len() <= decimals, "{text} is finer than 10^-{decimals}");
    part.extend(std::iter::repeat_n('0', decimals - part.len()));
    format!("{whole}{part}").parse().expect("digits")
}
