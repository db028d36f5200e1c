//! Bitstamp's private channels, as the law hears them.

use dialects::Dialect;
use dialects::bitstamp::wire::{Envelope, OrderData, OwnTradeData, SelfTradeData};
use dialects::bitstamp::{self, Options};
use model::{AccountId, Topic, TopicKind};
use serde_json::from_str;

use super::{Tongue, Word, listings};

/// See the module. It names whose topics it wants by the channel, so that it cannot claim to be another.
#[derive(Clone, Copy, Debug)]
pub struct Bitstamp;

/// `private-my_orders_btcusd-7`
fn channel(topic: &Topic) -> String {
    let kind = match topic.kind {
        TopicKind::OwnOrders => "my_orders",
        TopicKind::OwnTrades => "my_trades",
        TopicKind::SelfTrades => "live_trades",
        other => unreachable!("{other:?} is nobody's own"),
    };
    let instrument = topic.instrument().expect("of one instrument");
    let account = topic.account().expect("an own topic");
    let listing = &listings()[instrument.index()];
    let symbol = listing.symbol_in(bitstamp::NAME).expect("it is listed");
    format!("private-{kind}_{symbol}-{account}")
}

impl Tongue for Bitstamp {
    fn dialect(&self) -> Box<dyn Dialect> {
        let dialect = bitstamp::Bitstamp::new(&listings(), Options::default());
        Box::new(dialect.expect("listings in order"))
    }
    fn subscribe(&self, topic: &Topic, _: AccountId, pass: &str) -> String {
        let channel = channel(topic);
        format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}","auth":"{pass}"}}}}"#)
    }
    fn unsubscribe(&self, topic: &Topic) -> String {
        format!(r#"{{"event":"bts:unsubscribe","data":{{"channel":"{}"}}}}"#, channel(topic))
    }
    fn answers(&self, topic: &Topic) -> [String; 3] {
        let channel = channel(topic);
        let done = |what| format!(r#"{{"event":"bts:{what}","channel":"{channel}","data":{{}}}}"#);
        [
            done("subscription_succeeded"),
            r#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}"#
                .to_owned(),
            done("unsubscription_succeeded"),
        ]
    }
    fn claims(&self) -> bool {
        false
    }
    /// Which step of an order it is the law *tally* knows better.
    fn expects(&self, word: &Word) -> String {
        let [one, other] = word.ids;
        format!("{} {one} {other}", channel(&word.topic))
    }
    fn heard(&self, frame: &str) -> String {
        let told: Envelope<'_> = from_str(frame).expect("a message");
        let data = told.data.get();
        let [one, other] = if told.channel.starts_with("private-my_orders_") {
            let order: OrderData<'_> = from_str(data).expect("an order");
            [order.id, 0]
        } else if told.event == "self_trade" {
            let trade: SelfTradeData<'_> = from_str(data).expect("a self-trade");
            match trade.side {
                0 => [trade.sell_order_id, trade.buy_order_id],
                _ => [trade.buy_order_id, trade.sell_order_id],
            }
        } else {
            let trade: OwnTradeData<'_> = from_str(data).expect("a trade");
            [trade.order_id, trade.id]
        };
        format!("{} {one} {other}", told.channel)
    }
}
