use engine::flow::Random;

use super::*;
use crate::journal::tests::{anything, command};

fn encoded(entries: &[Entry], begins: Time) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.begin(begins);
    entries.iter().for_each(|entry| encoder.entry(entry));
    encoder.bytes
}

fn decoded(bytes: &[u8], begins: Time) -> Result<Vec<Entry>, Misread> {
    let mut decoder = Decoder::new(bytes, begins);
    std::iter::from_fn(|| decoder.entry().transpose()).collect()
}

#[test]
fn what_was_written_is_read() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let begins = Time(random.next_u64() as i64 >> 8);
        let entries: Vec<Entry> = (0..20).map(|_| anything(&mut random, begins)).collect();
        let bytes = encoded(&entries, begins);
        assert_eq!(decoded(&bytes, begins), Ok(entries), "seed {seed}");
    }
}

/// One of every kind, and the bytes that they have been since they were first written. If this fails the stored
/// form was changed: old journals cannot be read any more.
#[test]
fn bytes_that_were_written_once_are_read_for_ever() {
    let (account, instrument) = (AccountId(1_001), InstrumentId(3));
    let order = OrderId(1 << 50);
    let asset = AssetId(2);
    let new = NewOrder {
        account,
        instrument,
        side: Side::Sell,
        kind: OrderKind::Limit(Price(6_000_000)),
        quantity: Quantity(5_000_000),
        time_in_force: TimeInForce::GoodTillDate(Time(1_800_000_000_000_000)),
        post_only: true,
        trigger: Some(Trigger::at(Price(5_900_000), TriggerWhen::AtOrBelow)),
    };
    let market = NewOrder {
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::FillOrKill,
        post_only: false,
        trigger: None,
        ..new
    };
    let trail = Trail::new(250).expect("in bounds");
    let time = Time(1_800_000_000_000_000);
    let kept = |action| Kept { time, action, acts: 0, by_crowd: false, label: None, mark: None };
    let amount = Amount(1_000_000_000_000_000_000_000_000);
    let later = time + Span(250);
    let entries = [
        Entry::Opened(Opened {
            time,
            warm_up: Span(0),
            market: 0x0123_4567_89ab_cdef,
            seed: 7,
            events: 0,
            digest: 1,
            state: 2,
            version: "0.1.0".into(),
        }),
        Entry::Command(kept(Action::Place(new))),
        Entry::Command(Kept {
            time: later,
            acts: 2,
            by_crowd: true,
            ..kept(Action::Place(market))
        }),
        Entry::Command(Kept {
            label: Some("mine".into()),
            mark: Some(Mark(*b"0123456789abcdef")),
            time: later,
            ..kept(Action::PlaceWorth { account, instrument, side: Side::Sell, worth: amount })
        }),
    ];
    let rest = [
        Action::Cancel { account, instrument, order },
        Action::Replace { account, instrument, order, price: Price(1), quantity: Quantity(-1) },
        Action::CancelAll { account, instrument: None },
        Action::CancelAll { account, instrument: Some(instrument) },
        Action::SetSelfTradePolicy { account, policy: SelfTradePolicy::CancelBoth },
        Action::Deposit { account, asset, amount: Amount(5) },
        Action::Withdraw { account, asset, amount: Amount(-5) },
        Action::Transfer { from: account, to: AccountId(u32::MAX), asset, amount },
        Action::Follow(account),
        Action::SetStatus { instrument, status: Status::Halted },
        Action::Tick(Cadence::TENTH),
    ];
    let rest = rest.into_iter().map(|action| Entry::Command(Kept { time: later, ..kept(action) }));
    let all: Vec<Entry> = entries
        .into_iter()
        .chain(rest)
        .chain([
            Entry::Digest(Digest { events: 1_024, digest: 0xffff_0000_ffff_0000 }),
            Entry::Closed(Closed { events: 1_030, digest: 3, state: 4 }),
            Entry::Command(Kept {
                time: later,
                ..kept(Action::Place(NewOrder {
                    trigger: Some(Trigger::trailing(TriggerWhen::AtOrBelow, trail)),
                    ..new
                }))
            }),
        ])
        .chain(
            [
                PerpetualAction::Reduce(market),
                PerpetualAction::SetLeverage { account, instrument, leverage: 300 },
                PerpetualAction::SetMarginMode { account, instrument, mode: MarginMode::Isolated },
                PerpetualAction::SetMarginMode { account, instrument, mode: MarginMode::Cross },
                PerpetualAction::AddMargin { account, instrument, amount: Amount(-5) },
                PerpetualAction::Insure { account, asset, amount },
                PerpetualAction::Quote { instrument, constituent: 2, price: Price(60_000) },
                PerpetualAction::Mark(instrument),
            ]
            .map(|action| Entry::Command(Kept { time: later, ..kept(Action::Perpetual(action)) })),
        )
        .chain([Entry::Opened(Opened {
            time: later,
            warm_up: Span::seconds(600),
            market: 5,
            seed: 7,
            events: 1_030,
            digest: 3,
            state: 4,
            version: "0.1.0".into(),
        })])
        .collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let golden = include_str!("golden.hex").split_whitespace().collect::<String>();
    assert_eq!(hex(&encoded(&all, time)), golden);
    let bytes: Vec<u8> = (0..golden.len() / 2)
        .map(|at| u8::from_str_radix(&golden[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect();
    assert_eq!(decoded(&bytes, time), Ok(all));
}

#[test]
fn what_a_later_build_wrote_is_said_to_be_newer() {
    let begins = Time(0);
    for (bytes, what) in [
        (&[99_u8, 0][..], Misread::Newer("an entry", 99)),
        (&[200], Misread::Newer("an entry", 200)),
        (&[10, 32, 1], Misread::Newer("a command's flags", 32)),
        (&[1, 0, 64, 1, 0, 2, 2], Misread::Newer("an order's flags", 64)),
        (&[1, 0, 8, 1, 0, 2, 2, 5, 9], Misread::Newer("a trigger", 5)),
        (&[6, 0, 1, 4], Misread::Newer("a self-trade policy", 4)),
        (&[11, 0, 1, 4], Misread::Newer("a status", 4)),
        (&[0, 0], Misread::Newer("an entry", 0)),
    ] {
        assert_eq!(decoded(bytes, begins), Err(what), "{bytes:?}");
    }
}

#[test]
fn half_an_entry_and_bytes_of_no_sense_are_neither_taken_nor_feared() {
    let begins = Time(1_800_000_000_000_000);
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let entry = Entry::Command(command(&mut random, begins));
        let bytes = encoded(&[entry], begins);
        let cut = random.below(bytes.len() as u64) as usize;
        let half = decoded(&bytes[..cut], begins);
        assert!(cut == 0 || half.is_err(), "seed {seed}: {half:?}");
        let mut changed = bytes;
        for _ in 0..3 {
            let at = random.below(changed.len() as u64) as usize;
            changed[at] = random.next_u64() as u8;
        }
        // Whatever it is, it is read without a panic, and what is taken can be written again.
        if let Ok(entries) = decoded(&changed, begins) {
            let again = decoded(&encoded(&entries, begins), begins);
            assert_eq!(again, Ok(entries), "seed {seed}");
        }
    }
}
