//! A random market: commands as they come, of every kind, from a seed.

use engine::flow::Random;
use model::{
    AccountId, Action, Command, Event, EventBody, Instrument, InstrumentId, Listing, NewOrder,
    OrderId, OrderKind, Price, Quantity, SelfTradePolicy, Sequence, Side, Span, Status, Time,
    TimeInForce, Trigger, TriggerWhen,
};

use super::{CADENCE, START};

/// Commands as they come: every kind of order, near a price that stays, and ticks when they are due.
pub struct Market {
    instruments: Vec<Instrument>,
    now: Time,
    next_tick: Time,
    sequence: Sequence,
    /// Orders that rested once.
    open: Vec<(InstrumentId, AccountId, OrderId)>,
}

impl Market {
    pub fn new(listings: &[Listing]) -> Self {
        Self {
            instruments: listings.iter().map(|listing| listing.instrument.clone()).collect(),
            now: START,
            next_tick: START + CADENCE.0,
            sequence: Sequence(0),
            open: Vec::new(),
        }
    }

    pub fn note(&mut self, event: &Event) {
        if let EventBody::Rested(order) = event.body {
            self.open.push((event.instrument, order.account, order.id));
        }
    }

    fn command(&mut self, time: Time, action: Action) -> Command {
        self.sequence = self.sequence.next();
        Command { sequence: self.sequence, time, action }
    }

    pub fn step(&mut self, random: &mut Random) -> Vec<Command> {
        self.now = self.now + Span::micros(random.below(60_000) as i64);
        let mut commands = self.ticks();
        for _ in 0..1 + random.below(4) {
            let action = self.action(random);
            commands.push(self.command(self.now, action));
        }
        commands
    }

    fn ticks(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        while self.next_tick <= self.now {
            commands.push(self.command(self.next_tick, Action::Tick(CADENCE)));
            self.next_tick = self.next_tick + CADENCE.0;
        }
        commands
    }

    /// A last change of each instrument, and time for it to be published.
    pub fn last_words(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        for at in 0..self.instruments.len() {
            let instrument = InstrumentId(at as u16);
            let trading = Action::SetStatus { instrument, status: Status::Trading };
            let order = NewOrder {
                account: AccountId(1),
                instrument,
                side: Side::Buy,
                kind: OrderKind::Limit(Price(1)),
                quantity: Quantity(1),
                time_in_force: TimeInForce::GoodTillCanceled,
                post_only: false,
                trigger: None,
            };
            commands.push(self.command(self.now, trading));
            commands.push(self.command(self.now, Action::Place(order)));
        }
        self.now = self.next_tick;
        commands.extend(self.ticks());
        commands
    }

    fn action(&mut self, random: &mut Random) -> Action {
        let instrument = InstrumentId(random.below(self.instruments.len() as u64) as u16);
        let account = AccountId(1 + random.below(5) as u32);
        match random.below(100) {
            0..22 if !self.open.is_empty() => {
                let at = random.below(self.open.len() as u64) as usize;
                let (instrument, account, order) = self.open.swap_remove(at);
                Action::Cancel { account, instrument, order }
            }
            22..32 if !self.open.is_empty() => {
                let (instrument, account, order) =
                    self.open[random.below(self.open.len() as u64) as usize];
                let (price, quantity) = (price(random, None), quantity(random));
                Action::Replace { account, instrument, order, price, quantity }
            }
            32 => {
                let instrument = (random.below(2) == 0).then_some(instrument);
                Action::CancelAll { account, instrument }
            }
            33 => {
                let policies = [
                    SelfTradePolicy::Allow,
                    SelfTradePolicy::CancelResting,
                    SelfTradePolicy::CancelArriving,
                    SelfTradePolicy::CancelBoth,
                ];
                let policy = policies[random.below(4) as usize];
                Action::SetSelfTradePolicy { account, policy }
            }
            34 => {
                let status = match random.below(8) {
                    0 => Status::Halted,
                    1 => Status::CancelOnly,
                    2 => Status::PostOnly,
                    _ => Status::Trading,
                };
                Action::SetStatus { instrument, status }
            }
            _ => Action::Place(self.order(random, instrument, account)),
        }
    }

    fn order(&self, random: &mut Random, instrument: InstrumentId, account: AccountId) -> NewOrder {
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let market = random.below(10) == 0;
        let time_in_force = match random.below(12) {
            0 => TimeInForce::ImmediateOrCancel,
            1 => TimeInForce::FillOrKill,
            2 => {
                let life = Span::micros(1 + random.below(2_000_000) as i64);
                TimeInForce::GoodTillDate(self.now + life)
            }
            _ if market => TimeInForce::ImmediateOrCancel,
            _ => TimeInForce::GoodTillCanceled,
        };
        let trigger = (random.below(15) == 0).then(|| Trigger {
            price: price(random, None),
            when: [TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow][random.below(2) as usize],
            trail: None,
        });
        NewOrder {
            account,
            instrument,
            side,
            kind: if market {
                OrderKind::Market
            } else {
                OrderKind::Limit(price(random, Some(side)))
            },
            quantity: quantity(random),
            time_in_force,
            post_only: random.below(12) == 0,
            trigger,
        }
    }
}

/// Around 1,000 ticks; of a side, more often where it rests.
fn price(random: &mut Random, side: Option<Side>) -> Price {
    let away = random.below(25) as i64 - if random.below(4) == 0 { 12 } else { 1 };
    Price(match side {
        Some(Side::Buy) => 1_000 - away,
        Some(Side::Sell) => 1_000 + away,
        None => 988 + random.below(25) as i64,
    })
}

fn quantity(random: &mut Random) -> Quantity {
    let most = [5, 1_000, 1_000_000_000][random.below(3) as usize];
    Quantity(1 + random.below(most) as i64)
}
