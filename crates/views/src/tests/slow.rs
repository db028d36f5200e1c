//! The slow twin of a board: it keeps everything that ever happened and works every word out from that.

use std::collections::BTreeMap;

use model::{
    AccountId, AnswerBody, Cadence, Candle, Event, EventBody, EventMark, FeedQuote, FundingRate,
    Interval, Level, OrderEntry, OrderId, OrderState, OrderStep, OrderUpdate, PerpetualEvent,
    PerpetualState, Price, Quantity, Query, Side, Span, Ticker, Time, TimeInForce, TopicKind,
    Trade, Update, Window,
};

use super::{SECOND, TENTH, word};

/// A board that is plainly right.
pub struct Slow {
    start: Time,
    /// What rests: side and entry, the oldest first.
    resting: Vec<(Side, OrderEntry)>,
    /// Ids of every order that was ever told as created.
    public: Vec<OrderId>,
    shown: BTreeMap<Cadence, Shown>,
    stamp: Time,
    touched: Time,
    stale: bool,
    /// Every trade, and the time it counts at.
    trades: Vec<(Time, Trade)>,
    marks: Vec<EventMark>,
    listened: Vec<TopicKind>,
    /// When each cadence spoke last, how many trades there had been, and what the best prices were.
    spoke: BTreeMap<Cadence, (Time, usize, [Option<Price>; 2])>,
    /// When a tenth ticked, each time.
    tenths: Vec<Time>,
    /// What each depth told last, and how often it spoke.
    views: BTreeMap<TopicKind, (u64, View)>,
    /// All that was told of a perpetual, and the order that was created next, if one was.
    perpetual: Vec<(PerpetualEvent, Option<OrderId>)>,
    /// All that was quoted for its index.
    quotes: Vec<FeedQuote>,
    /// When its own cadences spoke last.
    spoke_of_it: BTreeMap<Cadence, Time>,
}

/// The book as it was told, best first.
#[derive(Clone, Default, PartialEq)]
struct Shown {
    stamp: Time,
    /// How often it was told.
    states: u64,
    sides: [Vec<OrderEntry>; 2],
}

/// What a depth shows.
#[derive(Clone, PartialEq)]
struct View {
    stamp: Time,
    sides: [Vec<(i64, i64)>; 2],
    totals: [i64; 2],
}

impl Shown {
    fn view(&self, depth: u16, step: Option<Price>) -> View {
        let step = step.map_or(1, |step| step.0);
        let of = |side: Side| {
            let mut levels: BTreeMap<i64, i64> = BTreeMap::new();
            for entry in &self.sides[side as usize] {
                let price = match side {
                    Side::Buy => entry.price.0 / step * step,
                    Side::Sell => (entry.price.0 + step - 1) / step * step,
                };
                *levels.entry(price).or_default() += entry.quantity.0;
            }
            let mut levels: Vec<_> = levels.into_iter().collect();
            if side == Side::Buy {
                levels.reverse();
            }
            levels.truncate(usize::from(depth));
            levels
        };
        let total = |side: &Vec<OrderEntry>| side.iter().map(|entry| entry.quantity.0).sum();
        View { stamp: self.stamp, sides: SIDES.map(of), totals: self.sides.each_ref().map(total) }
    }
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

impl Slow {
    pub fn new(start: Time, listened: &[TopicKind]) -> Self {
        let mut listened = listened.to_vec();
        listened.sort();
        Self {
            start,
            resting: Vec::new(),
            public: Vec::new(),
            shown: BTreeMap::new(),
            stamp: start,
            touched: start,
            stale: false,
            trades: Vec::new(),
            marks: Vec::new(),
            listened,
            spoke: BTreeMap::new(),
            tenths: Vec::new(),
            views: BTreeMap::new(),
            perpetual: Vec::new(),
            quotes: Vec::new(),
            spoke_of_it: BTreeMap::new(),
        }
    }

