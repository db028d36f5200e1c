//! Small scenes, each one rule: what is said to the engine, and in which words it answers. The laws of the
//! testkit compare it with a slow market at large; these say what is meant.

use crate::{Engine, ImageError, Rules, flow};
use model::{
    AccountId, Action, Cadence, Command, Event, EventBody, Instrument, InstrumentId, Level,
    Minimum, NewOrder, OrderId, OrderKind, OrderState, Price, Quantity, Rejection, SelfTradePolicy,
    Sequence, Side, Status, Time, TimeInForce, Trigger, TriggerWhen,
};

mod money;
mod room;
mod trailing;

const HERE: InstrumentId = InstrumentId(0);

/// A market where things are said one at a time, a microsecond apart.
struct Scene {
    engine: Engine,
    instruments: Vec<Instrument>,
    now: i64,
}

fn scene() -> Scene {
    scene_with(Rules { band_basis_points: None, ..Rules::default() })
}

fn scene_with(rules: Rules) -> Scene {
    let mut scene = poor_scene(vec![flow::instrument()], rules);
    scene.enrich();
    scene
}

/// Where nobody has anything yet.
fn poor_scene(instruments: Vec<Instrument>, rules: Rules) -> Scene {
    Scene { engine: Engine::with_rules(&instruments, rules), instruments, now: 0 }
}

impl Scene {
    /// Gives the accounts 1 to 9 more than they can spend.
    fn enrich(&mut self) {
        self.engine = flow::enriched(self.engine.clone(), 1..=9);
    }
    fn say(&mut self, action: Action) -> Vec<Event> {
        self.now += 1;
        let mut out = Vec::new();
        let command = Command { sequence: Sequence(self.now as u64), time: Time(self.now), action };
        self.engine.apply(&command, &mut out);
        out
    }
    /// Says it and answers with the events in short words.
    fn tell(&mut self, action: Action) -> String {
        self.say(action).iter().map(short).collect::<Vec<_>>().join(", ")
    }
    fn place(&mut self, order: NewOrder) -> String {
        self.tell(Action::Place(order))
    }
    fn cancel(&mut self, account: u32, order: u64) -> String {
        let (account, order) = (AccountId(account), id(order));
        self.tell(Action::Cancel { account, instrument: HERE, order })
    }
    fn replace(&mut self, account: u32, order: u64, price: i64, quantity: i64) -> String {
        self.tell(Action::Replace {
            account: AccountId(account),
            instrument: HERE,
            order: id(order),
            price: Price(price),
            quantity: Quantity(quantity),
        })
    }
    fn status(&mut self, status: Status) {
        self.tell(Action::SetStatus { instrument: HERE, status });
    }
    fn policy(&mut self, account: u32, policy: SelfTradePolicy) {
        self.tell(Action::SetSelfTradePolicy { account: AccountId(account), policy });
    }
    fn levels(&self, side: Side) -> Vec<(i64, i64)> {
        let level = |level: Level| (level.price.0, level.quantity.0);
        self.engine.levels(HERE, side, 10).map(level).collect()
    }
}

/// Orders are called 0, 1, 2 … in the order of their acceptance.
fn id(order: u64) -> OrderId {
    OrderId((1 << 50) + order)
}

fn name(order: &OrderState) -> u64 {
    order.id.0 - (1 << 50)
}

fn short(event: &Event) -> String {
    let with = |order: &OrderState| format!("{}×{}", name(order), order.remaining.0);
    match &event.body {
        EventBody::Created(order) => format!("created {}", with(order)),
        EventBody::Filled(fill) => {
            let own = if fill.is_self_trade() { " own" } else { "" };
            let (maker, taker) = (name(&fill.maker), name(&fill.taker));
            format!("{taker} takes {} of {maker} at {}{own}", fill.quantity.0, fill.price.0)
        }
        EventBody::Rested(order) => format!("rested {}", with(order)),
        EventBody::Closed { order, reason } => format!("closed {} {reason:?}", with(order)),
        EventBody::Replaced { old, new, kept_place } => {
            let place = if *kept_place { "keeps" } else { "loses" };
            format!("{} becomes {} and {place} its place", with(old), with(new))
        }
        EventBody::Armed(order) => format!("armed {}", with(order)),
        EventBody::Triggered(order) => format!("triggered {}", with(order)),
        EventBody::Rejected(why) => format!("rejected {why:?}"),
        EventBody::StatusChanged(status) => format!("{status:?}"),
        EventBody::Ticked(_) => "ticked".to_owned(),
        EventBody::Deposited(it) | EventBody::Withdrawn(it) => format!("moved {}", it.amount),
        EventBody::Transferred { from, .. } => format!("moved {}", from.amount),
        other => unreachable!("an engine does not tell {other:?}"),
    }
}

