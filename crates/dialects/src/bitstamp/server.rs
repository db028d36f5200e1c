//! The socket's server half: what a client's message asks for, and the hot encoders of what is public, which
//! write straight bytes; `own.rs` has those of what is an account's own. Sections 3 to 5; `wire.rs` reads the
//! same messages back and proves them in the tests.

use model::{
    AccountId, Amount, Asset, BookUpdate, Cadence, Contract, DetailUpdate, EventMark, Instrument,
    Level, Listing, OrderEntry, OrderState, OrderUpdate, PerpetualState, Price, Quantity, Side,
    Time, Topic, TopicKind, Trade, Update, Valuation,
};

use super::channel::{self, Cadences, Channel, PrivateKind, PublicKind};
use super::convert::{self, MARKET_BUY_PRICE, OrderEvent, OrderPrice, OrderSource};
use super::wire::ClientMessage;
use super::{Markets, Options};
use crate::dialect::{Opening, Request, Subject};
use crate::frame::FrameBuilder;
use crate::text::{
    self, DECIMAL_BYTES_MAX, INTEGER_BYTES_MAX, Moment, Pen, make_room, sixteen_digits,
};

/// A listed market, with all that its frames have in common written out beforehand.
pub struct Market {
    /// The rules.
    pub instrument: Instrument,
    /// `btcusd`
    pub symbol: Box<str>,
    /// `BTC/USD`
    pub name: Box<str>,
    /// `Bitcoin / U.S. dollar`
    pub description: Box<str>,
    /// How the frames of each channel end, from the brace that closes `data`.
    trade_tail: Box<[u8]>,
    book_tail: Box<[u8]>,
    detail_tail: Box<[u8]>,
    diff_tail: Box<[u8]>,
    /// By [`OrderEvent`], up to the opening quote of the event id.
    order_tails: [Box<[u8]>; 3],
    /// How the frames of each private channel go on from the brace that closes `data`, up to the user's number.
    pub own_orders_tail: Box<[u8]>,
    /// As `own_orders_tail`.
    pub own_trades_tail: Box<[u8]>,
    /// As `own_orders_tail`.
    pub self_trades_tail: Box<[u8]>,
    /// The price of a market order to buy: as number, `,"price_str":"` and as text.
    market_buy_price: Box<[u8]>,
    /// What fees are paid with, and profit of a perpetual: they are counted in its units.
    pub quote: Asset,
    /// What makes it a perpetual.
    pub perpetual: Option<Box<Perpetual>>,
    /// When its channels speak.
    pub cadences: Cadences,
    /// How the frames of its funding rate end.
    pub funding_tail: Box<[u8]>,
}

/// The terms of a perpetual, and what its lots are worth.
pub struct Perpetual {
    pub terms: Contract,
    pub value: Valuation,
}

