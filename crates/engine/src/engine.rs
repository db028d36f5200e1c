//! The engine's state, the way of a command through it, and what may be read between commands.

use crate::accounts::Accounts;
use crate::expiry::Expiry;
use crate::index::Index;
use crate::ledger::{Ledger, Purse};
use crate::orders::{Arrival, Links, NONE, Order, Orders};
use crate::perpetual::{Perpetuals, refused};
use crate::resting::{Book, Rail};
use crate::rules::{OPEN_ORDERS_MAX, Rules, Steps};
use crate::terms::Terms;
use model::{
    AccountId, Action, Amount, AssetId, Assets, Balance, CloseReason, Command, Contract, Event,
    EventBody, Instrument, InstrumentId, Level, NewOrder, OrderId, OrderState, PerpetualRejection,
    Price, Quantity, Rejection, Sequence, Side, Status, Time,
};

/// The first order's id: sixteen digits, as clients of real venues are used to.
pub(crate) const FIRST_ORDER: u64 = 1 << 50;
/// The first trade's id.
pub(crate) const FIRST_TRADE: u64 = 100_000_001;

/// The matching engine of all instruments.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) rules: Rules,
    /// Market time of the last command; it never goes back.
    pub(crate) now: Time,
    /// The last event's sequence.
    pub(crate) told: u64,
    /// The next trade's id.
    pub(crate) next_trade: u64,
    pub(crate) books: Vec<Book>,
    pub(crate) orders: Orders,
    pub(crate) index: Index,
    pub(crate) assets: Assets,
    pub(crate) accounts: Accounts,
    pub(crate) ledger: Ledger,
    pub(crate) expiry: Expiry,
    /// Room to gather woken orders in; empty between commands.
    pub(crate) wave: Vec<(OrderId, u32)>,
    /// The same for trailing stops that are reached and wait for the next wave.
    pub(crate) fired: Vec<(OrderId, u32)>,
    pub(crate) perpetuals: Perpetuals,
}

/// Numbers events and hands them out.
pub(crate) struct Teller<'a> {
    out: &'a mut Vec<Event>,
    told: u64,
    /// Not the sequence itself: beside the time it would be copied together with it, before both are written.
    cause: &'a Sequence,
    time: Time,
}

impl Teller<'_> {
    #[inline(always)]
    pub fn tell(&mut self, instrument: InstrumentId, body: impl FnOnce() -> EventBody) {
        self.told += 1;
        self.out.push(Event {
            sequence: Sequence(self.told),
            cause: *self.cause,
            time: self.time,
            instrument,
            body: body(),
        });
    }
}

impl Engine {
    /// An engine without orders, under the default [`Rules`].
    ///
    /// # Panics
    /// See [`Engine::with_rules`].
    #[must_use]
    pub fn new(instruments: &[Instrument]) -> Self {
        Self::with_rules(instruments, Rules::default())
    }

    /// An engine without orders.
    ///
    /// # Panics
    /// If the instruments are not numbered densely from 0, a tick or lot size is not positive or so fine that
    /// amounts cannot be counted, or a fee is above the whole.
    #[must_use]
    pub fn with_rules(instruments: &[Instrument], rules: Rules) -> Self {
        Self::with_contracts(instruments, &[], rules)
    }

    /// An engine without orders. The instruments that have a contract are perpetuals.
    ///
    /// # Panics
    /// As [`Engine::with_rules`]; if a contract is of no instrument, or its terms make no sense.
    #[must_use]
    pub fn with_contracts(
        instruments: &[Instrument],
        contracts: &[Contract],
        rules: Rules,
    ) -> Self {
        assert!(
            instruments.iter().enumerate().all(|(place, it)| it.id.index() == place)
                && instruments.len() < InstrumentId::NONE.index(),
            "instruments are numbered densely from 0"
        );
        assert!(
            rules.maker_fee_ppm <= 1_000_000 && rules.taker_fee_ppm <= 1_000_000,
            "a fee is at most all of a trade's value"
        );
        let rules = Rules { open_orders_max: rules.open_orders_max.min(OPEN_ORDERS_MAX), ..rules };
        let assets = Assets::of(instruments);
        let book = |instrument: &Instrument| {
            let settlement = assets.settlement(instrument.id).expect("every instrument settles");
            Book::new(Steps::of(instrument, settlement), Terms::of(*settlement, &rules))
        };
        let books = instruments.iter().map(book).collect();
        let perpetuals = Perpetuals::new(contracts, instruments, &assets);
        let mut engine = Self {
            rules,
            now: Time(i64::MIN),
            told: 0,
            next_trade: FIRST_TRADE,
            books,
            orders: Orders::new(),
            index: Index::new(OrderId(FIRST_ORDER)),
            accounts: Accounts::new(),
            ledger: Ledger::new(assets.all().len()),
            assets,
            expiry: Expiry::default(),
            wave: Vec::new(),
            fired: Vec::new(),
            perpetuals,
        };
        let fees = engine.open_account(AccountId::FEES);
        debug_assert_eq!(fees, crate::ledger::FEES);
        engine
    }

