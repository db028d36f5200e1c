use model::{Window, candle::Interval};

use super::*;
use crate::testing::{Dice, Plain, book_change, print, topic, whole_book, words};

/// Where frames go in a test: everything, as text.
#[derive(Default)]
struct Heard(Vec<(usize, Slot, String)>);

impl Outlet for Heard {
    fn tell(&mut self, of_loop: usize, told: Told) {
        let text = String::from_utf8(told.frame.text().to_vec()).expect("text");
        self.0.push((of_loop, told.slot, text));
    }
}

fn boards(instruments: u16, dialects: usize, loops: usize) -> Boards {
    let dialect = |_| Box::new(Plain::default()) as Box<dyn Dialect>;
    let board = |index| Board::by_level(InstrumentId(index), Time(0));
    let dialects = (0..dialects).map(dialect).collect();
    Boards::new((0..instruments).map(board).collect(), dialects, loops)
}

fn named(name: &str) -> Subject {
    topic(name).expect("a topic").into()
}

#[test]
fn frames_encoded_do_not_follow_the_number_of_subscribers() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let (dialects, loops) = (1 + dice.roll(3), 1 + dice.roll(4));
        let mut boards = boards(3, dialects, loops);
        let mut listeners: Vec<(usize, usize, u16, Slot)> = Vec::new();
        for _ in 0..dice.roll(300) {
            if dice.roll(3) == 0 && !listeners.is_empty() {
                let (of_loop, dialect, instrument, _) =
                    listeners.swap_remove(dice.roll(listeners.len()));
                boards.unsubscribe(of_loop, dialect, named(&format!("trades{instrument}")));
            } else {
                let (of_loop, dialect) = (dice.roll(loops), dice.roll(dialects));
                let instrument = dice.roll(3) as u16;
                let topic = named(&format!("trades{instrument}"));
                let slot = boards.subscribe(of_loop, dialect, topic).slot;
                listeners.push((of_loop, dialect, instrument, slot));
            }
        }
        for number in 0..20 {
            let instrument = dice.roll(3) as u16;
            let before = boards.frames_encoded();
            let mut heard = Heard::default();
            boards.apply(&[print(number, instrument)], &mut heard);
            let concerned = || listeners.iter().filter(|listener| listener.2 == instrument);
            let mut tongues: Vec<usize> = concerned().map(|listener| listener.1).collect();
            tongues.sort_unstable();
            tongues.dedup();
            assert_eq!(boards.frames_encoded() - before, tongues.len() as u64, "seed {seed}");
            // Each loop with listeners is told each slot once.
            let mut expected: Vec<(usize, Slot)> =
                concerned().map(|listener| (listener.0, listener.3)).collect();
            expected.sort_unstable();
            expected.dedup();
            let mut told: Vec<(usize, Slot)> =
                heard.0.iter().map(|(of_loop, slot, _)| (*of_loop, *slot)).collect();
            told.sort_unstable();
            assert_eq!(told, expected, "seed {seed}");
        }
    }
}

#[test]
fn a_frame_is_a_whole_unmasked_websocket_message() {
    struct Bytes(Vec<u8>);
    impl Outlet for Bytes {
        fn tell(&mut self, _: usize, told: Told) {
            self.0.extend_from_slice(told.frame.bytes());
        }
    }
    let mut boards = boards(1, 1, 1);
    boards.subscribe(0, 0, named("trades0"));
    let mut bytes = Bytes(Vec::new());
    boards.apply(&[print(7, 0), print(8, 0)], &mut bytes);
    assert_eq!(bytes.0, b"\x81\x09trades0 7\x81\x09trades0 8");
}

