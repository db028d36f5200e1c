//! Scenes of perpetuals with their arithmetic written out. Two linear contracts, BTC and ETH in dollars: a tick is a
//! dollar, a lot a whole coin, the unit of money a dollar. Opening takes a tenth of the value, keeping a twentieth; mark
//! and index are the first quote from outside; nobody pays fees but for a liquidation, a hundredth, to the fund.

use crate::{Engine, Rules};
use model::{
    AccountId, Action, AlertKind, Amount, AssetId, CloseReason, Command, Constituent, Contract,
    Event, EventBody, Instrument, InstrumentId, MarginMode, Minimum, NewOrder, OrderKind, Payoff,
    PerpetualAction, PerpetualEvent, PerpetualRejection, Price, Quantity, Rejection, Sequence,
    Settled, SettledBy, Side, Span, Tier, Time, TimeInForce,
};

const BTC: InstrumentId = InstrumentId(0);
const ETH: InstrumentId = InstrumentId(1);
const USD: AssetId = AssetId(1);
const ACCOUNTS: core::ops::RangeInclusive<u32> = 1..=9;

struct Scene {
    engine: Engine,
    now: i64,
    sequence: u64,
}

fn instruments() -> Vec<Instrument> {
    let each = [(0, "BTC"), (1, "ETH")];
    each.map(|(id, base)| Instrument {
        id: InstrumentId(id),
        base: base.into(),
        quote: "USD".into(),
        price_decimals: 0,
        tick_units: 1,
        quantity_decimals: 0,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    })
    .to_vec()
}

fn contract(id: u16) -> Contract {
    Contract {
        instrument: InstrumentId(id),
        payoff: Payoff::Linear,
        size: 1,
        tiers: vec![
            Tier { up_to: Amount(10_000), initial_ppm: 100_000, maintenance_ppm: 50_000 },
            Tier { up_to: Amount(100_000), initial_ppm: 200_000, maintenance_ppm: 100_000 },
        ],
        constituents: ["one", "two", "three"]
            .map(|name| Constituent::Feed(name.parse().expect("a name")))
            .into(),
        stale_after: Span::seconds(3_600),
        outlier_ppm: 50_000,
        basis_ppm_max: 0,
        funding_interval: Span::seconds(28_800),
        sample_interval: Span::seconds(60),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 50_000,
        liquidation_fee_ppm: 10_000,
    }
}

/// The accounts have so many dollars each, from the first on.
fn scene(dollars: &[i128]) -> Scene {
    let rules =
        Rules { band_basis_points: None, maker_fee_ppm: 0, taker_fee_ppm: 0, ..Rules::default() };
    let engine = Engine::with_contracts(&instruments(), &[contract(0), contract(1)], rules);
    let mut scene = Scene { engine, now: 0, sequence: 0 };
    for (account, &amount) in (1..).map(AccountId).zip(dollars) {
        scene.say(Action::Deposit { account, asset: USD, amount: Amount(amount) });
    }
    scene.quote(BTC, 1_000);
    scene.quote(ETH, 1_000);
    scene
}

