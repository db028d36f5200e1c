//! The law *perpetual*: in markets with perpetuals, whose prices jump, the engine agrees with the slow market event for
//! event; and after each command all money is accounted for: purses, clearing house and insurance fund of an asset are
//! together what was brought in, the clearing house has exactly what open positions have not been paid, there is as much
//! long as short, and nobody's purse is below nothing. Now and then the engine goes on as one that was restored from its
//! image, and stays the same.

use std::fmt::Debug;

use engine::Engine;
use model::{
    AccountId, AlertKind, Amount, AssetId, Command, Contract, Event, EventBody, Instrument,
    InstrumentId, Payoff, PerpetualEvent, SettledBy,
};

use super::verdict;
use crate::leveraged::Leveraged;
use crate::reference::Market;

/// Commands of one market.
const COMMANDS: usize = 1_000;
/// Once in so many commands the engine is exchanged for its image.
const IMAGE_EVERY: usize = 97;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Commands.
    pub commands: usize,
    /// Events that agreed.
    pub events: usize,
    /// Of these, fills in perpetuals.
    pub fills: usize,
    /// Of these, funding payments.
    pub funded: usize,
    /// Of these, warnings of every kind.
    pub warnings: usize,
    /// Of these, liquidations that began.
    pub liquidations: usize,
    /// Of these, closes by liquidation.
    pub liquidated: usize,
    /// Of these, liquidations that ended with something of the position left.
    pub saved: usize,
    /// Of these, deleveragings.
    pub deleveraged: usize,
    /// Of these, payments of the insurance fund.
    pub insured: usize,
    /// Of these, profits drawn.
    pub drawn: usize,
    /// Of these, rejections.
    pub rejected: usize,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed and lists commands that suffice to break it.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut flow = Leveraged::new(seed);
    let mut both = Both::new(&flow);
    let mut figures = Figures::default();
    let mut commands = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        let command = flow.next_command();
        commands.push(command);
        if let Err(found) = both.apply(&command) {
            let few = verdict::fewest(&commands, |few| breaks(&flow, few).is_some());
            let found = breaks(&flow, &few).unwrap_or(found);
            verdict::broken("perpetual", seed, &few, &found);
        }
        flow.hear(&both.fast);
        figures.count(&both.fast, &both.engine);
    }
    if let Err(found) = both.ask() {
        verdict::broken("perpetual", seed, &commands, &found);
    }
    figures
}

impl Figures {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.events += other.events;
        self.fills += other.fills;
        self.funded += other.funded;
        self.warnings += other.warnings;
        self.liquidations += other.liquidations;
        self.liquidated += other.liquidated;
        self.saved += other.saved;
        self.deleveraged += other.deleveraged;
        self.insured += other.insured;
        self.drawn += other.drawn;
        self.rejected += other.rejected;
    }

    fn count(&mut self, events: &[Event], engine: &Engine) {
        self.commands += 1;
        self.events += events.len();
        for event in events {
            match event.body {
                EventBody::Filled(_) if event.instrument != InstrumentId(0) => self.fills += 1,
                EventBody::Rejected(_) => self.rejected += 1,
                EventBody::Perpetual(PerpetualEvent::Funded { .. }) => self.funded += 1,
                EventBody::Perpetual(PerpetualEvent::Deleveraged { .. }) => self.deleveraged += 1,
                EventBody::Perpetual(PerpetualEvent::Insured { amount, .. }) => {
                    self.insured += usize::from(amount > Amount::ZERO);
                }
                EventBody::Perpetual(PerpetualEvent::Settled(settled)) => match settled.by {
                    SettledBy::Liquidation => self.liquidated += 1,
                    SettledBy::Draw => self.drawn += 1,
                    SettledBy::Trade | SettledBy::Deleveraging => {}
                },
                EventBody::Perpetual(PerpetualEvent::Alerted(alert)) => match alert.kind {
                    AlertKind::LiquidationStart => self.liquidations += 1,
                    AlertKind::LiquidationConcluded => {
                        let position = engine.position(alert.account, event.instrument);
                        self.saved += usize::from(position.is_some_and(|it| it.size != 0));
                    }
                    _ => self.warnings += 1,
                },
                _ => {}
            }
        }
    }
}

/// How these commands, in the world of the flow, break the law, if they do.
fn breaks(flow: &Leveraged, commands: &[Command]) -> Option<String> {
    let mut both = Both::new(flow);
    let broken = commands.iter().find_map(|command| both.apply(command).err());
    broken.or_else(|| both.ask().err())
}

/// The two markets.
struct Both {
    engine: Engine,
    market: Market,
    accounts: Vec<AccountId>,
    perpetuals: Vec<(InstrumentId, AssetId)>,
    instruments: Vec<Instrument>,
    contracts: Vec<Contract>,
    applied: usize,
    fast: Vec<Event>,
    slow: Vec<Event>,
}

