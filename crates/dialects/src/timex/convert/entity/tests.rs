use std::sync::Arc;

use model::{
    AccountId, Asset, AssetId, Balance, CloseReason, Filled, Instrument, InstrumentId, Level,
    Liquidity, Listing, Minimum, OrderEntry, OrderId, OrderKind, OrderState, OwnTrade, Span,
    Standing, Status, TimeInForce, TradeId,
};
use serde_json::{Value, json};

use super::*;
use crate::timex::{Markets, NAME, Options};

/// 2022-09-20T21:40:23.324Z
const THEN: Time = Time(1_663_710_023_324_999);

/// ETH/AUDT: ticks of 0.01, lots of 0.0001.
fn markets() -> Markets {
    let instrument = Instrument {
        id: InstrumentId(0),
        base: "ETH".into(),
        quote: "AUDT".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 10_000,
        minimum: Minimum::Notional(1_000_000_000 * 10),
    };
    let symbols = vec![(NAME.to_owned(), "ETHAUDT".to_owned())];
    let listing = Listing { instrument, description: "Ether / AUDT".into(), symbols };
    Markets::new(&[listing], Options::default()).expect("the symbol is in order")
}

fn market() -> Arc<Market> {
    Arc::clone(&markets().listed[0])
}

/// What is written, read back; its keys in their order as well.
fn read(write: impl FnOnce(&mut Vec<u8>)) -> (Value, Vec<String>) {
    let mut out = Vec::new();
    write(&mut out);
    let text = String::from_utf8(out).expect("it is text");
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let Value::Object(members) = &value else { return (value, Vec::new()) };
    let mut keys: Vec<String> = members.keys().cloned().collect();
    keys.sort_by_key(|key| text.find(&format!("\"{key}\":")));
    (value, keys)
}

fn state(kind: OrderKind) -> OrderState {
    OrderState {
        id: OrderId((1 << 50) + 7),
        account: AccountId(1),
        side: Side::Buy,
        post_only: false,
        kind,
        time_in_force: TimeInForce::GoodTillDate(THEN + Span::seconds(3)),
        trigger: None,
        original: Quantity(360_000),
        remaining: Quantity(360_000),
    }
}

fn own(order: OrderState) -> OwnOrder {
    OwnOrder {
        instrument: InstrumentId(0),
        order,
        label: None,
        standing: Standing::Open,
        filled: Filled::default(),
        created: THEN,
        changed: THEN,
        replaces: None,
        purpose: model::Purpose::Any,
        woken: false,
    }
}

#[test]
fn an_order_is_the_captured_one() {
    let order = own(state(OrderKind::Limit(Price(100))));
    let (value, keys) = read(|out| write_order(out, &market(), &order));
    let hash = String::from_utf8(order_hash(order.order.id).into()).expect("text");
    assert_eq!(
        value,
        json!({
            "id": hash, "cursorId": (1_u64 << 50) + 7, "clientOrderId": null, "symbol": "ETHAUDT",
            "side": "BUY", "type": "LIMIT", "quantity": "36", "filledQuantity": "0",
            "cancelledQuantity": "0", "price": "1", "avgPrice": null,
            "createdAt": "2022-09-20T21:40:23.324Z", "updatedAt": "2022-09-20T21:40:23.324Z",
            "expireTime": "2022-09-20T21:40:26.324Z",
        })
    );
    assert_eq!(keys[..5], ["id", "cursorId", "clientOrderId", "symbol", "side"]);
    assert_eq!(keys[5..8], ["type", "quantity", "filledQuantity"]);
    assert_eq!(keys[8..11], ["cancelledQuantity", "price", "avgPrice"]);
    assert_eq!(keys[11..], ["createdAt", "updatedAt", "expireTime"]);
}

#[test]
fn orders_tell_what_became_of_them() {
    let mut order = own(state(OrderKind::Limit(Price(6_400))));
    order.label = Some("my \"order\"\n".into());
    order.order.remaining = Quantity(359_900);
    order.filled = Filled { quantity: Quantity(100), turnover: 640_000, fee: Amount(1) };
    order.standing = Standing::Closed(CloseReason::Canceled);
    let (value, _) = read(|out| write_order(out, &market(), &order));
    assert_eq!(value["clientOrderId"], "my \"order\"\n");
    assert_eq!(
        [
            &value["filledQuantity"],
            &value["cancelledQuantity"],
            &value["price"],
            &value["avgPrice"]
        ],
        ["0.01", "35.99", "64", "64"]
    );

    // What never rests is gone when it came, and an average has as many digits as it needs.
    let mut order = own(OrderState {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..state(OrderKind::Market)
    });
    let (value, _) = read(|out| write_order(out, &market(), &order));
    assert_eq!((&value["type"], &value["price"]), (&json!("MARKET"), &json!("0")));
    assert_eq!(value["avgPrice"], json!(null));
    assert_eq!(value["expireTime"], "2022-09-20T21:40:23.324Z");
    order.filled = Filled { quantity: Quantity(3), turnover: 19_201, fee: Amount(1) };
    let (value, _) = read(|out| write_order(out, &market(), &order));
    assert_eq!(value["price"], "64.003333333333333333");

    let type_of = |change: &dyn Fn(&mut OrderState)| {
        let mut order = own(state(OrderKind::Limit(Price(1))));
        change(&mut order.order);
        let (value, _) = read(|out| write_order(out, &market(), &order));
        (value["type"].clone(), value["expireTime"].clone())
    };
    assert_eq!(type_of(&|order| order.post_only = true).0, "POST_ONLY");
    assert_eq!(type_of(&|order| order.time_in_force = TimeInForce::FillOrKill).0, "FILL_OR_KILL");
    let endless = type_of(&|order| order.time_in_force = TimeInForce::GoodTillCanceled);
    assert_eq!(endless, (json!("LIMIT"), json!("2122-09-20T21:40:23.324Z")));
}