    /// What a board tells of this event.
    pub fn apply(&mut self, event: &Event) -> Vec<String> {
        let mut out = Vec::new();
        let time = event.time;
        match &event.body {
            EventBody::Created(order) => self.step(time, order, OrderStep::Created, &mut out),
            EventBody::Filled(fill) => {
                self.left(time, fill.maker.id, fill.maker.remaining);
                let step = OrderStep::Filled { price: fill.price, quantity: fill.quantity };
                self.step(time, &fill.maker, step, &mut out);
                self.step(time, &fill.taker, step, &mut out);
                let trade = fill.trade(time);
                self.trades.push((time, trade));
                self.say(TopicKind::Trades, &Update::Trade(&trade), &mut out);
            }
            EventBody::Rested(order) => {
                let price = order.kind.limit().expect("what rests has a price");
                let (quantity, id, expires) = (order.remaining, order.id, till(order));
                let entry = OrderEntry { price, quantity, order: id, time, expires };
                self.resting.push((order.side, entry));
                self.touch(time);
            }
            EventBody::Closed { order, reason } => {
                self.left(time, order.id, Quantity::ZERO);
                if self.public.contains(&order.id) {
                    self.step(time, order, OrderStep::Closed(*reason), &mut out);
                }
            }
            EventBody::Replaced { old, new, kept_place } => {
                if *kept_place {
                    let entry = self.resting.iter_mut().find(|(_, entry)| entry.order == old.id);
                    let entry = &mut entry.expect("what keeps its place rests").1;
                    (entry.order, entry.time, entry.expires) = (new.id, time, till(new));
                    entry.quantity = new.remaining;
                    self.touch(time);
                } else {
                    self.left(time, old.id, Quantity::ZERO);
                }
                self.step(time, old, OrderStep::Replaced, &mut out);
                self.step(time, new, OrderStep::Created, &mut out);
            }
            EventBody::Ticked(cadence) => self.tick(time, *cadence, &mut out),
            EventBody::Perpetual(event) => {
                self.perpetual.push((*event, None));
                if let PerpetualEvent::Quoted { constituent, price } = *event {
                    self.quotes.push(FeedQuote { constituent, price, time });
                }
            }
            _ => {}
        }
        out
    }

    fn touch(&mut self, time: Time) {
        self.touched = time;
        self.stale = true;
    }

    fn left(&mut self, time: Time, id: OrderId, quantity: Quantity) {
        let Some(at) = self.resting.iter().position(|(_, entry)| entry.order == id) else { return };
        self.touch(time);
        if quantity.is_zero() {
            self.resting.remove(at);
        } else {
            self.resting[at].1.quantity = quantity;
        }
    }

    fn step(&mut self, time: Time, order: &OrderState, step: OrderStep, out: &mut Vec<String>) {
        if step == OrderStep::Created {
            self.public.push(order.id);
            if let Some((_, next @ None)) = self.perpetual.last_mut() {
                *next = Some(order.id);
            }
        }
        let millisecond = time.floor_to_millis();
        let tie = self.marks.iter().filter(|mark| mark.time == millisecond).count() as u32;
        let mark = EventMark { time: millisecond, tie, ordinal: self.marks.len() as u64 + 1 };
        let previous = self.marks.last().copied();
        self.marks.push(mark);
        let is_liquidation = self.perpetual.iter().any(|(event, next)| {
            *next == Some(order.id) && matches!(event, PerpetualEvent::Liquidating { .. })
        });
        let update = OrderUpdate { time, order: *order, step, mark, previous, is_liquidation };
        self.say(TopicKind::Orders, &Update::Order(&update), out);
    }

    fn say(&self, kind: TopicKind, update: &Update<'_>, out: &mut Vec<String>) {
        if self.listened.contains(&kind) {
            out.push(word(kind, update));
        }
    }

    /// The book now, best first, at one price the oldest first.
    fn book(&self) -> [Vec<OrderEntry>; 2] {
        SIDES.map(|side| {
            let mut orders: Vec<OrderEntry> = self
                .resting
                .iter()
                .filter(|(of, _)| *of == side)
                .map(|(_, entry)| *entry)
                .collect();
            orders.sort_by_key(|entry| match side {
                Side::Buy => -entry.price.0,
                Side::Sell => entry.price.0,
            });
            orders
        })
    }

