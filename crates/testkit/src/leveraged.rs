//! Commands as reckless speculators would send them: perpetuals, linear and inverse, at every leverage, beside a spot
//! market that is one of their index's constituents, while prices jump.
//!
//! From a seed, like [`crate::flow`], which knows no perpetuals.

use engine::Rules;
use engine::flow::Random;
use model::{
    AccountId, Action, Amount, AssetId, Assets, Cadence, Command, Constituent, Contract, Event,
    EventBody, Instrument, InstrumentId, MarginMode, Minimum, NewOrder, OrderId, OrderKind, Payoff,
    PerpetualAction, Price, Quantity, SelfTradePolicy, Sequence, Side, Span, Status, Tier, Time,
    TimeInForce, Trigger, TriggerWhen,
};

/// Orders that are remembered to be cancelled.
const REMEMBERED: usize = 64;
/// Ticks of the spot market in one of a perpetual.
const FINER: i64 = 100;

/// The flow of a seed, and the world it is sent into.
#[derive(Clone, Debug)]
pub struct Leveraged {
    random: Random,
    /// A spot market, two linear perpetuals and an inverse one, not all of which have a contract.
    pub instruments: Vec<Instrument>,
    /// Of the perpetuals.
    pub contracts: Vec<Contract>,
    /// The rules of this world.
    pub rules: Rules,
    accounts: u32,
    assets: u16,
    endowed: u32,
    /// Of a thousand steps of the price so many are jumps.
    jumps: u64,
    sequence: u64,
    now: i64,
    /// Where the world outside trades, in ticks of a perpetual.
    price: i64,
    heard: Vec<(InstrumentId, AccountId, OrderId)>,
    disturbed: Option<InstrumentId>,
}

