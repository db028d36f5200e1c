//! The engine's state as bytes: saved, restored, digested. One walk over the state in an order that depends on
//! nothing but the state feeds both the image and the digest, so the two cannot speak of different things.
//!
//! Layout, all integers little-endian: `RIALTOEN`, version `u32`, then the fields of [`Engine::walk`], then the
//! digest of all bytes before it. Not a journal: an image says how things stand, not how they came to be.

use crate::engine::{Engine, FIRST_ORDER, FIRST_TRADE};
use crate::index::Index;
use crate::ledger::Purse;
use crate::orders::{Arrival, Flags, NONE, Order};
use crate::resting::{Book, Rail};
use crate::rules::{OPEN_ORDERS_MAX, Rules};
use core::fmt;
use model::image::{Impossible, Reader, Sink};
use model::{
    AccountId, Amount, AssetId, Assets, Contract, Instrument, InstrumentId, Minimum, NewOrder,
    OrderId, OrderKind, Price, Quantity, SelfTradePolicy, Status, Time, Trail, Trigger,
    TriggerWhen,
};

const MAGIC: &[u8; 8] = b"RIALTOEN";
/// Raised with every change of the layout.
const VERSION: u32 = 4;
/// Counters above this are not believed: ids must stay below `2^53`, sequences must have room to go on.
pub(crate) const COUNTER_MAX: u64 = 1 << 53;

/// Why an image was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// It does not begin like an image of an engine.
    NotAnImage,
    /// It was written with another layout.
    OtherVersion(u32),
    /// Its bytes are not those that were written.
    Damaged,
    /// It was taken with other instruments, or with other rules for them.
    OtherInstruments,
    /// Its bytes are whole but what they say cannot be a state of the engine.
    Impossible(&'static str),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => f.write_str("not an image of an engine"),
            Self::OtherVersion(version) => {
                write!(f, "image has layout {version}, this build reads layout {VERSION}")
            }
            Self::Damaged => f.write_str("image is damaged: its digest does not fit"),
            Self::OtherInstruments => {
                f.write_str("image was taken with other instruments or other rules for them")
            }
            Self::Impossible(what) => write!(f, "image says the impossible: {what}"),
        }
    }
}

impl core::error::Error for ImageError {}

impl From<Impossible> for ImageError {
    fn from(Impossible(what): Impossible) -> Self {
        Self::Impossible(what)
    }
}

/// A 64-bit digest of numbers: each is multiplied in and the halves of the product are folded, which any
/// machine does alike. Not made to withstand somebody who wants two states to look the same.
pub(crate) struct Digest(pub u64);

impl Digest {
    pub const fn new() -> Self {
        Self(0x5269_616c_746f_2121)
    }
    fn of_bytes(bytes: &[u8]) -> u64 {
        let mut digest = Self::new();
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            digest.word(u64::from_le_bytes(word.try_into().expect("chunks of eight")));
        }
        words.remainder().iter().for_each(|&byte| digest.byte(byte));
        digest.word(bytes.len() as u64);
        digest.0
    }
}

impl Sink for Digest {
    fn byte(&mut self, value: u8) {
        self.word(u64::from(value));
    }
    fn word(&mut self, value: u64) {
        let mixed = u128::from(self.0 ^ value.wrapping_add(0x9e37_79b9_7f4a_7c15))
            * u128::from(0xd6e8_feb8_6659_fd93_u64);
        self.0 = (mixed as u64 ^ (mixed >> 64) as u64).wrapping_add(0x2545_f491_4f6c_dd1d);
    }
}