impl Scene {
    /// Says it a microsecond later, and sees to it that no money came or went.
    fn say(&mut self, action: Action) -> Vec<Event> {
        self.now += 1;
        self.sequence += 1;
        let mut out = Vec::new();
        let sequence = Sequence(self.sequence);
        self.engine.apply(&Command { sequence, time: Time(self.now), action }, &mut out);
        let purses: i128 = self
            .engine
            .balances()
            .filter(|balance| balance.asset == USD)
            .map(|balance| balance.available.0 + balance.held.0)
            .sum();
        let others = self.engine.clearing(USD).0 + self.engine.insurance(USD).0;
        assert_eq!(purses + others, self.engine.supply(USD).0, "after {action:?}");
        out
    }
    fn perpetual(&mut self, action: PerpetualAction) -> Vec<Event> {
        self.say(Action::Perpetual(action))
    }
    /// Quotes and marks.
    fn quote(&mut self, instrument: InstrumentId, price: i64) -> Vec<Event> {
        let price = Price(price);
        self.perpetual(PerpetualAction::Quote { instrument, constituent: 0, price });
        self.mark(instrument)
    }
    fn mark(&mut self, instrument: InstrumentId) -> Vec<Event> {
        self.perpetual(PerpetualAction::Mark(instrument))
    }
    fn order(
        &mut self,
        account: u32,
        side: Side,
        instrument: InstrumentId,
        (lots, price): (i64, i64),
    ) -> Vec<Event> {
        self.say(Action::Place(order(account, side, instrument, (lots, price))))
    }
    /// One buys so many at a price from another.
    fn trade(
        &mut self,
        (buyer, seller): (u32, u32),
        instrument: InstrumentId,
        deal: (i64, i64),
    ) -> Vec<Event> {
        self.order(seller, Side::Sell, instrument, deal);
        let events = self.order(buyer, Side::Buy, instrument, deal);
        assert!(
            events.iter().any(|event| matches!(event.body, EventBody::Filled(_))),
            "{events:#?}"
        );
        events
    }
    fn isolate(&mut self, account: u32) {
        let (account, instrument, mode) = (AccountId(account), BTC, MarginMode::Isolated);
        self.perpetual(PerpetualAction::SetMarginMode { account, instrument, mode });
    }
    /// Size, cost, margin.
    fn position(&self, account: u32, instrument: InstrumentId) -> (i64, i128, i128) {
        let it = self.engine.position(AccountId(account), instrument).expect("it did something");
        (it.size, it.cost.0, it.margin.0)
    }
    /// Available and held.
    fn dollars(&self, account: u32) -> (i128, i128) {
        let balance = self.engine.balance(AccountId(account), USD);
        (balance.available.0, balance.held.0)
    }
}

fn order(
    account: u32,
    side: Side,
    instrument: InstrumentId,
    (lots, price): (i64, i64),
) -> NewOrder {
    NewOrder {
        account: AccountId(account),
        instrument,
        side,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(lots),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    }
}

fn alerts(events: &[Event]) -> Vec<(u32, AlertKind)> {
    let alert = |event: &Event| match event.body {
        EventBody::Perpetual(PerpetualEvent::Alerted(alert)) => Some((alert.account.0, alert.kind)),
        _ => None,
    };
    events.iter().filter_map(alert).collect()
}

/// Of one account: why, lots, price, profit, liquidation fee.
fn settled(events: &[Event], account: u32) -> Vec<(SettledBy, i64, i64, i128, i128)> {
    let settled = |event: &Event| match event.body {
        EventBody::Perpetual(PerpetualEvent::Settled(it)) if it.account.0 == account => {
            let Settled { by, quantity, price, profit, liquidation_fee, .. } = it;
            Some((by, quantity.0, price.0, profit.0, liquidation_fee.0))
        }
        _ => None,
    };
    events.iter().filter_map(settled).collect()
}

fn rejected(events: &[Event]) -> Option<Rejection> {
    events.iter().find_map(|event| match event.body {
        EventBody::Rejected(why) => Some(why),
        _ => None,
    })
}

