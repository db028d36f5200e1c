//! Reads Bitstamp's frames, of everybody and in order, and keeps books of its own.

use std::collections::{HashMap, VecDeque};

use dialects::bitstamp::wire::{
    Envelope, OrderData, OwnOrderData, OwnTradeData, SelfTradeData, TradeData,
};
use engine::Rules;
use model::decimal::{parse_units, pow10};
use model::{Assets, Instrument, Listing};
use serde_json::from_str;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Orders that added up.
    pub orders: usize,
    /// Of them, those that took another's place.
    pub replaced: usize,
    /// Of them, those that waited for a trigger and were woken.
    pub woken: usize,
    /// Own trades that agreed with everything.
    pub trades: usize,
    /// Trades of somebody with itself.
    pub self_trades: usize,
}

/// An order, as its frames tell it.
#[derive(Debug)]
struct Order {
    user: String,
    market: String,
    asked: i64,
    executed: i64,
    open: i64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waits,
    Inactive,
    Open,
    Ended,
}

/// A public trade, and how many of its two parts their owners have been told.
#[derive(Debug)]
struct Public {
    market: String,
    id: u64,
    amount: i64,
    price: i64,
    taker_sells: bool,
    buyer: u64,
    seller: u64,
    micros: String,
    parts: usize,
}

/// A match that an order's frame has to tell next.
#[derive(Debug, PartialEq, Eq)]
struct Match {
    user: String,
    order: u64,
    amount: i64,
    price: i64,
}

/// What the public was told of an event of the book.
type PublicOrder = (String, String, Option<String>);

/// See the module.
#[derive(Debug)]
pub struct Auditor {
    markets: HashMap<String, Instrument>,
    assets: Assets,
    rules: Rules,
    orders: HashMap<u64, Order>,
    /// Trades of this pause whose parts are not both told.
    trades: VecDeque<Public>,
    /// Order frames of this pause, by event id.
    public_orders: HashMap<String, PublicOrder>,
    /// Matches that have been told as trades and not yet as steps of their orders.
    matches: VecDeque<Match>,
    /// Orders of this pause whose place another took.
    gone: Vec<u64>,
    figures: Figures,
}

