//! Scenes about money. The instrument is BTC/USD with a cent a tick: at a price of 1,000 a lot is worth 1,000
//! units, of which the maker pays 1 and the taker 2.

use super::*;
use model::{Amount, AssetId, Balance};

const BTC: AssetId = AssetId(0);
const USD: AssetId = AssetId(1);

/// The accounts 1 and 2 have so much of both, nobody else has anything.
fn scene_of(dollars: i128, coins: i128) -> Scene {
    let rules = Rules { band_basis_points: None, ..Rules::default() };
    let mut scene = poor_scene(vec![flow::instrument()], rules);
    for account in [1, 2] {
        for (asset, amount) in [(USD, dollars), (BTC, coins)] {
            if amount > 0 {
                let (account, amount) = (AccountId(account), Amount(amount));
                scene.say(Action::Deposit { account, asset, amount });
            }
        }
    }
    scene
}

impl Scene {
    /// Available and held.
    fn has(&self, account: u32, asset: AssetId) -> (i128, i128) {
        let balance = self.engine.balance(AccountId(account), asset);
        (balance.available.0, balance.held.0)
    }
    fn fees(&self) -> (i128, i128) {
        self.has(AccountId::FEES.0, USD)
    }
    fn worth(&mut self, account: u32, side: Side, worth: i128) -> String {
        let (account, worth) = (AccountId(account), Amount(worth));
        self.tell(Action::PlaceWorth { account, instrument: HERE, side, worth })
    }
}

fn lacks(asset: AssetId, needed: i128, available: i128) -> String {
    let (needed, available) = (Amount(needed), Amount(available));
    format!("rejected {:?}", Rejection::InsufficientFunds { asset, needed, available })
}

#[test]
fn an_order_holds_what_it_could_cost_and_gives_it_back() {
    let mut scene = scene_of(20_000, 10);
    scene.place(buy(5, 1_000));
    assert_eq!(scene.has(1, USD), (20_000 - 5 * 1_002, 5 * 1_002), "with the higher of both fees");
    scene.place(sell(4, 2_000));
    assert_eq!(scene.has(2, BTC), (6, 4));
    scene.place(buy(2, 900).stop(TriggerWhen::AtOrAbove, 950));
    assert_eq!(scene.has(1, USD), (20_000 - 5_010 - 1_804, 5_010 + 1_804));
    scene.place(market(Side::Buy, 2).stop(TriggerWhen::AtOrAbove, 1_500));
    assert_eq!(scene.has(1, USD).1, 5_010 + 1_804 + 3_006, "at its trigger price");
    let all = |account| Action::CancelAll { account: AccountId(account), instrument: None };
    scene.say(all(1));
    scene.say(all(2));
    assert_eq!(scene.has(1, USD), (20_000, 0));
    assert_eq!(scene.has(2, BTC), (10, 0));
}

#[test]
fn a_trade_is_paid_at_its_price_and_the_rest_is_free_at_once() {
    let mut scene = scene_of(20_000, 10);
    scene.place(sell(5, 1_000));
    let events = scene.say(Action::Place(buy(8, 1_100)));
    let EventBody::Filled(fill) = &events[1].body else { panic!("it trades: {events:?}") };
    assert_eq!((fill.maker_fee, fill.taker_fee), (Amount(5), Amount(10)));
    // Three lots rest at 1,100, each with a fee of 2.2, rounded up.
    assert_eq!(scene.has(1, USD), (20_000 - 5_010 - 3 * 1_103, 3 * 1_103));
    assert_eq!(scene.has(1, BTC), (15, 0));
    assert_eq!(scene.has(2, BTC), (5, 0));
    assert_eq!(scene.has(2, USD), (20_000 + 4_995, 0));
    assert_eq!(scene.fees(), (15, 0));
    assert_eq!(scene.engine.supply(USD), Amount(40_000));
}

#[test]
fn what_cannot_be_paid_is_refused_before_it_exists() {
    let mut scene = scene_of(5_009, 3);
    assert_eq!(scene.place(buy(5, 1_000)), lacks(USD, 5_010, 5_009));
    assert_eq!(scene.place(sell(4, 1_000)), lacks(BTC, 4, 3));
    assert_eq!(scene.place(buy(1, 1_000).by(7)), lacks(USD, 1_002, 0), "who has nothing");
    assert_eq!(scene.place(buy(4, 1_000)), "created 0×4, rested 0×4");
    assert_eq!(scene.replace(1, 0, 1_000, 5), lacks(USD, 5_010, 5_009), "its own hold counts");
    assert_eq!(scene.has(1, USD), (1_001, 4_008), "the old order stays");
    assert_eq!(scene.replace(1, 0, 1_200, 4), "0×4 becomes 1×4 and loses its place, rested 1×4");
    assert_eq!(scene.has(1, USD), (5_009 - 4 * 1_203, 4 * 1_203));
}

#[test]
fn a_market_buy_is_judged_by_what_it_will_meet() {
    let mut scene = scene_of(3_006, 10);
    scene.place(sell(2, 1_000));
    scene.place(sell(5, 1_010));
    assert_eq!(scene.place(market(Side::Buy, 3)), lacks(USD, 2_004 + 1_013, 3_006));
    assert_eq!(scene.place(market(Side::Buy, 2)), "created 2×2, 2 takes 2 of 0 at 1000");
    assert_eq!(scene.has(1, USD), (1_002, 0));
    assert_eq!(
        scene.place(market(Side::Buy, 9).by(8)),
        lacks(USD, 5_050 + 11, 0),
        "no more than there is to be had"
    );
    // Its own order, which its policy takes away, costs nothing.
    scene.policy(1, SelfTradePolicy::CancelResting);
    scene.place(sell(2, 900).by(1));
    assert_eq!(
        scene.place(market(Side::Buy, 1)),
        lacks(USD, 1_013, 1_002),
        "what stands behind it does"
    );
}