impl Leveraged {
    /// The flow of this seed. Some worlds are calm and deep, some jump about.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let instruments = instruments();
        let mut contracts = vec![contract(1, Payoff::Linear, 1 + random.below(2) as i64)];
        let others = random.below(3);
        if others != 0 {
            contracts.push(contract(2, Payoff::Linear, 1));
        }
        if others != 1 {
            contracts.push(contract(3, Payoff::Inverse, 100));
        }
        let (maker_fee_ppm, taker_fee_ppm) = match random.below(4) {
            0 => (0, 0),
            1 => (random.below(5_000) as u32, random.below(5_000) as u32),
            _ => (200, 500),
        };
        let assets = Assets::of(&instruments).all().len() as u16;
        Self {
            rules: Rules {
                open_orders_max: 1 << 20,
                band_basis_points: if random.below(4) == 0 { None } else { Some(2_000) },
                maker_fee_ppm,
                taker_fee_ppm,
                self_trades_pay: random.below(4) == 0,
            },
            contracts,
            instruments,
            accounts: 2 + random.below(9) as u32,
            assets,
            endowed: 0,
            jumps: [5, 50, 200][random.below(3) as usize],
            sequence: 0,
            now: 1_795_305_600_000_000,
            price: 1_000,
            heard: Vec::new(),
            disturbed: None,
            random,
        }
    }

    /// The accounts that send, and one that never does.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        (0..=self.accounts).map(AccountId)
    }

    /// What happened to what was sent.
    pub fn hear(&mut self, events: &[Event]) {
        for event in events {
            if let EventBody::Rested(order) = event.body {
                if self.heard.len() == REMEMBERED {
                    self.heard.remove(0);
                }
                self.heard.push((event.instrument, order.account, order.id));
            }
        }
    }

    /// The next command.
    pub fn next_command(&mut self) -> Command {
        self.sequence += 1;
        self.now += match self.random.below(100) {
            0..90 => self.random.below(3_000_000) as i64,
            90..99 => self.random.below(60_000_000) as i64,
            _ => self.random.below(1_200_000_000) as i64,
        };
        let action = self.action();
        Command { sequence: Sequence(self.sequence), time: Time(self.now), action }
    }

    fn action(&mut self) -> Action {
        if self.endowed < self.accounts * u32::from(self.assets) {
            let account = AccountId(1 + self.endowed / u32::from(self.assets));
            let asset = AssetId((self.endowed % u32::from(self.assets)) as u16);
            self.endowed += 1;
            return Action::Deposit { account, asset, amount: self.purse(asset) };
        }
        if let Some(instrument) = self.disturbed
            && self.chance(100)
        {
            self.disturbed = None;
            return Action::SetStatus { instrument, status: Status::Trading };
        }
        let (account, instrument) = (self.account(), self.perpetual());
        match self.random.below(1_000) {
            0..370 => Action::Place(self.order(instrument)),
            370..440 => Action::Perpetual(PerpetualAction::Reduce(self.order(instrument))),
            440..520 => Action::Place(self.order(InstrumentId(0))),
            520..570 if !self.heard.is_empty() => {
                let place = self.random.below(self.heard.len() as u64) as usize;
                let (instrument, account, order) = self.heard[place];
                Action::Cancel { account, instrument, order }
            }
            520..580 => Action::CancelAll { account, instrument: Some(instrument) },
            580..700 => {
                self.step();
                let far = if self.chance(50) { 1 + self.random.below(300) as i64 } else { 0 };
                let price = Price(self.price + far);
                let constituent = if self.chance(20) { 0 } else { 1 + self.random.below(2) as u16 };
                Action::Perpetual(PerpetualAction::Quote { instrument, constituent, price })
            }
            700..860 => Action::Perpetual(PerpetualAction::Mark(instrument)),
            860..895 => {
                let leverage = self.random.below(24) as u16;
                Action::Perpetual(PerpetualAction::SetLeverage { account, instrument, leverage })
            }
            895..920 => {
                let mode = self.one_of([MarginMode::Isolated, MarginMode::Cross]);
                Action::Perpetual(PerpetualAction::SetMarginMode { account, instrument, mode })
            }
            920..945 => {
                let sign = self.one_of([1, 1, -1]);
                let asset = self.margin_of(instrument);
                let amount = Amount(sign * self.purse(asset).0 / 10);
                Action::Perpetual(PerpetualAction::AddMargin { account, instrument, amount })
            }
            945..975 => {
                let asset = AssetId(self.random.below(u64::from(self.assets)) as u16);
                let amount = self.purse(asset);
                match self.random.below(4) {
                    0 => Action::Deposit { account, asset, amount },
                    1 => Action::Withdraw { account, asset, amount },
                    2 => Action::Transfer { from: account, to: self.account(), asset, amount },
                    _ => Action::Perpetual(PerpetualAction::Insure { account, asset, amount }),
                }
            }
            975..980 => Action::Follow(account),
            980..985 => {
                let policy = self.one_of([
                    SelfTradePolicy::Allow,
                    SelfTradePolicy::CancelResting,
                    SelfTradePolicy::CancelArriving,
                    SelfTradePolicy::CancelBoth,
                ]);
                Action::SetSelfTradePolicy { account, policy }
            }
            985..988 => {
                let instrument = self.disturbed.unwrap_or(instrument);
                self.disturbed = Some(instrument);
                let status = self.one_of([Status::PostOnly, Status::CancelOnly, Status::Halted]);
                Action::SetStatus { instrument, status }
            }
            988..992 => {
                let (side, worth) = (Side::Buy, Amount(1_000_000));
                Action::PlaceWorth { account, instrument, side, worth }
            }
            _ => Action::Tick(Cadence(Span(1))),
        }
    }

    /// The world outside moves on, now and then by a jump.
    fn step(&mut self) {
        let most = if self.chance(self.jumps) { self.price / 4 } else { self.price / 60 };
        let most = most.max(1) as u64;
        let away = self.random.below(2 * most + 1) as i64 - most as i64;
        // Far away it is drawn back.
        let back = match self.price {
            ..500 => 2,
            2_000.. => -2,
            _ => 0,
        };
        self.price = (self.price + away + back).max(100);
    }

    fn purse(&mut self, asset: AssetId) -> Amount {
        // Dollars have twelve decimals or so, bitcoins eight: see what positions cost.
        let unit = if asset == AssetId(1) { 100_000_000_000 } else { 1_000_000 };
        let small = self.chance(900);
        let most = if small { 500 } else { 20_000 };
        Amount(unit * (1 + self.random.below(most) as i128))
    }

    fn margin_of(&self, instrument: InstrumentId) -> AssetId {
        AssetId(u16::from(instrument != InstrumentId(3)))
    }

    fn order(&mut self, instrument: InstrumentId) -> NewOrder {
        let side = self.one_of([Side::Buy, Side::Sell]);
        let kind = if self.chance(200) {
            OrderKind::Market
        } else {
            let reach = 1 + self.price / 50;
            let away = self.random.below(reach as u64) as i64 - reach / 4;
            let price = match side {
                Side::Buy => self.price - away,
                Side::Sell => self.price + away,
            };
            let fine = if instrument == InstrumentId(0) { FINER } else { 1 };
            OrderKind::Limit(Price((price * fine).max(1)))
        };
        let immediate = self.one_of([TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill]);
        let time_in_force = match self.random.below(10) {
            _ if kind == OrderKind::Market => immediate,
            0..2 => immediate,
            2 => TimeInForce::GoodTillDate(Time(self.now + self.random.below(60_000_000) as i64)),
            _ => TimeInForce::GoodTillCanceled,
        };
        let quantity = match (instrument.0, self.chance(100)) {
            (0, _) => 1 + self.random.below(100_000_000) as i64,
            (1 | 2, true) => 1 + self.random.below(40_000) as i64,
            (1 | 2, false) => 1 + self.random.below(5_000) as i64,
            (_, true) => 1 + self.random.below(2_000) as i64,
            (_, false) => 1 + self.random.below(200) as i64,
        };
        let trigger = Trigger::at(Price(self.price), TriggerWhen::AtOrAbove);
        NewOrder {
            account: self.account(),
            instrument,
            side,
            kind,
            quantity: Quantity(quantity),
            time_in_force,
            post_only: self.chance(60),
            trigger: self.chance(10).then_some(trigger),
        }
    }

    fn account(&mut self) -> AccountId {
        AccountId(1 + self.random.below(u64::from(self.accounts)) as u32)
    }

    fn perpetual(&mut self) -> InstrumentId {
        if self.chance(5) {
            return InstrumentId(1 + self.random.below(5) as u16);
        }
        self.contracts[self.random.below(self.contracts.len() as u64) as usize].instrument
    }

    fn chance(&mut self, in_thousand: u64) -> bool {
        self.random.below(1_000) < in_thousand
    }

    fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.random.below(N as u64) as usize]
    }
}

