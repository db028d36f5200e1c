//! What is told of a position before anything else of it is known.

use model::{
    Assets, Balance, MarginMode, OwnPositions, OwnSettlement, PerpetualEvent, PositionId,
    PositionState, Settled, SettledBy, SettlementKind,
};

use super::*;
use crate::Accounts;

#[test]
fn what_is_drawn_of_a_position_that_the_same_trade_opened_is_told_with_its_size() {
    let account = AccountId(1);
    let mut accounts = Accounts::new(Assets::of(&[]));
    let mut settlements: Vec<OwnSettlement> = Vec::new();
    let (asset, position) = (model::AssetId(0), PositionId(7));
    let drawn = Settled {
        position,
        account,
        by: SettledBy::Draw,
        quantity: Quantity::ZERO,
        price: Price(1_050),
        profit: Amount(20),
        fee: Amount::ZERO,
        liquidation_fee: Amount::ZERO,
    };
    let state = PositionState {
        id: position,
        account,
        size: 3,
        cost: Amount(3_020),
        margin: Amount::ZERO,
        mode: MarginMode::Isolated,
        leverage: 10,
    };
    let nothing = Balance { account, asset, available: Amount::ZERO, held: Amount::ZERO };
    for body in [
        EventBody::Balance(nothing),
        EventBody::Perpetual(PerpetualEvent::Settled(drawn)),
        EventBody::Perpetual(PerpetualEvent::Position(state)),
        EventBody::Perpetual(PerpetualEvent::Insured { account, asset, amount: Amount(5) }),
        EventBody::Ticked(TENTH),
    ] {
        accounts.apply(&event(1, body), &[], &mut |_, update| {
            if let Update::Settlement(settlement) = update {
                settlements.push(**settlement);
            }
        });
    }
    let [told] = &settlements[..] else { panic!("one was settled: {settlements:?}") };
    assert_eq!((told.kind, told.size), (SettlementKind::Draw, 3));
    assert_eq!((told.cost, told.mode), (Amount(3_000), MarginMode::Isolated));
    assert_eq!((told.profit, told.insured), (Amount(20), Amount(5)));
    let query = Query::Positions(OwnPositions::of(account));
    let AnswerBody::Positions(positions) = accounts.answer(&query, Time(1)) else {
        panic!("positions are answered")
    };
    let [own] = &positions[..] else { panic!("there is one: {positions:?}") };
    assert_eq!((own.state, own.earned.profit), (state, Amount(20)));
}