fn said(error: serde_json::Error) -> String {
    error.to_string()
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Auditor {
    /// Of these markets, whose fees follow these rules.
    #[must_use]
    pub fn new(listings: &[Listing], rules: Rules) -> Self {
        let markets = listings.iter().map(|listing| {
            let symbol = listing.symbol_in("bitstamp").expect("a symbol");
            (symbol.to_owned(), listing.instrument.clone())
        });
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        Self {
            assets: Assets::of(&instruments),
            markets: markets.collect(),
            rules,
            orders: HashMap::new(),
            trades: VecDeque::new(),
            public_orders: HashMap::new(),
            matches: VecDeque::new(),
            gone: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// Reads the next frame, which came on a channel of this name.
    ///
    /// # Errors
    /// What does not add up.
    pub fn read(&mut self, channel: &str, text: &str) -> Result<(), String> {
        let frame: Envelope<'_> = from_str(text).map_err(said)?;
        ensure(frame.channel == channel, || format!("told on {channel}"))?;
        let data = frame.data.get();
        if let Some(market) = channel.strip_prefix("live_trades_") {
            return self.public_trade(market, &from_str(data).map_err(said)?);
        }
        if channel.starts_with("live_orders_") {
            let id = frame.event_id.ok_or("an order's frame has an event id")?.into_owned();
            let previous = frame.pre_event_id.map(|id| id.into_owned());
            let told = (frame.event.into_owned(), data.to_owned(), previous);
            let twice = self.public_orders.insert(id.clone(), told);
            return ensure(twice.is_none(), || format!("the event id {id} is given twice"));
        }
        let (name, user) = channel.rsplit_once('-').ok_or("a private channel has a user")?;
        let name = name.strip_prefix("private-").ok_or("what is not public is private")?;
        if let Some(market) = name.strip_prefix("my_trades_") {
            ensure(frame.event == "trade", || frame.event.to_string())?;
            return self.own_trade(market, user, &from_str(data).map_err(said)?);
        }
        if let Some(market) = name.strip_prefix("live_trades_") {
            ensure(frame.event == "self_trade", || frame.event.to_string())?;
            return self.self_trade(market, user, &from_str(data).map_err(said)?);
        }
        let market = name.strip_prefix("my_orders_").ok_or("no such channel")?;
        self.own_order(market, user, &frame)
    }

    /// Everything that a command caused has been read.
    ///
    /// # Errors
    /// What is missing.
    pub fn pause(&mut self) -> Result<(), String> {
        ensure(self.matches.is_empty(), || format!("never told of orders: {:?}", self.matches))?;
        ensure(self.trades.is_empty(), || format!("told to the public alone: {:?}", self.trades))?;
        for (event, data, _) in self.public_orders.values() {
            let told: OrderData<'_> = from_str(data).map_err(said)?;
            let is_gone = event == "order_deleted" && self.gone.contains(&told.id);
            ensure(is_gone, || format!("told to the public alone: {event} {data}"))?;
        }
        self.public_orders.clear();
        self.gone.clear();
        Ok(())
    }

    /// Everything has ended.
    ///
    /// # Errors
    /// What has not.
    pub fn close(self) -> Result<Figures, String> {
        for (id, order) in &self.orders {
            // One that was never woken ended as it waited.
            let has_ended = matches!(order.stage, Stage::Ended | Stage::Inactive);
            ensure(has_ended, || format!("order {id} never ended: {order:?}"))?;
            ensure(order.executed + order.open == order.asked, || {
                format!("order {id} does not add up: {order:?}")
            })?;
        }
        Ok(Figures { orders: self.orders.len(), ..self.figures })
    }

    fn amount(&self, market: &str, text: &str) -> Result<i64, String> {
        let decimals = if text == "0" { 0 } else { self.markets[market].quantity_decimals };
        number(text, decimals)
    }

    fn price(&self, market: &str, text: &str) -> Result<i64, String> {
        number(text, self.markets[market].price_decimals)
    }

    fn public_trade(&mut self, market: &str, told: &TradeData<'_>) -> Result<(), String> {
        self.trades.push_back(Public {
            market: market.to_owned(),
            id: told.id,
            amount: self.amount(market, told.amount_str)?,
            price: self.price(market, told.price_str)?,
            taker_sells: told.side == 1,
            buyer: told.buy_order_id,
            seller: told.sell_order_id,
            micros: told.microtimestamp.to_owned(),
            parts: 0,
        });
        Ok(())
    }

    /// One side of the public trade that was told last, the maker's first.
    fn own_trade(
        &mut self,
        market: &str,
        user: &str,
        told: &OwnTradeData<'_>,
    ) -> Result<(), String> {
        ensure(self.matches.is_empty(), || format!("told before {:?}", self.matches))?;
        let (amount, price) = (self.amount(market, told.amount)?, self.price(market, told.price)?);
        let rules = &self.markets[market];
        let coarse = rules.price_decimals + rules.quantity_decimals;
        let unit = self.assets.by_code(&rules.quote).expect("an asset of the market").decimals;
        let shown = rules.price_decimals.max(5);
        let public = self.trades.front_mut().ok_or("no public trade")?;
        let sells = match told.side {
            "buy" => false,
            "sell" => true,
            other => return Err(format!("{other} is no side")),
        };
        let is_taker = sells == public.taker_sells;
        ensure(is_taker == (public.parts == 1), || format!("out of turn: {public:?}"))?;
        let order = if sells { public.seller } else { public.buyer };
        ensure(
            (&*public.market, public.id, public.amount, public.price, &*public.micros)
                == (market, told.id, amount, price, told.microtimestamp)
                && order == told.order_id,
            || format!("the public was told {public:?}"),
        )?;
        // In units of the asset, where it is rounded up; then shown with fewer decimals.
        let rate = if is_taker { self.rules.taker_fee_ppm } else { self.rules.maker_fee_ppm };
        let value = i128::from(amount) * i128::from(price) * i128::from(pow10(unit - coarse));
        let fee = (value * i128::from(rate) + 999_999) / 1_000_000;
        let fee = match unit.checked_sub(shown) {
            Some(finer) => fee / i128::from(pow10(finer)),
            None => fee * i128::from(pow10(shown - unit)),
        };
        ensure(i128::from(number(told.fee, shown)?) == fee, || format!("a fee of {fee}"))?;
        public.parts += 1;
        if public.parts == 2 {
            self.trades.pop_front();
        }
        self.figures.trades += 1;
        self.matches.push_back(Match {
            user: user.to_owned(),
            order: told.order_id,
            amount,
            price,
        });
        Ok(())
    }

    /// Both sides of the public trade that was told last.
    fn self_trade(
        &mut self,
        market: &str,
        user: &str,
        told: &SelfTradeData<'_>,
    ) -> Result<(), String> {
        ensure(self.matches.is_empty(), || format!("told before {:?}", self.matches))?;
        let amount = self.amount(market, told.amount_str)?;
        let price = self.price(market, told.price_str)?;
        let public = self.trades.pop_front().ok_or("no public trade")?;
        let orders = (told.buy_order_id, told.sell_order_id);
        ensure(
            public.parts == 0
                && (&*public.market, public.amount, public.price, &*public.micros)
                    == (market, amount, price, told.microtimestamp)
                && (public.buyer, public.seller, public.taker_sells)
                    == (orders.0, orders.1, told.side == 1),
            || format!("the public was told {public:?}"),
        )?;
        let (maker, taker) = if told.side == 1 { orders } else { (orders.1, orders.0) };
        for order in [maker, taker] {
            self.matches.push_back(Match { user: user.to_owned(), order, amount, price });
        }
        self.figures.self_trades += 1;
        Ok(())
    }

    fn own_order(&mut self, market: &str, user: &str, frame: &Envelope<'_>) -> Result<(), String> {
        let text = frame.data.get();
        let told: OrderData<'_> = from_str(text).map_err(said)?;
        let own: OwnOrderData<'_> = from_str(text).map_err(said)?;
        let open = self.amount(market, told.amount_str)?;
        let traded = self.amount(market, told.amount_traded)?;
        let asked = self.amount(market, told.amount_at_create)?;
        let event = &*frame.event;
        let in_book = frame.order_source.as_deref() == Some("orderbook");
        ensure(in_book != event.starts_with("stop_"), || "of another source".to_owned())?;
        if in_book {
            self.same_in_public(frame)?;
        }
        if traded > 0 {
            let next = self.matches.pop_front().ok_or("executed without a trade")?;
            let met = (next.user == user, next.order, next.amount);
            ensure(met == (true, told.id, traded), || format!("{next:?} was to be told"))?;
            let price = self.price(market, told.price_str)?;
            let fits = match (told.order_subtype, told.order_type) {
                // Market orders show what they met.
                (2 | 20 | 21 | 24 | 25, _) => price == next.price,
                (_, 0) => price >= next.price,
                _ => price <= next.price,
            };
            ensure(fits, || format!("met at {}", next.price))?;
        } else {
            ensure(self.matches.is_empty(), || format!("told before {:?}", self.matches))?;
        }
        let known = self.orders.get_mut(&told.id);
        if let Some(order) = &known {
            let same = (&*order.user, &*order.market, order.asked) == (user, market, asked);
            ensure(same, || format!("it was {order:?}"))?;
        }
        let stage = known.as_ref().map(|order| order.stage);
        let begins = |stage| Order {
            user: user.to_owned(),
            market: market.to_owned(),
            asked,
            executed: 0,
            open: asked,
            stage,
        };
        let trails = own.activation_price.is_some();
        let is_trailing = (24..=27).contains(&told.order_subtype);
        let said = (trails, own.trailing_delta.is_some());
        ensure(said == (is_trailing, is_trailing), || "half a trailing stop".into())?;
        ensure(!trails || own.stop_price.is_none(), || "a price that would move".into())?;
        let is_stop = own.stop_price.is_some() || trails;
        match (event, stage) {
            ("stop_active", None) if is_stop && open == asked && traded == 0 => {
                self.orders.insert(told.id, begins(Stage::Waits));
            }
            ("stop_inactive", Some(Stage::Waits)) if open == asked && traded == 0 => {
                // Whether it was woken or ended, what follows says.
                self.order(told.id).stage = Stage::Inactive;
            }
            ("order_created", Some(Stage::Inactive)) if is_stop && open == asked && traded == 0 => {
                self.order(told.id).stage = Stage::Open;
                self.figures.woken += 1;
            }
            ("order_created", None) if !is_stop && open == asked && traded == 0 => {
                self.orders.insert(told.id, begins(Stage::Open));
            }
            ("order_replaced", None) if open == asked && traded == 0 => {
                let old = own.orig_order_id.ok_or("an order that replaces none")?;
                let old = self.orders.get_mut(&old).ok_or("it replaces an unknown order")?;
                let was = (&*old.user, &*old.market, old.stage);
                ensure(was == (user, market, Stage::Open), || format!("it replaces {old:?}"))?;
                old.stage = Stage::Ended;
                self.gone.extend(own.orig_order_id);
                self.orders.insert(told.id, begins(Stage::Open));
                self.figures.replaced += 1;
            }
            ("order_changed", Some(Stage::Open)) if traded > 0 && open > 0 => {
                self.executes(told.id, traded, open)?;
            }
            ("order_deleted", Some(Stage::Open)) if (traded == 0) != (open == 0) => {
                self.executes(told.id, traded, open)?;
                self.order(told.id).stage = Stage::Ended;
            }
            _ => return Err(format!("this cannot follow: {stage:?}")),
        }
        Ok(())
    }

    fn order(&mut self, id: u64) -> &mut Order {
        self.orders.get_mut(&id).expect("it is known")
    }

    fn executes(&mut self, id: u64, traded: i64, open: i64) -> Result<(), String> {
        let order = self.order(id);
        order.executed += traded;
        order.open -= traded;
        ensure(order.open == open, || format!("open should be {}", order.open))
    }

    /// The public was told the same under this event id, as deleted and created where it was replaced.
    fn same_in_public(&mut self, frame: &Envelope<'_>) -> Result<(), String> {
        let id = frame.event_id.as_deref().ok_or("an order's frame has an event id")?;
        let public = self.public_orders.remove(id);
        let (event, data, previous) = public.ok_or("the public was not told of it")?;
        let expected = match &*frame.event {
            "order_replaced" => "order_created",
            other => other,
        };
        let same_place = event == expected && previous.as_deref() == frame.pre_event_id.as_deref();
        ensure(same_place, || format!("the public was told {event} after {previous:?}"))?;
        // Its owner is told more behind that.
        let same = frame.data.get().starts_with(data.trim_end_matches('}'));
        ensure(same, || format!("the public was told {data}"))
    }
}

fn number(text: &str, decimals: u8) -> Result<i64, String> {
    parse_units(text.as_bytes(), decimals).map_err(|error| format!("{text}: {error:?}"))
}
