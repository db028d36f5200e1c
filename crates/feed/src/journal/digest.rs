//! The digest of all events so far: equal where the same happened, on any machine. Compared every
//! [`EVERY`] events when a journal is run again.
//!
//! Not made to withstand somebody who wants two histories to look the same; the hashes between records are.

use model::{Balance, Event, EventBody, Fill, Level, Movement, OrderKind, OrderState, Rejection};
use model::{MarginAlert, MarkState, PerpetualEvent, PositionState, Settled, TimeInForce, Trade};

#[cfg(test)]
mod tests;

/// After how many events a digest is written.
pub const EVERY: u64 = 1_024;

/// The digest of the events that it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digester {
    events: u64,
    value: u64,
}

impl Default for Digester {
    fn default() -> Self {
        Self { events: 0, value: 0x5269_616c_746f_4a4c }
    }
}

impl Digester {
    /// One that goes on from here.
    #[must_use]
    pub const fn at(so_far: super::Digest) -> Self {
        Self { events: so_far.events, value: so_far.digest }
    }

    /// How many events it was told.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The digest.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Both, as they are written.
    #[must_use]
    pub const fn digest(&self) -> super::Digest {
        super::Digest { events: self.events, digest: self.value }
    }

    /// Takes in what a command has caused. Returns whether a digest is due: another [`EVERY`] events have passed.
    pub fn take(&mut self, events: &[Event]) -> bool {
        let before = self.events / EVERY;
        for event in events {
            self.event(event);
        }
        self.events += events.len() as u64;
        self.events / EVERY != before
    }

    fn event(&mut self, event: &Event) {
        self.word(event.sequence.0);
        self.word(event.cause.0);
        self.word(event.time.0 as u64);
        self.word(u64::from(event.instrument.0));
        match &event.body {
            EventBody::Created(order) => self.order(1, order),
            EventBody::Filled(fill) => self.fill(fill),
            EventBody::Rested(order) => self.order(3, order),
            EventBody::Closed { order, reason } => {
                self.order(4, order);
                self.word(*reason as u64);
            }
            EventBody::Replaced { old, new, kept_place } => {
                self.order(5, old);
                self.order(5, new);
                self.word(u64::from(*kept_place));
            }
            EventBody::Armed(order) => self.order(6, order),
            EventBody::Triggered(order) => self.order(7, order),
            EventBody::Deposited(movement) => self.movement(8, movement),
            EventBody::Withdrawn(movement) => self.movement(9, movement),
            EventBody::Transferred { from, to } => {
                self.movement(10, from);
                self.word(u64::from(to.0));
            }
            EventBody::Balance(Balance { account, asset, available, held }) => {
                self.word(11 | u64::from(account.0) << 8 | u64::from(asset.0) << 40);
                self.wide(available.0);
                self.wide(held.0);
            }
            EventBody::Rejected(rejection) => self.rejection(rejection),
            EventBody::StatusChanged(status) => self.word(13 | (*status as u64) << 8),
            EventBody::Ticked(cadence) => {
                self.word(14);
                self.word(cadence.0.0 as u64);
            }
            // What sources by level tell, which have no commands and no journal.
            EventBody::BookSnapshot(book) | EventBody::BookDelta(book) => {
                let is_delta = matches!(event.body, EventBody::BookDelta(_));
                self.word(15 + u64::from(is_delta));
                for Level { price, quantity } in book.bids.iter().chain(&book.asks) {
                    self.word(price.0 as u64);
                    self.word(quantity.0 as u64);
                }
                self.word(book.bids.len() as u64);
            }
            EventBody::Printed(trade) => self.trade(trade),
            EventBody::Perpetual(event) => self.perpetual(event),
        }
    }

    fn order(&mut self, kind: u64, order: &OrderState) {
        let (force, till) = match order.time_in_force {
            TimeInForce::GoodTillCanceled => (0, 0),
            TimeInForce::ImmediateOrCancel => (1, 0),
            TimeInForce::FillOrKill => (2, 0),
            TimeInForce::GoodTillDate(till) => (3, till.0),
        };
        let (limit, price) = match order.kind {
            OrderKind::Limit(price) => (1, price.0),
            OrderKind::Market => (0, 0),
        };
        let (when, trigger, trail) = order.trigger.map_or((0, 0, 0), |trigger| {
            let trail = trigger.trail.map_or(0, |trail| u64::from(trail.basis_points()));
            (1 + trigger.when as u64, trigger.price.0, trail)
        });
        self.word(
            kind | (order.side as u64) << 8
                | u64::from(order.post_only) << 9
                | limit << 10
                | force << 11
                | when << 16
                | trail << 18
                | u64::from(order.account.0) << 32,
        );
        self.word(order.id.0);
        self.word(price as u64);
        self.word(till as u64);
        self.word(trigger as u64);
        self.word(order.original.0 as u64);
        self.word(order.remaining.0 as u64);
    }

    fn fill(&mut self, fill: &Fill) {
        self.word(fill.id.0);
        self.word(fill.price.0 as u64);
        self.word(fill.quantity.0 as u64);
        self.wide(fill.maker_fee.0);
        self.wide(fill.taker_fee.0);
        self.order(2, &fill.maker);
        self.order(2, &fill.taker);
    }