trait Shape {
    fn by(self, account: u32) -> Self;
    fn good(self, time_in_force: TimeInForce) -> Self;
    fn post_only(self) -> Self;
    fn stop(self, when: TriggerWhen, price: i64) -> Self;
}

fn limit(side: Side, quantity: i64, price: i64) -> NewOrder {
    NewOrder {
        account: AccountId(1),
        instrument: HERE,
        side,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    }
}

fn buy(quantity: i64, price: i64) -> NewOrder {
    limit(Side::Buy, quantity, price)
}
fn sell(quantity: i64, price: i64) -> NewOrder {
    limit(Side::Sell, quantity, price).by(2)
}
fn market(side: Side, quantity: i64) -> NewOrder {
    NewOrder { kind: OrderKind::Market, ..limit(side, quantity, 1) }
        .good(TimeInForce::ImmediateOrCancel)
}

impl Shape for NewOrder {
    fn by(self, account: u32) -> Self {
        Self { account: AccountId(account), ..self }
    }
    fn good(self, time_in_force: TimeInForce) -> Self {
        Self { time_in_force, ..self }
    }
    fn post_only(self) -> Self {
        Self { post_only: true, ..self }
    }
    fn stop(self, when: TriggerWhen, price: i64) -> Self {
        Self { trigger: Some(Trigger::at(Price(price), when)), ..self }
    }
}

#[test]
fn best_price_first_and_at_one_price_the_oldest() {
    let mut scene = scene();
    assert_eq!(scene.place(sell(5, 101)), "created 0×5, rested 0×5");
    scene.place(sell(5, 100));
    scene.place(sell(5, 100));
    assert_eq!(scene.levels(Side::Sell), [(100, 10), (101, 5)]);
    assert_eq!(
        scene.place(buy(12, 101)),
        "created 3×12, 3 takes 5 of 1 at 100, 3 takes 5 of 2 at 100, 3 takes 2 of 0 at 101"
    );
    assert_eq!(scene.levels(Side::Sell), [(101, 3)]);
    assert_eq!(
        scene.place(buy(4, 105)),
        "created 4×4, 4 takes 3 of 0 at 101, rested 4×1",
        "a remainder rests at its own price"
    );
    assert_eq!(scene.levels(Side::Buy), [(105, 1)]);
    assert_eq!(scene.engine.last_trade(HERE), Some(Price(101)));
}

#[test]
fn events_are_numbered_without_gaps_and_name_their_cause() {
    let mut scene = scene();
    let before = scene.engine.sequence().0;
    let mut all = Vec::new();
    for action in [
        Action::Place(sell(5, 100)),
        Action::Place(buy(7, 100)),
        Action::Place(buy(0, 100)),
        Action::Tick(Cadence::TENTH),
    ] {
        all.extend(scene.say(action));
    }
    let heads: Vec<_> = all
        .iter()
        .map(|it| (it.sequence.0 - before, it.cause.0, it.time.0, it.instrument))
        .collect();
    let tick = InstrumentId::NONE;
    assert_eq!(
        heads,
        [
            (1, 1, 1, HERE),
            (2, 1, 1, HERE),
            (3, 2, 2, HERE),
            (4, 2, 2, HERE),
            (5, 2, 2, HERE),
            (6, 3, 3, HERE),
            (7, 4, 4, tick)
        ]
    );
    let EventBody::Filled(fill) = &all[3].body else { panic!("the fourth event is the fill") };
    assert_eq!(fill.id.0, 100_000_001);
    assert_eq!((fill.maker.remaining.0, fill.taker.remaining.0), (0, 2));
}

