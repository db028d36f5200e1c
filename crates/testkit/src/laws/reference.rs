//! The law *reference*: the fast market agrees with the slow one, event for event, and in what it answers
//! between commands.

use std::fmt::Debug;

use engine::Engine;
use model::{
    AccountId, AssetId, CloseReason, Command, Event, EventBody, InstrumentId, Rejection, Side,
};

use super::conservation::Books;
use super::verdict;
use crate::flow::Flow;
use crate::reference::Market;

/// Commands of one market.
const COMMANDS: usize = 1_000;
/// Answers are compared once in so many commands.
const ASK_EVERY: usize = 10;
/// Accounts of a crowded market.
const CROWD: u32 = 1_000;
/// In a crowded market answers are compared once in so many commands; sums of money after each.
const ASK_CROWD_EVERY: usize = 500;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that agreed.
    pub events: usize,
    /// Of these, fills.
    pub fills: usize,
    /// Of these, self-trades.
    pub self_trades: usize,
    /// Of these, stop orders woken.
    pub woken: usize,
    /// Of these, trailing ones.
    pub trailed: usize,
    /// Of these, rejections.
    pub rejected: usize,
    /// Of these, for want of money.
    pub refused_funds: usize,
    /// Of these, stop orders that could not be paid for when they were woken.
    pub unfunded: usize,
    /// Of these, balances.
    pub balances: usize,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed and lists commands that suffice to break it.
#[must_use]
pub fn check(seed: u64) -> Figures {
    run(Flow::new(seed), seed, COMMANDS, ASK_EVERY)
}

/// Runs a market of a thousand accounts, for so many commands after those that fund them.
///
/// # Panics
/// As [`check`].
#[must_use]
pub fn check_crowded(seed: u64, commands: usize) -> Figures {
    let flow = Flow::crowded(seed, CROWD);
    let funding = CROWD as usize * model::Assets::of(&flow.instruments).all().len();
    run(flow, seed, funding + commands, ASK_CROWD_EVERY)
}

fn run(mut flow: Flow, seed: u64, count: usize, ask_every: usize) -> Figures {
    let mut both = Both::new(&flow);
    let mut figures = Figures::default();
    let mut commands = Vec::with_capacity(count);
    for _ in 0..count {
        let command = flow.next_command();
        commands.push(command);
        let verdict = both.apply(&command, commands.len().is_multiple_of(ask_every));
        if let Err(found) = verdict {
            if commands.len() > 10 * COMMANDS {
                // Too many to look for fewer; the seed tells them all again.
                let found =
                    format!("after {} commands, the last ones here: {found}", commands.len());
                verdict::broken("reference", seed, &commands[commands.len() - 5..], &found);
            }
            let few = verdict::fewest(&commands, |few| breaks(&flow, few).is_some());
            let found = breaks(&flow, &few).unwrap_or(found);
            verdict::broken("reference", seed, &few, &found);
        }
        flow.hear(&both.fast);
        figures.count(&both.fast);
    }
    figures
}

impl Figures {
    fn count(&mut self, events: &[Event]) {
        self.events += events.len();
        for event in events {
            match event.body {
                EventBody::Filled(fill) => {
                    self.fills += 1;
                    self.self_trades += usize::from(fill.is_self_trade());
                }
                EventBody::Triggered(order) => {
                    self.woken += 1;
                    let trails = order.trigger.is_some_and(|trigger| trigger.trail.is_some());
                    self.trailed += usize::from(trails);
                }
                EventBody::Rejected(why) => {
                    self.rejected += 1;
                    let funds = matches!(why, Rejection::InsufficientFunds { .. });
                    self.refused_funds += usize::from(funds);
                }
                EventBody::Closed { reason: CloseReason::Unfunded, .. } => self.unfunded += 1,
                EventBody::Balance(_) => self.balances += 1,
                _ => {}
            }
        }
    }
}

/// How these commands, in the world of the flow, break the law, if they do.
fn breaks(flow: &Flow, commands: &[Command]) -> Option<String> {
    let mut both = Both::new(flow);
    commands.iter().find_map(|command| both.apply(command, true).err())
}

/// The two markets.
struct Both {
    engine: Engine,
    market: Market,
    accounts: Vec<AccountId>,
    books: Books,
    fast: Vec<Event>,
    slow: Vec<Event>,
}

impl Both {
    fn new(flow: &Flow) -> Self {
        Self {
            engine: Engine::with_rules(&flow.instruments, flow.rules),
            market: Market::new(&flow.instruments, flow.rules),
            accounts: flow.accounts().collect(),
            books: Books::new(&flow.instruments, flow.rules),
            fast: Vec::new(),
            slow: Vec::new(),
        }
    }

    fn apply(&mut self, command: &Command, ask: bool) -> Result<(), String> {
        self.fast.clear();
        self.slow.clear();
        verdict::apply(&mut self.engine, command, &mut self.fast)?;
        self.market.apply(command, &mut self.slow);
        if self.fast != self.slow {
            let (fast, slow) = (&self.fast, &self.slow);
            return Err(format!("the engine tells\n{fast:#?}\nthe slow market tells\n{slow:#?}"));
        }
        self.books.hear(&self.fast);
        self.books.balance(&self.engine)?;
        if ask {
            self.books.check_holds(&self.engine)?;
            self.ask()?;
        }
        Ok(())
    }

    /// Compares what both answer between commands.
    fn ask(&self) -> Result<(), String> {
        let mut instrument = InstrumentId(0);
        while let Some(status) = self.engine.status(instrument) {
            let slow = self.market.status(instrument);
            same("status", &status, &slow)?;
            let (fast, slow) =
                (self.engine.last_trade(instrument), self.market.last_trade(instrument));
            same("last trade", &fast, &slow)?;
            for side in [Side::Buy, Side::Sell] {
                let slow = self.market.levels(instrument, side);
                let fast: Vec<_> = self.engine.levels(instrument, side, usize::MAX).collect();
                same("levels", &fast, &slow)?;
                let best = self.engine.best(instrument, side);
                same("best", &best.as_ref(), &slow.first())?;
            }
            for &account in &self.accounts {
                let slow = self.market.open_orders(account, instrument);
                let fast: Vec<_> = self.engine.open_orders(account, instrument).collect();
                same("open orders", &fast, &slow)?;
            }
            instrument.0 += 1;
        }
        for (asset, brought_in) in (0..).map(AssetId).zip(self.market.brought_in()) {
            let fast = self.engine.supply(asset);
            same("supply", &fast.0, brought_in)?;
            for &account in self.accounts.iter().chain(&[AccountId::FEES]) {
                let fast = self.engine.balance(account, asset);
                let slow = self.market.balance(account, asset);
                same("balance", &fast, &slow)?;
            }
        }
        let fast = self.engine.open_orders_count();
        same("open orders", &(fast as usize), &self.market.open_orders_count())
    }
}

fn same<T: PartialEq + Debug>(what: &str, fast: &T, slow: &T) -> Result<(), String> {
    if fast == slow {
        return Ok(());
    }
    Err(format!("{what}: the engine says\n{fast:?}\nthe slow market says\n{slow:?}"))
}