#[test]
fn self_trades_settle_and_are_free() {
    let mut scene = scene_of(3_006, 10);
    scene.place(sell(3, 1_000).by(1));
    assert_eq!(scene.place(market(Side::Buy, 3)), "created 1×3, 1 takes 3 of 0 at 1000 own");
    assert_eq!(scene.has(1, USD), (3_006, 0));
    assert_eq!(scene.has(1, BTC), (10, 0));
    assert_eq!(scene.fees(), (0, 0));
}

#[test]
fn a_woken_order_that_cannot_be_paid_is_closed() {
    let mut scene = scene_of(1_010, 10);
    scene.place(market(Side::Buy, 1).stop(TriggerWhen::AtOrAbove, 1_000));
    assert_eq!(scene.has(1, USD), (8, 1_002));
    scene.place(sell(1, 1_000));
    scene.place(sell(1, 1_020));
    assert_eq!(
        scene.place(buy(1, 1_000).by(2)),
        "created 3×1, 3 takes 1 of 1 at 1000 own, \
         triggered 0×1, created 0×1, closed 0×1 Unfunded"
    );
    assert_eq!(scene.has(1, USD), (1_010, 0));
}

#[test]
fn an_order_can_be_sized_by_what_it_is_worth() {
    let mut scene = scene_of(10_000, 20);
    assert_eq!(scene.worth(1, Side::Buy, 5_000), "rejected BelowMinimum", "nobody sells");
    scene.place(sell(2, 1_000));
    scene.place(sell(5, 1_010));
    assert_eq!(scene.worth(1, Side::Buy, 0), "rejected BadAmount");
    assert_eq!(scene.worth(1, Side::Buy, 1_001), "rejected BelowMinimum", "not one with its fee");
    // Two lots with their fee are 2,004, a third is 1,010 and 3.
    assert_eq!(
        scene.worth(1, Side::Buy, 2_004 + 1_013),
        "created 2×3, 2 takes 2 of 0 at 1000, 2 takes 1 of 1 at 1010"
    );
    assert_eq!(scene.has(1, USD), (10_000 - 3_017, 0));
    assert_eq!(
        scene.worth(1, Side::Buy, 1 << 90),
        "created 3×4, 3 takes 4 of 1 at 1010",
        "as much as there is"
    );
    // Selling: 1,000 less 2 for each, and no more than was asked for.
    scene.place(buy(2, 1_000));
    assert_eq!(scene.worth(2, Side::Sell, 1_995), "created 5×1, 5 takes 1 of 4 at 1000");
}

#[test]
fn money_moves_only_if_it_is_free() {
    let mut scene = scene_of(5_000, 0);
    let (account, asset) = (AccountId(1), USD);
    scene.place(buy(2, 1_000));
    let withdraw = |amount| Action::Withdraw { account, asset, amount: Amount(amount) };
    assert_eq!(scene.tell(withdraw(2_997)), lacks(USD, 2_997, 2_996));
    assert_eq!(scene.tell(withdraw(0)), "rejected BadAmount");
    assert_eq!(scene.tell(withdraw(2_000)), "moved 2000");
    let give = Action::Transfer { from: account, to: AccountId(9), asset, amount: Amount(996) };
    assert_eq!(scene.tell(give), "moved 996");
    assert_eq!((scene.has(1, USD), scene.has(9, USD)), ((0, 2_004), (996, 0)));
    assert_eq!(scene.engine.supply(USD), Amount(8_000));
    let too_much = Action::Deposit { account, asset, amount: Amount::MAX };
    assert_eq!(scene.tell(too_much), "rejected BadAmount");
    let what = Action::Deposit { account, asset: AssetId(2), amount: Amount(1) };
    assert_eq!(scene.tell(what), "rejected UnknownAsset");
}

#[test]
fn followers_are_told_what_changed_last_and_once() {
    let mut scene = scene_of(20_000, 10);
    let balances = |events: Vec<Event>| -> Vec<(u32, AssetId, i128, i128)> {
        let tell = |event: Event| match event.body {
            EventBody::Balance(Balance { account, asset, available, held }) => {
                Some((account.0, asset, available.0, held.0))
            }
            _ => None,
        };
        events.into_iter().filter_map(tell).collect()
    };
    let told = scene.say(Action::Follow(AccountId(1)));
    assert_eq!(balances(told), [(1, BTC, 10, 0), (1, USD, 20_000, 0)]);
    scene.place(sell(1, 1_000));
    scene.place(sell(1, 1_001));
    let events = scene.say(Action::Place(buy(2, 1_001)));
    assert!(matches!(events[2].body, EventBody::Filled(_)));
    let news = balances(events);
    assert_eq!(news, [(1, BTC, 12, 0), (1, USD, 20_000 - 2_001 - 2 - 3, 0)]);
    let nothing = scene.say(Action::Place(buy(1, 900).good(TimeInForce::ImmediateOrCancel)));
    assert_eq!(balances(nothing), [], "held and released in one step");
    assert_eq!(balances(scene.say(Action::Place(sell(1, 1_000)))), [], "nobody follows it");
}