#[test]
fn market_and_immediate_orders_never_rest() {
    let mut scene = scene();
    assert_eq!(scene.place(market(Side::Buy, 5)), "created 0×5, closed 0×5 NotFilled");
    scene.place(sell(3, 100));
    assert_eq!(
        scene.place(market(Side::Buy, 5)),
        "created 2×5, 2 takes 3 of 1 at 100, closed 2×2 NotFilled"
    );
    scene.place(sell(3, 100));
    assert_eq!(
        scene.place(buy(5, 100).good(TimeInForce::ImmediateOrCancel)),
        "created 4×5, 4 takes 3 of 3 at 100, closed 4×2 NotFilled"
    );
    assert_eq!(scene.place(market(Side::Sell, 5).post_only()), "rejected BadCombination");
    assert_eq!(
        scene.place(market(Side::Sell, 5).good(TimeInForce::GoodTillCanceled)),
        "rejected BadCombination"
    );
}

#[test]
fn fill_or_kill_is_whole_or_nothing() {
    let mut scene = scene();
    scene.place(sell(3, 100));
    scene.place(sell(3, 102));
    let kill = |quantity, price| buy(quantity, price).good(TimeInForce::FillOrKill);
    assert_eq!(scene.place(kill(4, 101)), "created 2×4, closed 2×4 Killed");
    assert_eq!(scene.place(kill(3, 99)), "created 3×3, closed 3×3 Killed");
    assert_eq!(
        scene.place(kill(4, 102)),
        "created 4×4, 4 takes 3 of 0 at 100, 4 takes 1 of 1 at 102"
    );
}

#[test]
fn fill_or_kill_counts_what_its_self_trade_policy_lets_it_reach() {
    for (policy, answer) in [
        (SelfTradePolicy::Allow, "created 2×4, 2 takes 3 of 0 at 100 own, 2 takes 1 of 1 at 101"),
        (
            SelfTradePolicy::CancelResting,
            "created 2×4, closed 0×3 SelfTrade, 2 takes 4 of 1 at 101",
        ),
        (SelfTradePolicy::CancelArriving, "created 2×4, closed 2×4 Killed"),
        (SelfTradePolicy::CancelBoth, "created 2×4, closed 2×4 Killed"),
    ] {
        let mut scene = scene();
        scene.policy(1, policy);
        scene.place(sell(3, 100).by(1));
        scene.place(sell(4, 101));
        assert_eq!(scene.place(buy(4, 101).good(TimeInForce::FillOrKill)), answer, "{policy:?}");
    }
}

#[test]
fn meeting_oneself_goes_by_the_accounts_policy() {
    for (policy, answer) in [
        (SelfTradePolicy::Allow, "created 2×5, 2 takes 3 of 0 at 100 own, 2 takes 2 of 1 at 100"),
        (
            SelfTradePolicy::CancelResting,
            "created 2×5, closed 0×3 SelfTrade, 2 takes 3 of 1 at 100, rested 2×2",
        ),
        (SelfTradePolicy::CancelArriving, "created 2×5, closed 2×5 SelfTrade"),
        (SelfTradePolicy::CancelBoth, "created 2×5, closed 0×3 SelfTrade, closed 2×5 SelfTrade"),
    ] {
        let mut scene = scene();
        scene.policy(1, policy);
        scene.place(sell(3, 100).by(1));
        scene.place(sell(3, 100));
        assert_eq!(scene.place(buy(5, 100)), answer, "{policy:?}");
    }
}

#[test]
fn post_only_rests_or_ends() {
    let mut scene = scene();
    scene.place(sell(3, 100));
    assert_eq!(scene.place(buy(3, 100).post_only()), "created 1×3, closed 1×3 WouldMatch");
    assert_eq!(scene.place(buy(3, 99).post_only()), "created 2×3, rested 2×3");
    assert_eq!(
        scene.replace(1, 2, 100, 3),
        "2×3 becomes 3×3 and loses its place, closed 3×3 WouldMatch"
    );
}

#[test]
fn only_the_owner_cancels_and_only_once() {
    let mut scene = scene();
    scene.place(sell(3, 100));
    let unknown = format!("rejected UnknownOrder({:?})", id(0));
    assert_eq!(scene.cancel(1, 0), unknown);
    assert_eq!(scene.cancel(2, 0), "closed 0×3 Canceled");
    assert_eq!(scene.cancel(2, 0), unknown);
    assert_eq!(scene.levels(Side::Sell), []);
}