impl Engine {
    /// A number that stands for the whole state: equal for equal states on any machine.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        self.walk(&mut digest);
        digest.0
    }

    /// The whole state as bytes, for [`Engine::restore`].
    #[must_use]
    pub fn image(&self) -> Vec<u8> {
        let mut image = Vec::with_capacity(256 + self.orders.count() as usize * ORDER_BYTES);
        image.extend_from_slice(MAGIC);
        image.extend_from_slice(&VERSION.to_le_bytes());
        self.walk(&mut image);
        let digest = Digest::of_bytes(&image);
        image.word(digest);
        image
    }

    fn walk(&self, sink: &mut impl Sink) {
        sink.word(u64::from(self.rules.open_orders_max));
        sink.byte(u8::from(self.rules.band_basis_points.is_some()));
        sink.word(u64::from(self.rules.band_basis_points.unwrap_or(0)));
        sink.word(u64::from(self.rules.maker_fee_ppm));
        sink.word(u64::from(self.rules.taker_fee_ppm));
        sink.byte(u8::from(self.rules.self_trades_pay));
        sink.word(self.now.0 as u64);
        sink.word(self.told);
        sink.word(self.index.next().0);
        sink.word(self.next_trade);
        sink.word(digest_of_assets(&self.assets));
        self.walk_accounts(sink);
        sink.word(self.books.len() as u64);
        for book in &self.books {
            sink.word(digest_of(book));
            sink.byte(book.status as u8);
            // Prices are positive.
            sink.word(book.last.map_or(0, |last| last.0 as u64));
        }
        self.walk_perpetuals(sink);
        sink.word(u64::from(self.orders.count()));
        for book in &self.books {
            for rail in Rail::ALL {
                for slot in book.queue(rail, &self.orders) {
                    self.saved(slot, Price(0)).walk(sink);
                }
            }
            for (slot, best) in book.followers(&self.orders) {
                self.saved(slot, best).walk(sink);
            }
        }
    }

    /// The accounts that are not blank, by id, each with what it has of the assets that it has.
    fn walk_accounts(&self, sink: &mut impl Sink) {
        let has = |purse: &Purse| *purse != Purse::default();
        let mut known: Vec<(AccountId, u32)> = self
            .accounts
            .all()
            .iter()
            .zip(0..)
            .map(|(account, record)| (account.id, record))
            .collect();
        known.retain(|&(id, record)| {
            self.accounts.policy(id) != SelfTradePolicy::default()
                || self.ledger.is_followed(record)
                || self.ledger.purses(record).iter().any(has)
        });
        known.sort_unstable();
        sink.word(known.len() as u64);
        for (id, record) in known {
            sink.word(u64::from(id.0));
            sink.byte(self.accounts.policy(id) as u8);
            sink.byte(u8::from(self.ledger.is_followed(record)));
            let purses = self.ledger.purses(record);
            sink.word(purses.iter().filter(|purse| has(purse)).count() as u64);
            for (asset, purse) in purses.iter().enumerate().filter(|(_, purse)| has(purse)) {
                sink.word(asset as u64);
                for Amount(amount) in [purse.available, purse.held] {
                    sink.word(amount as u64);
                    sink.word((amount >> 64) as u64);
                }
            }
        }
    }

    /// The engine as it was when the image was taken. Anything but an image of a state that an engine with
    /// these instruments can be in is refused; memory is bounded by the image's size.
    ///
    /// # Errors
    /// See [`ImageError`].
    ///
    /// # Panics
    /// As [`Engine::with_rules`] on bad instruments.
    pub fn restore(image: &[u8], instruments: &[Instrument]) -> Result<Self, ImageError> {
        Self::restore_with(image, instruments, &[])
    }

    /// The same where some instruments have contracts.
    ///
    /// # Errors
    /// See [`ImageError`].
    ///
    /// # Panics
    /// As [`Engine::with_contracts`] on bad instruments or contracts.
    pub fn restore_with(
        image: &[u8],
        instruments: &[Instrument],
        contracts: &[Contract],
    ) -> Result<Self, ImageError> {
        let body = image.strip_prefix(MAGIC).ok_or(ImageError::NotAnImage)?;
        let (version, body) = body.split_first_chunk::<4>().ok_or(ImageError::NotAnImage)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(ImageError::OtherVersion(version));
        }
        let (body, digest) = body.split_last_chunk::<8>().ok_or(ImageError::Damaged)?;
        if u64::from_le_bytes(*digest) != Digest::of_bytes(&image[..image.len() - 8]) {
            return Err(ImageError::Damaged);
        }
        let mut reader = Reader::new(body);

        let open_orders_max = reader.below(u64::from(OPEN_ORDERS_MAX) + 1, "room for orders")?;
        let banded = reader.byte()?;
        let band = reader.below(1 << 32, "the band")? as u32;
        if banded > 1 || (banded == 0 && band != 0) {
            return Err(ImageError::Impossible("the band"));
        }
        let rules = Rules {
            open_orders_max: open_orders_max as u32,
            band_basis_points: (banded == 1).then_some(band),
            maker_fee_ppm: reader.below(1_000_001, "a fee")? as u32,
            taker_fee_ppm: reader.below(1_000_001, "a fee")? as u32,
            self_trades_pay: reader.flag("whether self-trades pay")?,
        };
        let mut engine = Self::with_contracts(instruments, contracts, rules);
        engine.now = Time(reader.word()? as i64);
        engine.told = reader.below(COUNTER_MAX, "the event sequence")?;
        let next_order = reader.within(FIRST_ORDER, COUNTER_MAX, "the next order id")?;
        engine.next_trade = reader.within(FIRST_TRADE, COUNTER_MAX, "the next trade id")?;
        engine.index = Index::new(OrderId(next_order));
        if reader.word()? != digest_of_assets(&engine.assets) {
            return Err(ImageError::OtherInstruments);
        }
        engine.take_accounts(&mut reader)?;

        if reader.word()? != engine.books.len() as u64 {
            return Err(ImageError::OtherInstruments);
        }
        for book in &mut engine.books {
            if reader.word()? != digest_of(book) {
                return Err(ImageError::OtherInstruments);
            }
            book.status = reader.status()?;
            let last = reader.word()? as i64;
            book.last = (last != 0).then_some(Price(last));
            if last != 0 && !book.steps.counts_price(Price(last)) {
                return Err(ImageError::Impossible("a last trade"));
            }
        }
        engine.take_perpetuals(&mut reader)?;
        engine.take_orders(&mut reader)?;
        engine.settle_restored()?;
        reader.end()?;
        Ok(engine)
    }

    /// Takes back accounts and what they own. What they hold is held against their orders later.
    fn take_accounts(&mut self, reader: &mut Reader<'_>) -> Result<(), ImageError> {
        let mut before = None;
        for _ in 0..reader.below(1 << 32, "accounts")? {
            let id = AccountId(reader.below(1 << 32, "an account")? as u32);
            if before >= Some(id) {
                return Err(ImageError::Impossible("the order of accounts"));
            }
            before = Some(id);
            let policy = reader.policy()?;
            let followed = reader.flag("whether an account is followed")?;
            let purses = reader.below(self.assets.all().len() as u64 + 1, "an account's assets")?;
            if policy == SelfTradePolicy::default() && !followed && purses == 0 {
                return Err(ImageError::Impossible("a blank account"));
            }
            let record = self.open_account(id);
            self.accounts.set_policy(record, policy);
            let mut next = 0;
            for _ in 0..purses {
                let asset = reader.within(next, self.assets.all().len() as u64, "an asset")?;
                next = asset + 1;
                let asset = AssetId(asset as u16);
                let purse = Purse { available: reader.amount()?, held: reader.amount()? };
                let owned = purse.available + purse.held;
                if owned == Amount::ZERO || self.ledger.supply(asset) + owned > Amount::MAX {
                    return Err(ImageError::Impossible("a balance"));
                }
                self.ledger.restore(record, asset, purse);
            }
            if followed {
                self.ledger.follow(record);
            }
        }
        Ok(())
    }

    /// Whether each account holds exactly what its orders hold.
    fn check_holds(&self) -> Result<(), ImageError> {
        for (account, record) in self.accounts.all().iter().zip(0..) {
            let mut holds = vec![Amount::ZERO; self.assets.all().len()];
            for (at, its) in self.perpetuals.of_record(record) {
                let asset = self.perpetuals.list[at as usize].value.margin;
                holds[asset.index()].0 += self.perpetuals.position(at, its).margin;
            }
            let mut slot = account.oldest;
            while slot != NONE {
                let order = &self.orders[slot];
                if order.flags.is_perpetual() {
                    slot = self.orders.links[slot as usize].younger;
                    continue;
                }
                let asset = self.books[order.instrument.index()].held_asset(order.flags.side());
                let hold = self.hold_of(order);
                if hold > Amount::MAX - holds[asset.index()] {
                    return Err(ImageError::Impossible("a hold"));
                }
                holds[asset.index()] += hold;
                slot = self.orders.links[slot as usize].younger;
            }
            if self.ledger.purses(record).iter().map(|purse| purse.held).ne(holds) {
                return Err(ImageError::Impossible("a hold"));
            }
        }
        Ok(())
    }

    /// Puts the image's orders in line: in their levels as they come, then by id.
    fn take_orders(&mut self, reader: &mut Reader<'_>) -> Result<(), ImageError> {
        let count = reader.below(u64::from(self.rules.open_orders_max) + 1, "open orders")?;
        // Trailing stops take more; whether that is all is looked at in the end.
        if (reader.left() as u64) < count * ORDER_BYTES as u64 {
            return Err(ImageError::Impossible("the number of open orders"));
        }
        let mut by_id = Vec::with_capacity(count as usize);
        let mut place = (0, 0, None, i64::MIN);
        for _ in 0..count {
            let order = reader.order()?;
            let rail = order.rail();
            let price = match (order.flags.is_armed(), order.trail) {
                (true, Some(_)) => order.best,
                (true, None) => order.trigger,
                (false, _) => order.price,
            };
            if order.flags.is_perpetual() && self.is_soundly_backed(&order) {
                // Whoever opens next to nothing may have nothing.
                self.open_account(order.account);
            }
            let owner = self.check_order(&order)?;
            // Orders come by instrument, rail, distance and falling rank, else levels would be told in another order.
            let distance = order.trail.filter(|_| order.flags.is_armed());
            let here = (order.instrument.0, rail as u8, distance, -rail.rank(price));
            if here < place {
                return Err(ImageError::Impossible("the order of orders"));
            }
            place = here;
            let (id, new, remaining) = (order.id, &order.asked(), order.remaining);
            let slot = self.orders.insert(&Arrival { id, new, remaining, owner });
            self.orders[slot].flags = order.flags;
            if order.flags.is_perpetual() {
                self.back(slot, order.backed);
            }
            let book = &mut self.books[order.instrument.index()];
            match (distance, order.when) {
                (Some(trail), Some(when)) => {
                    book.link_trailing(when, trail, order.best, slot, &mut self.orders);
                }
                _ => book.link(rail, price, slot, &mut self.orders),
            }
            by_id.push((order.id, slot));
        }
        by_id.sort_unstable();
        if by_id.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(ImageError::Impossible("two orders of one id"));
        }
        for (id, slot) in by_id {
            self.index.restore(id, slot);
            self.join_account(slot);
        }
        if self.books.iter().any(Book::is_crossed) {
            return Err(ImageError::Impossible("a crossed book"));
        }
        self.check_holds()
    }

    /// An open order as it is saved; `best` is the best trade that a trailing stop has seen.
    fn saved(&self, slot: u32, best: Price) -> Saved {
        let order = &self.orders[slot];
        let extra = self.orders.extra(order);
        let trigger = extra.and_then(|extra| extra.trigger);
        Saved {
            id: order.id,
            price: order.price,
            original: order.original,
            remaining: order.remaining,
            expires: extra.map_or(Time(0), |extra| extra.expires),
            trigger: trigger.map_or(Price(0), |trigger| trigger.price),
            account: order.account,
            instrument: order.instrument,
            flags: order.flags,
            when: trigger.map(|trigger| trigger.when),
            trail: trigger.and_then(|trigger| trigger.trail),
            best,
            backed: if order.flags.is_perpetual() {
                (order.backed, order.rate_ppm)
            } else {
                (0, 0)
            },
        }
    }

    /// Whether this can be an open order, and whose: its account's record.
    fn check_order(&self, order: &Saved) -> Result<u32, ImageError> {
        let book = self
            .books
            .get(order.instrument.index())
            .ok_or(ImageError::Impossible("an order's instrument"))?;
        let flags = order.flags;
        let priced = if flags.is_market() {
            order.price == Price(0)
        } else {
            book.steps.counts_price(order.price)
        };
        let triggered = match order.asked().trigger {
            Some(trigger) => {
                book.steps.counts_price(order.trigger) && book.steps.counts_price(trigger.level())
            }
            None => order.trigger == Price(0) && order.trail.is_none(),
        };
        let reached = flags.is_armed()
            && match (order.when, order.trail, book.last) {
                (Some(when), None, Some(last)) => when.reaches(order.trigger, last),
                // It has seen the last trade, and a better one only before; and one there was when it was placed.
                (Some(when), Some(trail), last) => {
                    let unseen = |price| when.reaches(price, order.best) && price != order.best;
                    unseen(order.trigger)
                        || !book.steps.counts_price(order.best)
                        || last.is_none_or(|last| {
                            unseen(last) || when.reaches(trail.level(order.best, when), last)
                        })
                }
                _ => false,
            };
        let dated =
            if flags.has_date() { order.expires > self.now } else { order.expires == Time(0) };
        let sound = flags.are_sound() && (order.when.is_some() || !flags.is_armed()) && priced && triggered && dated && !reached
            && self.is_soundly_backed(order)
            // What rests is neither a market order nor immediate.
            && (flags.is_armed() || flags.may_rest())
            && book.steps.counts_quantity(order.original)
            && order.remaining > Quantity::ZERO
            && order.remaining <= order.original
            && (FIRST_ORDER..self.index.next().0).contains(&order.id.0);
        let owner = self.accounts.record_of(order.account).filter(|_| sound);
        owner.ok_or(ImageError::Impossible("an open order"))
    }
}