#[test]
fn a_slot_is_used_again_only_when_nobody_is_left() {
    let mut boards = boards(2, 1, 2);
    let first = boards.subscribe(0, 0, named("trades0")).slot;
    assert_eq!(boards.subscribe(1, 0, named("trades0")).slot, first);
    let second = boards.subscribe(0, 0, named("trades1")).slot;
    assert_ne!(first, second);
    boards.unsubscribe(0, 0, named("trades0"));
    let mut heard = Heard::default();
    boards.apply(&[print(1, 0)], &mut heard);
    assert_eq!(heard.0, [(1, first, "trades0 1".into())]);
    assert_eq!(boards.subjects_heeded(), 2);
    boards.unsubscribe(1, 0, named("trades0"));
    assert_eq!(boards.subjects_heeded(), 1);
    assert_eq!(boards.subscribe(1, 0, named("delta1")).slot, first);
    let mut heard = Heard::default();
    boards.apply(&[print(2, 0)], &mut heard);
    assert!(heard.0.is_empty(), "nobody listens: {:?}", heard.0);
}

#[test]
fn what_the_dialect_does_not_word_is_not_told() {
    let mut boards = boards(1, 1, 1);
    let kind =
        TopicKind::Candles { interval: Interval::Seconds(60), cadence: model::Cadence::TENTH };
    boards.subscribe(0, 0, Topic::of(InstrumentId(0), kind).into());
    boards.subscribe(0, 0, named("trades0"));
    let mut heard = Heard::default();
    let tick = Event { body: model::EventBody::Ticked(model::Cadence::TENTH), ..print(2, 0) };
    boards.apply(&[print(1, 0), Event { instrument: InstrumentId::NONE, ..tick }], &mut heard);
    assert_eq!(heard.0.len(), 1, "{:?}", heard.0);
    assert_eq!(boards.frames_encoded(), 1);
}

#[test]
fn topics_of_nothing_that_is_here_are_silent() {
    let mut boards = boards(1, 1, 1);
    let all = Topic { kind: TopicKind::Trades, scope: Scope::All };
    boards.subscribe(0, 0, named("trades9"));
    boards.subscribe(0, 0, all.into());
    let mut heard = Heard::default();
    boards.apply(&[print(1, 9), print(2, 0)], &mut heard);
    assert!(heard.0.is_empty());
    boards.unsubscribe(0, 0, named("trades9"));
    boards.unsubscribe(0, 0, all.into());
    assert_eq!(boards.subjects_heeded(), 0);
}

#[test]
fn state_is_given_to_who_wants_it_first_and_where_there_is_one() {
    let plain = Plain { state_first: true, ..Plain::default() };
    let dialects: Dialects = Arc::new([Box::new(plain) as Box<dyn Dialect>]);
    let mut boards = Boards::new(vec![Board::by_level(InstrumentId(0), Time(0))], dialects, 1);
    assert!(boards.subscribe(0, 0, named("delta0")).state.is_none(), "there is no book yet");
    boards.apply(&[whole_book(1, 0, 3), book_change(2, 0, 4)], &mut Heard::default());
    let state = boards.subscribe(0, 0, named("delta0")).state.expect("a book");
    assert_eq!(state.frame.text(), b"book0 2000");
    assert!(boards.subscribe(0, 0, named("trades0")).state.is_none(), "trades have no state");
}

#[test]
fn questions_are_answered_by_whom_they_concern() {
    let mut boards = boards(2, 1, 1);
    boards.apply(&[print(1, 0), print(2, 1), print(3, 1)], &mut Heard::default());
    let ask = |query| boards.query(&query, Time(5_000));
    assert_eq!(ask(Query::Now), Answer { now: Time(5_000), body: AnswerBody::Now });
    let trades = |instrument| Query::Trades { instrument, since: Time(0), limit: 10 };
    let AnswerBody::Trades(told) = ask(trades(InstrumentId(1))).body else { panic!("trades") };
    assert_eq!(told.len(), 2);
    assert_eq!(ask(trades(InstrumentId(7))).body, AnswerBody::Unavailable);
    assert_eq!(ask(trades(InstrumentId::NONE)).body, AnswerBody::Unavailable);
    let AnswerBody::Tickers(tickers) = ask(Query::Tickers { window: Window::DAY }).body else {
        panic!("tickers")
    };
    let counts: Vec<_> = tickers.iter().map(|(id, ticker)| (id.0, ticker.trades)).collect();
    assert_eq!(counts, [(0, 1), (1, 2)]);
}

