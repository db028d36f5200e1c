//! What is not known is not told as if it were.

use model::{
    AccountId, Amount, Cadence, Instrument, InstrumentId, Listing, MarginMode, Minimum,
    OwnSettlement, PositionId, Price, Quantity, Sequence, SettlementKind, Time,
};

use super::settlement;
use crate::clock::Speed;
use crate::native::venue::{Venue, Words};
use crate::native::wire::perpetual::PositionSide;

#[test]
fn a_settlement_of_a_position_that_was_not_met_has_no_side_and_no_quantity() {
    let instrument = Instrument {
        id: InstrumentId(0),
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 0,
        tick_units: 1,
        quantity_decimals: 5,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let description = "Bitcoin / U.S. dollar".to_owned();
    let words = Words::new(Venue {
        name: "it".to_owned(),
        listings: vec![Listing { instrument, description, symbols: Vec::new() }],
        contracts: Vec::new(),
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        cadence: Cadence::TENTH,
        opened: Time(0),
        speed: Speed::WALL,
        seed: None,
        hosts: Vec::new(),
    });
    let closed = |size| OwnSettlement {
        sequence: Sequence(1),
        time: Time(0),
        account: AccountId(1),
        instrument: InstrumentId(0),
        position: PositionId(7),
        kind: SettlementKind::Trade,
        size,
        price: Price(60_000),
        cost: Amount::ZERO,
        profit: Amount::ZERO,
        fee: Amount::ZERO,
        liquidation_fee: Amount::ZERO,
        funding: Amount::ZERO,
        insured: Amount::ZERO,
        mode: MarginMode::Cross,
    };
    let told = |size| {
        let told = settlement(&words, &closed(size));
        (told.side, told.quantity)
    };
    assert_eq!(told(250), (Some(PositionSide::Long), Some("0.00250".to_owned())));
    assert_eq!(told(-250), (Some(PositionSide::Short), Some("0.00250".to_owned())));
    assert_eq!(told(0), (None, None));
}
