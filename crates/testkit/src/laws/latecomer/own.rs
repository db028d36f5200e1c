//! The law *latecomer* for what is an account's own: what it is answered at any moment, and what it is told from then
//! on, is what it would be answered later.
//!
//! A random market runs through the engine into boards and accounts. Holders come at random moments, also in the
//! middle of a command. Each takes its balances and open orders once and then only listens: to its balances one by
//! one, to all of them at ticks, and to the steps of its orders in all instruments. After every event its balances and
//! orders are those that it would be answered, and at every tick that speaks so are all of them together.

use std::collections::BTreeMap;

use engine::flow::Random;
use model::{
    AccountId, Action, AnswerBody, AssetId, Assets, Balance, Cadence, Event, EventBody, Filled,
    InstrumentId, OrderId, OrderState, OwnOrder, OwnStep, Query, Scope, Standing, Topic, TopicKind,
    Update,
};
use views::{Accounts, Board};

use super::{COMMANDS, LATE_ONE_IN, Market, START};

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Holders that came late.
    pub latecomers: u64,
    /// Times that one of them held what it would be answered.
    pub compared: u64,
    /// Times that all balances were told at a tick.
    pub holdings: u64,
    /// Steps of orders that were told.
    pub steps: u64,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut random = Random::new(seed);
    let mut market = Market::new();
    let mut accounts = Accounts::new(Assets::of(&Market::instruments()));
    let mut boards = [0, 1].map(|id| Board::new(InstrumentId(id), START));
    let mut figures = Figures::default();
    let mut holders: Vec<Holder> = Vec::new();
    for number in 0..COMMANDS {
        let events = match number {
            0..4 => market.command(Action::Follow(AccountId(number as u32 + 1))),
            _ => market.step(&mut random, number),
        };
        for event in events {
            let account = AccountId(1 + random.below(4) as u32);
            if number >= 4 && (number == 4 || random.below(LATE_ONE_IN) < 4) {
                holders.push(Holder::join(&accounts, account));
                figures.latecomers += 1;
            }
            for board in &mut boards {
                board.apply(&event, &mut |_, _| {});
            }
            let places = boards.get(event.instrument.index()).map(Board::places);
            accounts.apply(&event, places.unwrap_or_default(), &mut |topic, update| {
                let Topic { scope: Scope::Own(account), kind } = *topic else { return };
                figures.holdings += u64::from(matches!(update, Update::Holdings(_)));
                figures.steps += u64::from(matches!(update, Update::OwnOrder(_)));
                let of = |holder: &&mut Holder| holder.account == account;
                holders.iter_mut().filter(of).for_each(|holder| holder.hear(kind, update));
            });
            for holder in &holders {
                holder.agrees(seed, &event, &accounts);
                figures.compared += 1;
            }
        }
    }
    figures
}

/// An order as far as its owner follows it.
type Followed = (OrderState, Standing, Filled);

/// Somebody who asked once and has listened since.
struct Holder {
    account: AccountId,
    balances: BTreeMap<AssetId, Balance>,
    /// As told at tenths.
    holdings: Vec<Balance>,
    /// Open orders.
    orders: BTreeMap<OrderId, Followed>,
}

impl Holder {
    fn join(accounts: &Accounts, account: AccountId) -> Self {
        let holdings = balances(accounts, account);
        let balances = holdings.iter().map(|it| (it.asset, *it)).collect();
        Self { account, balances, holdings, orders: open_orders(accounts, account) }
    }

    fn hear(&mut self, kind: TopicKind, update: &Update<'_>) {
        match update {
            Update::Balance(balance) => drop(self.balances.insert(balance.asset, **balance)),
            Update::Holdings(all) if kind == (TopicKind::Holdings { cadence: Cadence::TENTH }) => {
                self.holdings = all.to_vec();
            }
            Update::OwnOrder(update) => {
                if let OwnStep::Replaces(old) = update.step {
                    self.orders.remove(&old.id);
                }
                if update.standing.is_open() {
                    let followed = (update.order, update.standing, update.filled);
                    self.orders.insert(update.order.id, followed);
                } else {
                    self.orders.remove(&update.order.id);
                }
            }
            _ => {}
        }
    }

    fn agrees(&self, seed: u64, event: &Event, accounts: &Accounts) {
        let now = balances(accounts, self.account);
        let held: Vec<Balance> = self.balances.values().copied().collect();
        assert_eq!(held, now, "seed {seed}: balances after {event:?}");
        if event.body == EventBody::Ticked(Cadence::TENTH) {
            assert_eq!(self.holdings, now, "seed {seed}: holdings at {event:?}");
        }
        let orders = open_orders(accounts, self.account);
        assert_eq!(self.orders, orders, "seed {seed}: orders after {event:?}");
    }
}

fn balances(accounts: &Accounts, account: AccountId) -> Vec<Balance> {
    match accounts.answer(&Query::Balances { account }, START) {
        AnswerBody::Balances(balances) => balances,
        other => panic!("{account} is followed: {other:?}"),
    }
}

fn open_orders(accounts: &Accounts, account: AccountId) -> BTreeMap<OrderId, Followed> {
    let query = Query::OpenOrders { account, instrument: None };
    let AnswerBody::OpenOrders(orders) = accounts.answer(&query, START) else {
        panic!("{account} is followed");
    };
    let followed = |own: OwnOrder| (own.order.id, (own.order, own.standing, own.filled));
    orders.into_iter().map(followed).collect()
}
