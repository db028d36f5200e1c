//! The demo's accounts: the same everywhere, in the shape that is promised.

use model::{Assets, Instrument, InstrumentId, Quantity, instrument::Minimum};

use super::{account_json, demo_accounts, demo_funding, demo_json};

#[test]
fn they_never_change() {
    // Scripts and documents hold these: a change here breaks them.
    let json = demo_json();
    assert!(json.starts_with(r#"{"accounts":[{"name":"alice","user_id":1001,"address":"0x"#));
    assert_eq!(json, include_str!("accounts.json").trim_end());
}

#[test]
fn their_json_has_the_shape_that_is_promised() {
    let json: serde_json::Value = serde_json::from_str(&demo_json()).expect("JSON");
    let accounts = json["accounts"].as_array().expect("accounts");
    let demo = demo_accounts();
    assert_eq!(accounts.len(), demo.len());
    for (json, demo) in accounts.iter().zip(&demo) {
        assert_eq!(json["name"], demo.account.name);
        assert_eq!(json["user_id"], demo.account.id.0);
        let address = json["address"].as_str().expect("an address");
        assert_eq!((address, address.len()), (demo.account.address.as_str(), 42));
        assert_eq!(address, address.to_lowercase());
        let parts = [
            ("bitstamp", "key"),
            ("bitstamp", "secret"),
            ("xrocket", "token"),
            ("timex", "id"),
            ("timex", "secret"),
            ("finazon", "api_key"),
            ("confluencecode", "api_key"),
            ("native", "key"),
        ];
        let mut told = parts.iter().map(|(dialect, part)| &json[dialect][part]);
        assert!(told.all(|part| part.as_str().is_some_and(|text| text.len() >= 26)), "{json}");
        let credentials: usize = demo.credentials.iter().map(|it| it.parts.len()).sum();
        assert_eq!(credentials, parts.len());
        let alone = account_json(&demo.account, &demo.credentials);
        assert_eq!(&serde_json::from_str::<serde_json::Value>(&alone).expect("JSON"), json);
    }
    let names: Vec<_> = demo.iter().map(|it| it.account.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
}

#[test]
fn they_are_given_a_million_of_each_money_and_a_thousand_of_each_coin() {
    let pairs = [("BTC", "USD"), ("ETH", "AUDT"), ("AAPL", "USD"), ("ETH", "USDT")];
    let instruments: Vec<Instrument> = (0..)
        .zip(pairs)
        .map(|(id, (base, quote))| Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        })
        .collect();
    let assets = Assets::of(&instruments);
    let given = demo_funding(&assets);
    assert_eq!(given.len(), assets.all().len() * demo_accounts().len());
    for account in demo_accounts() {
        let of_account = given.iter().filter(|it| it.account == account.account.id);
        let whole: Vec<_> = of_account
            .map(|it| {
                let asset = assets.get(it.asset).expect("an asset");
                assert_eq!(asset.code, it.code);
                (it.code.as_str(), asset.units_of_amount(it.amount, 0))
            })
            .collect();
        let expected = [
            ("BTC", 1_000),
            ("USD", 1_000_000),
            ("ETH", 1_000),
            ("AUDT", 1_000_000),
            ("AAPL", 1_000),
            ("USDT", 1_000_000),
        ];
        assert_eq!(whole, expected);
    }
}
