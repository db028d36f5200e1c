//! The crowd: seeded participants that quote, take, cancel and follow a slow-moving fair price, so that the
//! demo market is alive before the first visitor comes.
//!
//! They trade like everybody else: real orders through the real engine, no invented prints. Each acts at its own
//! scheduled market times and reads the engine as it stands at that very command, never a board and never a
//! clock. Integer arithmetic only: the same seed and the same visitors give the same market, byte for byte,
//! on any machine.
//!
//! What is kept here between acts is small: each participant's chance and next time, and the fair prices. What
//! a participant has in the book it looks up in the engine each time it acts, so nothing can drift apart.

mod cast;

mod quoter;
mod speculator;
mod taker;

pub(crate) mod chance;
mod fair;

mod image;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::Engine;
use model::{
    AccountId, Action, Amount, AssetId, Assets, Contract, Instrument, InstrumentId, Minimum,
    NewOrder, OrderKind, OrderState, PerpetualAction, Price, Quantity, SelfTradePolicy, Side, Span,
    Status, Time, TimeInForce, Valuation,
};

use cast::Role;
use chance::Chance;
use fair::FairPrices;

pub use fair::WANDER_MAX;
pub use image::{LAYOUT, configuration};

/// The lowest account id of a participant; visitors' are below.
pub const FIRST_ACCOUNT: u32 = 1_000_000;

/// How lively a market is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Several trades a second.
    Busy,
    /// A trade every few seconds.
    Quiet,
}

/// An asset whose price wanders against the money that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its code, as instruments name it.
    pub code: String,
    /// How far it typically stands from where it started, in millionths of its price; it never stands
    /// [`WANDER_MAX`] times as far away.
    pub wander_ppm: u32,
}

/// A market the crowd keeps alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// What is traded there.
    pub instrument: Instrument,
    /// The price that it starts at and comes back to.
    pub start: Price,
    /// How lively it is.
    pub activity: Activity,
    /// A typical order.
    pub size: Quantity,
    /// Its terms, if it is a perpetual. Then some go long and short on margin, and its fair price stands a little away
    /// from that of the spot market.
    pub contract: Option<Contract>,
}

impl Market {
    /// What its lots are worth as positions, if it is a perpetual.
    fn valuation(&self, assets: &Assets) -> Option<Valuation> {
        Valuation::of(self.contract.as_ref()?, &self.instrument, assets).ok()
    }
}

/// The participants of all markets.
pub struct Crowd {
    fair: FairPrices,
    markets: Vec<Market>,
    participants: Vec<Participant>,
    /// Who acts when: exactly one entry a participant.
    agenda: BinaryHeap<Reverse<(Time, u32)>>,
    /// The acting participant's open orders; empty between acts.
    mine: Vec<OrderState>,
}

struct Participant {
    account: AccountId,
    /// Its market's place.
    market: usize,
    role: Role,
    chance: Chance,
    /// Whether it has brought in what it trades with and said how its own orders may meet.
    introduced: bool,
}

impl Crowd {
    /// A crowd for these markets, whose first acts are due at `begin` and in the second after it. An asset that
    /// is not named stands still.
    #[must_use]
    pub fn new(seed: u64, assets: &[Asset], markets: &[Market], begin: Time) -> Self {
        let mut participants = Vec::new();
        let mut agenda = BinaryHeap::new();
        for (place, market) in markets.iter().enumerate() {
            for role in cast::of(market) {
                let number = u32::try_from(participants.len()).expect("a crowd of thousands");
                let mut chance = Chance::new(seed, u64::from(number));
                let first = chance.below(role.gap().0.unsigned_abs().min(1_000_000));
                agenda.push(Reverse((begin + Span(first as i64), number)));
                participants.push(Participant {
                    account: AccountId(FIRST_ACCOUNT + number),
                    market: place,
                    role,
                    chance,
                    introduced: false,
                });
            }
        }
        let fair = FairPrices::new(seed, assets, markets, begin);
        Self { fair, markets: markets.to_vec(), participants, agenda, mine: Vec::new() }
    }