    /// What a cadence tells of the book.
    fn publish(&mut self, cadence: Cadence, out: &mut Vec<String>) {
        let start = Shown { stamp: self.start, ..Shown::default() };
        let before = self.shown.get(&cadence).cloned().unwrap_or(start);
        let sides = self.book();
        let changed = before.sides != sides;
        let mut after = Shown { sides, ..before.clone() };
        if changed {
            if self.stale {
                self.stamp = self.touched.max(Time(self.stamp.0 + 1));
                self.stale = false;
            }
            after.stamp = self.stamp;
            after.states += 1;
        }
        self.shown.insert(cadence, after.clone());
        for kind in self.listened.clone() {
            match kind {
                TopicKind::Delta { cadence: of } if of == cadence && changed => {
                    let [bids, asks] = delta(&before.sides, &after.sides);
                    out.push(format!("delta {} {bids:?} {asks:?}", after.stamp.0));
                }
                TopicKind::Book { depth, cadence: of } if of == cadence => {
                    let top = |shown: &Shown| {
                        SIDES.map(|side| cut(pairs(&levels(&shown.sides[side as usize])), depth))
                    };
                    let [bids, asks] = top(&after);
                    if [&bids, &asks] != top(&before).each_ref() {
                        out.push(format!("book {} {bids:?} {asks:?}", after.stamp.0));
                    }
                }
                TopicKind::Detail { depth, cadence: of } if of == cadence => {
                    let top = |shown: &Shown| {
                        SIDES.map(|side| cut(triples(&shown.sides[side as usize]), depth))
                    };
                    let [bids, asks] = top(&after);
                    if [&bids, &asks] != top(&before).each_ref() {
                        out.push(format!("detail {} {bids:?} {asks:?}", after.stamp.0));
                    }
                }
                TopicKind::Depth { depth, step, cadence: of } if of == cadence => {
                    let told = self.views.get(&kind).cloned();
                    let (number, old) = told.unwrap_or((0, before.view(depth, step)));
                    let new = after.view(depth, step);
                    if new.sides != old.sides {
                        let [bids, asks] = SIDES.map(|side| {
                            let (old, new) = (&old.sides[side as usize], &new.sides[side as usize]);
                            let mut changed: Vec<_> =
                                new.iter().filter(|level| !old.contains(level)).copied().collect();
                            let gone = |(price, _): &&(i64, i64)| {
                                !new.iter().any(|(known, _)| known == price)
                            };
                            changed.extend(old.iter().filter(gone).map(|(price, _)| (*price, 0)));
                            changed.sort_by_key(|(price, _)| match side {
                                Side::Buy => -price,
                                Side::Sell => *price,
                            });
                            changed
                        });
                        let (number, [bid, ask]) = (number + 1, new.totals);
                        out.push(format!(
                            "depth {number} of {} {bids:?} {asks:?} in all {bid} {ask}",
                            new.stamp.0
                        ));
                        self.views.insert(kind, (number, new));
                    }
                }
                _ => {}
            }
        }
    }