#[test]
fn an_isolated_long_is_liquidated_and_costs_no_more_than_its_margin() {
    let mut scene = scene(&[1_000, 100_000]);
    scene.isolate(1);
    // 5 × 1,000 = 5,000, of which a tenth is set aside.
    scene.trade((1, 2), BTC, (5, 1_000));
    assert_eq!(scene.position(1, BTC), (5, 5_000, 500));
    assert_eq!(scene.dollars(1), (500, 500));
    // At 950: equity 500 - 5 × 50 = 250; maintenance 5 × 950 / 20 = 237.5, so 238; 9 × 250 is not above 10 × 238.
    assert_eq!(alerts(&scene.quote(BTC, 950)), [(1, AlertKind::MaintenanceWarning)]);
    // At 910: equity 500 - 450 = 50; maintenance 227.5, so 228.
    assert_eq!(alerts(&scene.quote(BTC, 910)), [(1, AlertKind::LiquidationStart)]);
    scene.order(2, Side::Buy, BTC, (10, 905));
    // Too much by 228 - 50 × 4/5 = 188 of 228: 824,562 millionths of 5 lots are 4.1 and so all five. They may cost what
    // is there: 50 / 5 = 10 dollars a lot below 910, which is nearer than the band of 5 %.
    let events = scene.mark(BTC);
    let at = events.iter().find_map(|event| match event.body {
        EventBody::Perpetual(PerpetualEvent::Liquidating { quantity, price, .. }) => {
            Some((quantity.0, price.0))
        }
        _ => None,
    });
    assert_eq!(at, Some((5, 900)));
    // Sold at 905: a loss of 475 leaves 25 of the margin; the fee would be 45.25, so 46, and takes what there is.
    assert_eq!(settled(&events, 1), [(SettledBy::Liquidation, 5, 905, -475, 25)]);
    assert_eq!(alerts(&events), [(1, AlertKind::LiquidationConcluded)]);
    assert_eq!(scene.position(1, BTC), (0, 0, 0));
    assert_eq!(scene.dollars(1), (500, 0), "what was not set aside is untouched");
    assert_eq!(scene.engine.insurance(USD), Amount(25));
}

#[test]
fn a_partial_liquidation_that_suffices_leaves_the_rest() {
    let mut scene = scene(&[1_000, 100_000]);
    scene.isolate(1);
    scene.trade((1, 2), BTC, (5, 1_000));
    scene.order(2, Side::Buy, BTC, (10, 939));
    // At 940: equity 500 - 300 = 200; maintenance 235.
    assert_eq!(alerts(&scene.quote(BTC, 940)), [(1, AlertKind::LiquidationStart)]);
    // Too much by 235 - 160 = 75 of 235: 319,149 millionths of 5 lots are 1.6, so two.
    let events = scene.mark(BTC);
    // 2 × 939 = 1,878 for a cost of 2,000; the fee 18.78, so 19. All that is left of the margin stays: 359.
    assert_eq!(settled(&events, 1), [(SettledBy::Liquidation, 2, 939, -122, 19)]);
    assert_eq!(scene.position(1, BTC), (3, 3_000, 359));
    // Equity 359 - 180 = 179 is above the maintenance of 3 × 940 / 20 = 141.
    assert_eq!(alerts(&events), [(1, AlertKind::LiquidationConcluded)]);
    assert_eq!(alerts(&scene.mark(BTC)), []);
}

#[test]
fn a_cross_account_is_saved_by_its_second_position() {
    let mut scene = scene(&[2_000, 100_000, 1_000]);
    scene.trade((1, 2), BTC, (5, 1_000));
    scene.trade((3, 2), BTC, (5, 1_000));
    scene.trade((2, 1), ETH, (5, 1_000));
    // BTC falls by 200. Account 1: 2,000 - 1,000 = 1,000; to open it takes 400 + 500, and nine tenths of 1,000 are not
    // more; to keep 450. Account 3: 1,000 - 1,000 = 0, to keep 200.
    let events = scene.quote(BTC, 800);
    assert_eq!(
        alerts(&events),
        [
            (1, AlertKind::InitialWarning),
            (1, AlertKind::InitialWarning),
            (3, AlertKind::LiquidationStart),
        ],
        "of a cross account each position is told"
    );
    // ETH falls as well, where account 1 is short: it has its 2,000 again, and is warned anew later.
    scene.quote(ETH, 800);
    assert_eq!(alerts(&scene.quote(BTC, 790)), []);
    assert_eq!(scene.position(1, BTC), (5, 5_000, 0));
}