    /// Carries out one command and appends what happened to `out`. Does not allocate in the steady state, as
    /// long as `out` has room.
    pub fn apply(&mut self, command: &Command, out: &mut Vec<Event>) {
        self.now = self.now.max(command.time);
        let mut teller = Teller { out, told: self.told, cause: &command.sequence, time: self.now };
        if self.expiry.due(self.now).is_some() {
            self.expire(&mut teller);
        }
        self.act(&command.action, &mut teller);
        if self.ledger.has_news() {
            self.tell_news(&mut teller);
        }
        self.told = teller.told;
    }

    /// What a command did to accounts that somebody cares for.
    #[cold]
    fn tell_news(&mut self, teller: &mut Teller<'_>) {
        if !self.perpetuals.list.is_empty() {
            self.settle_perpetuals(teller);
        }
        self.tell_balances(teller);
    }

    /// Ends all orders whose day has come.
    #[cold]
    fn expire(&mut self, teller: &mut Teller<'_>) {
        while let Some(slot) = self.expiry.due(self.now) {
            self.close(slot, CloseReason::Expired, teller);
        }
    }

    /// What is asked for most has a way of its own.
    #[inline(always)]
    fn act(&mut self, action: &Action, teller: &mut Teller<'_>) {
        match *action {
            Action::Place(ref new) => self.place_or_reject(new, teller),
            Action::Cancel { account, instrument, order } => {
                self.cancel(account, instrument, order, teller);
            }
            ref other => self.act_seldom(other, teller),
        }
    }

    #[inline(never)]
    fn place_or_reject(&mut self, new: &NewOrder, teller: &mut Teller<'_>) {
        if let Some(at) = self.perpetuals.find(new.instrument) {
            return self.place_in_perpetual(at, new, false, teller);
        }
        if new.trigger.is_some_and(|trigger| trigger.trail.is_some()) {
            return self.place_trailing(new, teller);
        }
        match self.check_place(new) {
            Ok(backing) => self.place(new, backing, teller),
            Err(why) => self.reject(new.instrument, why, teller),
        }
    }

    #[cold]
    fn place_trailing(&mut self, new: &NewOrder, teller: &mut Teller<'_>) {
        let judged = self.following_last_trade(new);
        match judged.and_then(|new| self.check_place(&new).map(|backing| (new, backing))) {
            Ok((new, backing)) => self.place(&new, backing, teller),
            Err(why) => self.reject(new.instrument, why, teller),
        }
    }

    #[inline(never)]
    fn cancel(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        order: OrderId,
        teller: &mut Teller<'_>,
    ) {
        match self.check_cancel(account, instrument, order) {
            Ok(slot) => self.close(slot, CloseReason::Canceled, teller),
            Err(why) => self.reject(instrument, why, teller),
        }
    }