    fn tick(&mut self, time: Time, cadence: Cadence, out: &mut Vec<String>) {
        self.publish(cadence, out);
        let best = self.best();
        let mut news = BTreeMap::new();
        for of in [TENTH, SECOND, Cadence::THREE_TENTHS] {
            let former = self.spoke.get(&of).copied();
            let is_new = former.is_none_or(|(former, ..)| former.0 / of.0.0 != time.0 / of.0.0);
            if of == cadence || (of != TENTH && cadence == TENTH && is_new) {
                self.spoke.insert(of, (time, self.trades.len(), best));
                let (former, untold, quoted) = former.unwrap_or((Time(i64::MIN), 0, [None; 2]));
                news.insert(of, (former, untold, quoted != best));
            }
        }

        if cadence == TENTH {
            self.tenths.push(time);
        }
        for kind in self.listened.clone() {
            match kind {
                TopicKind::SampledCandles { interval, cadence: of } if cadence == TENTH => {
                    let end = time.0 - time.0.rem_euclid(of.0.0);
                    // No other tenth ticked since then.
                    if self.tenths.iter().filter(|tenth| tenth.0 >= end).count() == 1 {
                        let start = interval.start_of(Time(end - 1));
                        let all = self.candles(interval);
                        let its = all.iter().filter(|candle| candle.start == start);
                        out.extend(its.map(|candle| word(kind, &Update::Candle(candle))));
                    }
                }
                TopicKind::Candles { interval, cadence: of } => {
                    let untold = news.get(&of).map(|(_, untold, _)| *untold);
                    if let Some((from, _)) = untold.and_then(|untold| self.trades.get(untold)) {
                        let first = interval.start_of(*from);
                        for candle in self.candles(interval) {
                            if candle.start >= first {
                                out.push(word(kind, &Update::Candle(&candle)));
                            }
                        }
                    }
                }
                TopicKind::Ticker { window, cadence: of, quotes } => {
                    if let Some((former, untold, quoted)) = news.get(&of)
                        && (*untold < self.trades.len()
                            || (quotes && *quoted)
                            || former.seconds() / 60 != time.seconds() / 60)
                    {
                        let ticker = self.ticker(window, time);
                        out.push(word(kind, &Update::Ticker(&ticker)));
                    }
                }
                _ => {}
            }
        }
        if self.perpetual.is_empty() || cadence != TENTH {
            return;
        }
        for of in [Cadence::FIFTH, SECOND] {
            let former = self.spoke_of_it.get(&of);
            if former.is_some_and(|former| former.0 / of.0.0 == time.0 / of.0.0) {
                continue;
            }
            self.spoke_of_it.insert(of, time);
            self.publish(of, out);
            if let Some(state) = self.state(time).filter(|_| of == SECOND) {
                self.say(TopicKind::Funding, &Update::Funding(&state), out);
            }
        }
    }

    fn candles(&self, interval: Interval) -> Vec<Candle> {
        let mut candles: BTreeMap<Time, Candle> = BTreeMap::new();
        for (time, trade) in &self.trades {
            let start = interval.start_of(*time);
            candles
                .entry(start)
                .and_modify(|candle| candle.add(trade))
                .or_insert_with(|| Candle::of(start, trade));
        }
        candles.into_values().collect()
    }

    pub fn ticker(&self, window: Window, now: Time) -> Ticker {
        let step = if window.0 > Window::DAY.0 { 3_600 } else { 60 };
        let from = Interval::Seconds(step).start_of(now) - window.0;
        let midnight = Interval::Seconds(86_400).start_of(now);
        let inside: Vec<&Trade> =
            self.trades.iter().filter(|(time, _)| *time >= from).map(|(_, trade)| trade).collect();
        let before = self.trades.iter().rev().find(|(time, _)| *time < from);
        let today = self.trades.iter().find(|(time, _)| *time >= midnight);
        let last = self.trades.last().map(|(_, trade)| trade);
        let [bid, ask] = self.best();
        Ticker {
            time: now,
            from,
            last: last.map(|trade| trade.price),
            last_side: last.map(|trade| trade.aggressor),
            open_day: today.map(|(_, trade)| trade).or(last).map(|trade| trade.price),
            open: before.map(|(_, trade)| trade).or(inside.first().copied()).map(|t| t.price),
            high: inside.iter().map(|trade| trade.price).max(),
            low: inside.iter().map(|trade| trade.price).min(),
            volume: Quantity(inside.iter().map(|trade| trade.quantity.0).sum()),
            turnover: inside
                .iter()
                .map(|trade| i128::from(trade.price.0) * i128::from(trade.quantity.0))
                .sum(),
            trades: inside.len() as u64,
            bid,
            ask,
        }
    }

    /// What each account holds of a perpetual, of the first so many things that were told of it.
    fn sizes(&self, told: usize) -> BTreeMap<AccountId, i64> {
        let mut sizes = BTreeMap::new();
        for (event, _) in &self.perpetual[..told] {
            if let PerpetualEvent::Position(state) = event {
                sizes.insert(state.account, state.size);
            }
        }
        sizes
    }