impl Engine {
    /// Whether an order is one of a perpetual if its instrument is one, and is backed for what it can be.
    fn is_soundly_backed(&self, order: &Saved) -> bool {
        let Some(at) = self.perpetuals.find(order.instrument) else {
            return !order.flags.is_perpetual();
        };
        let (backed, rate_ppm) = order.backed;
        let most = self.perpetuals.list[at as usize].value.lots_max.min(order.remaining.0);
        order.flags.is_perpetual()
            && order.when.is_none()
            && (0..=most).contains(&backed)
            && rate_ppm <= 1_000_000
    }

    /// A perpetual's order is backed again as it was.
    fn back(&mut self, slot: u32, (backed, rate_ppm): (i64, u32)) {
        let order = &mut self.orders[slot];
        order.flags.set_perpetual();
        (order.backed, order.rate_ppm) = (backed, rate_ppm);
        let order: Order = *order;
        if let Some(at) = self.perpetuals.find(order.instrument) {
            let its = self.open_position(at, order.account);
            let reserve = self.reserve_of(at, &order);
            self.perpetuals.position_mut(at, its).reserved += reserve;
        }
    }
}

impl Book {
    fn is_crossed(&self) -> bool {
        match (self.best(Rail::Bids), self.best(Rail::Asks)) {
            (Some((bid, _)), Some((ask, _))) => bid >= ask,
            _ => false,
        }
    }
}