#[test]
fn what_falls_while_it_is_liquidated_endangers_its_accounts_others_again() {
    let mut scene = scene(&[1_200, 100_000]);
    scene.trade((1, 2), BTC, (5, 1_000));
    scene.trade((1, 2), ETH, (5, 1_000));
    let both = [(1, AlertKind::LiquidationStart), (1, AlertKind::LiquidationStart)];
    // At 840: 1,200 - 800 = 400, to keep 210 + 250.
    assert_eq!(alerts(&scene.quote(BTC, 840)), both);
    // ETH at 1,060: 700, to keep 210 + 265. That ends it for ETH; BTC has not had its turn.
    assert_eq!(alerts(&scene.quote(ETH, 1_060)), [(1, AlertKind::LiquidationConcluded)]);
    // BTC at 740, and nobody buys: 1,200 - 1,300 + 300 = 200, to keep 185 + 265.
    assert_eq!(alerts(&scene.quote(BTC, 740)), [(1, AlertKind::LiquidationStart)]);
    assert_eq!(scene.position(1, BTC), (5, 5_000, 0));
}

#[test]
fn a_loss_larger_than_the_money_is_paid_from_the_profit_of_another_position() {
    let mut scene = scene(&[2_000, 100_000]);
    scene.trade((1, 2), BTC, (5, 1_000));
    scene.trade((2, 1), ETH, (5, 1_000));
    scene.quote(ETH, 600);
    scene.quote(BTC, 500);
    scene.order(2, Side::Buy, BTC, (5, 500));
    // The long lost 2,500 and there are 2,000; the short has won 2,000, of which 500 are drawn.
    let events = scene.order(1, Side::Sell, BTC, (5, 500));
    assert_eq!(
        settled(&events, 1),
        [(SettledBy::Trade, 5, 500, -2_500, 0), (SettledBy::Draw, 0, 600, 500, 0),]
    );
    assert_eq!(scene.dollars(1), (0, 0));
    // It was sold at 5,000 and is worth 3,000: 1,500 are left to be won, as if it had been sold at 4,500.
    assert_eq!(scene.position(1, ETH), (-5, -4_500, 0));
}

#[test]
fn a_flip_closes_then_opens_what_its_margin_allows() {
    let mut scene = scene(&[300, 100_000]);
    scene.trade((1, 2), BTC, (2, 1_000));
    let first = scene.engine.position(AccountId(1), BTC).expect("a position").id;
    scene.order(2, Side::Buy, BTC, (5, 1_100));
    // Of five lots two close and three open: 3 × 1,100 / 10 = 330 at the limit, and 300 - 200 = 100 are free. That it
    // sells above the mark costs nothing.
    let events = scene.order(1, Side::Sell, BTC, (5, 1_100));
    let (needed, available) = (Amount(330), Amount(100));
    assert_eq!(
        rejected(&events),
        Some(Rejection::InsufficientFunds { asset: USD, needed, available })
    );
    scene.say(Action::Deposit { account: AccountId(1), asset: USD, amount: Amount(230) });
    let events = scene.order(1, Side::Sell, BTC, (5, 1_100));
    assert_eq!(settled(&events, 1), [(SettledBy::Trade, 2, 1_100, 200, 0)]);
    assert_eq!(scene.position(1, BTC), (-3, -3_300, 0));
    assert_eq!(scene.dollars(1), (730, 0));
    let second = scene.engine.position(AccountId(1), BTC).expect("a position").id;
    assert!(second > first, "another position has another id");
}

#[test]
fn what_could_only_reduce_ends_with_the_position() {
    let mut scene = scene(&[1_000, 100_000]);
    let reduce = |deal| PerpetualAction::Reduce(order(1, Side::Sell, BTC, deal));
    assert_eq!(
        rejected(&scene.perpetual(reduce((1, 1_000)))),
        Some(Rejection::Perpetual(PerpetualRejection::NothingToReduce))
    );
    scene.trade((1, 2), BTC, (3, 1_000));
    scene.perpetual(reduce((5, 1_100)));
    scene.order(2, Side::Buy, BTC, (3, 1_000));
    // A plain sell of as much as there is needs no margin and holds none: it can only close too.
    let events = scene.order(1, Side::Sell, BTC, (3, 1_000));
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event.body {
            EventBody::Closed { order, reason } => Some((order.remaining.0, reason)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(5, CloseReason::NothingToReduce)]);
    assert_eq!(scene.engine.free(AccountId(1), USD), Amount(1_000));
}