#[test]
fn wordings_of_one_topic_are_told_the_same_each_in_a_frame_of_its_own() {
    let mut boards = boards(1, 1, 1);
    let plain = named("trades0");
    let stamped = Subject { wording: words::STAMPED, ..plain };
    let slots = [plain, stamped, plain].map(|subject| boards.subscribe(0, 0, subject).slot);
    assert!(slots[0] == slots[2] && slots[0] != slots[1]);
    assert_eq!(boards.subjects_heeded(), 2);
    let mut heard = Heard::default();
    boards.apply(&[print(1, 0)], &mut heard);
    let expected = [(0, slots[0], "trades0 1".to_owned()), (0, slots[1], "     trades0 1".into())];
    assert_eq!(heard.0, expected);
    boards.unsubscribe(0, 0, plain);
    boards.unsubscribe(0, 0, stamped);
    let mut heard = Heard::default();
    boards.apply(&[print(2, 0)], &mut heard);
    assert_eq!(heard.0, [(0, slots[0], "trades0 2".to_owned())]);
    boards.unsubscribe(0, 0, plain);
    assert_eq!(boards.subjects_heeded(), 0);
}

/// Says how many tickers there are, and of whom.
struct Crier(Plain);

impl Dialect for Crier {
    fn name(&self) -> &'static str {
        "crier"
    }
    fn doors(&self) -> &dialects::Doors {
        self.0.doors()
    }
    fn manners(&self) -> &dialects::Manners {
        self.0.manners()
    }
    fn decode(&self, _: &[u8], _: &dialects::Visitor<'_>, _: &mut Vec<dialects::Request>) {}
    fn encode(
        &self,
        _: &Subject,
        update: &Update<'_>,
        sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        let Update::Tickers(tickers) = update else { return false };
        let whose: Vec<u16> = tickers.iter().map(|(instrument, _)| instrument.0).collect();
        out.text_mut().extend_from_slice(format!("{whose:?} at {sequence}").as_bytes());
        true
    }
    fn tells_state_first(&self, _: &Subject) -> bool {
        true
    }
    fn http(&self, request: &dialects::HttpRequest<'_>) -> dialects::Step {
        self.0.http(request)
    }
    fn http_too_fast(&self) -> dialects::HttpResponse {
        self.0.http_too_fast()
    }
    fn part(&self, parting: dialects::Parting) -> dialects::LastWords {
        self.0.part(parting)
    }
}

#[test]
fn what_is_told_of_every_instrument_at_once_is_told_after_all_have_taken_it_in() {
    let dialects: Dialects = Arc::new([Box::new(Crier(Plain::default())) as Box<dyn Dialect>]);
    let board = |index| Board::by_level(InstrumentId(index), Time(0));
    let mut boards = Boards::new((0..3).map(board).collect(), dialects, 1);
    let cadence = model::Cadence::TENTH;
    let kind = TopicKind::Ticker { window: Window::DAY, cadence, quotes: false };
    let all = Subject::from(Topic { kind, scope: Scope::All });
    let opening = boards.subscribe(0, 0, all);
    let state = opening.state.expect("every instrument has a ticker");
    assert_eq!(state.frame.text(), b"[0, 1, 2] at 0");
    let tick = |number: u64| Event {
        instrument: InstrumentId::NONE,
        body: model::EventBody::Ticked(cadence),
        ..print(number, 0)
    };
    let mut heard = Heard::default();
    boards.apply(&[print(1, 2), tick(100), print(101, 0), print(102, 2), tick(200)], &mut heard);
    let told = ["[0, 1, 2] at 100", "[0, 2] at 200"].map(|text| (0, opening.slot, text.to_owned()));
    assert_eq!(heard.0, told);
    boards.unsubscribe(0, 0, all);
    let mut heard = Heard::default();
    boards.apply(&[print(201, 0), tick(300)], &mut heard);
    assert!(heard.0.is_empty() && boards.subjects_heeded() == 0, "nobody listens");
}