    /// When somebody acts next; `None` if there is nobody.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.agenda.peek().map(|&Reverse((due, _))| due)
    }

    /// Lets the one who is due act: appends what it asks for, seeing this engine, at [`Crowd::due`].
    pub fn act(&mut self, engine: &Engine, out: &mut Vec<Action>) {
        let Some(Reverse((now, number))) = self.agenda.pop() else { return };
        self.fair.advance(now);
        let participant = &mut self.participants[number as usize];
        let market = &self.markets[participant.market];
        let instrument = market.instrument.id;

        let again = participant.role.pause(&mut participant.chance);
        self.agenda.push(Reverse((now + again, number)));

        let standing = match market.valuation(engine.assets()) {
            None => None,
            // Nobody trades a perpetual before there is a mark.
            Some(value) => match Standing::of(engine, (participant.account, instrument), value) {
                None => return,
                standing => standing,
            },
        };
        let rules = match engine.status(instrument) {
            Some(Status::Trading) => Admitted::All,
            Some(Status::PostOnly) => Admitted::PostOnly,
            Some(Status::CancelOnly | Status::Halted) | None => return,
        };
        if !participant.introduced {
            participant.introduced = true;
            match (&participant.role, &standing) {
                (Role::Speculator(speculator), Some(standing)) => {
                    out.extend(speculator.enters(market, participant.account, standing));
                }
                _ => out.extend(endowment(market, participant.account, engine)),
            }
            // Nobody in the crowd trades with itself.
            out.push(Action::SetSelfTradePolicy {
                account: participant.account,
                policy: SelfTradePolicy::CancelResting,
            });
            if let Role::Speculator(_) = participant.role {
                // Its stake is not there yet.
                return;
            }
        }
        // The engine sees whose day has come when the next command does: those are as good as gone.
        let lives = |order: &OrderState| match order.time_in_force {
            TimeInForce::GoodTillDate(till) => till > now,
            _ => true,
        };
        self.mine.extend(engine.open_orders(participant.account, instrument).filter(lives));
        let scene = Scene {
            market,
            account: participant.account,
            now,
            fair: self.fair.price(participant.market),
            bid: engine.best(instrument, Side::Buy),
            ask: engine.best(instrument, Side::Sell),
            last: engine.last_trade(instrument),
            mine: &self.mine,
            admitted: rules,
            standing,
        };
        participant.role.act(&scene, &mut participant.chance, out);
        self.mine.clear();
    }

    /// The market stood still until this moment: what was due before it is put off, all by as much as the first
    /// of it is late, and nothing of it is left out.
    pub fn put_off(&mut self, until: Time) {
        let Some(late) = self.due().map(|due| until - due).filter(|late| late.0 > 0) else {
            return;
        };
        let agenda = std::mem::take(&mut self.agenda).into_iter();
        self.agenda = agenda.map(|Reverse((due, number))| Reverse((due + late, number))).collect();
        self.fair.put_off(late);
    }

    /// The fair price of a market, by its place, as of the last act.
    #[must_use]
    pub fn fair_price(&self, market: usize) -> Price {
        self.fair.price(market)
    }
}

/// What a participant brings along: as much of both assets of its market as thousands of millions of typical
/// orders take, so that years of trading do not exhaust it. Of a perpetual that is margin; and whoever comes first lays the
/// ground for its insurance fund, so that the first liquidations can be paid for.
fn endowment(market: &Market, account: AccountId, engine: &Engine) -> Vec<Action> {
    const ORDERS: i128 = 4_000_000_000;
    /// Typical orders that the insurance fund can pay for.
    const INSURED: i128 = 100;
    let assets = engine.assets();
    if let Some(value) = market.valuation(assets) {
        let (asset, typical) = (value.margin, value.value(market.start, market.size.0));
        let amount = Amount(typical.saturating_mul(ORDERS).min(Amount::MAX.0 >> 14));
        let deposit = Action::Deposit { account, asset, amount };
        if engine.insurance(asset) > Amount::ZERO {
            return vec![deposit];
        }
        let amount = Amount(typical.saturating_mul(INSURED).clamp(1, amount.0));
        return vec![
            deposit,
            Action::Perpetual(PerpetualAction::Insure { account, asset, amount }),
        ];
    }
    let Some(settlement) = assets.settlement(market.instrument.id) else { return Vec::new() };
    let typical = [
        (settlement.base, settlement.base(market.size)),
        (settlement.quote, settlement.quote(market.start, market.size)),
    ];
    let deposit = |(asset, typical): (AssetId, Amount)| {
        // Thousands of participants bring the most before there is more of an asset than there may be.
        let amount = Amount(typical.0.saturating_mul(ORDERS).min(Amount::MAX.0 >> 14));
        Action::Deposit { account, asset, amount }
    };
    typical.map(deposit).into()
}

