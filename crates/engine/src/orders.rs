//! Open orders: one cache line each in a slab whose places are used again. What few orders have stands aside;
//! so do the links of the two lines an order stands in (its level's, its account's), so that taking an order out
//! of the middle touches the neighbours' links and not the neighbours.
//!
//! Not the book: which level an order stands in, and when it may go, is decided elsewhere.

use model::{
    AccountId, InstrumentId, NewOrder, OrderId, OrderKind, OrderState, Price, Quantity, Side, Time,
    TimeInForce, Trigger,
};

/// Stands for no slot, no level, no neighbour.
pub(crate) const NONE: u32 = u32::MAX;

/// The small facts of an order in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(pub u8);

impl Flags {
    const SELL: u8 = 1;
    const POST_ONLY: u8 = 1 << 1;
    const MARKET: u8 = 1 << 2;
    const TIME_IN_FORCE: u8 = 3 << 3;
    const ARMED: u8 = 1 << 5;
    const PERPETUAL: u8 = 1 << 6;
    const KNOWN: u8 = (1 << 7) - 1;

    #[inline(always)]
    fn of(new: &NewOrder) -> Self {
        let time_in_force = match new.time_in_force {
            TimeInForce::GoodTillCanceled => 0,
            TimeInForce::ImmediateOrCancel => 1,
            TimeInForce::FillOrKill => 2,
            TimeInForce::GoodTillDate(_) => 3,
        };
        Self(
            u8::from(new.side == Side::Sell)
                | u8::from(new.post_only) << 1
                | u8::from(new.kind == OrderKind::Market) << 2
                | time_in_force << 3,
        )
    }
    /// How long such an order lives, if it has a day this one.
    pub const fn time_in_force(self, day: Time) -> TimeInForce {
        match (self.0 & Self::TIME_IN_FORCE) >> 3 {
            0 => TimeInForce::GoodTillCanceled,
            1 => TimeInForce::ImmediateOrCancel,
            2 => TimeInForce::FillOrKill,
            _ => TimeInForce::GoodTillDate(day),
        }
    }
    pub fn set_armed(&mut self, armed: bool) {
        self.0 = self.0 & !Self::ARMED | if armed { Self::ARMED } else { 0 };
    }
    pub const fn set_perpetual(&mut self) {
        self.0 |= Self::PERPETUAL;
    }
    /// Whether it is an order in a perpetual.
    pub const fn is_perpetual(self) -> bool {
        self.0 & Self::PERPETUAL != 0
    }
    pub const fn is_sell(self) -> bool {
        self.0 & Self::SELL != 0
    }
    pub const fn side(self) -> Side {
        if self.is_sell() { Side::Sell } else { Side::Buy }
    }
    pub const fn is_post_only(self) -> bool {
        self.0 & Self::POST_ONLY != 0
    }
    pub const fn is_market(self) -> bool {
        self.0 & Self::MARKET != 0
    }
    pub const fn has_date(self) -> bool {
        self.0 & Self::TIME_IN_FORCE == 3 << 3
    }
    /// Whether what does not match at once may rest.
    pub const fn may_rest(self) -> bool {
        matches!((self.0 & Self::TIME_IN_FORCE) >> 3, 0 | 3)
    }
    /// Whether the order waits for its trigger.
    pub const fn is_armed(self) -> bool {
        self.0 & Self::ARMED != 0
    }
    /// Whether these bits can have come from an order.
    pub const fn are_sound(self) -> bool {
        let immediate = !self.may_rest();
        self.0 & !Self::KNOWN == 0
            && (!self.is_market() || immediate)
            && (!self.is_post_only() || !immediate)
    }
}

