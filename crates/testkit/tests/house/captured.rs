//! What a real TimeX venue said in September 2022, held against what ours says: the same members, nested the same way, of
//! the same JSON types. The captures lie beside the repository; where they do not, nothing is compared, and that is said.

use std::collections::BTreeMap;

use dialects::timex::{NAME, Options, TimeX};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, Address, Instrument, InstrumentId, Listing, Minimum, NewOrder, OrderKind,
    Price, Quantity, Side, Span, Time, TimeInForce,
};
use serde_json::Value;
use testkit::data::capture;
use testkit::people;
use testkit::transcript::{Heard, Line, Stage};
use testkit::venue::Venue;

const START: Time = Time(1_795_348_800_000_000);

fn instrument(id: u16, base: &str, quote: &str) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        base: base.into(),
        quote: quote.into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 4,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    }
}

/// A venue with the markets of the captures, and somebody who speaks with it.
struct Talk {
    venue: Venue,
    line: Line,
}

impl Talk {
    fn new() -> Self {
        let pairs = [("ETH", "USD"), ("ETH", "AUDT"), ("TIME", "USDT")];
        let listings: Vec<Listing> = (0..)
            .zip(pairs)
            .map(|(id, (base, quote))| Listing {
                instrument: instrument(id, base, quote),
                description: format!("{base} / {quote}"),
                symbols: vec![(NAME.to_owned(), format!("{base}{quote}"))],
            })
            .collect();
        let dialect = TimeX::new(&listings, Options::default()).expect("symbols in order");
        let mut venue = Venue::new(Box::new(dialect), &listings, START, false);
        let line = venue.connect();
        Self { venue, line }
    }

    fn place(&mut self, side: Side, price: i64, quantity: i64) {
        self.venue.act(Action::Place(NewOrder {
            account: AccountId(1),
            instrument: InstrumentId(0),
            side,
            kind: OrderKind::Limit(Price(price)),
            quantity: Quantity(quantity),
            time_in_force: TimeInForce::GoodTillDate(START + Span::seconds(60)),
            post_only: false,
            trigger: None,
        }));
    }

    fn say(&mut self, text: &str) {
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
        self.venue.send(self.line, &bytes);
    }

    fn hear(&mut self) -> Value {
        let Some(Heard::Text(text)) = self.venue.hear(self.line) else { panic!("a message") };
        serde_json::from_str(&text).expect("JSON")
    }

    fn ask(&mut self, text: &str) -> Value {
        self.say(text);
        self.hear()
    }

    fn tick(&mut self) {
        let span = self.venue.until_tick();
        self.venue.pass(span);
    }
}