impl Market {
    /// The market of a listing under its Bitstamp symbol, in which fees are paid with `quote`, and whose books speak at
    /// `cadence` unless it is a perpetual.
    pub fn new(
        listing: &Listing,
        symbol: &str,
        quote: Asset,
        perpetual: Option<Perpetual>,
        cadence: Cadence,
    ) -> Self {
        let tail = |kind: PublicKind, event: &str| -> Box<[u8]> {
            format!(r#"}},"channel":"{}{symbol}","event":"{event}""#, kind.prefix())
                .into_bytes()
                .into()
        };
        let closed = |kind, event| [&*tail(kind, event), b"}"].concat().into();
        let own = |kind: PrivateKind| -> Box<[u8]> {
            format!(r#"}},"channel":"private-{}{symbol}-"#, kind.prefix()).into_bytes().into()
        };
        let instrument = listing.instrument.clone();
        let mut price = format!(r#"{MARKET_BUY_PRICE},"price_str":"{MARKET_BUY_PRICE}"#);
        if instrument.price_decimals > 0 {
            price.push('.');
            price.extend(std::iter::repeat_n('0', usize::from(instrument.price_decimals)));
        }
        Self {
            symbol: symbol.into(),
            name: [
                &*instrument.base,
                "/",
                &*instrument.quote,
                if perpetual.is_some() { "-PERP" } else { "" },
            ]
            .concat()
            .into(),
            cadences: match perpetual {
                Some(_) => Cadences::OF_PERPETUALS,
                None => Cadences::of_spot(cadence),
            },
            funding_tail: closed(PublicKind::FundingRate, "funding_rate_saved"),
            perpetual: perpetual.map(Box::new),
            description: listing.description.as_str().into(),
            trade_tail: closed(PublicKind::Trades, "trade"),
            book_tail: closed(PublicKind::Book, "data"),
            detail_tail: closed(PublicKind::DetailBook, "data"),
            diff_tail: closed(PublicKind::DiffBook, "data"),
            order_tails: OrderEvent::ALL.map(|event| {
                [&*tail(PublicKind::Orders, event.name()), br#","event_id":""#].concat().into()
            }),
            own_orders_tail: own(PrivateKind::Orders),
            own_trades_tail: own(PrivateKind::Trades),
            self_trades_tail: own(PrivateKind::SelfTrades),
            market_buy_price: price.into_bytes().into(),
            quote,
            instrument,
        }
    }
}

/// Understands one message. Section 4.1, row by row.
pub fn decode(message: &[u8], markets: &Markets, options: &Options) -> Request {
    let Ok(message) = ClientMessage::read(message) else { return say(BAD_JSON) };
    let subscribes = match message.event.as_deref() {
        Some("bts:subscribe") => true,
        Some("bts:unsubscribe") => false,
        Some("bts:heartbeat") => return say(HEARTBEAT),
        _ => return say(BAD_SUBSCRIPTION),
    };
    let Some(name) = message.channel.filter(|name| !name.is_empty()) else {
        return say(BAD_SUBSCRIPTION);
    };
    let Some(channel) = channel::parse(&name) else { return say(BAD_CHANNEL) };
    let mut subjects = Vec::new();
    let user = match channel {
        Channel::Public(kind, symbol) => {
            match markets.called(symbol) {
                Some(market) => {
                    let topic = |kind| Subject::from(Topic::of(market.instrument.id, kind));
                    subjects.extend(kind.topic(market.cadences).map(topic));
                }
                None if options.strict_markets => return say(BAD_CHANNEL),
                None => {}
            }
            None
        }
        Channel::Announcements => None,
        Channel::Private(kind, symbol, user) => {
            match (markets.called(symbol), account(user)) {
                (Some(market), Some(account)) => {
                    let topic =
                        |kind| Subject::from(Topic::own(account, market.instrument.id, kind));
                    subjects.extend(kind.topic().map(topic));
                }
                (None, _) if options.strict_markets => return say(BAD_CHANNEL),
                _ => {}
            }
            Some(user)
        }
        Channel::PrivateAll(kind, user) => {
            let topic = |(kind, account)| Subject::from(Topic::all_own(account, kind));
            subjects.extend(kind.topic().zip(account(user)).map(topic));
            Some(user)
        }
    };
    if !subscribes {
        // To stop listening no token is asked for.
        let acknowledgement = acknowledge("bts:unsubscription_succeeded", &name);
        return Request::Unsubscribe { subscriptions: vec![name.into()], acknowledgement };
    }
    let opening = Opening::Said(acknowledge("bts:subscription_succeeded", &name));
    let Some(user) = user else {
        return Request::Subscribe { subscription: name.into(), subjects, stamp: None, opening };
    };
    // Whom no account can be is nobody whose token is shown.
    let Some(account) = account(user) else { return say(UNAUTHORIZED) };
    Request::SubscribeOwn {
        subscription: name.into(),
        account,
        pass: message.auth.unwrap_or_default().into(),
        subjects,
        opening,
        refusal: UNAUTHORIZED.to_vec(),
    }
}

/// The account of a user's number, as a token's answer spells it: a channel is told under that name and no other.
fn account(user: &str) -> Option<AccountId> {
    let is_canonical = user == "0" || !user.starts_with('0');
    user.parse().ok().filter(|_| is_canonical).map(AccountId)
}

/// M3 of section 4.
const HEARTBEAT: &[u8] = br#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#;
/// M4: the text is not JSON.
const BAD_JSON: &[u8] =
    br#"{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}"#;
/// M4: it is JSON, but no request.
const BAD_SUBSCRIPTION: &[u8] =
    br#"{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}}"#;
/// M4: it names no channel.
const BAD_CHANNEL: &[u8] =
    br#"{"event":"bts:error","channel":"","data":{"code":null,"message":"Invalid channel provided."}}"#;
/// M5.
pub const UNAUTHORIZED: &[u8] =
    br#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}"#;

/// M6. The seed has an empty string, the page of 2026 `null` (A2).
pub const fn request_reconnect(null: bool) -> &'static [u8] {
    if null {
        br#"{"event":"bts:request_reconnect","channel":"","data":null}"#
    } else {
        br#"{"event":"bts:request_reconnect","channel":"","data":""}"#
    }
}

fn say(text: &[u8]) -> Request {
    Request::Say(text.to_vec())
}

/// M1 and M2. A well-formed channel name needs no escaping.
fn acknowledge(event: &str, channel: &str) -> Vec<u8> {
    format!(r#"{{"event":"{event}","channel":"{channel}","data":{{}}}}"#).into_bytes()
}

/// Words an update of a topic for a market. Returns whether there was something to say.
pub fn encode(
    market: &Market,
    kind: TopicKind,
    update: &Update<'_>,
    out: &mut FrameBuilder,
) -> bool {
    match (kind, update) {
        (TopicKind::Trades, Update::Trade(trade)) => encode_trade(market, trade, out.text_mut()),
        (TopicKind::Orders, Update::Order(update)) => encode_order(market, update, out.text_mut()),
        (TopicKind::Book { .. }, Update::Book(book)) => encode_book(market, book, out),
        (TopicKind::Delta { .. }, Update::Delta(delta)) => {
            if delta.bids.is_empty() && delta.asks.is_empty() {
                return false;
            }
            encode_diff(market, delta, out.text_mut());
        }
        (TopicKind::Detail { .. }, Update::Detail(detail)) => encode_detail(market, detail, out),
        (TopicKind::Funding, Update::Funding(state)) => {
            encode_funding(market, state, out.text_mut());
        }
        _ => return false,
    }
    true
}

/// The most bytes that each frame takes without its tail: its fixed text and its numbers.
pub const TRADE_BYTES_MAX: usize = 160 + 5 * INTEGER_BYTES_MAX + 4 * DECIMAL_BYTES_MAX;
pub const ORDER_BYTES_MAX: usize = 384 + 5 * INTEGER_BYTES_MAX + 6 * DECIMAL_BYTES_MAX;
/// Of a book without its levels, the most that a level takes, and the most that an order takes in it.
pub const BOOK_BYTES_MAX: usize = 80 + 2 * INTEGER_BYTES_MAX;
pub const LEVEL_BYTES_MAX: usize = 8 + 2 * DECIMAL_BYTES_MAX;
pub const ENTRY_BYTES_MAX: usize = 12 + 2 * DECIMAL_BYTES_MAX + INTEGER_BYTES_MAX;

/// As many decimals as a fee has at least.
pub const FEE_DECIMALS_MIN: u8 = 5;

/// Section 5.1.
fn encode_trade(market: &Market, trade: &Trade, out: &mut Vec<u8>) {
    let start = make_room(out, TRADE_BYTES_MAX + market.trade_tail.len());
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(br#"{"data":{"id":"#);
    pen.integer(trade.id.0);
    pen.put(b",");
    trade_data(&mut pen, market, trade);
    pen.text(&market.trade_tail);
    let end = start + pen.written();
    out.truncate(end);
}

/// What the public and who traded with itself are told of a trade, from its timestamp to its orders.
#[inline(always)]
pub fn trade_data(pen: &mut Pen<'_>, market: &Market, trade: &Trade) {
    let rules = &market.instrument;
    let moment = moment(trade.time.floor_to_millis());
    pen.put(br#""timestamp":""#);
    pen.seconds(&moment);
    pen.put(br#"","amount":"#);
    pen.number_and_fixed(
        rules.quantity_units(trade.quantity),
        rules.quantity_decimals,
        br#","amount_str":""#,
    );
    pen.put(br#"","price":"#);
    pen.number_and_fixed(
        rules.price_units(trade.price),
        rules.price_decimals,
        br#","price_str":""#,
    );
    encode_parties(pen, trade, &moment);
}

/// How a trade ends. Mostly all numbers have the same sixteen digits, and then the text is put at once.
#[inline(always)]
fn encode_parties(pen: &mut Pen<'_>, trade: &Trade, moment: &Moment) {
    const TEXT: &[u8; 111] = br#"","type":_,"microtimestamp":"________________","buy_order_id":________________,"sell_order_id":________________"#;
    const SIDE: usize = hole(TEXT, 0, 1);
    const TIME: usize = hole(TEXT, SIDE, 16);
    const BUYER: usize = hole(TEXT, TIME + 16, 16);
    const SELLER: usize = hole(TEXT, BUYER + 16, 16);
    let (side, buyer, seller) = (convert::side(trade.aggressor), trade.buyer().0, trade.seller().0);
    let usual = (moment.sixteen_digits(), sixteen_digits(buyer), sixteen_digits(seller));
    if let (Some(micros), Some(buyer), Some(seller)) = usual {
        let text = pen.put_to_change(TEXT);
        text[SIDE] = side[0];
        text[TIME..TIME + 16].copy_from_slice(&micros);
        text[BUYER..BUYER + 16].copy_from_slice(&buyer);
        text[SELLER..SELLER + 16].copy_from_slice(&seller);
        return;
    }
    pen.put(br#"","type":"#);
    pen.put(side);
    pen.put(br#","microtimestamp":""#);
    pen.micros(moment);
    pen.put(br#"","buy_order_id":"#);
    pen.integer(buyer);
    pen.put(br#","sell_order_id":"#);
    pen.integer(seller);
}

/// Where the first hole of so many bytes is in a text, at or after `from`.
const fn hole(text: &[u8], from: usize, length: usize) -> usize {
    let (mut at, mut open) = (from, 0);
    while open < length {
        open = if text[at] == b'_' { open + 1 } else { 0 };
        at += 1;
    }
    at - length
}

/// Section 5.2.
fn encode_order(market: &Market, update: &OrderUpdate, out: &mut Vec<u8>) {
    let tail = &market.order_tails[OrderEvent::of(update) as usize];
    let start = make_room(out, ORDER_BYTES_MAX + tail.len());
    let mut pen = Pen::new(&mut out[start..]);
    public_order(&mut pen, br#"{"data":{"id":"#, market, update);
    pen.text(tail);
    chained(&mut pen, market, update.mark, update.previous, OrderSource::Book);
    let end = start + pen.written();
    out.truncate(end);
}

/// What the public is told of an order's step: from `head`, which opens the data up to its id, to where
/// `is_liquidation` ends.
#[inline(always)]
pub fn public_order<const N: usize>(
    pen: &mut Pen<'_>,
    head: &[u8; N],
    market: &Market,
    update: &OrderUpdate,
) {
    let (traded, price) = (convert::traded(update.step), convert::order_price(update));
    let forced = update.is_liquidation;
    order_data(pen, head, market, (&update.order, forced), update.mark.time, traded, price);
}

/// What the public and its owner are told of an order alike: from `head` to where `is_liquidation` ends.
#[inline(always)]
pub fn order_data<const N: usize>(
    pen: &mut Pen<'_>,
    head: &[u8; N],
    market: &Market,
    (order, is_liquidation): (&OrderState, bool),
    time: Time,
    traded: Quantity,
    price: OrderPrice,
) {
    let micros = micros(time);
    pen.put(head);
    pen.integer(order.id.0);
    pen.put(br#","id_str":""#);
    pen.integer(order.id.0);
    pen.put(br#"","order_type":"#);
    pen.put(convert::side(order.side));
    pen.put(br#","order_subtype":"#);
    pen.integer(convert::order_subtype(order));
    pen.put(br#","datetime":""#);
    pen.integer((micros + 500_000) / 1_000_000);
    pen.put(br#"","microtimestamp":""#);
    pen.integer(micros);
    pen.put(br#"","amount":"#);
    if order.remaining.is_zero() {
        pen.put(br#"0,"amount_str":"0"#);
    } else {
        let units = market.instrument.quantity_units(order.remaining);
        let decimals = market.instrument.quantity_decimals;
        pen.number_and_fixed(units, decimals, br#","amount_str":""#);
    }
    pen.put(br#"","amount_traded":""#);
    market.amount_in_order(pen, traded);
    pen.put(br#"","amount_at_create":""#);
    market.amount_in_order(pen, order.original);
    pen.put(br#"","price":"#);
    match price {
        OrderPrice::At(price) => {
            let units = market.instrument.price_units(price);
            let decimals = market.instrument.price_decimals;
            pen.number_and_fixed(units, decimals, br#","price_str":""#);
        }
        OrderPrice::AnyToBuy => pen.text(&market.market_buy_price),
    }
    if is_liquidation {
        pen.put(br#"","is_liquidation":true"#);
    } else {
        pen.put(br#"","is_liquidation":false"#);
    }
}

/// How a message of an order ends, from its event id.
#[inline(always)]
pub fn chained(
    pen: &mut Pen<'_>,
    market: &Market,
    mark: EventMark,
    previous: Option<EventMark>,
    source: OrderSource,
) {
    pen.put(&convert::event_id(mark, market.instrument.id, source));
    match previous {
        Some(mark) => {
            pen.put(br#"","pre_event_id":""#);
            pen.put(&convert::event_id(mark, market.instrument.id, source));
            pen.put(br#"""#);
        }
        None => pen.put(br#"","pre_event_id":null"#),
    }
    pen.text(source.tail());
}

/// Section 5.6. Mark and index with eight decimals, the rate with as few as it has.
fn encode_funding(market: &Market, state: &PerpetualState, out: &mut Vec<u8>) {
    let PerpetualState { time, marks, .. } = state;
    out.extend_from_slice(br#"{"data":{"market":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","mark_price":""#);
    long_price(out, &market.instrument, marks.mark);
    out.extend_from_slice(br#"","index_price":""#);
    long_price(out, &market.instrument, marks.index);
    out.extend_from_slice(br#"","funding_rate":""#);
    convert::rate(out, marks.funding_rate_ppm);
    out.extend_from_slice(br#"","timestamp":""#);
    text::integer(out, micros(*time) / 1_000_000);
    out.extend_from_slice(br#"","next_funding_time":""#);
    text::integer(out, micros(marks.next_funding) / 1_000_000);
    out.push(b'"');
    out.extend_from_slice(&market.funding_tail);
}

/// A price with eight decimals at least.
fn long_price(out: &mut Vec<u8>, rules: &Instrument, price: Price) {
    const DECIMALS: u8 = 8;
    text::fixed(out, rules.price_units(price), rules.price_decimals);
    if rules.price_decimals == 0 {
        out.push(b'.');
    }
    (rules.price_decimals..DECIMALS).for_each(|_| out.push(b'0'));
}

/// Section 5.3: mostly the levels of the last one.
fn encode_book(market: &Market, book: &BookUpdate<'_>, out: &mut FrameBuilder) {
    let write = |pen: &mut Pen<'_>, level: &Level| market.level(pen, level);
    begin_book(out.text_mut(), book.time);
    out.list_by_pen(Side::Buy, book.bids, LEVEL_BYTES_MAX, write);
    out.text_mut().extend_from_slice(br#"],"asks":["#);
    out.list_by_pen(Side::Sell, book.asks, LEVEL_BYTES_MAX, write);
    end_book(out.text_mut(), &market.book_tail);
}

/// Section 5.5: levels that changed, none of which is as in the last one.
fn encode_diff(market: &Market, book: &BookUpdate<'_>, out: &mut Vec<u8>) {
    let levels = book.bids.len() + book.asks.len();
    let room = BOOK_BYTES_MAX + LEVEL_BYTES_MAX * levels + market.diff_tail.len();
    let start = make_room(out, room);
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(br#"{"data":"#);
    stamps(&mut pen, book.time);
    list(&mut pen, book.bids.best_first(), |pen, level| market.level(pen, level));
    pen.put(br#","asks":"#);
    list(&mut pen, book.asks.best_first(), |pen, level| market.level(pen, level));
    pen.text(&market.diff_tail);
    let end = start + pen.written();
    out.truncate(end);
}

/// Section 5.4: mostly the orders of the last one.
fn encode_detail(market: &Market, detail: &DetailUpdate<'_>, out: &mut FrameBuilder) {
    let write = |pen: &mut Pen<'_>, entry: &OrderEntry| market.order(pen, entry);
    begin_book(out.text_mut(), detail.time);
    out.list_by_pen(Side::Buy, detail.bids, ENTRY_BYTES_MAX, write);
    out.text_mut().extend_from_slice(br#"],"asks":["#);
    out.list_by_pen(Side::Sell, detail.asks, ENTRY_BYTES_MAX, write);
    end_book(out.text_mut(), &market.detail_tail);
}

/// Opens a message of a whole book, up to its first bid.
fn begin_book(out: &mut Vec<u8>, time: Time) {
    let start = make_room(out, BOOK_BYTES_MAX);
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(br#"{"data":"#);
    stamps(&mut pen, time);
    pen.put(b"[");
    let end = start + pen.written();
    out.truncate(end);
}

/// Closes it behind its last ask.
fn end_book(out: &mut Vec<u8>, tail: &[u8]) {
    out.push(b']');
    out.extend_from_slice(tail);
}

/// Opens a book's object, up to where its bids begin.
#[inline(always)]
pub fn stamps(pen: &mut Pen<'_>, time: Time) {
    let moment = moment(time);
    pen.put(br#"{"timestamp":""#);
    pen.seconds(&moment);
    pen.put(br#"","microtimestamp":""#);
    pen.micros(&moment);
    pen.put(br#"","bids":"#);
}

/// Appends `[a,b,…]`.
#[inline(always)]
pub fn list<T>(
    pen: &mut Pen<'_>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Pen<'_>, T),
) {
    pen.put(b"[");
    for (at, item) in items.enumerate() {
        if at > 0 {
            pen.put(b",");
        }
        write(pen, item);
    }
    pen.put(b"]");
}

impl Market {
    /// Appends a price with exactly the market's decimals.
    #[inline(always)]
    pub fn price(&self, pen: &mut Pen<'_>, price: Price) {
        pen.fixed(self.instrument.price_units(price), self.instrument.price_decimals);
    }

    /// Appends a quantity with exactly the market's decimals.
    #[inline(always)]
    pub fn amount(&self, pen: &mut Pen<'_>, quantity: Quantity) {
        pen.fixed(self.instrument.quantity_units(quantity), self.instrument.quantity_decimals);
    }

    /// Appends a quantity as order events spell it: nothing is `0`, not `0.00000000`.
    #[inline(always)]
    fn amount_in_order(&self, pen: &mut Pen<'_>, quantity: Quantity) {
        if quantity.is_zero() {
            pen.put(b"0");
        } else {
            self.amount(pen, quantity);
        }
    }

    /// Appends a fee, in the quote asset: at least five decimals, cut behind them. Section 5.8.
    pub fn fee(&self, pen: &mut Pen<'_>, fee: Amount) {
        let decimals = self.instrument.price_decimals.max(FEE_DECIMALS_MIN);
        pen.fixed(self.quote.units_of_amount(fee, decimals), decimals);
    }

    /// Appends `["price","amount"]`.
    #[inline(always)]
    pub fn level(&self, pen: &mut Pen<'_>, level: &Level) {
        pen.put(br#"[""#);
        self.price(pen, level.price);
        pen.put(br#"",""#);
        self.amount(pen, level.quantity);
        pen.put(br#""]"#);
    }

    /// Appends `["price","amount","order_id"]`.
    #[inline(always)]
    pub fn order(&self, pen: &mut Pen<'_>, entry: &OrderEntry) {
        pen.put(br#"[""#);
        self.price(pen, entry.price);
        pen.put(br#"",""#);
        self.amount(pen, entry.quantity);
        pen.put(br#"",""#);
        pen.integer(entry.order.0);
        pen.put(br#""]"#);
    }
}

/// A moment to be written.
fn moment(time: Time) -> Moment {
    Moment::of(micros(time))
}

/// Microseconds since 1970; nothing is told of the time before.
pub fn micros(time: Time) -> u64 {
    u64::try_from(time.micros()).unwrap_or(0)
}