/// An open order: what is asked of it often, in one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub id: OrderId,
    /// The limit; 0 for market orders, which never rest.
    pub price: Price,
    pub original: Quantity,
    pub remaining: Quantity,
    pub account: AccountId,
    /// Its account's record.
    pub owner: u32,
    /// The level it stands in: of the book, or of the trigger ladder while it is armed.
    pub level: u32,
    /// Where its [`Extra`] is; [`NONE`] of an order that is good till cancelled and never waited for a trigger.
    pub extra: u32,
    pub instrument: InstrumentId,
    pub flags: Flags,
    /// Of an order in a perpetual, the margin of what it opens, in millionths. Of others nobody looks at it.
    pub rate_ppm: u32,
    /// Of an order in a perpetual, the lots that it may open. Of others nobody looks at it.
    pub backed: i64,
}

const _: () = assert!(size_of::<Order>() == 64, "an order is one cache line");

/// What few orders have: a day on which they end, a trigger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extra {
    /// The day of a good-till-date order.
    pub expires: Time,
    /// Its place in the heap of expiries; of a free one, the next free one.
    pub expiry: u32,
    /// What it waits for, or what woke it.
    pub trigger: Option<Trigger>,
}

/// An accepted order on its way into the book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub id: OrderId,
    /// What was asked for.
    pub new: &'a NewOrder,
    /// What of it is open.
    pub remaining: Quantity,
    /// Its account's record.
    pub owner: u32,
}

impl Arrival<'_> {
    /// The order as everybody knows it.
    #[inline(always)]
    pub fn state(&self) -> OrderState {
        let &NewOrder { account, side, kind, quantity, time_in_force, post_only, trigger, .. } =
            self.new;
        OrderState {
            id: self.id,
            account,
            side,
            post_only,
            kind,
            time_in_force,
            trigger,
            original: quantity,
            remaining: self.remaining,
        }
    }
}

/// Who stands beside an order in its two lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    /// Behind it in its level; in a free slot, the next free one.
    pub next: u32,
    /// Before it in its level.
    pub prev: u32,
    /// The account's next order, which has a higher id.
    pub younger: u32,
    /// The account's order before it.
    pub older: u32,
}

/// The slab.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    slots: Vec<Order>,
    pub links: Vec<Links>,
    extras: Vec<Extra>,
    free: u32,
    free_extra: u32,
    count: u32,
}

