//! Images: whoever is read back stands as it stood and goes on as if it had never stopped; and whatever bytes are
//! read, what comes of them is a board or a refusal.

use model::image::Reader;
use model::{
    AccountId, Amount, AssetId, Balance, EventBody, Level, LevelBook, OrderId, Price, Quantity,
    Query, Span, Time, TopicKind,
};

use super::flow::{Dice, Flow};
use super::own::{assets, questions as own_questions};
use super::twin::{kinds, questions};
use super::{HERE, TENTH, event, told};
use crate::account::Accounts;
use crate::board::Board;

const COMMANDS: usize = 250;

fn seeds(few: u64, many: u64) -> u64 {
    if std::env::var_os("RIALTO_LONG").is_some() { many } else { few }
}

fn bytes_of(board: &Board) -> Vec<u8> {
    let mut bytes = Vec::new();
    board.save(&mut bytes);
    bytes
}

fn read(bytes: &[u8]) -> Result<Board, model::image::Impossible> {
    let mut reader = Reader::new(bytes);
    let board = Board::load(HERE, &mut reader)?;
    reader.end()?;
    Ok(board)
}

/// The accounts that are read back; they are written as they were read.
pub fn again(accounts: &Accounts, assets: model::Assets) -> Accounts {
    let mut bytes = Vec::new();
    accounts.save(&mut bytes);
    let mut reader = Reader::new(&bytes);
    let loaded = Accounts::load(assets, &mut reader).expect("what was written");
    reader.end().expect("all of it");
    let mut again = Vec::new();
    loaded.save(&mut again);
    assert!(bytes == again, "equal states have equal bytes");
    loaded
}

#[test]
fn a_board_that_is_read_back_tells_and_answers_what_the_one_that_never_stopped_does() {
    let mut marks = 0;
    for seed in 0..seeds(60, 1_000) {
        let start = Time::from_civil(2026, 11, 1 + (seed % 30) as u32) - Span::seconds(600);
        let mut flow = match seed % 2 {
            0 => Flow::of_perpetual(seed, start),
            _ => Flow::new(seed, start),
        };
        let mut whole = Board::new(HERE, start);
        let cut = 1 + flow.dice.below(COMMANDS as i64) as usize;
        for _ in 0..cut {
            for event in flow.command() {
                told(&mut whole, &event);
            }
        }
        let bytes = bytes_of(&whole);
        let mut loaded = read(&bytes).expect("what was written");
        assert!(bytes_of(&loaded) == bytes, "seed {seed}: equal states have equal bytes");
        assert_eq!(loaded.digest(), whole.digest(), "seed {seed}");
        for kind in kinds() {
            whole.listen(kind);
            loaded.listen(kind);
        }
        for command in 0..COMMANDS {
            let events: Vec<_> = flow.command().collect();
            for event in &events {
                let words = told(&mut whole, event);
                marks += words.len();
                assert_eq!(words, told(&mut loaded, event), "seed {seed}, {command} after {cut}");
            }
            if command % 8 == 0 {
                let now = flow.now + Span::micros(flow.dice.below(100_000_000));
                for query in questions(&mut flow) {
                    let (one, other) = (whole.answer(&query, now), loaded.answer(&query, now));
                    assert_eq!(one, other, "seed {seed}, {command} after {cut}: {query:?}");
                }
                let stretch = model::Stretch {
                    since: model::EventMark { time: start, tie: 0, ordinal: 0 },
                    until: None,
                    limit: 1_000,
                };
                let steps = Query::OrderSteps { instrument: HERE, stretch };
                assert_eq!(whole.answer(&steps, now), loaded.answer(&steps, now), "seed {seed}");
            }
        }
        assert!(bytes_of(&loaded) == bytes_of(&whole), "seed {seed}: it went on in another way");
    }
    assert!(marks > 10_000, "{marks} words");
}

/// A book by level, of a few chance words.
fn words_by_level(dice: &mut Dice, micros: i64) -> EventBody {
    let mut side = |from: i64, sign: i64, may_go: bool| -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for away in 0..6 {
            if dice.chance(60) {
                let quantity = Quantity(dice.below(4) + i64::from(!may_go));
                levels.push(Level { price: Price(from + sign * away), quantity });
            }
        }
        levels
    };
    let is_snapshot = micros % 7 == 1;
    let book =
        Box::new(LevelBook { bids: side(100, -1, !is_snapshot), asks: side(101, 1, !is_snapshot) });
    if is_snapshot { EventBody::BookSnapshot(book) } else { EventBody::BookDelta(book) }
}

