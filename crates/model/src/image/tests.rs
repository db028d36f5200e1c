use super::*;
use crate::{AccountId, Action, Cadence, OrderState, Time};

fn bytes_of(it: &impl Image) -> Vec<u8> {
    let mut bytes = Vec::new();
    it.save(&mut bytes);
    bytes
}

#[test]
fn numbers_have_one_spelling() {
    for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 53, u64::MAX - 1, u64::MAX] {
        let bytes = bytes_of(&value);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.number(), Ok(value));
        assert_eq!(reader.end(), Ok(()));
        for cut in 0..bytes.len() {
            assert!(Reader::new(&bytes[..cut]).number().is_err(), "{value} cut to {cut}");
        }
        // The same number, longer.
        let mut longer = bytes;
        *longer.last_mut().expect("a byte") |= 0x80;
        longer.push(0);
        assert!(Reader::new(&longer).number().is_err(), "{value} spelled longer");
    }
    assert!(Reader::new(&[0xff; 10]).number().is_err(), "more than sixty-four bits");
    assert!(Reader::new(&[0x80; 64]).number().is_err(), "it does not end");
    for value in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
        assert_eq!(i64::load(&mut Reader::new(&bytes_of(&value))), Ok(value));
        let wide = i128::from(value) << 63;
        assert_eq!(i128::load(&mut Reader::new(&bytes_of(&wide))), Ok(wide));
    }
    for wide in [i128::MAX, i128::MIN, -1] {
        assert_eq!(i128::load(&mut Reader::new(&bytes_of(&wide))), Ok(wide));
    }
}

#[test]
fn what_says_the_impossible_is_refused() {
    assert!(bool::load(&mut Reader::new(&[2])).is_err());
    assert!(<Option<u64>>::load(&mut Reader::new(&[2, 0])).is_err());
    assert!(Time::load(&mut Reader::new(&bytes_of(&i64::MAX))).is_err());
    assert!(Action::load(&mut Reader::new(&[200])).is_err());
    // More than there are bytes for, and more than is allowed.
    assert!(<Vec<u64>>::load(&mut Reader::new(&[4, 1, 2, 3])).is_err());
    let three: Result<Vec<u64>, _> = Reader::new(&[3, 1, 2, 3]).all(2, "three");
    assert_eq!(three, Err(Impossible("three")));
    assert!(crate::Label::load(&mut Reader::new(&[1, 0xff])).is_err());
}

#[test]
fn a_word_is_read_back_as_it_was_written() {
    let action = Action::CancelAll { account: AccountId(7), instrument: None };
    assert_eq!(Action::load(&mut Reader::new(&bytes_of(&action))), Ok(action));
    let tick = Action::Tick(Cadence::TENTH);
    assert_eq!(Action::load(&mut Reader::new(&bytes_of(&tick))), Ok(tick));
    let price = crate::Price(60_000);
    let instrument = crate::InstrumentId(3);
    let quote = crate::PerpetualAction::Quote { instrument, constituent: 300, price };
    let action = Action::Perpetual(quote);
    assert_eq!(Action::load(&mut Reader::new(&bytes_of(&action))), Ok(action));
    let event = crate::EventBody::Perpetual(crate::PerpetualEvent::Funded {
        position: crate::PositionId(1_000_001),
        account: AccountId(7),
        amount: crate::Amount(-38),
        rate_ppm: -7_500,
    });
    let read = crate::EventBody::load(&mut Reader::new(&bytes_of(&event)));
    assert_eq!(read, Ok(event));
    // Whatever an order is good till, it is written.
    let order = OrderState {
        id: crate::OrderId(1 << 50),
        account: AccountId(u32::MAX),
        side: crate::Side::Sell,
        post_only: true,
        kind: crate::OrderKind::Limit(crate::Price(-1)),
        time_in_force: crate::TimeInForce::GoodTillDate(Time(i64::MAX)),
        trigger: None,
        original: crate::Quantity(10),
        remaining: crate::Quantity(3),
    };
    assert_eq!(OrderState::load(&mut Reader::new(&bytes_of(&order))), Ok(order));
}
