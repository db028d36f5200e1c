//! What one account is shown of itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{
    Balance, EventMark, Filled, InstrumentId, Label, OrderId, OrderKey, OrderState, OrderStory,
    OwnMovement, OwnOrder, OwnOrderUpdate, OwnOrders, OwnRecord, OwnRecords, OwnStep, OwnTrade,
    OwnTrades, PositionId, Purpose, RecordKey, Sort, Standing, Stretch, Time, Which,
};

use super::positions::Positions;
use super::{ENDED_FOR, ENDED_MAX, MOVEMENTS_MAX, STEPS_MAX, TRADES_MAX};
use crate::digest::Digest;
use crate::steps::reaches_back;

mod image;

/// One account.
#[derive(Debug)]
pub struct Own {
    /// Since when it is followed.
    since: Time,
    /// By asset.
    balances: Vec<Balance>,
    /// At which cadences its balances have not been told since one of them changed, a bit for each.
    pub untold: u8,
    /// Open and ended, by id.
    orders: BTreeMap<OrderId, Kept>,
    /// Those that are open, by id: accepted earlier, smaller.
    open: BTreeSet<OrderId>,
    /// Those that have ended, the first to end first.
    ended: VecDeque<OrderId>,
    /// Every order that has a label.
    labels: BTreeSet<(Label, OrderId)>,
    /// The oldest first.
    trades: VecDeque<Done>,
    /// How many trades there were before the oldest that is kept.
    trades_before: u64,
    /// With their places among the records, the oldest first.
    movements: VecDeque<(u64, OwnMovement)>,
    /// How many records there were: trades and movements.
    records: u64,
    /// What its orders did, the oldest first.
    steps: VecDeque<OwnOrderUpdate>,
    /// The newest step that was forgotten of each chain: in which instrument, whether outside the book.
    steps_forgotten: BTreeMap<(InstrumentId, bool), EventMark>,
    /// What it has in perpetuals, if it ever had anything to do with one.
    positions: Option<Box<Positions>>,
}

#[derive(Debug)]
struct Kept {
    own: OwnOrder,
    /// Its last trade, as a number among all of the account's.
    last_trade: Option<u64>,
}

#[derive(Debug)]
struct Done {
    trade: OwnTrade,
    /// Its place among the records.
    place: u64,
    /// The trade before it of the same order.
    before: Option<u64>,
}

