//! The private frames against real messages, and against the serde structs that read them back.

use model::decimal::parse_units;
use model::{
    AccountId, Amount, AssetId, CloseReason, EventMark, Filled, Instrument, InstrumentId, Label,
    Liquidity, Listing, Minimum, OrderId, OrderKind, OrderState, OwnOrderUpdate, OwnStep, OwnTrade,
    Price, Quantity, Sequence, Side, Standing, Time, TimeInForce, Topic, TopicKind, Trade, TradeId,
    Trail, Trigger, TriggerWhen, Update,
};

use crate::bitstamp::wire::{Envelope, OrderData, OwnOrderData, OwnTradeData, SelfTradeData};
use crate::bitstamp::{Bitstamp, NAME, Options};
use crate::dialect::{Dialect, Request};
use crate::frame::FrameBuilder;
use crate::visitor::Visitor;

/// The market of the captures has this number.
const HERE: InstrumentId = InstrumentId(0x68);

fn dialect(symbol: &str, price_decimals: u8, quantity_decimals: u8) -> Bitstamp {
    let listing = Listing {
        instrument: Instrument {
            id: HERE,
            base: "ETH".into(),
            quote: "USDT".into(),
            price_decimals,
            tick_units: 1,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: "Ether / Tether".into(),
        symbols: vec![(NAME.into(), symbol.into())],
    };
    Bitstamp::new(&[listing], Options::default()).expect("the symbol is a market's")
}

fn encoded(dialect: &Bitstamp, user: u32, kind: TopicKind, update: &Update<'_>) -> String {
    let mut out = FrameBuilder::new();
    let topic = Topic::own(AccountId(user), HERE, kind);
    let wrote = dialect.encode(&topic.into(), update, Sequence(7), &mut out);
    assert!(wrote, "there is something to say");
    String::from_utf8(out.text().to_vec()).expect("a frame is text")
}

fn mark(micros: i64, ordinal: u64) -> EventMark {
    EventMark { time: Time(micros), tie: 0, ordinal }
}

fn update(order: OrderState, step: OwnStep, mark: EventMark) -> OwnOrderUpdate {
    OwnOrderUpdate {
        time: mark.time,
        account: order.account,
        instrument: HERE,
        order,
        label: None,
        step,
        standing: Standing::Open,
        woken: false,
        filled: Filled::default(),
        created: mark.time,
        replaced: None,
        purpose: model::Purpose::Any,
        mark,
        previous: None,
    }
}

fn order(id: u64, side: Side, kind: OrderKind, quantity: i64) -> OrderState {
    OrderState {
        id: OrderId(id),
        account: AccountId(1),
        side,
        post_only: false,
        kind,
        time_in_force: TimeInForce::ImmediateOrCancel,
        trigger: None,
        original: Quantity(quantity),
        remaining: Quantity(quantity),
    }
}

/// The messages of section 5.7.
#[test]
fn own_orders_are_told_as_they_were_captured() {
    let market = order(2_050_558_851_342_339, Side::Buy, OrderKind::Market, 5_000);
    let told = OwnOrderUpdate {
        previous: Some(mark(0x0006_5b81_0d68_6088, 5)),
        ..update(market, OwnStep::Created, mark(0x0006_5b81_0d69_fe98, 6))
    };
    assert_eq!(
        encoded(
            &dialect("ethusdt", 2, 6),
            4_416_057,
            TopicKind::OwnOrders,
            &Update::OwnOrder(&told)
        ),
        r#"{"data":{"id":2050558851342339,"id_str":"2050558851342339","order_type":0,"order_subtype":2,"datetime":"1789459694","microtimestamp":"1789459694223000","amount":0.005,"amount_str":"0.005000","amount_traded":"0","amount_at_create":"0.005000","price":999999999,"price_str":"999999999.00","is_liquidation":false,"trade_account_id":0},"channel":"private-my_orders_ethusdt-4416057","event":"order_created","trade_account_id":0,"event_id":"00065b81-0d69-fe98-0000-006902000020","pre_event_id":"00065b81-0d68-6088-0000-006901000020","order_source":"orderbook"}"#
    );
    let trigger = Trigger::at(Price(83_500), TriggerWhen::AtOrBelow);
    let stop = OrderState {
        trigger: Some(trigger),
        ..order(1_500_000_003, Side::Sell, OrderKind::Limit(Price(83_000)), 1_000)
    };
    let told = update(stop, OwnStep::Armed, mark(1_712_131_202_000_000, 1));
    assert_eq!(
        encoded(
            &dialect("btcusd-perp", 0, 5),
            123_456,
            TopicKind::OwnOrders,
            &Update::OwnOrder(&told)
        ),
        r#"{"data":{"id":1500000003,"id_str":"1500000003","order_type":1,"order_subtype":22,"datetime":"1712131202","microtimestamp":"1712131202000000","amount":0.01,"amount_str":"0.01000","amount_traded":"0","amount_at_create":"0.01000","price":83000,"price_str":"83000","is_liquidation":false,"trade_account_id":0,"stop_price":"83500"},"channel":"private-my_orders_btcusd-perp-123456","event":"stop_active","trade_account_id":0,"event_id":"0006152c-9c1a-a480-0000-006901000021","pre_event_id":null,"order_source":"stop_order"}"#
    );
}

/// The messages of sections 5.8 and 5.10.
#[test]
fn own_trades_are_told_as_they_were_captured() {
    let trade = OwnTrade {
        id: TradeId(635_698_396),
        time: Time(1_789_459_694_223_999),
        instrument: HERE,
        order: OrderId(2_050_558_851_342_339),
        label: Some("my-order-001".into()),
        side: Side::Buy,
        price: Price(246_804),
        quantity: Quantity(5_000),
        fee: Amount(4_936_080),
        fee_asset: AssetId(1),
        liquidity: Liquidity::Taker,
        maker: OrderId(2_050_558_851_342_338),
        taker: OrderId(2_050_558_851_342_339),
        self_trade: None,
        position: None,
        is_liquidation: false,
    };
    assert_eq!(
        encoded(
            &dialect("ethusdt", 2, 6),
            4_416_057,
            TopicKind::OwnTrades,
            &Update::OwnTrade(&trade)
        ),
        r#"{"data":{"id":635698396,"amount":"0.005000","price":"2468.04","microtimestamp":"1789459694223000","fee":"0.04936","order_id":2050558851342339,"client_order_id":"my-order-001","trade_account_id":0,"side":"buy"},"channel":"private-my_trades_ethusdt-4416057","event":"trade","trade_account_id":0}"#
    );
    let trade = Trade {
        id: TradeId(1),
        time: Time(1_720_288_033_933_000),
        price: Price(6_033_100),
        quantity: Quantity(50_000_000),
        aggressor: Side::Buy,
        maker: OrderId(1_763_073_362_448_385),
        taker: OrderId(1_763_073_367_883_776),
        maker_account: None,
        taker_account: None,
    };
    assert_eq!(
        encoded(
            &dialect("btcusd", 2, 8),
            314_159,
            TopicKind::SelfTrades,
            &Update::SelfTrade(&trade)
        ),
        r#"{"data":{"timestamp":"1720288033","amount":0.5,"amount_str":"0.50000000","price":60331,"price_str":"60331.00","type":0,"microtimestamp":"1720288033933000","buy_order_id":1763073367883776,"sell_order_id":1763073362448385,"sellers_trade_account_id":0,"buyers_trade_account_id":0},"channel":"private-live_trades_btcusd-314159","event":"self_trade"}"#
    );
}

#[test]
fn each_step_has_its_event_price_and_source() {
    let bitstamp = dialect("ethusdt", 2, 6);
    let limit = OrderKind::Limit(Price(6_000_000));
    let fill = OwnStep::Filled {
        trade: TradeId(1),
        price: Price(5_999_999),
        quantity: Quantity(3),
        liquidity: Liquidity::Taker,
    };
    let check = |kind, side, remaining, step, expected: [&str; 4]| {
        let order = OrderState { remaining: Quantity(remaining), ..order(9, side, kind, 50) };
        let told = update(order, step, mark(1_788_551_766_655_000, 1));
        let text = encoded(&bitstamp, 7, TopicKind::OwnOrders, &Update::OwnOrder(&told));
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        let data: OrderData<'_> = serde_json::from_str(frame.data.get()).expect("an order");
        let source = frame.order_source.expect("a source");
        assert_eq!([&*frame.event, data.price_str, data.amount_traded, &*source], expected);
    };
    let old = order(8, Side::Buy, limit, 60);
    let (canceled, market) = (CloseReason::Canceled, OrderKind::Market);
    let (buy, sell) = (Side::Buy, Side::Sell);
    let (any, at, met) = ("999999999.00", "60000.00", "59999.99");
    let (book, stop, some) = ("orderbook", "stop_order", "0.000003");
    check(limit, buy, 50, OwnStep::Created, ["order_created", at, "0", book]);
    check(limit, buy, 47, fill, ["order_changed", at, some, book]);
    check(limit, buy, 0, fill, ["order_deleted", at, some, book]);
    check(limit, buy, 47, OwnStep::Closed(canceled), ["order_deleted", at, "0", book]);
    check(limit, buy, 50, OwnStep::Replaces(old), ["order_replaced", at, "0", book]);
    check(market, buy, 50, OwnStep::Created, ["order_created", any, "0", book]);
    check(market, sell, 50, OwnStep::Created, ["order_created", "0.00", "0", book]);
    check(market, buy, 47, fill, ["order_changed", met, some, book]);
    check(market, buy, 47, OwnStep::Closed(canceled), ["order_deleted", any, "0", book]);
    check(limit, buy, 50, OwnStep::Armed, ["stop_active", at, "0", stop]);
    check(market, buy, 50, OwnStep::Armed, ["stop_active", "0.00", "0", stop]);
    check(market, buy, 50, OwnStep::Triggered, ["stop_inactive", "0.00", "0", stop]);
    check(limit, sell, 50, OwnStep::Disarmed(canceled), ["stop_inactive", at, "0", stop]);
}

/// A small generator: `numbers` of it are as good as any.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((i128::from(self.0 >> 1) * i128::from(end)) >> 63) as i64
    }
    /// Any length of digits is as likely as another.
    fn any(&mut self) -> i64 {
        let end = 10_i64.pow(1 + self.below(15) as u32);
        self.below(end)
    }
    fn label(&mut self) -> Option<Label> {
        const LETTERS: [char; 10] = ['a', 'Z', '0', '-', '"', '\\', '\n', '\u{1}', 'é', '🦀'];
        let length = self.below(20);
        let letters = (0..length).map(|_| LETTERS[self.below(10) as usize]);
        (length > 0).then_some(()).map(|()| letters.collect::<String>().into())
    }
}

