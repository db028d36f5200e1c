//! The client half: what it says, what it holds, and what makes it give up.

use model::Minimum;

use super::*;

const HERE: InstrumentId = InstrumentId(3);

fn client() -> Client {
    let instrument = Instrument {
        id: HERE,
        base: "TSLA".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 0,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let other = Instrument { id: InstrumentId(0), base: "AAPL".into(), ..instrument.clone() };
    let listing = |instrument: Instrument| {
        let symbols = vec![("finazon".to_owned(), format!("sip:{}", instrument.base))];
        Listing { instrument, description: String::new(), symbols }
    };
    Client::new(&[listing(instrument), listing(other)])
}

fn hear(client: &mut Client, text: &str) -> Result<(), String> {
    let mut heard = Vec::new();
    let result = client.message(text.as_bytes(), &mut heard, &mut Vec::new());
    assert!(heard.is_empty(), "a bar is no event");
    result.map_err(|misheard| misheard.what)
}

const BAR: &str = r#"{"p":"sip","ch":"bars","f":"1s","aggr":"1m","s":"TSLA","t":1699540020,"o":220.06,"h":220.13,"l":219.92,"c":219.96,"v":4572}"#;

fn closes(client: &Client) -> Vec<(i64, i64, i64)> {
    let bars = client.bars(HERE);
    bars.map(|bar| (bar.start.seconds(), bar.close.0, bar.volume.0)).collect()
}

#[test]
fn it_asks_for_all_tickers_of_a_publisher_at_once() {
    let mut errands = Vec::new();
    client().opened(&mut errands);
    let [Errand::Say(text)] = &errands[..] else { panic!("{errands:?}") };
    assert_eq!(
        String::from_utf8_lossy(text),
        r#"{"event":"subscribe","publisher":"sip","tickers":["AAPL","TSLA"],"channel":"bars","frequency":"1s","aggregation":"1m"}"#
    );
}

#[test]
fn what_was_told_last_of_a_minute_counts() {
    let mut client = client();
    hear(&mut client, BAR).expect("a bar");
    assert_eq!(closes(&client), [(1_699_540_020, 21_996, 4_572)]);
    // The published sample has a blank in front.
    hear(&mut client, &BAR.replace("\"1m\"", "\" 1m\"").replace("4572", "4600")).expect("a bar");
    hear(&mut client, &BAR.replace("1699540020", "1699540140")).expect("a later one");
    assert_eq!(closes(&client), [(1_699_540_020, 21_996, 4_600), (1_699_540_140, 21_996, 4_572)]);
    let late = hear(&mut client, BAR).expect_err("it is over");
    assert_eq!(
        late,
        "in a bar of TSLA of sip: after the minute of 1699540140 comes that of 1699540020"
    );
    assert_eq!(client.bars(InstrumentId(0)).count(), 0);
}

#[test]
fn no_more_than_a_day_is_held() {
    let mut client = client();
    for minute in 0..BARS_MAX + 5 {
        hear(&mut client, &BAR.replace("1699540020", &(minute * 60).to_string())).expect("a bar");
    }
    let closes = closes(&client);
    assert_eq!((closes.len(), closes[0].0), (BARS_MAX, 300));
    let last = client.bar(HERE).expect("a bar");
    assert_eq!(
        (last.start.seconds(), client.bar(InstrumentId(0))),
        (60 * BARS_MAX as i64 + 240, None)
    );
}

#[test]
fn answers_are_heard_and_refusals_and_nonsense_given_up() {
    let mut client = client();
    let good = r#"{"status":"success","code":"SUCCESS_SUBSCRIPTION","data":{"event":"subscribe","publisher":"sip","mic":"","market":"","channel":"bars","frequency":"1s","aggregation":"1m","tickers":["AAPL","TSLA"]}}"#;
    assert_eq!(hear(&mut client, good), Ok(()));
    let refused = r#"{"status":"error","code":"INVALID_TICKER","message":"The ticker TSLA you have specified is unrecognized or unsupported."}"#;
    assert_eq!(
        hear(&mut client, refused),
        Err("it refuses with INVALID_TICKER: The ticker TSLA you have specified is unrecognized \
             or unsupported."
            .to_owned())
    );
    for (good, bad) in [
        ("220.06", "220.061"),
        ("220.06", "\"220.06\""),
        ("220.06", "2.2006e2"),
        ("220.06", "220.14"),
        ("219.96", "219.91"),
        ("219.92", "-219.92"),
        ("4572", "0"),
        ("4572", "0.5"),
        ("1699540020", "1699540021"),
        ("1699540020", "9223372036854775800"),
        ("TSLA", "BGMS"),
        ("\"sip\"", "\"binance\""),
        ("\"1s\"", "\"10s\""),
        ("\"v\"", "\"w\""),
    ] {
        assert!(hear(&mut client, &BAR.replace(good, bad)).is_err(), "{bad}");
    }
    assert!(hear(&mut client, "{").is_err() && hear(&mut client, "[]").is_err());
    assert_eq!(client.bars(HERE).count(), 0);
}
