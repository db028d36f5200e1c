//! The law *conservation*, of money: of each asset, all that accounts have available and held, the venue's fees
//! included, is what was deposited less what was withdrawn, after every command; and what an account holds is
//! what its open orders hold, added up anew.
//!
//! It is kept from the events alone, by arithmetic of its own. Of trades, see [`trades`].

use engine::{Engine, Rules};
use model::{
    AccountId, Amount, AssetId, Assets, Command, Event, EventBody, Instrument, InstrumentId,
    OrderKind, OrderState, Side,
};

use super::verdict;
use crate::flow::Flow;

pub mod trades;

/// Commands of one market.
const COMMANDS: usize = 1_000;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Sums that were right, one for each asset after each command.
    pub sums: usize,
    /// Open orders whose holds were added up.
    pub holds: usize,
    /// Fees that were paid.
    pub fees: usize,
}

/// Runs the market of a seed and adds up all along.
///
/// # Panics
/// If the law is broken; the message names the seed and lists commands that suffice to break it.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut flow = Flow::new(seed);
    let world = flow.clone();
    let mut here = Here::new(&world);
    let mut figures = Figures::default();
    let mut commands = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        let command = flow.next_command();
        commands.push(command);
        if let Err(found) = here.apply(&command, &mut figures) {
            let breaks = |few: &[Command]| {
                let mut here = Here::new(&world);
                few.iter().find_map(|it| here.apply(it, &mut Figures::default()).err())
            };
            let few = verdict::fewest(&commands, |few| breaks(few).is_some());
            let found = breaks(&few).unwrap_or(found);
            verdict::broken("conservation", seed, &few, &found);
        }
        flow.hear(&here.events);
    }
    figures
}

struct Here {
    engine: Engine,
    books: Books,
    events: Vec<Event>,
}

impl Here {
    fn new(world: &Flow) -> Self {
        Self {
            engine: Engine::with_rules(&world.instruments, world.rules),
            books: Books::new(&world.instruments, world.rules),
            events: Vec::new(),
        }
    }

    fn apply(&mut self, command: &Command, figures: &mut Figures) -> Result<(), String> {
        self.events.clear();
        verdict::apply(&mut self.engine, command, &mut self.events)?;
        self.books.hear(&self.events);
        figures.sums += self.books.balance(&self.engine)?;
        figures.holds += self.books.check_holds(&self.engine)?;
        for event in &self.events {
            if let EventBody::Filled(fill) = event.body {
                figures.fees += usize::from(fill.maker_fee + fill.taker_fee > Amount::ZERO);
            }
        }
        Ok(())
    }
}

/// An auditor's own books: what came in and went out.
#[derive(Clone, Debug)]
pub(super) struct Books {
    instruments: Vec<Instrument>,
    assets: Assets,
    rules: Rules,
    /// Deposits less withdrawals, by asset.
    brought_in: Vec<i128>,
}

impl Books {
    pub fn new(instruments: &[Instrument], rules: Rules) -> Self {
        let assets = Assets::of(instruments);
        let brought_in = vec![0; assets.all().len()];
        Self { instruments: instruments.to_vec(), assets, rules, brought_in }
    }

    /// Writes down what moved.
    pub fn hear(&mut self, events: &[Event]) {
        for event in events {
            match event.body {
                EventBody::Deposited(it) => self.brought_in[it.asset.index()] += it.amount.0,
                EventBody::Withdrawn(it) => self.brought_in[it.asset.index()] -= it.amount.0,
                _ => {}
            }
        }
    }

    /// Whether all money is there; answers how many sums were made.
    pub fn balance(&self, engine: &Engine) -> Result<usize, String> {
        let mut sums = vec![0; self.brought_in.len()];
        for balance in engine.balances() {
            if balance.available < Amount::ZERO || balance.held < Amount::ZERO {
                return Err(format!("somebody has less than nothing: {balance:?}"));
            }
            sums[balance.asset.index()] += (balance.available + balance.held).0;
        }
        if sums != self.brought_in {
            return Err(format!("there is {sums:?}, brought in was {:?}", self.brought_in));
        }
        Ok(sums.len())
    }

    /// Whether every account holds what its orders hold; answers how many orders were looked at.
    pub fn check_holds(&self, engine: &Engine) -> Result<usize, String> {
        let mut orders = 0;
        let mut accounts: Vec<AccountId> = engine.balances().map(|it| it.account).collect();
        accounts.dedup();
        for account in accounts {
            let mut holds = vec![0; self.brought_in.len()];
            for instrument in &self.instruments {
                for order in engine.open_orders(account, instrument.id) {
                    let (asset, amount) = self.hold(instrument.id, &order);
                    holds[asset.index()] += amount;
                    orders += 1;
                }
            }
            for (asset, hold) in (0..).map(AssetId).zip(holds) {
                let held = engine.balance(account, asset).held.0;
                if held != hold {
                    return Err(format!(
                        "{account:?} holds {held} of {asset:?}, its orders {hold}"
                    ));
                }
            }
        }
        if orders != engine.open_orders_count() as usize {
            return Err(format!("{orders} orders were looked at, not all"));
        }
        Ok(orders)
    }

    /// What an open order has to hold.
    fn hold(&self, instrument: InstrumentId, order: &OrderState) -> (AssetId, i128) {
        let settlement = self.assets.settlement(instrument).expect("a known instrument");
        let lots = i128::from(order.remaining.0);
        match order.side {
            Side::Sell => (settlement.base, lots * settlement.base_per_lot),
            Side::Buy => {
                let price = match (order.kind, order.trigger) {
                    (OrderKind::Limit(price), _) => price,
                    (OrderKind::Market, Some(trigger)) => trigger.level(),
                    (OrderKind::Market, None) => unreachable!("a market order does not rest"),
                };
                let lot = i128::from(price.0) * settlement.quote_per_tick_lot;
                let rate = i128::from(self.rules.maker_fee_ppm.max(self.rules.taker_fee_ppm));
                let fee = (lot * rate + 999_999) / 1_000_000;
                (settlement.quote, lots * (lot + fee))
            }
        }
    }
}