/// What the status of an instrument lets a participant do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admitted {
    All,
    PostOnly,
}

/// What a participant sees when it acts.
struct Scene<'a> {
    market: &'a Market,
    account: AccountId,
    now: Time,
    /// What the market is worth.
    fair: Price,
    bid: Option<model::Level>,
    ask: Option<model::Level>,
    last: Option<Price>,
    /// Its open orders, by id.
    mine: &'a [OrderState],
    admitted: Admitted,
    /// Of a perpetual, how it stands there.
    standing: Option<Standing>,
}

/// How a participant stands in a perpetual.
struct Standing {
    value: Valuation,
    mark: Price,
    /// Its position in lots; negative is short.
    size: i64,
    /// What it may still spend of the margin asset.
    free: Amount,
}

impl Standing {
    /// `None` before there is a mark.
    fn of(
        engine: &Engine,
        (account, instrument): (AccountId, InstrumentId),
        value: Valuation,
    ) -> Option<Self> {
        Some(Self {
            mark: engine.marks(instrument)?.mark,
            size: engine.position(account, instrument).map_or(0, |position| position.size),
            free: engine.free(account, value.margin),
            value,
        })
    }
}

impl Scene<'_> {
    /// The best level that an order of this side would meet.
    fn opposite(&self, side: Side) -> Option<model::Level> {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }

    /// An order of this account here, good till cancelled.
    fn order(&self, side: Side, kind: OrderKind, quantity: Quantity) -> NewOrder {
        NewOrder {
            account: self.account,
            instrument: self.market.instrument.id,
            side,
            kind,
            quantity,
            time_in_force: TimeInForce::GoodTillCanceled,
            post_only: false,
            trigger: None,
        }
    }

    fn cancel(&self, order: &OrderState) -> Action {
        let instrument = self.market.instrument.id;
        Action::Cancel { account: self.account, instrument, order: order.id }
    }

    /// A quantity around `percent` of the typical one, as people and programs choose them, never below the
    /// minimum at this price. Many are small, a few are large: the mean is about twice the typical size, the
    /// median about the typical one.
    fn quantity(&self, percent: i64, price: Price, chance: &mut Chance) -> Quantity {
        let typical = i128::from(self.market.size.0) * i128::from(percent) / 100;
        let share = i128::from(chance.falling(8 << 16, 3)) + (1 << 12);
        let mut lots = (typical * share) >> 16;
        if chance.percent(30) {
            // Somebody typed it by hand: one or two digits.
            lots = first_digits(lots, if chance.percent(50) { 10 } else { 100 });
        }
        let lots = lots.max(self.least(price)).max(1);
        Quantity(i64::try_from(lots).expect("an order of a size that was configured"))
    }

    /// The fewest lots that are accepted at this price.
    fn least(&self, price: Price) -> i128 {
        let instrument = &self.market.instrument;
        match instrument.minimum {
            Minimum::Quantity(least) => i128::from(least.0),
            Minimum::Notional(least) => {
                let lot = instrument.notional(price, Quantity(1)).max(1);
                (least + lot - 1) / lot
            }
        }
    }
}

/// A number with all but its first digits, as many as `below` has zeros, set to zero.
fn first_digits(number: i128, below: i128) -> i128 {
    let mut scale = 1;
    while number / scale >= below {
        scale *= 10;
    }
    number / scale * scale
}
