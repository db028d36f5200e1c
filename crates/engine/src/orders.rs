//! Open orders: one cache line each in a slab whose places are used again, with the links of the two lines
//! an order stands in (its level's queue, its account's orders) in an array of their own, so that taking an
//! order out of the middle touches the neighbours' links and not their lines.
//!
//! Not the book: which level an order stands in, and when it may go, is decided elsewhere.

use model::{
    AccountId, InstrumentId, NewOrder, OrderId, OrderKind, OrderState, Price, Quantity, Side, Time,
    TimeInForce, Trigger, TriggerWhen,
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
    const KNOWN: u8 = (1 << 6) - 1;

    fn of(new: &NewOrder) -> Self {
        let mut bits = 0;
        if new.side == Side::Sell {
            bits |= Self::SELL;
        }
        if new.post_only {
            bits |= Self::POST_ONLY;
        }
        if new.kind == OrderKind::Market {
            bits |= Self::MARKET;
        }
        bits |= match new.time_in_force {
            TimeInForce::GoodTillCanceled => 0,
            TimeInForce::ImmediateOrCancel => 1 << 3,
            TimeInForce::FillOrKill => 2 << 3,
            TimeInForce::GoodTillDate(_) => 3 << 3,
        };
        Self(bits)
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
    pub const fn is_fill_or_kill(self) -> bool {
        self.0 & Self::TIME_IN_FORCE == 2 << 3
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

/// An open order, or one on its way into the book.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub id: OrderId,
    /// The limit; 0 for market orders, which never rest.
    pub price: Price,
    pub original: Quantity,
    pub remaining: Quantity,
    /// The day of a good-till-date order.
    pub expires: Time,
    /// The trigger price of a stop order.
    pub trigger: Price,
    pub account: AccountId,
    /// The level it stands in: of the book, or of the trigger ladder while it is armed.
    pub level: u32,
    /// Its place in the heap of expiries.
    pub expiry: u32,
    pub instrument: InstrumentId,
    pub flags: Flags,
    /// The trigger's direction, if it is or was a stop order.
    pub when: Option<TriggerWhen>,
}

const _: () = assert!(size_of::<Order>() == 64, "an order is one cache line");

impl Order {
    pub fn new(id: OrderId, new: &NewOrder) -> Self {
        Self {
            id,
            price: new.kind.limit().unwrap_or_default(),
            original: new.quantity,
            remaining: new.quantity,
            expires: match new.time_in_force {
                TimeInForce::GoodTillDate(time) => time,
                _ => Time(0),
            },
            trigger: new.trigger.map_or(Price(0), |trigger| trigger.price),
            account: new.account,
            level: NONE,
            expiry: NONE,
            instrument: new.instrument,
            flags: Flags::of(new),
            when: new.trigger.map(|trigger| trigger.when),
        }
    }
    pub fn set_armed(&mut self, armed: bool) {
        if armed {
            self.flags.0 |= Flags::ARMED;
        } else {
            self.flags.0 &= !Flags::ARMED;
        }
    }
    /// The order as everybody knows it.
    #[inline]
    pub fn state(&self) -> OrderState {
        OrderState {
            id: self.id,
            account: self.account,
            side: self.flags.side(),
            post_only: self.flags.is_post_only(),
            kind: if self.flags.is_market() {
                OrderKind::Market
            } else {
                OrderKind::Limit(self.price)
            },
            time_in_force: match (self.flags.0 & Flags::TIME_IN_FORCE) >> 3 {
                0 => TimeInForce::GoodTillCanceled,
                1 => TimeInForce::ImmediateOrCancel,
                2 => TimeInForce::FillOrKill,
                _ => TimeInForce::GoodTillDate(self.expires),
            },
            trigger: self.when.map(|when| Trigger { price: self.trigger, when }),
            original: self.original,
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
    free: u32,
    count: u32,
}

impl Orders {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), links: Vec::new(), free: NONE, count: 0 }
    }
    /// How many orders are open.
    pub const fn count(&self) -> u32 {
        self.count
    }
    /// Gives the order a slot. It stands in no line yet.
    #[inline]
    pub fn insert(&mut self, order: Order) -> u32 {
        self.count += 1;
        let alone = Links { next: NONE, prev: NONE, younger: NONE, older: NONE };
        let slot = self.free;
        if slot != NONE {
            self.free = self.links[slot as usize].next;
            self.slots[slot as usize] = order;
            self.links[slot as usize] = alone;
            return slot;
        }
        let slot = self.slots.len() as u32;
        self.slots.push(order);
        self.links.push(alone);
        slot
    }
    /// Frees a slot that stands in no line any more. The slot freed last is used first: its lines are warm.
    #[inline]
    pub fn remove(&mut self, slot: u32) {
        self.links[slot as usize].next = self.free;
        self.free = slot;
        self.count -= 1;
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