#[test]
fn a_replaced_order_keeps_its_place_only_if_it_shrinks_where_it_stands() {
    let mut scene = scene();
    scene.place(buy(5, 100));
    scene.place(buy(5, 100).by(3));
    assert_eq!(scene.replace(1, 0, 100, 4), "0×5 becomes 2×4 and keeps its place");
    assert_eq!(scene.levels(Side::Buy), [(100, 9)]);
    assert_eq!(scene.place(sell(1, 100)), "created 3×1, 3 takes 1 of 2 at 100");
    assert_eq!(
        scene.replace(1, 2, 100, 4),
        "2×3 becomes 4×4 and loses its place, rested 4×4",
        "more than is open is growth, even if less than was asked for once"
    );
    assert_eq!(scene.place(sell(1, 100)), "created 5×1, 5 takes 1 of 1 at 100");
    scene.place(sell(2, 103));
    assert_eq!(
        scene.replace(1, 4, 103, 4),
        "4×4 becomes 7×4 and loses its place, 7 takes 2 of 6 at 103, rested 7×2",
        "a price that matches trades"
    );
}

#[test]
fn good_till_date_ends_at_its_moment_before_the_command_of_that_moment() {
    let mut scene = scene();
    let till = |time| TimeInForce::GoodTillDate(Time(time));
    scene.place(sell(1, 100).good(till(20)));
    scene.place(sell(2, 100).good(till(10)));
    scene.place(sell(3, 100).good(till(20)));
    scene.place(sell(4, 100).good(till(15)));
    assert_eq!(scene.place(sell(1, 100).good(till(5))), "rejected AlreadyExpired");
    assert_eq!(scene.cancel(2, 3), "closed 3×4 Canceled");
    scene.now = 9;
    assert_eq!(scene.tell(Action::Tick(Cadence::TENTH)), "closed 1×2 Expired, ticked");
    scene.now = 29;
    assert_eq!(
        scene.place(buy(9, 100)),
        "closed 0×1 Expired, closed 2×3 Expired, created 4×9, rested 4×9"
    );
}

#[test]
fn stops_wake_when_a_trade_reaches_them_in_waves() {
    let mut scene = scene();
    for price in [100, 101, 102] {
        scene.place(sell(2, price));
    }
    assert_eq!(
        scene.place(market(Side::Buy, 1).by(3).stop(TriggerWhen::AtOrAbove, 101)),
        "armed 3×1"
    );
    assert_eq!(scene.place(buy(1, 100).by(4).stop(TriggerWhen::AtOrAbove, 100)), "armed 4×1");
    assert_eq!(
        scene.place(market(Side::Buy, 2)),
        "created 5×2, 5 takes 2 of 0 at 100, triggered 4×1, created 4×1, rested 4×1"
    );
    assert_eq!(
        scene.place(market(Side::Buy, 1)),
        "created 6×1, 6 takes 1 of 1 at 101, \
         triggered 3×1, created 3×1, 3 takes 1 of 1 at 101"
    );
    // A stop that the last trade has reached already wakes at once; take-profit is the other direction.
    assert_eq!(
        scene.place(market(Side::Sell, 1).by(5).stop(TriggerWhen::AtOrAbove, 101)),
        "armed 7×1, triggered 7×1, created 7×1, 7 takes 1 of 4 at 100"
    );
    assert_eq!(
        scene.place(sell(1, 90).stop(TriggerWhen::AtOrBelow, 95)),
        "armed 8×1",
        "which took the last trade to 100"
    );
    assert_eq!(scene.cancel(2, 8), "closed 8×1 Canceled");
}

#[test]
fn a_wave_wakes_in_order_of_ids_and_its_trades_make_the_next() {
    let mut scene = scene();
    for price in [100, 99, 98] {
        scene.place(buy(1, price));
    }
    // The younger has the nearer trigger; both are reached by one sweep, so the older goes first.
    scene.place(market(Side::Sell, 1).by(3).stop(TriggerWhen::AtOrBelow, 98));
    scene.place(market(Side::Sell, 1).by(4).stop(TriggerWhen::AtOrBelow, 99));
    scene.place(buy(1, 50));
    scene.place(buy(1, 40));
    scene.place(market(Side::Sell, 1).by(5).stop(TriggerWhen::AtOrBelow, 50));
    assert_eq!(
        scene.place(market(Side::Sell, 3)),
        "created 8×3, 8 takes 1 of 0 at 100, 8 takes 1 of 1 at 99, 8 takes 1 of 2 at 98, \
         triggered 3×1, created 3×1, 3 takes 1 of 5 at 50, \
         triggered 4×1, created 4×1, 4 takes 1 of 6 at 40, \
         triggered 7×1, created 7×1, closed 7×1 NotFilled"
            .replace("8 takes 1 of 0 at 100", "8 takes 1 of 0 at 100 own")
            .replace("8 takes 1 of 1 at 99", "8 takes 1 of 1 at 99 own")
            .replace("8 takes 1 of 2 at 98", "8 takes 1 of 2 at 98 own")
    );
}