#[test]
fn hashes_lead_back_to_their_orders_and_others_to_none() {
    for number in [0, 1, 1 << 50, (1 << 50) + 1, u64::MAX] {
        let hash = String::from_utf8(order_hash(OrderId(number)).into()).expect("text");
        assert_eq!(read_order_hash(&hash), Some(OrderId(number)), "{hash}");
        assert_eq!(hash, hash.to_lowercase());
        for other in [hash.to_uppercase(), hash[..65].into(), format!("{hash}0"), hash[2..].into()]
        {
            assert_eq!(read_order_hash(&other), None, "{other}");
        }
        let last = if hash.ends_with('0') { "1" } else { "0" };
        assert_eq!(read_order_hash(&format!("{}{last}", &hash[..65])), None);
    }
    for text in ["", "0x", "0xé", "1125899906842624", "0x+23456789012345678"] {
        assert_eq!(read_order_hash(text), None, "{text}");
    }
    // Clients keep them: a change here breaks what people have written down.
    let hash = order_hash(OrderId(1 << 50));
    assert_eq!(&hash[..18], b"0xab18d6a226527bf4");
}

#[test]
fn balances_and_amounts_are_exact() {
    let time = Token::new(&Asset { id: AssetId(3), code: "TIME".into(), decimals: 20 });
    let (available, held) = (Amount(123_249_098_837_567_187), Amount(1_000_000_000_000_000_000));
    let balance = Balance { account: AccountId(1), asset: AssetId(3), available, held };
    let (value, keys) = read(|out| write_balance(out, &time, &balance));
    assert_eq!(
        value,
        json!({"currency":"TIME","totalBalance":"0.01123249098837567187","lockedBalance":"0.01"})
    );
    assert_eq!(keys, ["currency", "totalBalance", "lockedBalance"]);

    let scaled = |decimals, units| {
        let mut out = Vec::new();
        let asset = Asset { id: AssetId(0), code: "BTC".into(), decimals };
        token_amount(&mut out, &Token::new(&asset), Amount(units));
        String::from_utf8(out).expect("digits")
    };
    assert_eq!(scaled(8, 500_000), "500000000000000000");
    assert_eq!(scaled(0, 7), "700000000000000000000");
    assert_eq!(scaled(22, 1_299), "12");
    assert_eq!(scaled(8, 0), "0");
    assert_eq!(scaled(8, -5), "-5000000000000");
}

#[test]
fn books_have_the_captured_indices() {
    // The captured book of 2022-09-19, in ticks of 0.1.
    let mut listing = markets().listed[0].instrument.clone();
    (listing.price_decimals, listing.quantity_decimals, listing.lot_units) = (1, 8, 1);
    let symbols = vec![(NAME.to_owned(), "ETHUSD".to_owned())];
    let listing = Listing { instrument: listing, description: "A / B".into(), symbols };
    let markets = Markets::new(&[listing], Options::default()).expect("the symbol is in order");
    let market = &markets.listed[0];
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let bids = [level(13_240, 600_000_000), level(1, 515_700_000)];
    let asks = [level(13_339, 733_400_000), level(99_990, 1_000_000)];
    let (book, _) = read(|out| {
        out.push(b'{');
        write_book_levels(out, market, bids.iter(), asks.iter());
        out.push(b'}');
    });
    assert_eq!(
        book["bid"][0],
        json!({"index":"49","price":"1324","baseTokenAmount":"6","baseTokenCumulativeAmount":"6",
            "quoteTokenAmount":"7944","quoteTokenCumulativeAmount":"7944","ownerOrdersInLevel":false})
    );
    assert_eq!(book["bid"][1]["index"], "13288");
    assert_eq!(book["bid"][1]["baseTokenCumulativeAmount"], "11.157");
    assert_eq!(book["bid"][1]["quoteTokenCumulativeAmount"], "7944.5157");
    assert_eq!(
        (&book["ask"][0]["index"], &book["ask"][1]["index"]),
        (&json!("-50"), &json!("-86701"))
    );
    assert_eq!(book["ask"][0]["quoteTokenAmount"], "9782.8226");
    let (empty, _) = read(|out| {
        out.push(b'{');
        write_book_levels(out, market, bids.iter(), [].iter());
        out.push(b'}');
    });
    assert_eq!((&empty["bid"][0]["index"], &empty["ask"]), (&json!("0"), &json!([])));

    let (level, _) = read(|out| write_level(out, market, &level(13_263, 600_000_000)));
    assert_eq!(level, json!({"price":"1326.3","volume":"6","volumeQuote":"7957.8"}));
    let entry = OrderEntry {
        price: Price(13_233),
        quantity: Quantity(5_900_000),
        order: OrderId(1 << 50),
        time: THEN,
        expires: None,
    };
    let (raw, keys) = read(|out| write_raw_order(out, market, Side::Sell, &entry));
    assert_eq!(
        keys,
        ["market", "hash", "direction", "quantity", "price", "createdAt", "expiredAt"]
    );
    assert_eq!(
        (&raw["quantity"], &raw["price"], &raw["direction"]),
        (&json!("0.059"), &json!("1323.3"), &json!("SELL"))
    );
    assert_eq!(raw["createdAt"], "2022-09-20T21:40:23.324");
    assert_eq!(raw["expiredAt"], "2122-09-20T21:40:23.324");
}

