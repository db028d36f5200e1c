//! The law *twin* for images: image and tail are the whole journal, byte for byte, in all that is kept and in all that is
//! told from then on.

use std::sync::Arc;

use dialects::bitstamp::Bitstamp;
use dialects::visitor::Visitor;
use dialects::{Dialect, Request, Subject};
use edge::boards::{Dialects, Outlet};
use edge::outbox::Told;
use feed::journal::commit::{Commit, Durability};
use feed::journal::digest::Digester;
use feed::journal::memory::Memory;
use feed::journal::writer::Writer;
use model::{
    AccountId, Action, Amount, AssetId, InstrumentId, Label, MarginMode, Mark, NewOrder, Note,
    OrderKind, PerpetualAction, Price, Quantity, Query, Side, Source, Span, TimeInForce, Window,
};
use testkit::dice::Dice;

use super::*;

pub const BEGINS: Time = Time(1_795_305_600_123_456);
const ALICE: AccountId = AccountId(1_001);
const BOB: AccountId = AccountId(1_002);

pub const CONFIG: &str = r#"
[crowd.wander]
BTC = "0.8"
ETH = "1"

[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd" }
crowd = { activity = "busy", start = "60000", size = "0.05" }

[[instrument]]
base = "ETH"
quote = "BTC"
description = "Ether / Bitcoin"
tick = "0.000001"
lot = "0.00000001"
minimum = "0.0002 BTC"
symbols = { bitstamp = "ethbtc" }
crowd = { activity = "quiet", start = "0.05", size = "0.5" }

[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar perpetual"
tick = "1"
lot = "0.00001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd-perp" }
crowd = { activity = "quiet", start = "60000", size = "0.05" }
perpetual = { index = ["BTC/USD"], funding_minutes = 1, sample_seconds = 1 }
"#;

pub fn config() -> Config {
    Config::read("the test", CONFIG).expect("a configuration")
}

pub fn long() -> bool {
    std::env::var_os("RIALTO_LONG").is_some()
}

/// A market that is kept on a disk in memory for so many seconds of its time, while two people trade in it by chance,
/// with labels and marks. Its segments are short.
pub fn kept(plan: &Plan, seconds: i64) -> Memory {
    kept_and_told(plan, seconds).0
}

/// The same, and what happened.
pub fn kept_and_told(plan: &Plan, seconds: i64) -> (Memory, Vec<Event>) {
    let disk = Memory::default();
    let mut source = plan.source();
    let writer = Writer::create(Arc::new(disk.clone()), [9; 16]).expect("memory takes it");
    let digester = Digester::default();
    let complain = |what: &str| panic!("{what}");
    let writer = writer.with_segments_of(2_000);
    let commit = Commit::start(writer, Durability::None, digester.digest(), complain);
    source.keep(commit.expect("a thread"), (BEGINS, Span(0)), (plan.seed, "test"), digester);
    let mut dice = Dice::new(plan.seed);
    let mut out = Vec::new();
    for account in [ALICE, BOB] {
        for action in [
            Action::Follow(account),
            Action::Deposit { account, asset: AssetId(0), amount: Amount(10_i128.pow(13)) },
            Action::Deposit { account, asset: AssetId(1), amount: Amount(10_i128.pow(18)) },
        ] {
            source.submit(BEGINS, action, &mut out).expect("it takes orders");
        }
    }
    let till = BEGINS + Span::seconds(seconds);
    while source.time() < till {
        let now = source.time() + Span::millis(20 + dice.roll(150) as i64);
        source.advance(now, &mut out);
        if dice.roll(2) == 0 {
            let note = Note {
                label: (dice.roll(2) == 0).then(|| Label::from("mine")),
                mark: (dice.roll(2) == 0).then(|| Mark([dice.roll(200) as u8; 16])),
            };
            let action = anything(&mut dice);
            source.submit_noted(now, action, &note, &mut out).expect("it takes orders");
        }
        // Records, and so segments, end wherever.
        match dice.roll(4) {
            0 => source.settle(&mut out),
            _ => source.turn(false, &mut out),
        }
    }
    source.settle(&mut out);
    if dice.roll(2) == 0 {
        source.close(&mut out);
    }
    (disk, out)
}

/// What one of the two may ask for.
fn anything(dice: &mut Dice) -> Action {
    let account = if dice.roll(2) == 0 { ALICE } else { BOB };
    if dice.roll(3) == 0 {
        return of_the_perpetual(dice, account);
    }
    let instrument = InstrumentId(0);
    let price = 5_990_000 + dice.roll(20_000) as i64;
    match dice.roll(12) {
        0 => Action::CancelAll { account, instrument: None },
        1 => Action::Withdraw { account, asset: AssetId(1), amount: Amount(7) },
        2 => Action::Transfer {
            from: account,
            to: if account == ALICE { BOB } else { ALICE },
            asset: AssetId(0),
            amount: Amount(1 + dice.roll(1_000) as i128),
        },
        kind => Action::Place(NewOrder {
            account,
            instrument,
            side: if dice.roll(2) == 0 { Side::Buy } else { Side::Sell },
            kind: if kind < 5 { OrderKind::Market } else { OrderKind::Limit(Price(price)) },
            quantity: Quantity(1_000_000 + dice.roll(1_000_000) as i64),
            time_in_force: match kind {
                0..5 => TimeInForce::ImmediateOrCancel,
                5..7 => TimeInForce::GoodTillDate(BEGINS + Span::seconds(8)),
                _ => TimeInForce::GoodTillCanceled,
            },
            post_only: false,
            trigger: None,
        }),
    }
}

/// The same of the perpetual.
fn of_the_perpetual(dice: &mut Dice, account: AccountId) -> Action {
    let instrument = InstrumentId(2);
    let new = NewOrder {
        account,
        instrument,
        side: if dice.roll(2) == 0 { Side::Buy } else { Side::Sell },
        kind: OrderKind::Limit(Price(59_900 + dice.roll(200) as i64)),
        quantity: Quantity(1_000 + dice.roll(1_000_000) as i64),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    };
    match dice.roll(10) {
        0 => Action::Perpetual(PerpetualAction::Reduce(new)),
        1 => {
            let leverage = 1 + dice.roll(100) as u16;
            Action::Perpetual(PerpetualAction::SetLeverage { account, instrument, leverage })
        }
        2 => {
            let mode = *dice.pick(&[MarginMode::Cross, MarginMode::Isolated]);
            Action::Perpetual(PerpetualAction::SetMarginMode { account, instrument, mode })
        }
        _ => Action::Place(new),
    }
}

/// Frames, as they are told.
#[derive(Default, PartialEq, Eq)]
struct Heard(Vec<Vec<u8>>);

impl Outlet for Heard {
    fn tell(&mut self, _of_loop: usize, told: Told) {
        self.0.push(told.frame.bytes().to_vec());
    }
}

/// The same boards for those who listen in Bitstamp's dialect.
fn heeded(plan: &Plan) -> (Boards, Vec<Subject>) {
    let config = config();
    let bitstamp = Bitstamp::new(&config.listings, config.bitstamp.clone()).expect("listings");
    let mut subjects = Vec::new();
    for channel in
        ["live_trades", "live_orders", "order_book", "detail_order_book", "diff_order_book"]
    {
        for pair in ["btcusd", "ethbtc"] {
            let said =
                format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}_{pair}"}}}}"#);
            let mut requests = Vec::new();
            bitstamp.decode(said.as_bytes(), &Visitor::STRANGER, &mut requests);
            for request in requests {
                if let Request::Subscribe { subjects: some, .. } = request {
                    subjects.extend(some);
                }
            }
        }
    }
    assert_eq!(subjects.len(), 10, "every channel");
    let instruments = plan.instruments();
    let boards = instruments.iter().map(|it| Board::new(it.id, plan.begins)).collect();
    let dialects: Dialects = [Box::new(bitstamp) as Box<dyn Dialect>].into();
    let accounts = Accounts::new(Assets::of(&instruments));
    (Boards::new(boards, dialects, 1).with_accounts(accounts), subjects)
}