#[test]
fn a_status_lets_in_what_it_says() {
    let mut scene = scene();
    scene.place(buy(5, 100));
    scene.status(Status::PostOnly);
    assert_eq!(scene.place(buy(1, 99)), "rejected NotTrading(PostOnly)");
    assert_eq!(scene.replace(1, 0, 100, 1), "rejected NotTrading(PostOnly)");
    assert_eq!(scene.place(buy(1, 99).post_only()), "created 1×1, rested 1×1");
    assert_eq!(scene.replace(1, 1, 98, 1), "1×1 becomes 2×1 and loses its place, rested 2×1");
    scene.status(Status::CancelOnly);
    assert_eq!(scene.place(buy(1, 99).post_only()), "rejected NotTrading(CancelOnly)");
    assert_eq!(scene.cancel(1, 0), "closed 0×5 Canceled");
    scene.status(Status::Halted);
    assert_eq!(scene.cancel(1, 2), "rejected NotTrading(Halted)");
    let all = |instrument| Action::CancelAll { account: AccountId(1), instrument };
    assert_eq!(scene.tell(all(Some(HERE))), "rejected NotTrading(Halted)");
    assert_eq!(scene.tell(all(None)), "", "orders in a halted instrument stay");
    scene.status(Status::Trading);
    assert_eq!(scene.tell(all(None)), "closed 2×1 Canceled");
}

#[test]
fn a_price_is_refused_only_if_it_would_trade_far_through_the_market() {
    let mut scene = scene_with(Rules::default());
    assert_eq!(scene.place(buy(1, 1_000_000)), "created 0×1, rested 0×1", "nobody to trade with");
    scene.cancel(1, 0);
    scene.place(sell(1, 1_000));
    scene.place(buy(1, 900));
    assert_eq!(scene.place(buy(1, 1_201)), "rejected OutsideBand");
    assert_eq!(scene.place(sell(1, 719)), "rejected OutsideBand");
    assert_eq!(scene.place(buy(1, 1)), "created 3×1, rested 3×1");
    assert_eq!(scene.place(sell(1, 1_000_000)), "created 4×1, rested 4×1");
    assert_eq!(scene.replace(1, 3, 1_201, 1), "rejected OutsideBand");
    assert_eq!(
        scene.place(buy(1, 1_921).stop(TriggerWhen::AtOrAbove, 1_600)),
        "rejected OutsideBand",
        "a stop-limit is held against its trigger"
    );
    assert_eq!(scene.place(buy(1, 1_200)), "created 5×1, 5 takes 1 of 1 at 1000");
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let mut scene = scene();
    for price in [0, -1, i64::MIN, i64::MAX, (1 << 53) + 1] {
        assert_eq!(scene.place(buy(1, price)), "rejected BadPrice", "{price}");
    }
    for quantity in [0, -1, i64::MIN, i64::MAX, 1 << 43] {
        assert_eq!(scene.place(buy(quantity, 1)), "rejected BadQuantity", "{quantity}");
    }
    assert_eq!(
        scene.place(market(Side::Buy, 1).stop(TriggerWhen::AtOrAbove, 0)),
        "rejected BadPrice"
    );
    let nowhere = InstrumentId(7);
    let events = scene.say(Action::Place(NewOrder { instrument: nowhere, ..buy(1, 1) }));
    assert_eq!(events[0].body, EventBody::Rejected(Rejection::UnknownInstrument));
    assert_eq!(events[0].instrument, InstrumentId::NONE);
}