    #[inline(never)]
    fn act_seldom(&mut self, action: &Action, teller: &mut Teller<'_>) {
        match *action {
            Action::Place(ref new) => self.place_or_reject(new, teller),
            Action::Cancel { account, instrument, order } => {
                self.cancel(account, instrument, order, teller);
            }
            Action::PlaceWorth { instrument, .. } | Action::Replace { instrument, .. }
                if self.perpetuals.find(instrument).is_some() =>
            {
                let why = refused(PerpetualRejection::NotForPerpetuals);
                self.reject(instrument, why, teller);
            }
            Action::PlaceWorth { account, instrument, side, worth } => {
                let sized = self.size_worth(account, instrument, side, worth);
                match sized {
                    Ok(new) => self.place_or_reject(&new, teller),
                    Err(why) => self.reject(instrument, why, teller),
                }
            }
            Action::Replace { account, instrument, order, price, quantity } => {
                match self.check_replace(account, instrument, order, price, quantity) {
                    Ok(slot) => self.replace(slot, price, quantity, teller),
                    Err(why) => self.reject(instrument, why, teller),
                }
            }
            Action::CancelAll { account, instrument } => {
                if let Some(instrument) = instrument
                    && let Err(why) = self.check_cancel_all(instrument)
                {
                    return self.reject(instrument, why, teller);
                }
                self.cancel_all(account, instrument, teller);
            }
            Action::SetSelfTradePolicy { account, policy } => {
                if policy != self.accounts.policy(account) {
                    let record = self.open_account(account);
                    self.accounts.set_policy(record, policy);
                }
            }
            Action::Deposit { account, asset, amount } => {
                let done = self.deposit(account, asset, amount);
                teller.tell(InstrumentId::NONE, || done.unwrap_or_else(EventBody::Rejected));
            }
            Action::Withdraw { account, asset, amount } => {
                let done = self.withdraw(account, asset, amount);
                teller.tell(InstrumentId::NONE, || done.unwrap_or_else(EventBody::Rejected));
            }
            Action::Transfer { from, to, asset, amount } => {
                let done = self.transfer(from, to, asset, amount);
                teller.tell(InstrumentId::NONE, || done.unwrap_or_else(EventBody::Rejected));
            }
            Action::Follow(account) => self.follow(account, teller),
            Action::SetStatus { instrument, status } => {
                match self.books.get_mut(instrument.index()) {
                    Some(book) => {
                        book.status = status;
                        teller.tell(instrument, || EventBody::StatusChanged(status));
                    }
                    None => self.reject(instrument, Rejection::UnknownInstrument, teller),
                }
            }
            Action::Perpetual(ref action) => self.act_perpetual(action, teller),
            Action::Tick(cadence) => teller.tell(InstrumentId::NONE, || EventBody::Ticked(cadence)),
        }
    }

    /// Tells that a command was refused; of an instrument only if there is such a one.
    #[cold]
    pub(crate) fn reject(&self, instrument: InstrumentId, why: Rejection, teller: &mut Teller<'_>) {
        let known = instrument.index() < self.books.len();
        let instrument = if known { instrument } else { InstrumentId::NONE };
        teller.tell(instrument, || EventBody::Rejected(why));
    }

    /// Cancels an account's open orders in the order of their ids. Those in halted instruments stay.
    fn cancel_all(
        &mut self,
        account: AccountId,
        only: Option<InstrumentId>,
        teller: &mut Teller<'_>,
    ) {
        let mut next = self.accounts.find(account).map_or(NONE, |account| account.oldest);
        while next != NONE {
            let slot = next;
            next = self.orders.links[slot as usize].younger;
            let instrument = self.orders[slot].instrument;
            if only.is_none_or(|only| only == instrument)
                && self.books[instrument.index()].status != Status::Halted
            {
                self.close(slot, CloseReason::Canceled, teller);
            }
        }
    }

    /// Ends an open order, resting or armed, and tells why. What it holds is available again.
    #[inline(always)]
    pub(crate) fn close(&mut self, slot: u32, reason: CloseReason, teller: &mut Teller<'_>) {
        if self.orders[slot].flags.is_perpetual() {
            return self.close_in_perpetual(slot, reason, teller);
        }
        let remaining = self.orders[slot].remaining;
        self.take_out(slot, remaining);
        // Its slot is free, and still says what it was.
        let order = &self.orders[slot];
        let hold = self.hold_of(order);
        let asset = self.books[order.instrument.index()].held_asset(order.flags.side());
        self.ledger.release(order.owner, asset, hold);
        teller.tell(order.instrument, || EventBody::Closed {
            order: self.orders.state(order, order.remaining),
            reason,
        });
    }

    /// Takes an open order, and the quantity that its level still counts for it, out of its level and forgets
    /// it. What it holds stays held. What it was can be read until its slot is used again.
    #[inline(always)]
    pub(crate) fn take_out(&mut self, slot: u32, counted: Quantity) {
        // Links first: they and the order are often in no cache, and this way both are asked for at once.
        let links = self.orders.links[slot as usize];
        self.orders.part_in_level(links);
        let order = &self.orders[slot];
        self.books[order.instrument.index()].unlink(order.level, links, counted);
        self.forget(slot, links);
    }

    /// Forgets an order that stands in no level.
    #[inline(always)]
    pub(crate) fn forget(&mut self, slot: u32, links: Links) {
        self.orders.part_in_account(links);
        let &Order { id, owner, extra, .. } = &self.orders[slot];
        self.accounts.unlink(owner, links);
        if extra != NONE {
            self.forget_extra(slot);
        }
        self.index.remove(id);
        self.orders.remove(slot);
    }

    #[cold]
    fn forget_extra(&mut self, slot: u32) {
        if self.orders[slot].flags.has_date() {
            self.expiry.remove(slot, &mut self.orders);
        }
        self.orders.remove_extra(slot);
    }