#[test]
fn what_is_written_of_ones_own_reads_back_as_it_was() {
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let (price_decimals, quantity_decimals) = (numbers.below(9) as u8, numbers.below(9) as u8);
        let bitstamp = dialect("btcusd-perp", price_decimals, quantity_decimals);
        let price_of = |text: &str| parse_units(text.as_bytes(), price_decimals).map(Price);
        let quantity_of =
            |text: &str| parse_units(text.as_bytes(), quantity_decimals).map(Quantity);
        let user = numbers.any() as u32;
        let side = if numbers.below(2) == 0 { Side::Buy } else { Side::Sell };

        let trail = Trail::new((seed % 4) as u16 * 3_333);
        let trigger = (numbers.below(2) == 0).then(|| {
            let fixed = Trigger::at(Price(numbers.any()), TriggerWhen::AtOrAbove);
            Trigger { trail, ..fixed }
        });
        let limit = Price(numbers.any());
        let own = OrderState {
            trigger,
            remaining: Quantity(numbers.any()),
            ..order(numbers.any() as u64, side, OrderKind::Limit(limit), numbers.any())
        };
        let old = OrderState { id: OrderId(numbers.any() as u64), ..own };
        let replaces = numbers.below(2) == 0;
        let step = if replaces { OwnStep::Replaces(old) } else { OwnStep::Created };
        let label = numbers.label();
        let told = OwnOrderUpdate {
            label: label.clone(),
            ..update(own, step, mark(numbers.any() * 1_000, 1))
        };
        let text = encoded(&bitstamp, user, TopicKind::OwnOrders, &Update::OwnOrder(&told));
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        assert_eq!(frame.channel, format!("private-my_orders_btcusd-perp-{user}"), "seed {seed}");
        assert_eq!(frame.trade_account_id, Some(0));
        let data: OrderData<'_> = serde_json::from_str(frame.data.get()).expect("an order");
        assert_eq!((data.id, price_of(data.price_str)), (own.id.0, Ok(limit)), "seed {seed}");
        assert_eq!(quantity_of(data.amount_str), Ok(own.remaining), "seed {seed}");
        assert_eq!(quantity_of(data.amount_at_create), Ok(own.original), "seed {seed}");
        assert_eq!(data.microtimestamp, told.time.0.to_string(), "seed {seed}");
        let data: OwnOrderData<'_> = serde_json::from_str(frame.data.get()).expect("an own order");
        assert_eq!(data.client_order_id.as_deref(), label.as_deref(), "seed {seed}");
        let price = trigger.map(|it| Ok(it.price));
        let (fixed, trails) = if trail.is_some() { (None, price) } else { (price, None) };
        assert_eq!(data.stop_price.map(price_of), fixed, "seed {seed}");
        assert_eq!(data.activation_price.map(price_of), trails, "seed {seed}");
        let points = trigger.and(trail).map(Trail::basis_points);
        assert_eq!(data.trailing_delta, points, "seed {seed}");
        assert_eq!(data.orig_order_id, replaces.then_some(old.id.0), "seed {seed}");

        let trade = OwnTrade {
            id: TradeId(numbers.any() as u64),
            time: Time(numbers.any() * 1_000),
            instrument: HERE,
            order: OrderId(numbers.any() as u64),
            label: numbers.label(),
            side,
            price: Price(numbers.any()),
            quantity: Quantity(numbers.any()),
            fee: Amount(i128::from(numbers.any())),
            fee_asset: AssetId(1),
            liquidity: Liquidity::Maker,
            maker: OrderId(1),
            taker: OrderId(2),
            self_trade: None,
            position: None,
            is_liquidation: false,
        };
        let text = encoded(&bitstamp, user, TopicKind::OwnTrades, &Update::OwnTrade(&trade));
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        assert_eq!(frame.channel, format!("private-my_trades_btcusd-perp-{user}"), "seed {seed}");
        let data: OwnTradeData<'_> = serde_json::from_str(frame.data.get()).expect("a trade");
        assert_eq!((data.id, data.order_id), (trade.id.0, trade.order.0), "seed {seed}");
        assert_eq!(price_of(data.price), Ok(trade.price), "seed {seed}");
        assert_eq!(quantity_of(data.amount), Ok(trade.quantity), "seed {seed}");
        assert_eq!(data.microtimestamp, trade.time.0.to_string(), "seed {seed}");
        assert_eq!(data.client_order_id.as_deref(), trade.label.as_deref(), "seed {seed}");
        assert_eq!(data.side, if side == Side::Buy { "buy" } else { "sell" }, "seed {seed}");
        // A unit of the quote asset is as fine as a price times an amount; what is finer than is told is cut.
        let (unit, told) = (price_decimals + quantity_decimals, price_decimals.max(5));
        let fee = match unit.checked_sub(told) {
            Some(finer) => trade.fee.0 / 10_i128.pow(finer.into()),
            None => trade.fee.0 * 10_i128.pow((told - unit).into()),
        };
        assert_eq!(parse_units(data.fee.as_bytes(), told).map(i128::from), Ok(fee), "seed {seed}");

        let trade = Trade {
            id: TradeId(1),
            time: Time(numbers.any() * 1_000),
            price: Price(numbers.any()),
            quantity: Quantity(numbers.any()),
            aggressor: side,
            maker: OrderId(numbers.any() as u64),
            taker: OrderId(numbers.any() as u64),
            maker_account: None,
            taker_account: None,
        };
        let text = encoded(&bitstamp, user, TopicKind::SelfTrades, &Update::SelfTrade(&trade));
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        assert_eq!(frame.channel, format!("private-live_trades_btcusd-perp-{user}"), "seed {seed}");
        let data: SelfTradeData<'_> = serde_json::from_str(frame.data.get()).expect("a trade");
        assert_eq!(data.buy_order_id, trade.buyer().0, "seed {seed}");
        assert_eq!(data.sell_order_id, trade.seller().0, "seed {seed}");
        assert_eq!(price_of(data.price_str), Ok(trade.price), "seed {seed}");
        assert_eq!(quantity_of(data.amount_str), Ok(trade.quantity), "seed {seed}");
        assert_eq!((data.sellers_trade_account_id, data.buyers_trade_account_id), (0, 0));
    }
}