#[test]
fn a_board_by_level_is_read_back_as_well() {
    for seed in 0..seeds(40, 400) {
        let mut dice = Dice::new(seed);
        let mut whole = Board::by_level(HERE, Time(0));
        let cut = 1 + dice.below(30);
        for micros in 1..cut {
            told(&mut whole, &event(micros, words_by_level(&mut dice, micros)));
        }
        let bytes = bytes_of(&whole);
        let mut loaded = read(&bytes).expect("what was written");
        assert!(bytes_of(&loaded) == bytes, "seed {seed}");
        for kind in
            [TopicKind::Delta { cadence: TENTH }, TopicKind::Book { depth: 2, cadence: TENTH }]
        {
            whole.listen(kind);
            loaded.listen(kind);
        }
        for micros in cut..cut + 20 {
            let event = event(micros, words_by_level(&mut dice, micros));
            assert_eq!(told(&mut whole, &event), told(&mut loaded, &event), "seed {seed}");
            assert_eq!(whole.digest(), loaded.digest(), "seed {seed}");
        }
    }
}

/// Changes some bytes, or cuts some off.
pub fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(bytes.len() as i64) as usize;
        bytes[at] = match dice.below(5) {
            0 => 0,
            1 => 0xff,
            2 => bytes[at] ^ (1 << dice.below(8)),
            3 => bytes[at].wrapping_add(1),
            _ => dice.below(256) as u8,
        };
    }
    if dice.chance(5) {
        bytes.truncate(dice.below(bytes.len() as i64) as usize);
    }
}

#[test]
fn whatever_bytes_are_read_a_board_comes_of_them_or_a_refusal() {
    let (mut taken, mut refused) = (0, 0);
    let mut flow = Flow::of_perpetual(5, Time::from_civil(2026, 11, 22));
    let mut whole = Board::new(HERE, flow.now);
    for _ in 0..120 {
        flow.command().for_each(|event| drop(told(&mut whole, &event)));
    }
    let bytes = bytes_of(&whole);
    let events: Vec<_> = (0..60).flat_map(|_| flow.command().collect::<Vec<_>>()).collect();
    for seed in 0..seeds(4_000, 100_000) {
        let mut dice = Dice::new(seed);
        let mut changed = bytes.clone();
        mutate(&mut changed, &mut dice);
        let Ok(mut loaded) = read(&changed) else {
            refused += 1;
            continue;
        };
        taken += 1;
        assert!(bytes_of(&loaded) == changed, "seed {seed}: two spellings of one state");
        // It is a board that one can go on with and ask.
        if seed % 20 == 0 {
            kinds().into_iter().for_each(|kind| loaded.listen(kind));
            for event in &events {
                told(&mut loaded, event);
            }
            for query in questions(&mut flow) {
                let _answer = loaded.answer(&query, flow.now);
            }
        }
    }
    assert!(taken > 100 && refused > 500, "{taken} taken, {refused} refused");
}

#[test]
fn whatever_bytes_are_read_accounts_come_of_them_or_a_refusal() {
    let (mut taken, mut refused) = (0, 0);
    let mut flow = Flow::new(5, Time::from_civil(2026, 11, 22));
    let mut board = Board::new(HERE, flow.now);
    let mut accounts = Accounts::new(assets());
    let go_on = |flow: &mut Flow, board: &mut Board, accounts: &mut Accounts| {
        let mut events: Vec<_> = flow.command().collect();
        if let Some(first) = events.first()
            && flow.dice.chance(40)
        {
            accounts.label(first.cause, "mine".into());
        }
        let (account, asset) = (AccountId(1 + flow.dice.below(3) as u32), AssetId(0));
        let (available, held) = (Amount(5), Amount(1));
        let balance = Balance { account, asset, available, held };
        events.push(event(flow.now.0, EventBody::Balance(balance)));
        for event in &events {
            board.apply(event, &mut |_, _| {});
            accounts.apply(event, board.places(), &mut |_, _| {});
        }
    };
    for _ in 0..120 {
        go_on(&mut flow, &mut board, &mut accounts);
    }
    let mut bytes = Vec::new();
    accounts.save(&mut bytes);
    let board = bytes_of(&board);
    for seed in 0..seeds(4_000, 100_000) {
        let mut dice = Dice::new(seed);
        let mut changed = bytes.clone();
        mutate(&mut changed, &mut dice);
        let mut reader = Reader::new(&changed);
        let loaded = Accounts::load(assets(), &mut reader).and_then(|it| reader.end().map(|()| it));
        let Ok(mut loaded) = loaded else {
            refused += 1;
            continue;
        };
        taken += 1;
        let mut again = Vec::new();
        loaded.save(&mut again);
        assert!(again == changed, "seed {seed}: two spellings of one state");
        if seed % 10 == 0 {
            let mut board = read(&board).expect("what was written");
            for query in own_questions(&mut flow, &[OrderId(1 << 50)]) {
                let _answer = loaded.answer(&query, flow.now);
            }
            for _ in 0..20 {
                go_on(&mut flow, &mut board, &mut loaded);
            }
        }
    }
    assert!(taken > 100 && refused > 500, "{taken} taken, {refused} refused");
}