    fn state(&self, time: Time) -> Option<PerpetualState> {
        let marks = self.perpetual.iter().rev().find_map(|(event, _)| match event {
            PerpetualEvent::Marked(marks) => Some(*marks),
            _ => None,
        });
        let long = self.sizes(self.perpetual.len()).into_values().filter(|size| *size > 0);
        Some(PerpetualState { time, marks: marks?, open_interest: Quantity(long.sum()) })
    }

    /// Between two marks of which the later has another time of funding it was exchanged.
    fn rates(&self) -> Vec<FundingRate> {
        let mark = |(at, (event, _)): (usize, &(PerpetualEvent, Option<OrderId>))| match event {
            PerpetualEvent::Marked(marks) => Some((at, *marks)),
            _ => None,
        };
        let marks: Vec<_> = self.perpetual.iter().enumerate().filter_map(mark).collect();
        let mut rates = Vec::new();
        for pair in marks.windows(2) {
            let [(from, former), (to, marks)] = pair else { unreachable!("two of them") };
            if marks.next_funding == former.next_funding {
                continue;
            }
            let funded =
                self.perpetual[*from..*to].iter().rev().find_map(|(event, _)| match event {
                    PerpetualEvent::Funded { rate_ppm, .. } => Some(*rate_ppm),
                    _ => None,
                });
            let somebody = self.sizes(*to).into_values().any(|size| size != 0);
            let unpaid = if somebody { 0 } else { former.funding_rate_ppm };
            rates.push(FundingRate {
                time: former.next_funding,
                rate_ppm: funded.unwrap_or(unpaid),
            });
        }
        rates
    }

    fn best(&self) -> [Option<Price>; 2] {
        self.book().map(|side| side.first().map(|entry| entry.price))
    }

    /// What a board answers.
    pub fn answer(&self, query: &Query, now: Time) -> AnswerBody {
        let shown = |cadence| {
            let start = Shown { stamp: self.start, ..Shown::default() };
            self.shown.get(cadence).cloned().unwrap_or(start)
        };
        match query {
            Query::Book { cadence, .. } => {
                let Shown { stamp, sides, .. } = shown(cadence);
                let [bids, asks] = sides.map(|side| levels(&side));
                AnswerBody::Book { time: stamp, bids, asks }
            }
            Query::Detail { cadence, .. } => {
                let Shown { stamp, sides: [bids, asks], .. } = shown(cadence);
                AnswerBody::Detail { time: stamp, bids, asks }
            }
            Query::Depth { depth, step, cadence, .. } => {
                let kind = TopicKind::Depth { depth: *depth, step: *step, cadence: *cadence };
                let now = shown(cadence);
                // What was never told of a depth that is listened to is the empty book of the start.
                let start = Shown { stamp: self.start, ..Shown::default() };
                let (number, view) = match self.views.get(&kind) {
                    Some((number, view)) => (*number, view.clone()),
                    None if self.listened.contains(&kind) => (0, start.view(*depth, *step)),
                    None => (now.states, now.view(*depth, *step)),
                };
                let [bids, asks] = view.sides.map(|side| {
                    let level = |(price, quantity)| Level {
                        price: Price(price),
                        quantity: Quantity(quantity),
                    };
                    side.into_iter().map(level).collect()
                });
                let [bids_total, asks_total] = view.totals.map(Quantity);
                AnswerBody::Depth {
                    time: view.stamp,
                    sequence: number,
                    bids,
                    asks,
                    bids_total,
                    asks_total,
                }
            }
            Query::Trades { since, limit, .. } => {
                let mut trades: Vec<Trade> = self.trades.iter().map(|(_, trade)| *trade).collect();
                trades.retain(|trade| trade.time >= *since);
                trades.reverse();
                trades.truncate(*limit);
                AnswerBody::Trades(trades)
            }
            Query::Candles { interval, from, till, limit, filled, .. } => {
                let mut candles = self.candles(*interval);
                if *filled && let Some(first) = candles.first() {
                    // From the first trade on, one interval after the other.
                    let mut all = Vec::new();
                    let mut start = interval.next_start(first.start).max(interval.start_of(*from));
                    let before = candles.partition_point(|candle| candle.start < start);
                    let mut price = candles[before - 1].close;
                    while start <= (*till).min(now) {
                        match candles.iter().find(|candle| candle.start == start) {
                            Some(candle) => {
                                price = candle.close;
                                all.push(*candle);
                            }
                            None => all.push(Candle::empty(start, price)),
                        }
                        start = interval.next_start(start);
                    }
                    candles.truncate(1);
                    candles.extend(all);
                }
                candles.retain(|candle| (*from..=*till).contains(&candle.start));
                AnswerBody::Candles(candles.split_off(candles.len().saturating_sub(*limit)))
            }
            Query::Ticker { window, .. } => AnswerBody::Ticker(Box::new(self.ticker(*window, now))),
            Query::Perpetual { .. } => {
                let state = self.state(now).map(Box::new);
                state.map_or(AnswerBody::Unavailable, AnswerBody::Perpetual)
            }
            Query::Quotes { .. } if !self.perpetual.is_empty() => {
                let last = |place| self.quotes.iter().rev().find(|it| it.constituent == place);
                AnswerBody::Quotes((0..16).filter_map(last).copied().collect())
            }
            Query::FundingRates { since, until, limit, .. } if !self.perpetual.is_empty() => {
                let mut rates = self.rates();
                rates.retain(|rate| (*since..=*until).contains(&rate.time));
                AnswerBody::FundingRates(rates.split_off(rates.len().saturating_sub(*limit)))
            }
            _ => AnswerBody::Unavailable,
        }
    }