#[test]
fn a_private_name_asks_for_the_topics_of_its_user() {
    let bitstamp = dialect("btcusd-perp", 0, 5);
    let asked = |channel: &str| {
        let mut out = Vec::new();
        let text = format!(
            r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}","auth":"the token"}}}}"#
        );
        bitstamp.decode(text.as_bytes(), &Visitor::STRANGER, &mut out);
        match out.as_slice() {
            [Request::SubscribeOwn { account, pass, subjects, .. }] => {
                Some((*account, pass.to_string(), subjects.clone()))
            }
            [Request::Say(_)] => None,
            other => panic!("{other:?}"),
        }
    };
    let user = AccountId(314_159);
    let of = |kind| Some((user, "the token".into(), vec![Topic::own(user, HERE, kind).into()]));
    let everywhere =
        |kind| Some((user, "the token".into(), vec![Topic::all_own(user, kind).into()]));
    let none = Some((user, "the token".into(), Vec::new()));
    assert_eq!(asked("private-my_orders_btcusd-perp-314159"), of(TopicKind::OwnOrders));
    assert_eq!(asked("private-my_trades_btcusd-perp-314159"), of(TopicKind::OwnTrades));
    assert_eq!(asked("private-live_trades_btcusd-perp-314159"), of(TopicKind::SelfTrades));
    assert_eq!(asked("private-my_settlements-314159"), everywhere(TopicKind::Settlements));
    assert_eq!(asked("private-my_liquidations-314159"), everywhere(TopicKind::MarginAlerts));
    assert_eq!(asked("private-my_token_settlements-314159"), none);
    assert_eq!(asked("private-my_orders_btcusd-314159"), none);
    for nobody in ["0314159", "4294967296", "99999999999999999999999"] {
        assert_eq!(asked(&format!("private-my_orders_btcusd-perp-{nobody}")), None, "{nobody}");
    }
}
