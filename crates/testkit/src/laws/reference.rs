//! The law *reference*: the fast market agrees with the slow one, event for event, and in what it answers
//! between commands.

use engine::Engine;
use model::{
    AccountId, AssetId, CloseReason, Command, Event, EventBody, InstrumentId, Rejection, Side,
};

use super::verdict;
use crate::flow::Flow;
use crate::reference::Market;

/// Commands of one market.
const COMMANDS: usize = 1_000;
/// Answers are compared once in so many commands.
const ASK_EVERY: usize = 10;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that agreed.
    pub events: usize,
    /// Of these, fills.
    pub fills: usize,
    /// Of these, stop orders woken.
    pub woken: usize,
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
    let mut flow = Flow::new(seed);
    let mut both = Both::new(&flow);
    let mut figures = Figures::default();
    let mut commands = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        let command = flow.next_command();
        commands.push(command);
        let verdict = both.apply(&command, commands.len().is_multiple_of(ASK_EVERY));
        if let Err(found) = verdict {
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
                EventBody::Filled(_) => self.fills += 1,
                EventBody::Triggered(_) => self.woken += 1,
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
    fast: Vec<Event>,
    slow: Vec<Event>,
}

impl Both {
    fn new(flow: &Flow) -> Self {
        Self {
            engine: Engine::with_rules(&flow.instruments, flow.rules),
            market: Market::new(&flow.instruments, flow.rules),
            accounts: flow.accounts().collect(),
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
        if ask { self.ask() } else { Ok(()) }
    }

    /// Compares what both answer between commands.
    fn ask(&self) -> Result<(), String> {
        let same = |what: &str, fast: String, slow: String| {
            if fast == slow {
                return Ok(());
            }
            Err(format!("{what}: the engine says\n{fast}\nthe slow market says\n{slow}"))
        };
        let mut instrument = InstrumentId(0);
        while let Some(status) = self.engine.status(instrument) {
            let slow = self.market.status(instrument);
            same("status", format!("{status:?}"), format!("{slow:?}"))?;
            let (fast, slow) =
                (self.engine.last_trade(instrument), self.market.last_trade(instrument));
            same("last trade", format!("{fast:?}"), format!("{slow:?}"))?;
            for side in [Side::Buy, Side::Sell] {
                let slow = self.market.levels(instrument, side);
                let fast: Vec<_> = self.engine.levels(instrument, side, usize::MAX).collect();
                same("levels", format!("{fast:?}"), format!("{slow:?}"))?;
                let best = self.engine.best(instrument, side);
                same("best", format!("{best:?}"), format!("{:?}", slow.first()))?;
            }
            for &account in &self.accounts {
                let slow = self.market.open_orders(account, instrument);
                let fast: Vec<_> = self.engine.open_orders(account, instrument).collect();
                same("open orders", format!("{fast:?}"), format!("{slow:?}"))?;
            }
            instrument.0 += 1;
        }
        for (asset, brought_in) in (0..).map(AssetId).zip(self.market.brought_in()) {
            let fast = self.engine.supply(asset);
            same("supply", format!("{fast}"), format!("{brought_in}"))?;
            for &account in self.accounts.iter().chain(&[AccountId::FEES]) {
                let fast = self.engine.balance(account, asset);
                let slow = self.market.balance(account, asset);
                same("balance", format!("{fast:?}"), format!("{slow:?}"))?;
            }
        }
        let fast = self.engine.open_orders_count();
        same("open orders", format!("{fast}"), format!("{}", self.market.open_orders_count()))
    }
}