/// An open order in the image.
struct Saved {
    id: OrderId,
    price: Price,
    original: Quantity,
    remaining: Quantity,
    expires: Time,
    trigger: Price,
    account: AccountId,
    instrument: InstrumentId,
    flags: Flags,
    when: Option<TriggerWhen>,
    trail: Option<Trail>,
    /// The best trade that a trailing stop has seen; there is none of any other order.
    best: Price,
    /// The lots that an order in a perpetual may open, and at which rate.
    backed: (i64, u32),
}

/// Its length, without what only trailing stops have, or orders in perpetuals.
const ORDER_BYTES: usize = 6 * 8 + 4 + 2 + 1 + 1 + 2;

impl Saved {
    /// Where it stands.
    const fn rail(&self) -> Rail {
        match self.when {
            Some(when) if self.flags.is_armed() && self.trail.is_some() => Rail::trailing(when),
            Some(when) if self.flags.is_armed() => Rail::armed(when),
            _ => Rail::resting(self.flags.side()),
        }
    }
    fn asked(&self) -> NewOrder {
        let market = self.flags.is_market();
        NewOrder {
            account: self.account,
            instrument: self.instrument,
            side: self.flags.side(),
            kind: if market { OrderKind::Market } else { OrderKind::Limit(self.price) },
            quantity: self.original,
            time_in_force: self.flags.time_in_force(self.expires),
            post_only: self.flags.is_post_only(),
            trigger: self.when.map(|when| Trigger { price: self.trigger, when, trail: self.trail }),
        }
    }
    fn walk(&self, sink: &mut impl Sink) {
        sink.word(self.id.0);
        sink.word(self.price.0 as u64);
        sink.word(self.original.0 as u64);
        sink.word(self.remaining.0 as u64);
        sink.word(self.expires.0 as u64);
        sink.word(self.trigger.0 as u64);
        self.account.0.to_le_bytes().into_iter().for_each(|byte| sink.byte(byte));
        self.instrument.0.to_le_bytes().into_iter().for_each(|byte| sink.byte(byte));
        sink.byte(self.flags.0);
        sink.byte(self.when.map_or(0, |when| 1 + when as u8));
        let points = self.trail.map_or(0, Trail::basis_points);
        points.to_le_bytes().into_iter().for_each(|byte| sink.byte(byte));
        if points != 0 && self.flags.is_armed() {
            sink.word(self.best.0 as u64);
        }
        if self.flags.is_perpetual() {
            sink.word(self.backed.0 as u64);
            sink.word(u64::from(self.backed.1));
        }
    }
}