#[test]
fn funding_is_paid_by_longs_to_shorts_and_sums_to_nothing() {
    let mut scene = scene(&[1_000, 1_000, 100_000]);
    scene.trade((1, 2), BTC, (5, 1_000));
    scene.order(3, Side::Buy, BTC, (1, 1_009));
    scene.order(3, Side::Sell, BTC, (1, 1_011));
    // The middle of the book is 1,010, one hundredth above the index: clamped to 7,500 millionths.
    scene.now = 60_000_000;
    let marked = scene.quote(BTC, 1_000);
    let rate = marked.iter().find_map(|event| match event.body {
        EventBody::Perpetual(PerpetualEvent::Marked(state)) => Some(state.funding_rate_ppm),
        _ => None,
    });
    assert_eq!(rate, Some(7_500));
    scene.now = 28_800_000_000;
    let events = scene.quote(BTC, 1_000);
    let paid: Vec<_> = events
        .iter()
        .filter_map(|event| match event.body {
            EventBody::Perpetual(PerpetualEvent::Funded { account, amount, .. }) => {
                Some((account.0, amount.0))
            }
            _ => None,
        })
        .collect();
    // 5,000 × 7,500 / 1,000,000 = 37.5: paid rounded up, received rounded down, and one is the fund's.
    assert_eq!(paid, [(1, -38), (2, 37)]);
    assert_eq!((scene.dollars(1), scene.dollars(2)), ((962, 0), (1_037, 0)));
    assert_eq!(scene.engine.insurance(USD), Amount(1));
}

#[test]
fn who_won_most_for_the_leverage_is_deleveraged_first() {
    let mut scene = scene(&[700, 10_000, 10_000, 10_000]);
    scene.isolate(1);
    let (account, instrument, leverage) = (AccountId(3), BTC, 2);
    scene.perpetual(PerpetualAction::SetLeverage { account, instrument, leverage });
    scene.trade((1, 2), BTC, (2, 1_000));
    scene.trade((1, 3), BTC, (2, 1_000));
    scene.trade((1, 4), BTC, (2, 900));
    // Cost 2,000 + 2,000 + 1,800; margin a tenth of it.
    assert_eq!(scene.position(1, BTC), (6, 5_800, 580));
    // At 800: 580 + 4,800 - 5,800 = -420, and nobody buys.
    assert_eq!(alerts(&scene.quote(BTC, 800)), [(1, AlertKind::LiquidationStart)]);
    assert_eq!(settled(&scene.mark(BTC), 1), []);
    let events = scene.mark(BTC);
    let given_up: Vec<_> = events
        .iter()
        .filter_map(|event| match event.body {
            EventBody::Perpetual(PerpetualEvent::Deleveraged {
                against, quantity, price, ..
            }) => Some((against.0, quantity.0, price.0)),
            _ => None,
        })
        .collect();
    // Profit × leverage: account 2 has 400 of 2,000, × 10; account 3 the same × 2; account 4 has 200 of 1,800, × 10. The
    // price is the one at which 580 + 6 × price - 5,800 is nothing.
    assert_eq!(given_up, [(2, 2, 870), (4, 2, 870), (3, 2, 870)]);
    assert_eq!(scene.position(1, BTC), (0, 0, 0));
    assert_eq!(scene.dollars(1), (120, 0));
    // 2 × (1,000 - 870), 2 × (1,000 - 870), 2 × (900 - 870).
    let won = [2, 3, 4].map(|account| scene.dollars(account).0 - 10_000);
    assert_eq!(won, [260, 260, 60]);
    assert_eq!(scene.engine.insurance(USD), Amount::ZERO);
}