/// What is told and answered when a market goes on for some seconds.
fn goes_on(rerun: Rerun, boards: &mut Boards, subjects: &[Subject]) -> (Heard, Vec<model::Answer>) {
    for subject in subjects {
        let _opening = boards.subscribe(0, 0, *subject);
    }
    let (mut source, _) = rerun.finish();
    let mut heard = Heard::default();
    let mut events = Vec::new();
    for _ in 0..20 {
        source.advance(source.time() + Span::millis(150), &mut events);
        boards.apply(&events, &mut heard);
        events.clear();
    }
    let now = source.time();
    let mut answers = Vec::new();
    for account in [ALICE, BOB] {
        answers.push(boards.query(&Query::Balances { account }, now));
        answers.push(boards.query(&Query::OpenOrders { account, instrument: None }, now));
        let all = model::OwnTrades {
            account,
            instrument: None,
            among: None,
            since: None,
            until: None,
            since_id: None,
            until_id: None,
            side: None,
            maker: None,
            taker: None,
            sort: model::Sort::NewestFirst,
            offset: 0,
            limit: 1_000,
        };
        answers.push(boards.query(&Query::OwnTrades(all), now));
    }
    answers.push(boards.query(&Query::Tickers { window: Window::DAY }, now));
    for id in [0, 1] {
        let (instrument, cadence) = (InstrumentId(id), model::Cadence::TENTH);
        answers.push(boards.query(&Query::Detail { instrument, cadence }, now));
        for interval in model::INTERVALS {
            let (from, till) = (BEGINS, now);
            let candles =
                Query::Candles { instrument, interval, from, till, limit: 1_000, filled: false };
            answers.push(boards.query(&candles, now));
        }
        answers.push(boards.query(&Query::Trades { instrument, since: BEGINS, limit: 9_999 }, now));
    }
    (heard, answers)
}