    /// Remembers an order that becomes open; it stands in no level yet.
    #[inline(always)]
    pub(crate) fn remember(&mut self, arrival: &Arrival<'_>) -> u32 {
        let slot = self.orders.insert(arrival);
        self.index.insert(arrival.id, slot);
        self.join_account(slot);
        slot
    }

    /// Puts an order at the end of its account's line, and among those that end on a day if it does.
    #[inline(always)]
    pub(crate) fn join_account(&mut self, slot: u32) {
        let &Order { owner, extra, flags, .. } = &self.orders[slot];
        self.accounts.link(slot, owner, &mut self.orders);
        if extra != NONE && flags.has_date() {
            self.expiry.insert(slot, &mut self.orders);
        }
    }
}

/// What may be read between commands: by the crowd, by tests, by whoever answers a question.
impl Engine {
    /// Market time of the last command; `None` before the first.
    #[must_use]
    pub fn now(&self) -> Option<Time> {
        (self.now != Time(i64::MIN)).then_some(self.now)
    }
    /// The rules it was born with.
    #[must_use]
    pub const fn rules(&self) -> Rules {
        self.rules
    }
    /// The sequence of the last event; 0 before the first.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        Sequence(self.told)
    }
    /// How many orders are open, resting and armed, over all instruments.
    #[must_use]
    pub const fn open_orders_count(&self) -> u32 {
        self.orders.count()
    }
    /// The assets that its accounts hold.
    #[must_use]
    pub const fn assets(&self) -> &Assets {
        &self.assets
    }
    /// What an account has of an asset; nothing, if there is no such account or asset.
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Balance {
        let record = self.accounts.record_of(account).filter(|_| self.assets.get(asset).is_some());
        let purse = record.map_or_else(Purse::default, |record| self.ledger.purse(record, asset));
        Balance { account, asset, available: purse.available, held: purse.held }
    }
    /// What every account ever known has of every asset, fees included, in no particular order.
    pub fn balances(&self) -> impl Iterator<Item = Balance> + '_ {
        self.accounts.all().iter().flat_map(|account| {
            self.assets.all().iter().map(|asset| self.balance(account.id, asset.id))
        })
    }
    /// All that there is of an asset: what was deposited less what was withdrawn.
    #[must_use]
    pub fn supply(&self, asset: AssetId) -> Amount {
        if self.assets.get(asset).is_some() { self.ledger.supply(asset) } else { Amount::ZERO }
    }
    /// Whether an account's balances are told.
    #[must_use]
    pub fn is_followed(&self, account: AccountId) -> bool {
        self.accounts.record_of(account).is_some_and(|record| self.ledger.is_followed(record))
    }
    /// The best level of a side.
    #[must_use]
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<Level> {
        let book = self.books.get(instrument.index())?;
        let (price, level) = book.best(Rail::resting(side))?;
        Some(Level { price, quantity: book.shelves[level as usize].quantity })
    }
    /// The best `depth` levels of a side, best first.
    pub fn levels(
        &self,
        instrument: InstrumentId,
        side: Side,
        depth: usize,
    ) -> impl Iterator<Item = Level> + '_ {
        let book = self.books.get(instrument.index());
        book.into_iter().flat_map(move |book| book.levels(Rail::resting(side))).take(depth)
    }
    /// The price of the last trade.
    #[must_use]
    pub fn last_trade(&self, instrument: InstrumentId) -> Option<Price> {
        self.books.get(instrument.index())?.last
    }
    /// What the instrument lets people do; `None` if there is no such instrument.
    #[must_use]
    pub fn status(&self, instrument: InstrumentId) -> Option<Status> {
        Some(self.books.get(instrument.index())?.status)
    }
    /// An open order.
    #[must_use]
    pub fn order(&self, order: OrderId) -> Option<OrderState> {
        let order = &self.orders[self.index.find(order)?];
        Some(self.orders.state(order, order.remaining))
    }
    /// An account's open orders in one instrument, resting and armed, by id. It walks over the account's
    /// orders in other instruments as well.
    pub fn open_orders(
        &self,
        account: AccountId,
        instrument: InstrumentId,
    ) -> impl Iterator<Item = OrderState> + '_ {
        let mut slot = self.accounts.find(account).map_or(NONE, |account| account.oldest);
        core::iter::from_fn(move || {
            while slot != NONE {
                let order = &self.orders[slot];
                slot = self.orders.links[slot as usize].younger;
                if order.instrument == instrument {
                    return Some(self.orders.state(order, order.remaining));
                }
            }
            None
        })
    }
}