/// A line of the history, before it is told.
enum Record<'a> {
    Trade(&'a Done),
    Movement(&'a (u64, OwnMovement)),
}

impl Own {
    /// One that is followed from now on.
    pub const fn new(now: Time) -> Self {
        Self {
            since: now.floor_to_millis(),
            balances: Vec::new(),
            untold: 0,
            orders: BTreeMap::new(),
            open: BTreeSet::new(),
            ended: VecDeque::new(),
            labels: BTreeSet::new(),
            trades: VecDeque::new(),
            trades_before: 0,
            movements: VecDeque::new(),
            records: 0,
            steps: VecDeque::new(),
            steps_forgotten: BTreeMap::new(),
            positions: None,
        }
    }

    pub fn set_balance(&mut self, balance: Balance) {
        match self.balances.binary_search_by_key(&balance.asset, |known| known.asset) {
            Ok(at) => self.balances[at] = balance,
            Err(at) => self.balances.insert(at, balance),
        }
    }

    /// An order took a step.
    pub fn step(
        &mut self,
        time: Time,
        instrument: InstrumentId,
        order: &OrderState,
        step: OwnStep,
        label: Option<Label>,
        purpose: Purpose,
    ) {
        let standing = match step {
            OwnStep::Armed => Standing::Armed,
            OwnStep::Triggered => Standing::Triggered,
            OwnStep::Filled { .. } if order.remaining.is_zero() => Standing::Filled,
            OwnStep::Created | OwnStep::Filled { .. } | OwnStep::Replaces(_) => Standing::Open,
            OwnStep::Closed(reason) | OwnStep::Disarmed(reason) => Standing::Closed(reason),
        };
        let woken =
            order.trigger.is_some() && !matches!(step, OwnStep::Armed | OwnStep::Disarmed(_));
        let mut replaces = None;
        if let OwnStep::Replaces(old) = step {
            replaces = Some(old.id);
            self.set(time, &old, Standing::Replaced(order.id), false);
        }
        if self.set(time, order, standing, woken) {
            return;
        }
        // An order from before the account was followed is met at whatever step it takes next.
        if let Some(label) = &label {
            self.labels.insert((label.clone(), order.id));
        }
        let own = OwnOrder {
            instrument,
            order: *order,
            label,
            standing,
            woken,
            filled: Filled::default(),
            created: time,
            changed: time,
            replaces,
            purpose,
        };
        self.orders.insert(order.id, Kept { own, last_trade: None });
        match standing.is_open() {
            true => drop(self.open.insert(order.id)),
            false => self.ended.push_back(order.id),
        }
        self.forget_ended(time);
    }

    /// An order that is remembered.
    pub fn order(&self, id: OrderId) -> Option<&OwnOrder> {
        self.orders.get(&id).map(|kept| &kept.own)
    }

    /// Notes how a known order stands now, and that it is woken if it is; returns whether it is known.
    fn set(&mut self, time: Time, order: &OrderState, standing: Standing, woken: bool) -> bool {
        let Some(kept) = self.orders.get_mut(&order.id) else { return false };
        kept.own.order = *order;
        kept.own.standing = standing;
        kept.own.woken |= woken;
        kept.own.changed = time;
        if !standing.is_open() && self.open.remove(&order.id) {
            self.ended.push_back(order.id);
            self.forget_ended(time);
        }
        true
    }

    fn forget_ended(&mut self, now: Time) {
        while let Some(first) = self.ended.front() {
            let kept = &self.orders[first];
            if self.ended.len() <= ENDED_MAX && kept.own.changed + ENDED_FOR >= now {
                break;
            }
            if let Some(label) = &kept.own.label {
                self.labels.remove(&(label.clone(), *first));
            }
            self.orders.remove(first);
            self.ended.pop_front();
        }
    }

    /// One of its orders met another. Returns the trade with that order's label.
    pub fn traded(&mut self, mut trade: OwnTrade) -> &OwnTrade {
        let number = self.trades_before + self.trades.len() as u64;
        let mut before = None;
        if let Some(kept) = self.orders.get_mut(&trade.order) {
            trade.label = kept.own.label.clone();
            trade.is_liquidation = kept.own.purpose == Purpose::Liquidate;
            before = kept.last_trade.replace(number);
            kept.own.filled.quantity += trade.quantity;
            kept.own.filled.turnover += i128::from(trade.price.0) * i128::from(trade.quantity.0);
            kept.own.filled.fee += trade.fee;
        }
        if self.trades.len() == TRADES_MAX {
            self.trades.pop_front();
            self.trades_before += 1;
        }
        let place = self.next_place();
        self.trades.push_back(Done { trade, place, before });
        &self.trades.back().expect("it was put there just now").trade
    }

    /// Which position its trade with this number changed is known now.
    pub fn trade_of_position(
        &mut self,
        number: u64,
        position: Option<PositionId>,
    ) -> Option<&OwnTrade> {
        let at = number.checked_sub(self.trades_before)?;
        let done = self.trades.get_mut(usize::try_from(at).ok()?)?;
        done.trade.position = position;
        Some(&done.trade)
    }

    /// The number of its last trade.
    pub fn last_trade(&self) -> u64 {
        (self.trades_before + self.trades.len() as u64).saturating_sub(1)
    }

    /// What it has in perpetuals.
    pub fn positions(&self) -> Option<&Positions> {
        self.positions.as_deref()
    }

    /// The same, begun if there was nothing.
    pub fn positions_mut(&mut self) -> &mut Positions {
        self.positions.get_or_insert_default()
    }

    /// Something came, or left.
    pub fn moved(&mut self, movement: OwnMovement) {
        if self.movements.len() == MOVEMENTS_MAX {
            self.movements.pop_front();
        }
        let place = self.next_place();
        self.movements.push_back((place, movement));
    }

    /// One of its orders took a step, as it was told.
    pub fn keep_step(&mut self, step: OwnOrderUpdate) {
        if self.steps.len() == STEPS_MAX
            && let Some(oldest) = self.steps.pop_front()
        {
            let chain = (oldest.instrument, oldest.step.is_outside_book());
            self.steps_forgotten.insert(chain, oldest.mark);
        }
        self.steps.push_back(step);
    }

    /// The steps of a stretch of a chain that are kept, the oldest first, and whether it reaches back to what is not.
    pub fn steps(
        &self,
        instrument: InstrumentId,
        outside: bool,
        stretch: &Stretch,
    ) -> (Vec<OwnOrderUpdate>, bool) {
        let wanted = self.steps.iter().filter(|step| {
            step.instrument == instrument
                && step.step.is_outside_book() == outside
                && stretch.covers(step.mark)
        });
        let forgotten = self.steps_forgotten.get(&(instrument, outside)).copied();
        let is_cut = reaches_back(stretch, self.since, forgotten);
        (wanted.take(stretch.limit).cloned().collect(), is_cut)
    }

    const fn next_place(&mut self) -> u64 {
        self.records += 1;
        self.records
    }

    pub fn balances(&self) -> &[Balance] {
        &self.balances
    }

    pub fn open_orders(&self, instrument: Option<InstrumentId>) -> Vec<OwnOrder> {
        let open = self.open.iter().map(|id| &self.orders[id].own);
        open.filter(|own| instrument.is_none_or(|only| only == own.instrument)).cloned().collect()
    }

    /// The orders asked for that are remembered, and how many there are.
    pub fn orders(&self, which: &OwnOrders, now: Time) -> (Vec<OwnOrder>, usize) {
        let wanted = |own: &&OwnOrder| {
            let is_open = own.standing.is_open();
            (is_open || own.changed + ENDED_FOR >= now)
                && match which.which {
                    Which::All => true,
                    Which::Open => is_open,
                    Which::Ended => !is_open,
                }
                && which.instrument.is_none_or(|only| only == own.instrument)
                && is_among(which.among.as_deref(), own.instrument)
                && which.side.is_none_or(|only| only == own.order.side)
                && which.since.is_none_or(|since| own.created >= since)
                && which.until.is_none_or(|until| own.created <= until)
                && (which.label.is_none() || which.label == own.label)
        };
        let mut total = 0;
        let mut orders = Vec::new();
        let mut take = |own: &OwnOrder| {
            if total >= which.offset && orders.len() < which.limit {
                orders.push(own.clone());
            }
            total += 1;
        };
        // Accepted later, the id is larger.
        let all = self.orders.values().map(|kept| &kept.own);
        match which.sort {
            Sort::OldestFirst => all.filter(wanted).for_each(&mut take),
            Sort::NewestFirst => all.rev().filter(wanted).for_each(&mut take),
        }
        (orders, total)
    }

    pub fn story(&self, key: &OrderKey, now: Time) -> Option<OrderStory> {
        let id = match key {
            OrderKey::Id(id) => *id,
            OrderKey::Label(label) => {
                let all = (label.clone(), OrderId(0))..=(label.clone(), OrderId(u64::MAX));
                self.labels.range(all).next_back()?.1
            }
        };
        let kept = self.orders.get(&id)?;
        if !kept.own.standing.is_open() && kept.own.changed + ENDED_FOR < now {
            return None;
        }
        let mut trades = Vec::new();
        let mut next = kept.last_trade;
        while let Some(done) = next.and_then(|number| self.done(number)) {
            trades.push(done.trade.clone());
            next = done.before;
        }
        trades.reverse();
        Some(OrderStory { order: kept.own.clone(), trades })
    }

    fn done(&self, number: u64) -> Option<&Done> {
        let at = number.checked_sub(self.trades_before)?;
        self.trades.get(usize::try_from(at).ok()?)
    }

    pub fn trades(&self, which: &OwnTrades) -> Vec<OwnTrade> {
        let wanted = |trade: &&OwnTrade| {
            which.instrument.is_none_or(|only| only == trade.instrument)
                && is_among(which.among.as_deref(), trade.instrument)
                && which.since.is_none_or(|since| trade.time >= since)
                && which.until.is_none_or(|until| trade.time <= until)
                && which.since_id.is_none_or(|since| trade.id >= since)
                && which.until_id.is_none_or(|until| trade.id <= until)
                && which.side.is_none_or(|only| only == trade.side)
                && which.maker.is_none_or(|only| only == trade.maker)
                && which.taker.is_none_or(|only| only == trade.taker)
        };
        let all = self.trades.iter().map(|done| &done.trade);
        let cut = |trades: &mut dyn Iterator<Item = &OwnTrade>| {
            trades.skip(which.offset).take(which.limit).cloned().collect()
        };
        match which.sort {
            Sort::OldestFirst => cut(&mut all.filter(wanted)),
            Sort::NewestFirst => cut(&mut all.rev().filter(wanted)),
        }
    }

    pub fn records(&self, which: &OwnRecords) -> Vec<OwnRecord> {
        let Some(from) = self.place_of(which.from) else { return Vec::new() };
        let wanted = |place: u64, time: Time| {
            place >= from
                && which.since.is_none_or(|since| time >= since)
                && which.until.is_none_or(|until| time <= until)
        };
        let somewhere = which.instrument;
        let trades = self.trades.iter().filter(|done| wanted(done.place, done.trade.time));
        let here = |done: &&Done| {
            somewhere.is_none_or(|only| only == done.trade.instrument)
                && is_among(which.among.as_deref(), done.trade.instrument)
        };
        let mut trades: VecDeque<&Done> = trades.filter(here).collect();
        let moved = self.movements.iter().filter(|_| somewhere.is_none());
        let moved = moved.filter(|(place, moved)| wanted(*place, moved.time));
        let mut moved: VecDeque<&(u64, OwnMovement)> = moved.collect();
        let newest_first = which.sort == Sort::NewestFirst;
        let next = || {
            let (trade, movement) = match newest_first {
                true => (trades.back(), moved.back()),
                false => (trades.front(), moved.front()),
            };
            let is_trade = match (trade, movement) {
                (Some(trade), Some((place, _))) => (trade.place < *place) != newest_first,
                (trade, _) => trade.is_some(),
            };
            match (is_trade, newest_first) {
                (true, true) => trades.pop_back().map(Record::Trade),
                (true, false) => trades.pop_front().map(Record::Trade),
                (false, true) => moved.pop_back().map(Record::Movement),
                (false, false) => moved.pop_front().map(Record::Movement),
            }
        };
        let told = std::iter::from_fn(next).skip(which.offset).take(which.limit);
        told.map(|record| match record {
            Record::Trade(done) => OwnRecord::Trade(done.trade.clone()),
            Record::Movement((_, moved)) => OwnRecord::Movement(*moved),
        })
        .collect()
    }

    /// The place of a record, or of the next one of its kind if it is not kept; `None` if there is none.
    fn place_of(&self, key: Option<RecordKey>) -> Option<u64> {
        match key {
            None => Some(0),
            Some(RecordKey::Trade(id)) => {
                let at = self.trades.partition_point(|done| done.trade.id < id);
                self.trades.get(at).map(|done| done.place)
            }
            Some(RecordKey::Movement(sequence)) => {
                let at = self.movements.partition_point(|(_, moved)| moved.sequence < sequence);
                self.movements.get(at).map(|(place, _)| *place)
            }
        }
    }

    pub fn digest(&self, digest: &mut Digest) {
        for balance in &self.balances {
            digest.word(u64::from(balance.asset.0));
            for amount in [balance.available, balance.held] {
                digest.wide(amount.0);
            }
        }
        for (id, kept) in &self.orders {
            digest.word(id.0);
            digest.signed(kept.own.order.remaining.0);
            digest.signed(kept.own.changed.0);
            digest.word(u64::from(kept.own.standing.is_open()));
            digest.word(u64::from(kept.own.woken));
            digest.signed(kept.own.filled.quantity.0);
            digest.wide(kept.own.filled.turnover);
            digest.wide(kept.own.filled.fee.0);
            for byte in kept.own.label.iter().flat_map(|label| label.bytes()) {
                digest.word(u64::from(byte));
            }
        }
        digest.word(self.trades_before);
        for Done { trade, .. } in &self.trades {
            digest.word(trade.id.0);
            digest.word(trade.order.0);
            digest.wide(trade.fee.0);
        }
        digest.word(self.steps.len() as u64);
        digest.word(self.steps.back().map_or(0, |step| step.mark.ordinal));
        digest.word(self.records);
        for (place, moved) in &self.movements {
            digest.word(*place);
            digest.word(moved.sequence.0);
            digest.wide(moved.amount.0);
        }
        if let Some(positions) = &self.positions {
            positions.digest(digest);
        }
    }
}

/// Whether an instrument is one of those that are meant.
pub(super) fn is_among(among: Option<&[InstrumentId]>, instrument: InstrumentId) -> bool {
    among.is_none_or(|all| all.contains(&instrument))
}