#[test]
fn image_and_tail_are_the_whole_journal() {
    let wanted = if long() { 200 } else { 6 };
    let mut points = 0;
    let mut positions = 0;
    let mut seed = 0;
    while points < wanted {
        seed += 1;
        let plan = Plan::new(&config(), seed, BEGINS);
        let disk = kept(&plan, 12);
        let mut dice = Dice::new(seed);

        // The whole of it, and an image wherever a segment ends.
        let (mut boards, subjects) = heeded(&plan);
        let mut whole = Replica::begun(&plan, &mut boards);
        let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
        let mut images: Vec<Image> = Vec::new();
        let mut boundary = reader.boundary();
        while let Some(record) = reader.record().expect("no trouble") {
            if reader.boundary().segment > boundary.segment {
                images.push(whole.image(&plan, boundary));
            }
            whole.record(&record).expect("the same happens");
            boundary = reader.boundary();
        }
        let last = whole.image(&plan, boundary);
        let (rerun, _) = whole.finish();
        let position = rerun.source().engine().position(ALICE, InstrumentId(2));
        positions += usize::from(position.is_some_and(|position| position.size != 0));
        let (frames, answers) = goes_on(rerun, &mut boards, &subjects);
        assert!(frames.0.len() > 50, "seed {seed}: {} frames", frames.0.len());
        assert!(!images.is_empty(), "seed {seed}: one segment");

        for _ in 0..3 {
            let at = dice.roll(images.len());
            let image = Image::of_bytes(&images[at].to_bytes()).expect("what was written");
            let case = format!("seed {seed}, behind segment {}", image.head.boundary.segment);
            let (mut boards, _) = heeded(&plan);
            let mut replica =
                Replica::restored(&plan, &image, Some(&mut boards)).expect("what was taken");
            assert!(replica.image(&plan, image.head.boundary) == image, "{case}: read back");
            let mut reader = Reader::open_behind(&disk, &image.head.boundary).expect("it follows");
            let mut boundary = image.head.boundary;
            while let Some(record) = reader.record().expect("no trouble") {
                if reader.boundary().segment > boundary.segment
                    && let Some(there) = images.iter().find(|it| it.head.boundary == boundary)
                {
                    assert!(replica.image(&plan, boundary) == *there, "{case}: on the way");
                }
                replica.record(&record).expect("the same happens");
                boundary = reader.boundary();
            }
            let end = replica.image(&plan, boundary);
            assert_eq!(end.head, last.head, "{case}");
            for (one, other) in end.parts.iter().zip(&last.parts) {
                assert!(one == other, "{case}: the {} differs", one.kind.name());
            }
            let (rerun, _) = replica.finish();
            let (again, answered) = goes_on(rerun, &mut boards, &subjects);
            assert!(again == frames, "{case}: other frames");
            assert_eq!(answered, answers, "{case}");
            points += 1;
        }
    }
    assert!(positions > 0, "nobody has a position in the perpetual");
}

#[test]
fn an_image_of_another_configuration_is_refused() {
    let plan = Plan::new(&config(), 3, BEGINS);
    let mut boards = plan.boards();
    let boundary = Boundary {
        journal: [9; 16],
        segment: 1,
        epoch: model::Epoch(1),
        last: model::Sequence(0),
        time: BEGINS,
        chain: [0; 16],
    };
    let image = Replica::begun(&plan, &mut boards).image(&plan, boundary);
    let refused = |plan: &Plan| Replica::restored(plan, &image, Some(&mut plan.boards())).err();
    assert!(refused(&plan).is_none());
    assert!(matches!(refused(&Plan::new(&config(), 4, BEGINS)), Some(Unusable::Unfit(_))));
    let text = CONFIG.replace("\"0.05\" }\n\n[[i", "\"0.06\" }\n\n[[i");
    assert_ne!(text, CONFIG);
    let other = Config::read("the test", &text).expect("a configuration");
    assert!(matches!(refused(&Plan::new(&other, 3, BEGINS)), Some(Unusable::Unfit(_))));
    let text = format!("[bitstamp]\ncadence_ms = 200\n{CONFIG}");
    let other = Config::read("the test", &text).expect("a configuration");
    assert!(matches!(refused(&Plan::new(&other, 3, BEGINS)), Some(Unusable::Unfit(_))));
    // An engine alone needs nothing else.
    assert!(Replica::restored(&plan, &image, None).is_ok());
}