/// A spot market in cents, two perpetuals in dollars of a thousandth of a bitcoin a lot, an inverse one in contracts of
/// a hundred dollars.
#[must_use]
pub fn instruments() -> Vec<Instrument> {
    let spot = engine::flow::instrument();
    let perpetual = Instrument {
        id: InstrumentId(1),
        price_decimals: 0,
        quantity_decimals: 3,
        minimum: Minimum::Quantity(Quantity(1)),
        ..spot.clone()
    };
    let second = Instrument { id: InstrumentId(2), ..perpetual.clone() };
    let inverse = Instrument { id: InstrumentId(3), quantity_decimals: 0, ..perpetual.clone() };
    vec![spot, perpetual, second, inverse]
}

/// A contract of one of them: three tiers, an index of our own spot market and two feeds.
#[must_use]
pub fn contract(id: u16, payoff: Payoff, size: i64) -> Contract {
    // Dollars have ten decimals here, bitcoins eight.
    let thousand = match payoff {
        Payoff::Linear => 10_000_000_000_000,
        Payoff::Inverse => 100_000_000,
    };
    let tier = |thousands: i128, initial_ppm, maintenance_ppm| Tier {
        up_to: Amount(thousands * thousand),
        initial_ppm,
        maintenance_ppm,
    };
    Contract {
        instrument: InstrumentId(id),
        payoff,
        size,
        tiers: vec![tier(1, 50_000, 25_000), tier(5, 100_000, 50_000), tier(100, 200_000, 125_000)],
        constituents: vec![
            Constituent::Book(InstrumentId(0)),
            Constituent::Feed("one".parse().expect("a name")),
            Constituent::Feed("two".parse().expect("a name")),
        ],
        stale_after: Span::seconds(300),
        outlier_ppm: 50_000,
        basis_ppm_max: 5_000,
        funding_interval: Span::seconds(600),
        sample_interval: Span::seconds(10),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 50_000,
        liquidation_fee_ppm: 2_000,
    }
}
