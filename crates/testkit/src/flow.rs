//! Commands as a restless and partly mad crowd would send them: every kind of order in a small world where they
//! keep meeting, and now and then a number from the edge of what 64 bits hold.
//!
//! From a seed; it learns ids from the events it is told of. The flow that speed is measured on is another,
//! [`engine::flow`].

use engine::Rules;
use engine::flow::Random;
use model::{
    AccountId, Action, Amount, AssetId, Assets, Balance, Cadence, Command, Event, EventBody,
    Instrument, InstrumentId, Minimum, NewOrder, OrderId, OrderKind, OrderState, Price, Quantity,
    Rejection, SelfTradePolicy, Sequence, Side, Span, Status, Time, TimeInForce, Trail, Trigger,
    TriggerWhen,
};

/// Where prices gather, in ticks.
const MIDDLE: i64 = 1_000;
/// Ids that are remembered to be cancelled or replaced.
const REMEMBERED: usize = 64;
/// As many in a crowded world, where about so many orders are open.
const REMEMBERED_CROWDED: usize = 600;

/// The flow of a seed, and the world it is sent into.
#[derive(Clone, Debug)]
pub struct Flow {
    random: Random,
    /// The instruments of this world.
    pub instruments: Vec<Instrument>,
    /// The rules of this world.
    pub rules: Rules,
    accounts: u32,
    assets: u16,
    /// How many balances have been filled; that is how it begins.
    endowed: u32,
    /// Of a thousand such gifts so many are small.
    thrift: u64,
    /// Few stop orders, few orders of another instrument, and hardly anybody leaves at once: levels by the
    /// hundred.
    deep: bool,
    /// Prices gather this far around the middle.
    reach: i64,
    /// Of a thousand numbers so many are extreme.
    madness: u64,
    /// Of a thousand orders so many can rest at once: deep books, few trades.
    patience: u64,
    sequence: u64,
    now: i64,
    /// An instrument that may not be trading, until it is told to.
    disturbed: Option<InstrumentId>,
    /// How many of the orders heard of are kept in mind.
    remembered: usize,
    /// Orders heard of lately, with where they are.
    heard: Vec<(InstrumentId, OrderState)>,
    /// Balances heard of lately.
    purses: Vec<Balance>,
}