    /// The longest any window reaches back.
    pub const REACH: Span = Span::seconds(31 * 86_400 + 3_600);
}

/// The day that an order's owner gave it.
fn till(order: &OrderState) -> Option<Time> {
    if let TimeInForce::GoodTillDate(time) = order.time_in_force { Some(time) } else { None }
}

/// Orders as levels, in the same order.
fn levels(orders: &[OrderEntry]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for entry in orders {
        match levels.last_mut() {
            Some(level) if level.price == entry.price => level.quantity += entry.quantity,
            _ => levels.push(Level { price: entry.price, quantity: entry.quantity }),
        }
    }
    levels
}

fn pairs(levels: &[Level]) -> Vec<(i64, i64)> {
    levels.iter().map(|level| (level.price.0, level.quantity.0)).collect()
}

fn triples(orders: &[OrderEntry]) -> Vec<(i64, i64, u64)> {
    orders.iter().map(|entry| (entry.price.0, entry.quantity.0, entry.order.0)).collect()
}

fn cut<T>(mut entries: Vec<T>, depth: u16) -> Vec<T> {
    entries.truncate(usize::from(depth));
    entries
}

/// The levels whose quantity differs, best first; if there are none, those whose orders differ.
fn delta(before: &[Vec<OrderEntry>; 2], after: &[Vec<OrderEntry>; 2]) -> [Vec<(i64, i64)>; 2] {
    let differing = |by_orders: bool| {
        SIDES.map(|side| {
            let (old, new) = (&before[side as usize], &after[side as usize]);
            let at = |orders: &[OrderEntry], price| -> Vec<OrderEntry> {
                orders.iter().filter(|entry| entry.price == price).copied().collect()
            };
            let sum = |orders: &[OrderEntry]| orders.iter().map(|e| e.quantity.0).sum::<i64>();
            let mut prices: Vec<Price> = old.iter().chain(new).map(|entry| entry.price).collect();
            prices.sort();
            prices.dedup();
            if side == Side::Buy {
                prices.reverse();
            }
            prices
                .into_iter()
                .map(|price| (price, at(old, price), at(new, price)))
                .filter(|(_, old, new)| if by_orders { old != new } else { sum(old) != sum(new) })
                .map(|(price, _, new)| (price.0, sum(&new)))
                .collect::<Vec<_>>()
        })
    };
    let by_level = differing(false);
    if by_level.iter().all(Vec::is_empty) { differing(true) } else { by_level }
}