/// What must be the same for an image to fit the assets.
fn digest_of_assets(assets: &Assets) -> u64 {
    let mut digest = Digest::new();
    for asset in assets.all() {
        digest.word(Digest::of_bytes(asset.code.as_bytes()));
        digest.byte(asset.decimals);
    }
    digest.0
}

/// What must be the same for an image to fit an instrument.
fn digest_of(book: &Book) -> u64 {
    let (steps, settlement) = (&book.steps, &book.terms.settlement);
    let mut digest = Digest::new();
    digest.word(u64::from(settlement.base.0));
    digest.word(u64::from(settlement.quote.0));
    for factor in [settlement.base_per_lot, settlement.quote_per_tick_lot] {
        digest.word(factor as u64);
        digest.word((factor >> 64) as u64);
    }
    digest.word(steps.tick_units as u64);
    digest.word(steps.lot_units as u64);
    let (kind, minimum) = match steps.minimum {
        Minimum::Notional(value) => (0, value),
        Minimum::Quantity(quantity) => (1, i128::from(quantity.0)),
    };
    digest.byte(kind);
    digest.word(minimum as u64);
    digest.word((minimum >> 64) as u64);
    digest.0
}

/// A number of two words, the lower first.
pub(crate) fn take_wide(reader: &mut Reader<'_>) -> Result<i128, ImageError> {
    let (low, high) = (reader.word()?, reader.word()?);
    Ok((i128::from(high as i64) << 64) | i128::from(low))
}

