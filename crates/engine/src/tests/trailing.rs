//! Trailing stops: what they follow, what wakes them, and in which order.

use super::*;
use model::Trail;

/// A market order of account 5 that trails the market by so many hundredths of a percent.
fn trailing(side: Side, quantity: i64, when: TriggerWhen, points: u16) -> NewOrder {
    let trail = Trail::new(points).expect("a distance that there is");
    NewOrder { trigger: Some(Trigger::trailing(when, trail)), ..market(side, quantity).by(5) }
}

/// Sells one per cent below the highest trade.
fn stop_loss(quantity: i64) -> NewOrder {
    trailing(Side::Sell, quantity, TriggerWhen::AtOrBelow, 100)
}

impl Scene {
    /// One trade at this price, of two new orders, and what else it causes.
    fn trade(&mut self, price: i64) -> String {
        self.place(sell(1, price));
        let told = self.place(buy(1, price).by(3));
        let mut told = told.splitn(3, ", ");
        assert!(told.next().is_some() && told.next().is_some(), "created, and met");
        told.next().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_sell_follows_the_highest_trade_and_never_comes_back() {
    let mut scene = scene();
    scene.trade(1_000);
    assert_eq!(scene.place(stop_loss(5)), "armed 2×5");
    assert_eq!(scene.trade(1_050), "");
    // One per cent below 1,050 is 1,039.5.
    assert_eq!(scene.trade(1_040), "");
    assert_eq!(scene.trade(1_039), "triggered 2×5, created 2×5, closed 2×5 NotFilled");
    assert_eq!(scene.trade(900), "", "once");
}

#[test]
fn a_buy_follows_the_lowest_trade() {
    let mut scene = scene();
    scene.trade(1_000);
    scene.place(trailing(Side::Buy, 5, TriggerWhen::AtOrAbove, 100));
    assert_eq!(scene.trade(905), "");
    // One per cent above 905 is 914.05.
    assert_eq!(scene.trade(914), "");
    assert_eq!(scene.trade(915), "triggered 2×5, created 2×5, closed 2×5 NotFilled");
}

#[test]
fn what_is_told_names_the_trade_from_which_it_follows() {
    let mut scene = scene();
    scene.trade(1_000);
    scene.trade(1_020);
    let mut asked = stop_loss(5);
    asked.trigger = asked.trigger.map(|trigger| Trigger { price: Price(7), ..trigger });
    let told = scene.say(Action::Place(asked));
    let EventBody::Armed(order) = told[0].body else { panic!("it waits") };
    let trigger = order.trigger.expect("it trails");
    assert_eq!((trigger.price, trigger.level()), (Price(1_020), Price(1_009)));
}

#[test]
fn of_one_orders_trades_it_counts_which_came_first() {
    let mut scene = scene();
    scene.trade(1_000);
    scene.place(stop_loss(5));
    scene.place(sell(1, 995));
    scene.place(sell(1, 1_050));
    // 995 was before 1,050, when it would have taken 990.
    assert_eq!(
        scene.place(buy(2, 1_050).by(3)),
        "created 5×2, 5 takes 1 of 3 at 995, 5 takes 1 of 4 at 1050"
    );
    scene.place(buy(1, 1_060));
    scene.place(buy(1, 1_049));
    // Here the highest is first, and 1,049 is one per cent below it.
    assert_eq!(
        scene.place(sell(2, 1_049)),
        "created 8×2, 8 takes 1 of 6 at 1060, 8 takes 1 of 7 at 1049, \
         triggered 2×5, created 2×5, closed 2×5 NotFilled"
    );
}

#[test]
fn who_came_later_has_seen_less_until_a_better_trade_makes_them_one() {
    let mut scene = scene();
    scene.trade(1_000);
    scene.place(stop_loss(1));
    scene.trade(995);
    scene.place(stop_loss(2));
    // The first waits for 990, the second for 985.
    assert_eq!(scene.trade(989), "triggered 2×1, created 2×1, closed 2×1 NotFilled");
    scene.place(stop_loss(3));
    // The second for 985, the third for 979; after 1,010 both for 999.
    assert_eq!(scene.trade(1_010), "");
    assert_eq!(
        scene.trade(999),
        "triggered 5×2, created 5×2, closed 5×2 NotFilled, \
         triggered 8×3, created 8×3, closed 8×3 NotFilled"
    );
}

#[test]
fn of_every_distance_the_nearest_wakes_first_whoever_came_when() {
    let mut scene = scene();
    scene.trade(1_000);
    scene.place(trailing(Side::Sell, 1, TriggerWhen::AtOrBelow, 300));
    scene.place(trailing(Side::Sell, 2, TriggerWhen::AtOrBelow, 200));
    scene.trade(990);
    scene.place(trailing(Side::Sell, 3, TriggerWhen::AtOrBelow, 100));
    scene.place(trailing(Side::Sell, 4, TriggerWhen::AtOrBelow, 300));
    // They wait for 970, 980, 980 and 960. A trade as good as the best that the first two have seen, and all four have
    // seen the same: 970, 980, 990 and 970.
    assert_eq!(scene.trade(1_000), "");
    assert_eq!(scene.trade(990), "triggered 6×3, created 6×3, closed 6×3 NotFilled");
    assert_eq!(scene.trade(980), "triggered 3×2, created 3×2, closed 3×2 NotFilled");
    assert_eq!(scene.cancel(5, 2), "closed 2×1 Canceled");
    // The last one follows on: 979.7, which is 979.
    assert_eq!(scene.trade(1_010), "");
    assert_eq!(scene.trade(980), "");
    assert_eq!(scene.trade(979), "triggered 7×4, created 7×4, closed 7×4 NotFilled");
    assert_eq!(scene.trade(1), "");
}

#[test]
fn those_that_one_wakes_wake_with_the_next_wave() {
    let mut scene = scene();
    scene.trade(1_000);
    scene.place(stop_loss(1));
    scene.place(trailing(Side::Sell, 1, TriggerWhen::AtOrBelow, 200));
    scene.place(buy(1, 980));
    // The first sells at 980, which is two per cent below 1,000.
    assert_eq!(
        scene.trade(990),
        "triggered 2×1, created 2×1, 2 takes 1 of 4 at 980, \
         triggered 3×1, created 3×1, closed 3×1 NotFilled"
    );
}

#[test]
fn it_is_cancelled_like_any_other_and_trails_no_more() {
    let mut scene = scene();
    scene.trade(1_000);
    for quantity in 1..=3 {
        scene.place(stop_loss(quantity));
    }
    assert_eq!(scene.cancel(5, 3), "closed 3×2 Canceled");
    assert_eq!(scene.cancel(5, 2), "closed 2×1 Canceled");
    assert_eq!(
        scene.trade(990),
        "triggered 4×3, created 4×3, closed 4×3 NotFilled",
        "the one that is left"
    );
    scene.place(stop_loss(4));
    let account = AccountId(5);
    let all = scene.tell(Action::CancelAll { account, instrument: None });
    assert_eq!(all, "closed 7×4 Canceled");
    assert_eq!(scene.trade(1), "");
}

#[test]
fn where_nothing_was_traded_there_is_nothing_to_follow() {
    let mut scene = scene();
    assert_eq!(scene.place(stop_loss(1)), "rejected NothingTraded");
    let nowhere = NewOrder { instrument: InstrumentId(7), ..stop_loss(1) };
    assert_eq!(scene.place(nowhere), "rejected UnknownInstrument");
    scene.trade(1_000);
    let far = trailing(Side::Sell, 1, TriggerWhen::AtOrBelow, Trail::BASIS_POINTS_MAX);
    assert_eq!(scene.place(far), "rejected BadPrice", "no trade is so low");
}

#[test]
fn however_runs_meet_each_order_is_where_it_is_said_to_be() {
    // Falling trades make a run each; rising ones make them one, the long and the short both ways round.
    for (old, young) in [(1, 9), (9, 1), (4, 4)] {
        let mut scene = scene();
        scene.trade(1_000);
        let place = |scene: &mut Scene, count| {
            for _ in 0..count {
                scene.place(stop_loss(1));
            }
        };
        place(&mut scene, old);
        scene.trade(995);
        place(&mut scene, young);
        scene.trade(1_001);
        let digest = scene.engine.digest();
        let restored = Engine::restore(&scene.engine.image(), &scene.instruments);
        assert_eq!(restored.map(|it| it.digest()), Ok(digest));
        let last = 2 + old + 2 + young - 1;
        assert!(scene.cancel(5, last).starts_with("closed"));
        assert!(scene.cancel(5, 2).starts_with("closed"));
        let woken = scene.trade(990).matches("triggered").count() as u64;
        assert_eq!(woken, old + young - 2, "{old} and {young}");
    }
}