impl Orders {
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            links: Vec::new(),
            extras: Vec::new(),
            free: NONE,
            free_extra: NONE,
            count: 0,
        }
    }
    /// How many orders are open.
    pub const fn count(&self) -> u32 {
        self.count
    }
    /// Gives the order a slot. It stands in no line yet.
    #[inline(always)]
    pub fn insert(&mut self, arrival: &Arrival<'_>) -> u32 {
        let new = arrival.new;
        let plain = new.trigger.is_none() && new.time_in_force == TimeInForce::GoodTillCanceled;
        let extra = if plain { NONE } else { self.insert_extra(new) };
        self.count += 1;
        let slot = if self.free == NONE { self.grow() } else { self.free };
        // Field by field: an order that is made elsewhere and moved here is read before it has been written.
        let order = &mut self.slots[slot as usize];
        self.free = self.links[slot as usize].next;
        order.id = arrival.id;
        order.price = new.kind.limit().unwrap_or_default();
        order.original = new.quantity;
        order.remaining = arrival.remaining;
        order.account = new.account;
        order.owner = arrival.owner;
        order.extra = extra;
        order.instrument = new.instrument;
        order.flags = Flags::of(new);
        slot
    }
    /// One free slot more.
    #[cold]
    fn grow(&mut self) -> u32 {
        self.slots.push(Order {
            id: OrderId(0),
            price: Price(0),
            original: Quantity::ZERO,
            remaining: Quantity::ZERO,
            account: AccountId(0),
            owner: NONE,
            level: NONE,
            extra: NONE,
            instrument: InstrumentId(0),
            flags: Flags(0),
            rate_ppm: 0,
            backed: 0,
        });
        self.links.push(Links { next: NONE, prev: NONE, younger: NONE, older: NONE });
        self.slots.len() as u32 - 1
    }
    #[cold]
    fn insert_extra(&mut self, new: &NewOrder) -> u32 {
        let expires = match new.time_in_force {
            TimeInForce::GoodTillDate(time) => time,
            _ => Time(0),
        };
        let extra = Extra { expires, expiry: NONE, trigger: new.trigger };
        let number = self.free_extra;
        if number != NONE {
            self.free_extra = self.extras[number as usize].expiry;
            self.extras[number as usize] = extra;
            return number;
        }
        self.extras.push(extra);
        self.extras.len() as u32 - 1
    }
    /// Joins the orders beside one that leaves its level.
    #[inline(always)]
    pub fn part_in_level(&mut self, Links { next, prev, .. }: Links) {
        if prev != NONE {
            self.links[prev as usize].next = next;
        }
        if next != NONE {
            self.links[next as usize].prev = prev;
        }
    }
    /// Joins the orders beside one that leaves its account's line.
    #[inline(always)]
    pub fn part_in_account(&mut self, Links { younger, older, .. }: Links) {
        if older != NONE {
            self.links[older as usize].younger = younger;
        }
        if younger != NONE {
            self.links[younger as usize].older = older;
        }
    }
    /// Frees a slot that stands in no line any more. The slot freed last is used first: it is warm.
    #[inline(always)]
    pub fn remove(&mut self, slot: u32) {
        self.links[slot as usize].next = self.free;
        self.free = slot;
        self.count -= 1;
    }
    /// Frees what is extra of an order that ends; it can be read until the place is used again.
    pub fn remove_extra(&mut self, slot: u32) {
        let extra = self.slots[slot as usize].extra;
        self.extras[extra as usize].expiry = self.free_extra;
        self.free_extra = extra;
    }
    /// What is extra of an order, if anything is.
    #[inline]
    pub fn extra(&self, order: &Order) -> Option<&Extra> {
        if order.extra == NONE { None } else { Some(&self.extras[order.extra as usize]) }
    }
    /// What is extra of the order in this slot.
    ///
    /// # Panics
    /// If nothing is.
    pub fn extra_mut(&mut self, slot: u32) -> &mut Extra {
        &mut self.extras[self.slots[slot as usize].extra as usize]
    }
    /// The order as everybody knows it, with so much open. What is open is given: an order whose quantity has
    /// just been written would else be read before it has been.
    #[inline(always)]
    pub fn state(&self, order: &Order, remaining: Quantity) -> OrderState {
        let plain = (OrderKind::Limit(order.price), TimeInForce::GoodTillCanceled, None);
        let (kind, time_in_force, trigger) =
            if order.extra == NONE { plain } else { self.terms_of(order) };
        OrderState {
            id: order.id,
            account: order.account,
            side: order.flags.side(),
            post_only: order.flags.is_post_only(),
            kind,
            time_in_force,
            trigger,
            original: order.original,
            remaining,
        }
    }
    #[cold]
    fn terms_of(&self, order: &Order) -> (OrderKind, TimeInForce, Option<Trigger>) {
        let extra = &self.extras[order.extra as usize];
        let market = order.flags.is_market();
        let kind = if market { OrderKind::Market } else { OrderKind::Limit(order.price) };
        (kind, order.flags.time_in_force(extra.expires), extra.trigger)
    }
    /// What was asked for with an open order, of which nothing has been filled yet.
    pub fn asked(&self, order: &Order) -> NewOrder {
        let state = self.state(order, order.remaining);
        NewOrder {
            account: state.account,
            instrument: order.instrument,
            side: state.side,
            kind: state.kind,
            quantity: state.original,
            time_in_force: state.time_in_force,
            post_only: state.post_only,
            trigger: state.trigger,
        }
    }
}

impl core::ops::Index<u32> for Orders {
    type Output = Order;
    #[inline]
    fn index(&self, slot: u32) -> &Order {
        &self.slots[slot as usize]
    }
}
impl core::ops::IndexMut<u32> for Orders {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.slots[slot as usize]
    }
}
