//! Images: whatever bytes are read, what comes of them is refused, or a state with these very bytes, that can be shown
//! and gone on with.

use edge::repeats::Repeats;
use feed::journal::image::Image;
use model::image::{Impossible, Reader};
use model::{Assets, Cadence, Event, EventBody, InstrumentId, Query, Sequence, Time, TopicKind};
use views::{Accounts, Board};

use super::{NOW, listings};

/// A file: its head, its parts and the digest over all.
pub fn file(bytes: &[u8]) {
    if let Ok(image) = Image::of_bytes(bytes) {
        assert!(image.to_bytes() == bytes, "two spellings of one image");
    }
}

/// What is read of all the bytes.
fn all<T>(bytes: &[u8], read: impl FnOnce(&mut Reader<'_>) -> Result<T, Impossible>) -> Option<T> {
    let mut reader = Reader::new(bytes);
    let it = read(&mut reader).ok()?;
    reader.end().ok().map(|()| it)
}

/// What is shown of an instrument.
pub fn board(bytes: &[u8]) {
    let here = InstrumentId(0);
    let Some(mut board) = all(bytes, |from| Board::load(here, from)) else { return };
    let mut again = Vec::new();
    board.save(&mut again);
    assert!(again == bytes, "two spellings of one board");
    let cadence = Cadence::TENTH;
    for kind in [
        TopicKind::Delta { cadence },
        TopicKind::Detail { depth: 100, cadence },
        TopicKind::Depth { depth: 10, step: Some(model::Price(5)), cadence },
        TopicKind::Ticker { window: model::Window::DAY, cadence, quotes: true },
    ] {
        board.listen(kind);
    }
    for micros in 0..3 {
        let (sequence, body) = (Sequence(1), EventBody::Ticked(cadence));
        let time = Time(NOW.0 + micros * 100_000);
        let instrument = InstrumentId::NONE;
        let event = Event { sequence, cause: sequence, time, instrument, body };
        board.apply(&event, &mut |_, _| {});
    }
    for query in [
        Query::Book { instrument: here, cadence },
        Query::Detail { instrument: here, cadence },
        Query::Trades { instrument: here, since: NOW, limit: 10 },
        Query::Ticker { instrument: here, window: model::Window::MONTH },
    ] {
        let _answer = board.answer(&query, NOW);
    }
}

/// What accounts are shown of themselves.
pub fn accounts(bytes: &[u8]) {
    let instruments: Vec<_> = listings().into_iter().map(|it| it.instrument).collect();
    let assets = Assets::of(&instruments);
    let Some(accounts) = all(bytes, |from| Accounts::load(assets, from)) else { return };
    let mut again = Vec::new();
    accounts.save(&mut again);
    assert!(again == bytes, "two spellings of the same accounts");
    for account in [1, 2, 3].map(model::AccountId) {
        for query in [Query::Balances { account }, Query::OpenOrders { account, instrument: None }]
        {
            let _answer = accounts.answer(&query, NOW);
        }
    }
}

/// What may be asked for again.
pub fn repeats(bytes: &[u8]) {
    let Ok(mut repeats) = Repeats::load(bytes) else { return };
    let mut again = Vec::new();
    repeats.save(&mut again);
    assert!(again == bytes, "two spellings of what may be asked for again");
    let _done = repeats.take(model::Mark([1; 16]));
}

#[cfg(test)]
mod tests {
    use engine::Engine;
    use feed::journal::image::{Head, Kind, Part};
    use feed::journal::reader::Boundary;
    use model::{
        AccountId, Action, Amount, AssetId, Command, Epoch, Mark, NewOrder, OrderKind, Price,
        Quantity, Side, Span, TimeInForce,
    };

    use super::*;
    use crate::dice::Dice;

    /// One market of a few commands: its board, its accounts and what may be asked for again, as bytes.
    fn market(seed: u64) -> [Vec<u8>; 3] {
        let instruments: Vec<_> = listings().into_iter().map(|it| it.instrument).collect();
        let mut engine = Engine::new(&instruments);
        let mut board = Board::new(InstrumentId(0), NOW);
        let mut accounts = Accounts::new(Assets::of(&instruments));
        let mut repeats = Repeats::default();
        let mut dice = Dice::new(seed);
        let riches = |account, asset| Action::Deposit {
            account: AccountId(account),
            asset: AssetId(asset),
            amount: Amount(10_i128.pow(16)),
        };
        let mut actions = Vec::new();
        for account in [1, 2] {
            actions.push(Action::Follow(AccountId(account)));
            actions.extend([riches(account, 0), riches(account, 1)]);
        }
        for round in 0..10 + seed {
            actions.push(Action::Place(NewOrder {
                account: AccountId(1 + dice.roll(2) as u32),
                instrument: InstrumentId(0),
                side: if dice.roll(2) == 0 { Side::Buy } else { Side::Sell },
                kind: OrderKind::Limit(Price(1_000_000 + dice.roll(9) as i64)),
                quantity: Quantity(1_000_000 + dice.roll(1_000_000) as i64),
                time_in_force: TimeInForce::GoodTillCanceled,
                post_only: false,
                trigger: None,
            }));
            if round % 5 == 0 {
                actions.push(Action::Tick(Cadence::TENTH));
            }
        }
        let mut trades = 0;
        for (action, number) in actions.into_iter().zip(1..) {
            let (sequence, time) = (Sequence(number), NOW + Span::millis(number as i64 * 10));
            let mut events = Vec::new();
            engine.apply(&Command { sequence, time, action }, &mut events);
            if number % 6 == 0 {
                accounts.label(sequence, "mine".into());
                let done = edge::repeats::Done {
                    command: sequence,
                    action,
                    label: Some("mine".into()),
                    events: events.clone(),
                };
                repeats.note(Mark([number as u8; 16]), time, done);
            }
            for event in &events {
                trades += u32::from(matches!(event.body, EventBody::Filled(_)));
                board.apply(event, &mut |_, _| {});
                accounts.apply(event, board.places(), &mut |_, _| {});
            }
        }
        assert!(trades > 0, "seed {seed}: nobody traded");
        let [mut one, mut two, mut three] = [const { Vec::new() }; 3];
        board.save(&mut one);
        accounts.save(&mut two);
        repeats.save(&mut three);
        [one, two, three]
    }

    /// A file whose parts are the beginnings of those: what they mean is not its business, and seeds are short.
    fn whole(parts: &[Vec<u8>; 3]) -> Vec<u8> {
        let boundary = Boundary {
            journal: [1; 16],
            segment: 3,
            epoch: Epoch(2),
            last: Sequence(40),
            time: NOW,
            chain: [2; 16],
        };
        let part = |(kind, at): (Kind, usize)| Part {
            kind,
            layout: 1,
            bytes: parts[at % 3][..200].to_vec(),
        };
        let head = Head {
            boundary,
            events: 100,
            digest: 5,
            state: 6,
            market: 7,
            configuration: [3; 16],
            seed: 7,
            begins: NOW,
            build: "0.1.0".into(),
        };
        Image { head, parts: Kind::ALL.into_iter().zip(0..).map(part).collect() }.to_bytes()
    }

    /// The seeds are states as they are written now. `RIALTO_RENEW=1` writes them anew, for another layout.
    #[test]
    fn the_seeds_are_whole_states() {
        for seed in 0..3 {
            let parts = market(seed);
            let all = [
                ("image_file", whole(&parts)),
                ("image_board", parts[0].clone()),
                ("image_accounts", parts[1].clone()),
                ("image_repeats", parts[2].clone()),
            ];
            for (name, bytes) in all {
                let path = super::super::seeds(name).join(format!("market-{seed}"));
                if std::env::var_os("RIALTO_RENEW").is_some() {
                    let folder = path.parent().expect("a folder");
                    std::fs::create_dir_all(folder).expect("a folder");
                    std::fs::write(&path, &bytes).expect("a file");
                }
                let kept = std::fs::read(&path).expect("a seed");
                assert!(kept == bytes, "{} is no state of this build", path.display());
                let target = super::super::targets().find(|it| it.name == name);
                (target.expect("a target").feed)(&kept);
            }
            let board = all_of_it(&parts[0]);
            assert!(board, "a board is read");
        }
    }

    fn all_of_it(bytes: &[u8]) -> bool {
        all(bytes, |from| Board::load(InstrumentId(0), from)).is_some()
    }
}