#[test]
fn who_begins_anew_is_told_all_there_is_and_it_is_encoded_once_for_all_of_them() {
    let mut boards = boards(1, 2, 1);
    let depth = named("depth0");
    assert!(boards.restart(0, &depth).is_none(), "nobody listens");
    let slot = boards.subscribe(0, 0, depth).slot;
    assert!(boards.restart(0, &depth).is_none(), "there is no book yet");
    boards.apply(&[whole_book(1, 0, 3), book_change(2, 0, 4)], &mut Heard::default());
    let texts = |told: Option<Told>| {
        let told = told.expect("there is a book");
        assert!(told.is_whole && told.slot == slot && told.class == Class::Restart);
        String::from_utf8(told.frame.text().to_vec()).expect("text")
    };
    let encoded = boards.frames_encoded();
    let first: Vec<String> = (0..5).map(|_| texts(boards.restart(0, &depth))).collect();
    assert_eq!(first, vec!["whole0 2"; 5]);
    assert_eq!(boards.frames_encoded(), encoded + 1);
    // What has nothing to do with it changes nothing; what it is told next does.
    boards.apply(&[print(3, 0)], &mut Heard::default());
    boards.restart(0, &depth);
    assert_eq!(boards.frames_encoded(), encoded + 1);
    let mut heard = Heard::default();
    boards.apply(&[book_change(4, 0, 5)], &mut heard);
    assert_eq!(heard.0, [(0, slot, "depth0 3".to_owned())], "it goes on from there");
    assert_eq!(texts(boards.restart(0, &depth)), "whole0 3");
    assert!(boards.restart(1, &depth).is_none(), "that dialect's slot is another");
    // A slot that is used again has nothing of whoever had it before.
    boards.unsubscribe(0, 0, depth);
    let other = named("depth0");
    assert_eq!(boards.subscribe(0, 1, other).slot, slot);
    boards.apply(&[book_change(5, 0, 6)], &mut Heard::default());
    assert_eq!(texts(boards.restart(1, &other)), "whole0 4");
}

#[test]
fn what_a_frame_leaves_for_the_next_is_its_own_subjects() {
    let dialect = Plain { state_first: true, ..Plain::default() };
    let board = |index| Board::by_level(InstrumentId(index), Time(0));
    let dialects: Dialects = Arc::new([Box::new(dialect) as Box<dyn Dialect>]);
    let mut boards = Boards::new([0, 1].map(board).into(), dialects, 1);
    boards.apply(&[whole_book(1, 0, 3), whole_book(2, 1, 3)], &mut Heard::default());
    let rowed = |name| Subject { wording: words::ROWED, ..named(name) };
    let state = |boards: &mut Boards, name| {
        let opening = boards.subscribe(0, 0, rowed(name));
        let told = opening.state.expect("there is a book");
        (opening.slot, String::from_utf8(told.frame.text().to_vec()).expect("text"))
    };
    let (first, text) = state(&mut boards, "book0");
    assert_eq!(text, "book0 1000 0:3");
    let (second, text) = state(&mut boards, "book1");
    assert_eq!(text, "book1 2000 1:3");
    boards.unsubscribe(0, 0, rowed("book0"));
    boards.unsubscribe(0, 0, rowed("book1"));
    // The other's slot, whose last frame had the same level.
    let (again, text) = state(&mut boards, "book0");
    assert_eq!((again, &*text), (second, "book0 1000 0:3"));
    assert_ne!(again, first);
}