    fn movement(&mut self, kind: u64, Movement { account, asset, amount }: &Movement) {
        self.word(kind | u64::from(account.0) << 8 | u64::from(asset.0) << 40);
        self.wide(amount.0);
    }

    fn rejection(&mut self, rejection: &Rejection) {
        let (code, detail) = match *rejection {
            Rejection::UnknownInstrument => (0, 0),
            Rejection::UnknownOrder(order) => (1, order.0),
            Rejection::NotTrading(status) => (2, status as u64),
            Rejection::BadPrice => (3, 0),
            Rejection::BadQuantity => (4, 0),
            Rejection::BelowMinimum => (5, 0),
            Rejection::OutsideBand => (6, 0),
            Rejection::InsufficientFunds { asset, needed, available } => {
                self.wide(needed.0);
                self.wide(available.0);
                (7, u64::from(asset.0))
            }
            Rejection::UnknownAsset => (8, 0),
            Rejection::BadAmount => (9, 0),
            Rejection::BadCombination => (10, 0),
            Rejection::AlreadyExpired => (11, 0),
            Rejection::TooManyOrders => (12, 0),
            Rejection::NothingTraded => (13, 0),
            Rejection::Perpetual(why) => (14, why as u64),
        };
        self.word(12 | code << 8);
        self.word(detail);
    }

    fn perpetual(&mut self, event: &PerpetualEvent) {
        match *event {
            PerpetualEvent::Marked(MarkState { mark, index, funding_rate_ppm, next_funding }) => {
                self.word(18);
                let rate = i64::from(funding_rate_ppm);
                for value in [mark.0, index.0, rate, next_funding.0] {
                    self.word(value as u64);
                }
            }
            PerpetualEvent::Position(PositionState {
                id,
                account,
                size,
                cost,
                margin,
                mode,
                leverage,
            }) => {
                self.word(19 | (mode as u64) << 8 | u64::from(leverage) << 16);
                self.word(u64::from(account.0));
                self.word(id.0);
                self.word(size as u64);
                self.wide(cost.0);
                self.wide(margin.0);
            }
            PerpetualEvent::Settled(Settled {
                position,
                account,
                by,
                quantity,
                price,
                profit,
                fee,
                liquidation_fee,
            }) => {
                self.word(20 | (by as u64) << 8 | u64::from(account.0) << 32);
                for value in [position.0, quantity.0 as u64, price.0 as u64] {
                    self.word(value);
                }
                for amount in [profit, fee, liquidation_fee] {
                    self.wide(amount.0);
                }
            }
            PerpetualEvent::Funded { position, account, amount, rate_ppm } => {
                self.word(21 | u64::from(account.0) << 32);
                self.word(position.0);
                self.wide(amount.0);
                self.word(i64::from(rate_ppm) as u64);
            }
            PerpetualEvent::Alerted(MarginAlert {
                position,
                account,
                kind,
                mode,
                equity,
                initial,
                maintenance,
            }) => {
                self.word(
                    22 | (kind as u64) << 8 | (mode as u64) << 16 | u64::from(account.0) << 32,
                );
                self.word(position.0);
                for amount in [equity, initial, maintenance] {
                    self.wide(amount.0);
                }
            }
            PerpetualEvent::Reducing { account, order } => {
                self.word(26 | u64::from(account.0) << 32);
                self.word(order.0);
            }
            PerpetualEvent::Liquidating { position, account, quantity, price } => {
                self.word(23 | u64::from(account.0) << 32);
                for value in [position.0, quantity.0 as u64, price.0 as u64] {
                    self.word(value);
                }
            }
            PerpetualEvent::Deleveraged { account, against, quantity, price } => {
                self.word(24 | u64::from(account.0) << 32);
                for value in [u64::from(against.0), quantity.0 as u64, price.0 as u64] {
                    self.word(value);
                }
            }
            PerpetualEvent::Insured { account, asset, amount } => {
                self.word(25 | u64::from(account.0) << 32);
                self.word(u64::from(asset.0));
                self.wide(amount.0);
            }
            PerpetualEvent::Quoted { constituent, price } => {
                self.word(27 | u64::from(constituent) << 32);
                self.word(price.0 as u64);
            }
        }
    }

    fn trade(&mut self, trade: &Trade) {
        self.word(17 | (trade.aggressor as u64) << 8);
        let Trade { id, time, price, quantity, maker, taker, .. } = *trade;
        for value in [id.0, time.0 as u64, price.0 as u64, quantity.0 as u64, maker.0, taker.0] {
            self.word(value);
        }
    }

    fn wide(&mut self, value: i128) {
        self.word(value as u64);
        self.word((value >> 64) as u64);
    }

    /// Multiplies in and folds the halves of the product, which any machine does alike.
    fn word(&mut self, value: u64) {
        let mixed = u128::from(self.value ^ value.wrapping_add(0x9e37_79b9_7f4a_7c15))
            * u128::from(0xd6e8_feb8_6659_fd93_u64);
        self.value = (mixed as u64 ^ (mixed >> 64) as u64).wrapping_add(0x2545_f491_4f6c_dd1d);
    }
}