impl Both {
    fn new(flow: &Leveraged) -> Self {
        let engine = Engine::with_contracts(&flow.instruments, &flow.contracts, flow.rules);
        let margin = |contract: &Contract| {
            let settlement = engine.assets().settlement(contract.instrument);
            let settlement = settlement.expect("a contract is of an instrument");
            match contract.payoff {
                Payoff::Linear => (contract.instrument, settlement.quote),
                Payoff::Inverse => (contract.instrument, settlement.base),
            }
        };
        Self {
            perpetuals: flow.contracts.iter().map(margin).collect(),
            market: Market::new(&flow.instruments, flow.rules).with_contracts(&flow.contracts),
            accounts: flow.accounts().collect(),
            engine,
            instruments: flow.instruments.clone(),
            contracts: flow.contracts.clone(),
            applied: 0,
            fast: Vec::new(),
            slow: Vec::new(),
        }
    }

    fn apply(&mut self, command: &Command) -> Result<(), String> {
        self.fast.clear();
        self.slow.clear();
        verdict::apply(&mut self.engine, command, &mut self.fast)?;
        self.market.apply(command, &mut self.slow);
        if self.fast != self.slow {
            let at = self.fast.iter().zip(&self.slow).take_while(|(one, two)| one == two).count();
            let (fast, slow) = (&self.fast[at..], &self.slow[at..]);
            return Err(format!(
                "after {at} equal events the engine tells\n{fast:#?}\nthe slow market tells\n{slow:#?}"
            ));
        }
        self.applied += 1;
        if self.applied.is_multiple_of(IMAGE_EVERY) {
            let image = self.engine.image();
            let restored = Engine::restore_with(&image, &self.instruments, &self.contracts);
            let restored = restored.map_err(|why| format!("its own image is refused: {why}"))?;
            same("the digest", &self.engine.digest(), &restored.digest())?;
            self.engine = restored;
        }
        self.check_money()
    }

    fn check_money(&self) -> Result<(), String> {
        for asset in self.engine.assets().all() {
            let purses: i128 = self
                .engine
                .balances()
                .filter(|balance| balance.asset == asset.id)
                .map(|balance| balance.available.0 + balance.held.0)
                .sum();
            let clearing = self.engine.clearing(asset.id);
            let all = purses + clearing.0 + self.engine.insurance(asset.id).0;
            same("all there is", &all, &self.engine.supply(asset.id).0)?;
            let costs: i128 = self
                .perpetuals
                .iter()
                .filter(|&&(_, margin)| margin == asset.id)
                .flat_map(|&(instrument, _)| self.positions(instrument))
                .map(|position| position.cost.0)
                .sum();
            same("what is owed to positions", &clearing.0, &-costs)?;
        }
        for &(instrument, _) in &self.perpetuals {
            let net: i64 = self.positions(instrument).map(|position| position.size).sum();
            same("long and short", &net, &0)?;
        }
        match self.engine.balances().find(|it| it.available.0 < 0 || it.held.0 < 0) {
            Some(balance) => Err(format!("a purse below nothing: {balance:?}")),
            None => Ok(()),
        }
    }

    fn positions(
        &self,
        instrument: InstrumentId,
    ) -> impl Iterator<Item = model::PositionState> + '_ {
        self.accounts.iter().filter_map(move |&account| self.engine.position(account, instrument))
    }

    /// Compares what both answer.
    fn ask(&self) -> Result<(), String> {
        for &(instrument, asset) in &self.perpetuals {
            let (fast, slow) = (self.engine.marks(instrument), self.market.marks(instrument));
            same("marks", &fast, &slow)?;
            let (fast, slow) = (self.engine.insurance(asset), self.market.insurance(asset));
            same("insurance", &fast, &slow)?;
            let (fast, slow) = (self.engine.clearing(asset), self.market.clearing(asset));
            same("clearing", &fast, &slow)?;
            for &account in &self.accounts {
                let slow = self.market.position(account, instrument);
                let fast = self.engine.position(account, instrument).unwrap_or(slow);
                same("a position", &fast, &slow)?;
                let slow = self.market.open_orders(account, instrument);
                let fast: Vec<_> = self.engine.open_orders(account, instrument).collect();
                same("open orders", &fast, &slow)?;
            }
        }
        for asset in self.engine.assets().all() {
            for &account in self.accounts.iter().chain(&[AccountId::FEES]) {
                let fast = self.engine.balance(account, asset.id);
                same("balance", &fast, &self.market.balance(account, asset.id))?;
                let fast = self.engine.free(account, asset.id);
                same("what is free", &fast, &self.market.free(account, asset.id))?;
            }
        }
        Ok(())
    }
}

fn same<T: PartialEq + Debug>(what: &str, fast: &T, slow: &T) -> Result<(), String> {
    if fast == slow {
        return Ok(());
    }
    Err(format!("{what}: the engine says\n{fast:?}\nthe slow market says\n{slow:?}"))
}