/// What we say where the venue said what lies in this file.
fn ours(file: &str) -> Value {
    let mut talk = Talk::new();
    let alice = people::PEOPLE[0];
    let address = Address::of_account(alice.account);
    let auth = format!(r#"{{"id":"{}","secret":"{}"}}"#, alice.key, alice.secret);
    let rest = |stream: &str, payload: &str| {
        format!(
            r#"{{"type":"REST","requestId":"6A275","stream":"{stream}","auth":{auth},"payload":{payload}}}"#
        )
    };
    let account = |snapshot: bool| {
        format!(
            r#"{{"type":"ACCOUNT_SUBSCRIBE","requestId":"acs","account":"{address}","auth":{auth},"snapshot":{snapshot}}}"#
        )
    };
    let subscribe = |family: &str| {
        format!(r#"{{"type":"SUBSCRIBE","requestId":"1","pattern":"/{family}/ETHUSD"}}"#)
    };
    let order = r#"{"price":[1],"quantity":["36"],"side":["BUY"],"symbol":["ETHAUDT"],"orderTypes":["LIMIT"],"expireIn":[3]}"#;
    let book = |talk: &mut Talk| {
        talk.place(Side::Buy, 132_630, 60_000);
        talk.place(Side::Buy, 10, 15_490);
        talk.place(Side::Sell, 133_690, 73_340);
        talk.place(Side::Sell, 999_900, 100);
        talk.tick();
    };
    match file {
        "sample-ws-account-subscribed.json" => talk.ask(&account(true)),
        "sample-ws-create-order.json" => talk.ask(&rest("/post/trading/orders", order)),
        "sample-ws-message-account-order.json" | "sample-ws-message-account-balance.json" => {
            talk.ask(&account(false));
            talk.say(&rest("/post/trading/orders", order));
            let mut pushes: Vec<Value> = (0..3).map(|_| talk.hear()).collect();
            pushes.retain(|message| message["type"] == "ACCOUNT_SUBSCRIPTION");
            let is_balance = file.contains("balance");
            pushes.remove(usize::from(is_balance))
        }
        "sample-ws-message-group-orderbook-updated.json" => {
            talk.ask(&subscribe("orderbook.group"));
            book(&mut talk);
            talk.hear()
        }
        "sample-ws-message-raw-orderbook-updated.json" => {
            talk.ask(&subscribe("orderbook.raw"));
            book(&mut talk);
            talk.hear()
        }
        "sample-ws-rest-get-orderbook-group.json" => {
            book(&mut talk);
            talk.ask(&rest("/get/public/orderbook/v2", r#"{"market":"ETHUSD"}"#))
        }
        "sample-ws-rest-get-orderbook-raw.json" => {
            book(&mut talk);
            talk.ask(&rest("/get/public/orderbook/raw", r#"{"market":"ETHUSD","limit":20}"#))
        }
        other => panic!("nothing is known of {other}"),
    }
}

/// The members of a message, by their paths; elements of a list are all called `[]`. A text that is a moment is told
/// apart by its form, a decimal number in a text as well.
fn shape(path: &str, value: &Value, members: &mut BTreeMap<String, Vec<&'static str>>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(text) => kind_of_text(text),
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    let kinds = members.entry(path.to_owned()).or_default();
    if !kinds.contains(&kind) {
        kinds.push(kind);
        kinds.sort_unstable();
    }
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| shape(&format!("{path}[]"), item, members));
        }
        Value::Object(object) => {
            object.iter().for_each(|(name, item)| shape(&format!("{path}.{name}"), item, members));
        }
        _ => {}
    }
}

fn kind_of_text(text: &str) -> &'static str {
    let is_moment = text.len() >= 19 && text.as_bytes()[10] == b'T' && text.as_bytes()[4] == b'-';
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    match is_moment {
        // The venue leaves out zeros at the end of a fraction.
        true if text.ends_with('Z') => "moment with its zone",
        true => "moment",
        _ if is_digits(whole.trim_start_matches('-')) && is_digits(fraction) => "number in a text",
        _ if text.starts_with("0x") => "hash",
        _ => "text",
    }
}

/// What ours has and a capture has not, because the published description says so.
fn differs_as_published(file: &str, path: &str) -> bool {
    // The description shows a number where the captures have none.
    path == ".message.id" && file.starts_with("sample-ws-message-")
}

#[test]
fn what_we_say_has_the_members_of_what_the_venue_said() {
    let Some(folder) = capture("timex-2022-09") else { return };
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 8, "{files:?}");
    let mut differences = Vec::new();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("it can be read");
        let captured: Value = serde_json::from_str(&text).expect("JSON");
        let ours = ours(&name);
        let (mut there, mut here) = (BTreeMap::new(), BTreeMap::new());
        shape("", &captured, &mut there);
        shape("", &ours, &mut here);
        assert!(there.len() > 3, "{name} has members");
        here.retain(|path, _| !differs_as_published(&name, path));
        for (path, kinds) in &there {
            match here.get(path) {
                Some(known) if known == kinds => {}
                known => differences.push(format!("{name} {path}: {kinds:?}, ours {known:?}")),
            }
        }
        for path in here.keys().filter(|path| !there.contains_key(*path)) {
            differences.push(format!("{name} {path}: ours alone"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