#[test]
fn trades_tickers_and_candles_are_told() {
    let trade = Trade {
        id: TradeId(30_688_846),
        time: THEN,
        price: Price(2_132_900),
        quantity: Quantity(50),
        aggressor: Side::Sell,
        maker: OrderId(1),
        taker: OrderId(2),
        maker_account: None,
        taker_account: None,
    };
    let (value, _) = read(|out| write_trade(out, &market(), &trade));
    assert_eq!(
        value,
        json!({"id":30_688_846,"timestamp":"2022-09-20T21:40:23.324","direction":"SELL","price":"21329","quantity":"0.005"})
    );
    let ticker = Ticker {
        time: THEN,
        last: Some(Price(450_010)),
        volume: Quantity(125_000),
        turnover: 125_000 * 450_010,
        ..Ticker::default()
    };
    let (value, keys) = read(|out| write_ticker(out, &market(), Period::DAY, &ticker));
    assert_eq!(
        value,
        json!({"market":"ETHAUDT","period":"D1","timestamp":"2022-09-20T21:40:23.324Z","open":null,
            "high":null,"low":null,"last":"4500.1","bid":null,"ask":null,"volume":"12.5","volumeQuote":"56251.25"})
    );
    assert_eq!(keys[..4], ["market", "period", "timestamp", "open"]);
    let candle = Candle::of(Time::from_seconds(1_575_500_400), &trade);
    let (value, _) = read(|out| write_candle(out, &market(), &candle));
    assert_eq!(
        value,
        json!({"timestamp":"2019-12-04T23:00:00","open":"21329","high":"21329","low":"21329",
            "close":"21329","volume":"0.005","volumeQuote":"106.645"})
    );
    let own = OwnTrade {
        id: TradeId(5),
        time: THEN,
        instrument: InstrumentId(0),
        order: OrderId(2),
        label: None,
        side: Side::Sell,
        price: Price(6_400),
        quantity: Quantity(100),
        fee: Amount(12_800_000),
        fee_asset: AssetId(1),
        liquidity: Liquidity::Taker,
        maker: OrderId(1),
        taker: OrderId(2),
        self_trade: None,
        position: None,
        is_liquidation: false,
    };
    let market = market();
    let (value, keys) = read(|out| write_my_trade(out, &market, &market.quote, &own));
    assert_eq!(
        (&value["id"], &value["fee"], &value["feeToken"]),
        (&json!(5), &json!("0.00128"), &json!("AUDT"))
    );
    assert_eq!((&value["makerOrTaker"], &value["price"]), (&json!("TAKER"), &json!("64")));
    assert_eq!(value["timestamp"], "2022-09-20T21:40:23.324");
    assert_eq!(keys.len(), 11);
}

#[test]
fn what_is_listed_has_all_members() {
    let markets = markets();
    let market = &markets.listed[0];
    let (value, keys) =
        read(|out| write_market(out, market, &markets.options, Status::CancelOnly, 4));
    assert_eq!(keys.len(), 23);
    assert_eq!(
        [&value["symbol"], &value["name"], &value["quantityIncrement"], &value["tickSize"]],
        ["ETHAUDT", "ETH/AUDT", "0.0001", "0.01"]
    );
    assert_eq!([&value["takerFee"], &value["makerFee"]], ["0.002", "0.001"]);
    assert_eq!([&value["baseMinSize"], &value["quoteMinSize"]], ["0.0001", "1"]);
    assert_eq!(value["baseTokenAddress"], market.base.address.to_string());
    assert_eq!((&value["locked"], &value["sortOrder"]), (&json!(true), &json!(4)));
    assert_eq!(value["defaultSlippage"], json!(null));
    let (value, keys) = read(|out| write_currency(out, &market.base));
    assert_eq!(keys.len(), 19);
    assert_eq!((&value["tradeDecimals"], &value["symbol"]), (&json!(20), &json!("ETH")));
    assert_eq!(value["purchaseCommissions"], json!([]));
}