#[test]
fn an_index_leaves_out_who_is_far_away_or_silent() {
    let mut scene = scene(&[]);
    let quote = |constituent, price| PerpetualAction::Quote {
        instrument: BTC,
        constituent,
        price: Price(price),
    };
    scene.perpetual(quote(1, 1_005));
    scene.perpetual(quote(2, 5_000));
    scene.mark(BTC);
    // Of 1,000, 1,005 and 5,000 the middle is 1,005, and 5,000 is more than 5 % away; between the others, rounded down.
    assert_eq!(scene.engine.marks(BTC).map(|state| state.index), Some(Price(1_002)));
    scene.now += 3_600_000_000;
    scene.perpetual(quote(1, 1_010));
    scene.mark(BTC);
    assert_eq!(scene.engine.marks(BTC).map(|state| state.index), Some(Price(1_010)));
    scene.now += 3_600_000_002;
    scene.mark(BTC);
    assert_eq!(scene.engine.marks(BTC).map(|state| state.index), Some(Price(1_010)), "it stays");
}

#[test]
fn what_positions_take_cannot_be_spent() {
    let mut scene = scene(&[1_000, 100_000]);
    scene.trade((1, 2), BTC, (5, 1_000));
    scene.quote(BTC, 980);
    // 1,000 less a loss of 100 and the initial margin of 490.
    assert_eq!(scene.engine.free(AccountId(1), USD), Amount(410));
    let withdraw =
        |amount| Action::Withdraw { account: AccountId(1), asset: USD, amount: Amount(amount) };
    assert!(rejected(&scene.say(withdraw(411))).is_some());
    assert!(rejected(&scene.say(withdraw(410))).is_none());
    // What is gained is not money yet.
    scene.quote(BTC, 1_100);
    assert_eq!(scene.engine.free(AccountId(1), USD), Amount(590 - 550));
}

#[test]
fn no_command_on_perpetuals_makes_it_panic() {
    let mut random = crate::flow::Random::new(5);
    let mut scene = scene(&[1_000_000, 1_000_000, 1 << 100]);
    let edges = [0, 1, -1, i64::MAX, i64::MIN, 1 << 53, 1_000, 1 << 40, 1 << 43];
    for _ in 0..20_000 {
        let mut pick = || {
            let edge = edges[random.below(9) as usize];
            edge.wrapping_add(random.below(3) as i64 - 1)
        };
        let (price, lots) = (pick(), pick());
        let amount = Amount(i128::from(pick()) * i128::from(pick()));
        let account = AccountId(1 + random.below(4) as u32);
        let instrument = InstrumentId(random.below(3) as u16);
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let new = order(account.0, side, instrument, (lots, price));
        let price = Price(price);
        let action = match random.below(10) {
            0..4 => Action::Place(new),
            4 => Action::Perpetual(PerpetualAction::Reduce(new)),
            5 => Action::Perpetual(PerpetualAction::AddMargin { account, instrument, amount }),
            6 => Action::Perpetual(PerpetualAction::Insure { account, asset: USD, amount }),
            7 => {
                let (constituent, mode) = (random.below(4) as u16, MarginMode::Isolated);
                if random.below(20) == 0 {
                    let action = PerpetualAction::SetMarginMode { account, instrument, mode };
                    scene.perpetual(action);
                }
                Action::Perpetual(PerpetualAction::Quote { instrument, constituent, price })
            }
            8 => Action::Perpetual(PerpetualAction::SetLeverage {
                account,
                instrument,
                leverage: lots as u16,
            }),
            _ => Action::Perpetual(PerpetualAction::Mark(instrument)),
        };
        scene.say(action);
    }
    assert!(ACCOUNTS.map(AccountId).any(|account| scene.engine.position(account, BTC).is_some()));
}