/// What only an engine's image has.
trait ReadState {
    fn status(&mut self) -> Result<Status, ImageError>;
    fn policy(&mut self) -> Result<SelfTradePolicy, ImageError>;
    fn amount(&mut self) -> Result<Amount, ImageError>;
    fn order(&mut self) -> Result<Saved, ImageError>;
}

impl ReadState for Reader<'_> {
    fn status(&mut self) -> Result<Status, ImageError> {
        [Status::Trading, Status::PostOnly, Status::CancelOnly, Status::Halted]
            .get(usize::from(self.byte()?))
            .copied()
            .ok_or(ImageError::Impossible("a status"))
    }
    fn policy(&mut self) -> Result<SelfTradePolicy, ImageError> {
        let byte = self.byte()?;
        [
            SelfTradePolicy::Allow,
            SelfTradePolicy::CancelResting,
            SelfTradePolicy::CancelArriving,
            SelfTradePolicy::CancelBoth,
        ]
        .into_iter()
        .find(|&policy| policy as u8 == byte)
        .ok_or(ImageError::Impossible("a self-trade policy"))
    }
    fn amount(&mut self) -> Result<Amount, ImageError> {
        let amount = Amount(take_wide(self)?);
        let sound = (Amount::ZERO..=Amount::MAX).contains(&amount);
        if sound { Ok(amount) } else { Err(ImageError::Impossible("an amount")) }
    }
    fn order(&mut self) -> Result<Saved, ImageError> {
        let mut order = Saved {
            id: OrderId(self.word()?),
            price: Price(self.word()? as i64),
            original: Quantity(self.word()? as i64),
            remaining: Quantity(self.word()? as i64),
            expires: Time(self.word()? as i64),
            trigger: Price(self.word()? as i64),
            account: AccountId(u32::from_le_bytes(self.array()?)),
            instrument: InstrumentId(u16::from_le_bytes(self.array()?)),
            flags: Flags(self.byte()?),
            when: match self.byte()? {
                0 => None,
                1 => Some(TriggerWhen::AtOrAbove),
                2 => Some(TriggerWhen::AtOrBelow),
                _ => return Err(ImageError::Impossible("a trigger")),
            },
            trail: match u16::from_le_bytes(self.array()?) {
                0 => None,
                points => {
                    Some(Trail::new(points).ok_or(ImageError::Impossible("a trailing distance"))?)
                }
            },
            best: Price(0),
            backed: (0, 0),
        };
        if order.trail.is_some() && order.flags.is_armed() {
            order.best = Price(self.word()? as i64);
        }
        if order.flags.is_perpetual() {
            order.backed.0 = self.word()? as i64;
            order.backed.1 = self.below(1 << 32, "a rate")? as u32;
        }
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{self, FlowOptions, Random};
    use model::{Action, Cadence, Command, Sequence};

    /// Whoever wrote these bytes wrote a digest that fits.
    fn signed(mut image: Vec<u8>) -> Vec<u8> {
        let body = image.len() - 8;
        let digest = Digest::of_bytes(&image[..body]);
        image[body..].copy_from_slice(&digest.to_le_bytes());
        image
    }

    #[test]
    fn whole_bytes_that_say_nonsense_are_refused_or_are_a_state() {
        let options = FlowOptions { resting: 60, commands: 300, accounts: 5, ..Default::default() };
        let flow = flow::flow(options);
        let instruments = [flow::instrument()];
        let mut engine = Engine::new(&instruments);
        let mut out = Vec::new();
        for (count, command) in flow.fill.iter().chain(&flow.commands[..100]).enumerate() {
            engine.apply(command, &mut out);
            // Some trail the market, of a few distances and from different trades.
            let trail = Trail::new(1 + 50 * (count as u16 % 3)).expect("a distance");
            let when = [TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow][count % 2];
            let action = Action::Place(NewOrder {
                account: AccountId(1 + count as u32 % 5),
                instrument: InstrumentId(0),
                side: model::Side::Sell,
                kind: OrderKind::Market,
                quantity: Quantity(1),
                time_in_force: model::TimeInForce::ImmediateOrCancel,
                post_only: false,
                trigger: Some(Trigger::trailing(when, trail)),
            });
            engine.apply(&Command { action, ..*command }, &mut out);
        }
        let followers = engine.books[0].followers(&engine.orders).count();
        assert!(followers > 20, "only {followers} trail the market");
        let image = engine.image();
        assert!(Engine::restore(&signed(image.clone()), &instruments).is_ok());
        let (mut taken, mut refused) = (0, 0);
        for seed in 0..1_000 {
            let mut random = Random::new(seed);
            let mut bytes = image.clone();
            for _ in 0..1 + random.below(2) {
                let at = 12 + random.below(bytes.len() as u64 - 20) as usize;
                bytes[at] = match random.below(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => bytes[at] ^ 1 << random.below(8),
                    _ => random.next_u64() as u8,
                };
            }
            if random.below(20) == 0 {
                bytes.truncate(20 + random.below(bytes.len() as u64 - 20) as usize);
            }
            let Ok(mut restored) = Engine::restore(&signed(bytes), &instruments) else {
                refused += 1;
                continue;
            };
            taken += 1;
            let again = Engine::restore(&restored.image(), &instruments);
            assert_eq!(again.map(|again| again.digest()), Ok(restored.digest()), "seed {seed}");
            let accounts = || (0..=u32::from(u8::MAX)).map(AccountId);
            let open: Vec<_> = accounts()
                .flat_map(|account| restored.open_orders(account, InstrumentId(0)))
                .collect();
            assert!(
                open.iter().all(|order| order.remaining > Quantity::ZERO
                    && order.remaining <= order.original
                    && restored.order(order.id) == Some(*order)),
                "seed {seed}"
            );
            // It is a state that one can go on from.
            for command in &flow.commands[100..] {
                out.clear();
                restored.apply(command, &mut out);
            }
            let tick = Action::Tick(Cadence::TENTH);
            let time = Time(i64::MAX);
            restored.apply(&Command { sequence: Sequence(1), time, action: tick }, &mut out);
            for account in accounts() {
                let action = Action::CancelAll { account, instrument: None };
                restored.apply(&Command { sequence: Sequence(2), time, action }, &mut out);
            }
        }
        assert!(taken > 20 && refused > 300, "{taken} taken, {refused} refused");
    }
}