#[test]
fn orders_below_the_minimum_are_refused() {
    let minimum = |value| Minimum::Notional(flow::instrument().notional_of_units(value, 0));
    let instrument = Instrument { minimum: minimum(10), ..flow::instrument() };
    let mut scene = poor_scene(vec![instrument], Rules::default());
    scene.enrich();
    // 20.00 × 0.5 is 10.
    assert_eq!(scene.place(sell(49_999_999, 2_000)), "rejected BelowMinimum");
    assert_eq!(scene.place(sell(50_000_000, 2_000)), "created 0×50000000, rested 0×50000000");
    assert_eq!(scene.replace(2, 0, 1_999, 50_000_000), "rejected BelowMinimum");
    assert_eq!(scene.place(market(Side::Buy, 1)), "rejected BelowMinimum", "at the best price");
    assert_eq!(scene.place(market(Side::Sell, 1)), "created 1×1, closed 1×1 NotFilled");
}

#[test]
fn a_full_house_takes_only_what_cannot_stay() {
    let mut scene = scene_with(Rules { open_orders_max: 2, ..Rules::default() });
    scene.place(sell(1, 100));
    scene.place(market(Side::Sell, 1).stop(TriggerWhen::AtOrBelow, 50));
    assert_eq!(scene.place(sell(1, 101)), "rejected TooManyOrders");
    assert_eq!(
        scene.place(market(Side::Buy, 1).stop(TriggerWhen::AtOrAbove, 150)),
        "rejected TooManyOrders"
    );
    assert_eq!(scene.replace(2, 0, 99, 2), "0×1 becomes 2×2 and loses its place, rested 2×2");
    assert_eq!(scene.place(market(Side::Buy, 2)), "created 3×2, 3 takes 2 of 2 at 99");
    assert_eq!(scene.place(sell(1, 101)), "created 4×1, rested 4×1");
}

#[test]
fn open_orders_are_told_by_id_and_cancelled_in_that_order() {
    let mut scene = scene();
    scene.place(buy(1, 90));
    scene.place(buy(1, 95));
    scene.place(buy(1, 80).stop(TriggerWhen::AtOrBelow, 85));
    scene.replace(1, 0, 90, 1);
    scene.place(sell(1, 100));
    let open: Vec<_> =
        scene.engine.open_orders(AccountId(1), HERE).map(|order| name(&order)).collect();
    assert_eq!(open, [1, 2, 3]);
    let all = Action::CancelAll { account: AccountId(1), instrument: Some(HERE) };
    assert_eq!(scene.tell(all), "closed 1×1 Canceled, closed 2×1 Canceled, closed 3×1 Canceled");
    assert_eq!(scene.engine.open_orders_count(), 1);
}

#[test]
fn an_image_restores_the_state_and_nothing_else_does() {
    let mut scene = scene();
    scene.policy(9, SelfTradePolicy::CancelBoth);
    scene.place(sell(5, 100).good(TimeInForce::GoodTillDate(Time(1_000))));
    scene.place(buy(2, 100));
    scene.place(market(Side::Buy, 2).stop(TriggerWhen::AtOrAbove, 120));
    let image = scene.engine.image();
    let restored = Engine::restore(&image, &scene.instruments).expect("our own image");
    assert_eq!(restored.digest(), scene.engine.digest());
    assert_eq!(restored.image(), image);

    let refused = |bytes: &[u8]| Engine::restore(bytes, &scene.instruments).err();
    assert_eq!(refused(b""), Some(ImageError::NotAnImage));
    for at in 0..image.len() {
        assert!(refused(&image[..at]).is_some(), "cut at {at}");
        let mut flipped = image.clone();
        flipped[at] ^= 0x40;
        assert!(refused(&flipped).is_some(), "flipped at {at}");
    }
    let other = [Instrument { tick_units: 2, ..flow::instrument() }];
    assert_eq!(Engine::restore(&image, &other).err(), Some(ImageError::OtherInstruments));
}

#[test]
fn the_documented_flow_holds_its_book_and_its_mix() {
    let options = flow::FlowOptions { resting: 2_000, commands: 20_000, ..Default::default() };
    let flow = flow::flow(options);
    let mut engine = Engine::new(&[flow::instrument()]);
    let mut out = Vec::new();
    for command in flow.fill.iter().chain(&flow.commands) {
        engine.apply(command, &mut out);
    }
    let rejected = out.iter().filter(|it| matches!(it.body, EventBody::Rejected(_))).count();
    assert_eq!(rejected, 0);
    assert!((1_600..2_400).contains(&engine.open_orders_count()), "{}", engine.open_orders_count());
    let cancels =
        flow.commands.iter().filter(|it| matches!(it.action, Action::Cancel { .. })).count();
    assert!((5_700..6_300).contains(&cancels), "{cancels}");
}