impl Flow {
    /// The flow of this seed. Some worlds are narrow, some deep, some almost full, some without a price band.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let deep = random.below(4) == 0;
        let open_orders_max = match random.below(4) {
            0 => 8 + random.below(20) as u32,
            _ => 1 << 20,
        };
        let band_basis_points = match random.below(4) {
            0 => None,
            1 => Some(random.below(30_000) as u32),
            _ => Some(2_000),
        };
        let (maker_fee_ppm, taker_fee_ppm) = match random.below(6) {
            0 => (0, 0),
            1 => (1_000_000, 999_999),
            2 => (random.below(10_000) as u32, random.below(10_000) as u32),
            _ => (1_000, 2_000),
        };
        let instruments = instruments();
        let assets = Assets::of(&instruments).all().len() as u16;
        Self {
            instruments,
            rules: Rules {
                open_orders_max,
                band_basis_points,
                maker_fee_ppm,
                taker_fee_ppm,
                self_trades_pay: random.below(4) == 0,
            },
            accounts: 2 + random.below(5) as u32,
            assets,
            endowed: 0,
            thrift: [0, 200, 900][random.below(3) as usize],
            deep,
            reach: if deep { 400 } else { 4 + random.below(12) as i64 },
            madness: [0, 2, 10, 60][random.below(4) as usize],
            patience: if deep { 900 } else { random.below(500) },
            sequence: 0,
            now: 1_795_305_600_000_000,
            disturbed: None,
            remembered: REMEMBERED,
            heard: Vec::new(),
            purses: Vec::new(),
            random,
        }
    }

    /// A world of so many accounts that have enough, or little, of everything, and of about as many open orders
    /// at any time, however long it lasts.
    #[must_use]
    pub fn crowded(seed: u64, accounts: u32) -> Self {
        let plain = Rules { self_trades_pay: seed % 2 == 1, ..Rules::default() };
        Self {
            rules: plain,
            accounts,
            thrift: 300,
            deep: false,
            reach: 12,
            madness: 2,
            patience: 200,
            remembered: REMEMBERED_CROWDED,
            ..Self::new(seed)
        }
    }

    /// The same without numbers from the edge of what 64 bits hold, and without accounts that there are not.
    pub fn orderly(seed: u64, accounts: u32) -> Self {
        Self { madness: 0, ..Self::crowded(seed, accounts) }
    }

    /// The accounts that send, and one that never does.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        (0..=self.accounts).map(AccountId)
    }

    /// What happened to what was sent: orders heard of can be asked to change.
    pub fn hear(&mut self, events: &[Event]) {
        for event in events {
            if let EventBody::Balance(balance) = event.body {
                self.purses.retain(|it| (it.account, it.asset) != (balance.account, balance.asset));
                self.purses.truncate(REMEMBERED - 1);
                self.purses.insert(0, balance);
            }
            if let EventBody::Rejected(Rejection::UnknownOrder(unknown)) = event.body {
                // Else those that have gone pile up, until hardly anybody else is asked for.
                self.heard.retain(|(_, heard)| heard.id != unknown);
            }
            let (gone, order) = match &event.body {
                EventBody::Rested(order) | EventBody::Armed(order) => (None, Some(*order)),
                EventBody::Replaced { old, new, .. } => (Some(old.id), Some(*new)),
                EventBody::Closed { order, .. } => (Some(order.id), None),
                EventBody::Filled(fill) if fill.maker.remaining.is_zero() => {
                    (Some(fill.maker.id), None)
                }
                _ => continue,
            };
            // One that has gone is sometimes asked for all the same.
            if let Some(gone) = gone
                && !self.chance(50)
            {
                self.heard.retain(|(_, heard)| heard.id != gone);
            }
            let Some(order) = order else { continue };
            if self.heard.len() < self.remembered {
                self.heard.push((event.instrument, order));
            } else {
                let place = self.random.below(self.remembered as u64) as usize;
                self.heard[place] = (event.instrument, order);
            }
        }
    }

    /// The next command.
    pub fn next_command(&mut self) -> Command {
        self.sequence += 1;
        self.now = self.now.saturating_add(self.random.below(4) as i64);
        let mut time = Time(self.now);
        if self.chance(self.madness.min(20)) {
            // Time may be said to go back, which nobody has to believe; forward too, but then it is.
            time = Time(self.now - self.random.below(1_000) as i64);
        }
        if self.madness > 0 && self.random.below(20_000) == 0 {
            // The end of time, after which every day has been. A world that lives long leaps over an hour instead.
            if self.remembered == REMEMBERED {
                time = Time(i64::MAX);
            } else {
                self.now += 3_600_000_000;
                time = Time(self.now);
            }
        }
        let sequence = if self.chance(self.madness / 10) { u64::MAX } else { self.sequence };
        Command { sequence: Sequence(sequence), time, action: self.action() }
    }

    fn action(&mut self) -> Action {
        if self.endowed < self.accounts * u32::from(self.assets) {
            let account = AccountId(1 + self.endowed / u32::from(self.assets));
            let asset = AssetId((self.endowed % u32::from(self.assets)) as u16);
            self.endowed += 1;
            let small = self.chance(self.thrift);
            let amount = if small { self.pocket_money() } else { Amount(1 << 100) };
            return Action::Deposit { account, asset, amount };
        }
        if let Some(instrument) = self.disturbed
            && self.chance(100)
        {
            self.disturbed = None;
            return Action::SetStatus { instrument, status: Status::Trading };
        }
        if self.heard.len() >= REMEMBERED_CROWDED / 2 && self.chance(250) {
            let (account, instrument, order) = self.aim();
            return Action::Cancel { account, instrument, order };
        }
        let most = if self.deep && !self.chance(20) { 930 } else { 1_000 };
        match self.random.below(most) {
            0..30 => self.movement(),
            30..60 => Action::PlaceWorth {
                account: self.account(),
                instrument: self.instrument(),
                side: self.one_of([Side::Buy, Side::Sell]),
                worth: self.pocket_money(),
            },
            60..680 => Action::Place(self.order()),
            680..820 if self.deep && self.chance(700) => Action::Place(self.order()),
            680..820 => {
                let (account, instrument, order) = self.aim();
                Action::Cancel { account, instrument, order }
            }
            820..940 => self.replace(),
            940..955 => {
                let instrument = self.instrument();
                let instrument = self.chance(500).then_some(instrument);
                Action::CancelAll { account: self.account(), instrument }
            }
            955..970 => {
                let account = self.account();
                let policy = self.one_of([
                    SelfTradePolicy::Allow,
                    SelfTradePolicy::CancelResting,
                    SelfTradePolicy::CancelArriving,
                    SelfTradePolicy::CancelBoth,
                ]);
                Action::SetSelfTradePolicy { account, policy }
            }
            970..982 => {
                let instrument = self.instrument();
                let instrument = self.disturbed.unwrap_or(instrument);
                self.disturbed = Some(instrument);
                let status = self.one_of([
                    Status::Trading,
                    Status::PostOnly,
                    Status::CancelOnly,
                    Status::Halted,
                ]);
                Action::SetStatus { instrument, status }
            }
            _ => Action::Tick(Cadence(Span(self.random.below(3) as i64))),
        }
    }

    /// Money moves by itself, or begins to be followed.
    fn movement(&mut self) -> Action {
        let (mut account, mut asset, mut amount) =
            (self.account(), self.asset(), self.pocket_money());
        let which = self.random.below(5);
        if (2..4).contains(&which) && !self.purses.is_empty() && self.chance(600) {
            // All that is free, sometimes one unit more: what is held is then all that there is.
            let known = self.purses[self.random.below(self.purses.len() as u64) as usize];
            (account, asset, amount) = (known.account, known.asset, known.available);
            amount += Amount(i128::from(self.chance(100)));
        }
        match which {
            0..2 => Action::Deposit { account, asset, amount },
            2 => Action::Withdraw { account, asset, amount },
            3 => Action::Transfer { from: account, to: self.account(), asset, amount },
            _ => Action::Follow(account),
        }
    }

    /// From next to nothing to what buys some of everything.
    fn pocket_money(&mut self) -> Amount {
        if self.chance(self.madness) {
            let edge = self.one_of([0, 1, -1, 1 << 120, 1 << 119, i128::MAX, i128::MIN, 1 << 64]);
            return Amount(edge.wrapping_add(i128::from(self.random.below(3)) - 1));
        }
        let digits = 1 + self.random.below(11) as u32;
        let amount = (1 + self.random.below(99)) * 10_u64.pow(digits);
        Amount(i128::from(amount))
    }

    fn asset(&mut self) -> AssetId {
        let unheard_of = if self.chance(self.madness) { 2 } else { 0 };
        AssetId(self.random.below(u64::from(self.assets) + unheard_of) as u16)
    }

    fn order(&mut self) -> NewOrder {
        let side = self.one_of([Side::Buy, Side::Sell]);
        let patient = self.chance(self.patience);
        let kind = if !patient && self.chance(150) {
            OrderKind::Market
        } else {
            OrderKind::Limit(self.price(patient.then_some(side)))
        };
        let immediate = self.one_of([TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill]);
        let time_in_force = match self.random.below(10) {
            _ if kind == OrderKind::Market && !self.chance(20) => immediate,
            0..2 if !patient => immediate,
            2..4 if !self.deep => TimeInForce::GoodTillDate(self.day()),
            _ => TimeInForce::GoodTillCanceled,
        };
        let mut trigger = self.chance(if self.deep { 30 } else { 120 }).then(|| Trigger {
            price: self.price(None),
            when: self.one_of([TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]),
            trail: None,
        });
        if kind == OrderKind::Market && self.chance(250) {
            // Far below the market and so woken at once, when far more is needed than was held.
            let price = Price(1 + self.random.below(50) as i64);
            trigger = Some(Trigger::at(price, TriggerWhen::AtOrAbove));
        }
        if let Some(trigger) = &mut trigger
            && self.chance(450)
        {
            trigger.trail = Trail::new(self.distance());
        }
        NewOrder {
            account: self.account(),
            instrument: self.instrument(),
            side,
            kind,
            quantity: self.quantity(),
            time_in_force,
            post_only: self.chance(100),
            trigger,
        }
    }

    /// How far a trailing stop follows: a few ticks, each as often as any other, so that many share a distance; seldom
    /// far, or as far as can be.
    fn distance(&mut self) -> u16 {
        let far = 100 + self.random.below(900) as u16;
        match self.random.below(20) {
            0 => self.one_of([1, Trail::BASIS_POINTS_MAX, 5_000, far]),
            _ => 10 * (1 + self.random.below(6) as u16),
        }
    }

    fn replace(&mut self) -> Action {
        let (account, instrument, order) = self.aim();
        let known = self.heard.iter().find(|(_, heard)| heard.id == order).map(|(_, heard)| *heard);
        let same = known.and_then(|known| known.kind.limit()).filter(|_| self.chance(500));
        let price = match same {
            Some(price) => price,
            None => self.price(None),
        };
        Action::Replace { account, instrument, order, price, quantity: self.quantity() }
    }

    /// An order heard of and its owner; sometimes one of the three is wrong.
    fn aim(&mut self) -> (AccountId, InstrumentId, OrderId) {
        let known = match self.heard.len() as u64 {
            0 => None,
            many => Some(self.heard[self.random.below(many) as usize]),
        };
        let (mut instrument, mut account, mut order) = match known {
            Some((instrument, order)) => (instrument, order.account, order.id),
            None => (self.instrument(), self.account(), OrderId(1 << 50)),
        };
        if self.chance(20) {
            instrument = self.instrument();
        }
        if self.chance(20) {
            account = self.account();
        }
        if self.chance(10 + self.madness) {
            order = self.one_of([
                OrderId(0),
                OrderId(u64::MAX),
                OrderId((1 << 50) - 1),
                OrderId(order.0.wrapping_add(1)),
                OrderId(order.0.wrapping_add(1 << 21)),
                OrderId(order.0.wrapping_sub(1 << 21)),
            ]);
        }
        (account, instrument, order)
    }

    fn account(&mut self) -> AccountId {
        if self.chance(self.madness / 4) {
            return self.one_of([AccountId(0), AccountId(u32::MAX), AccountId(70_000)]);
        }
        // In a large world a few are there more often, so that they meet themselves too.
        let among = if self.chance(200) { self.accounts.min(5) } else { self.accounts };
        AccountId(1 + self.random.below(u64::from(among)) as u32)
    }

    fn instrument(&mut self) -> InstrumentId {
        if self.chance(self.madness / 4) {
            return self.one_of([InstrumentId::NONE, InstrumentId(self.instruments.len() as u16)]);
        }
        if self.deep && !self.chance(50) {
            return InstrumentId(0);
        }
        InstrumentId(self.random.below(self.instruments.len() as u64) as u16)
    }

    /// A price around the middle; on its own side of it, if a side is given.
    fn price(&mut self, side: Option<Side>) -> Price {
        if self.chance(self.madness) {
            return Price(self.extreme());
        }
        if self.chance(20) {
            // Far away, where the band and the ends of ladders are.
            return Price(1 + self.random.below(4 * MIDDLE as u64) as i64);
        }
        let away = self.random.below(self.reach as u64 + 1) as i64;
        Price(match side {
            Some(Side::Buy) => MIDDLE - away,
            Some(Side::Sell) => MIDDLE + 1 + away,
            None => MIDDLE - self.reach / 2 + away,
        })
    }

    fn quantity(&mut self) -> Quantity {
        if self.chance(self.madness) {
            return Quantity(self.extreme());
        }
        let most = if self.chance(100) { 200 } else { 12 };
        Quantity(1 + self.random.below(most) as i64)
    }

    /// A day that comes soon; sometimes it has been.
    fn day(&mut self) -> Time {
        if self.chance(self.madness) {
            return Time(self.extreme());
        }
        Time(self.now.saturating_add(self.random.below(300) as i64 - 5))
    }

    fn extreme(&mut self) -> i64 {
        let edge = self.one_of([
            0,
            i64::MIN,
            i64::MAX,
            1 << 53,
            i64::MAX / (1 << 20),
            (1 << 53) / 5,
            i64::MAX / (1 << 20) / 10,
            1 << 32,
            1 << 62,
        ]);
        edge.wrapping_add(self.random.below(3) as i64 - 1)
    }

    fn chance(&mut self, in_thousand: u64) -> bool {
        self.random.below(1_000) < in_thousand
    }

    fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.random.below(N as u64) as usize]
    }
}

/// Three instruments that differ in all that the engine looks at.
fn instruments() -> Vec<Instrument> {
    let plain = engine::flow::instrument();
    let coarse = Instrument {
        id: InstrumentId(1),
        base: "ETH".into(),
        tick_units: 5,
        lot_units: 10,
        // 50.00 × 0.00000030 and the like: a few of the smallest orders fall below it.
        minimum: Minimum::Notional(5 * MIDDLE as i128 * 10 * 3),
        ..plain.clone()
    };
    let whole = Instrument {
        id: InstrumentId(2),
        base: "AAPL".into(),
        quantity_decimals: 0,
        minimum: Minimum::Quantity(Quantity(2)),
        ..plain.clone()
    };
    vec![plain, coarse, whole]
}
