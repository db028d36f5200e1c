//! Conversations over real sockets: what comes back stands in its place, stamps are each subscription's own, and a
//! revoked key is seen on the line.

use std::sync::Mutex;

use dialects::{Credential, OnRevoked};

use super::*;
use crate::identity::Identities;

/// Alice holds `key`, until it is revoked.
#[derive(Default)]
struct Known(Mutex<bool>);

impl Identities for Known {
    fn credential(&self, _: &str, key: &str) -> Option<Credential> {
        let revoked = *self.0.lock().expect("nobody panics with it");
        (key == "key" && !revoked).then(|| Credential {
            account: crate::testing::ALICE,
            secret: Vec::new(),
            may_trade: true,
            instruments: None,
            quotes: None,
            blocked: false,
        })
    }
    fn proven(&self, dialect: &str, key: &str, secret: &[u8]) -> Option<Credential> {
        self.credential(dialect, key).filter(|credential| credential.secret == secret)
    }
}

fn conversing() -> (House, Arc<Known>) {
    let known = Arc::<Known>::default();
    let identities: Arc<dyn Identities> = known.clone();
    let clerk = Clerk::new(identities, Arc::default(), Box::new(|_| {}));
    let mut plain = Plain { state_first: true, ..Plain::default() };
    plain.manners.on_revoked = OnRevoked::DropOwn;
    (house_of(SessionClock::started(), plain, 64, Arc::new(clerk)), known)
}

#[test]
fn what_is_said_behind_a_question_waits_for_its_answer_and_nothing_else_does() {
    let (mut house, _) = conversing();
    let mut ann = house.connect();
    ann.says("+trades0");
    house.serve();
    assert_eq!(ann.hears(), "+trades0 ok");
    ann.says("?now");
    ann.says("hello");
    let question = house.mail.recv_timeout(PATIENCE).expect("the question");
    house.happen(&[print(1, 0)]);
    assert_eq!(ann.hears(), "trades0 1", "what is told goes on");
    house.serve_mail(question);
    assert_eq!((ann.hears(), ann.hears()), ("now 7".into(), "? hello".into()));
    ann.says("$key $key bye");
    house.serve();
    assert_eq!(ann.hears(), "not taken");
    house.serve();
    assert_eq!((ann.hears(), ann.hears()), ("not taken".into(), "? bye".into()));
}

#[test]
fn an_opening_stands_before_the_state_and_every_later_frame() {
    let (mut house, _) = conversing();
    house.boards.apply(&[whole_book(1, 0, 5)], &mut house.lanes);
    let mut ann = house.connect();
    ann.says("!key =delta0 +trades0");
    let asked = house.mail.recv_timeout(PATIENCE).expect("the question");
    // The answer, the state and what happens behind it come at once.
    house.make_all(asked);
    house.boards.apply(&[book_change(2, 0, 6), print(3, 0)], &mut house.lanes);
    house.lanes.ring_bells();
    house.serve();
    house.happen(&[print(4, 0)]);
    for expected in [
        "!key ok",
        // No account is followed here.
        "=delta0 at 7",
        "with no orders",
        "+trades0 ok",
        "book0 1000",
        "delta0 2000",
        "trades0 4",
    ] {
        assert_eq!(ann.hears(), expected);
    }
}

#[test]
fn each_stamped_subscription_is_told_its_own_copies() {
    let (mut house, _) = conversing();
    let (mut ann, mut bob, mut eve) = (house.connect(), house.connect(), house.connect());
    for (visitor, words) in [
        (&mut ann, "#trades0/aaaa #trades0/bbbb"),
        (&mut bob, "#trades0/cccc"),
        (&mut eve, "+trades0 +x:trades0"),
    ] {
        visitor.says(words);
        house.serve();
        for word in words.split(' ') {
            assert_eq!(visitor.hears(), format!("{word} ok"));
        }
    }
    let encoded = house.boards.frames_encoded();
    house.happen(&[print(1, 0)]);
    assert_eq!(house.boards.frames_encoded() - encoded, 2, "once for each wording");
    let mut heard = [ann.hears(), ann.hears()];
    heard.sort();
    assert_eq!(heard, ["aaaa trades0 1", "bbbb trades0 1"]);
    assert_eq!(bob.hears(), "cccc trades0 1");
    assert_eq!(eve.hears(), "trades0 1");
    ann.says("#trades0/dddd #trades0/eeee");
    house.serve();
    ann.says("*aaaa,eeee,dddd");
    house.serve();
    for word in ["#trades0/dddd ok", "#trades0/eeee ok", "*aaaa,eeee,dddd ok"] {
        assert_eq!(ann.hears(), word);
    }
    bob.says("-cccc");
    house.serve();
    assert_eq!(bob.hears(), "-cccc ok");
    house.happen(&[print(2, 0)]);
    assert_eq!(ann.hears(), "bbbb trades0 2", "the other one goes on");
    assert_eq!(eve.hears(), "trades0 2", "and told once");
    bob.says("hello");
    assert_eq!(bob.hears(), "? hello");
    drop(ann);
    house.until("she is gone", |house| house.counters.connections_open.read() == 2);
}

#[test]
fn a_stamped_book_begins_with_its_state_for_each() {
    let (mut house, _) = conversing();
    house.boards.apply(&[whole_book(1, 0, 5)], &mut house.lanes);
    let mut ann = house.connect();
    ann.says("#book0/aaaa");
    house.serve();
    assert_eq!(ann.hears(), "#book0/aaaa ok");
    assert!(ann.hears().starts_with("aaaa book0 "));
    ann.says("#book0/bbbb");
    house.serve();
    assert_eq!(ann.hears(), "#book0/bbbb ok");
    assert!(ann.hears().starts_with("bbbb book0 "), "the state is for the newcomer alone");
}

#[test]
fn newest_states_of_two_stamps_wait_beside_each_other() {
    let mut plain = Plain { padding: 60_000, ..Plain::default() };
    plain.manners.queue_bytes_max = usize::MAX;
    let mut house = house(plain);
    let mut ann = house.connect();
    ann.says("#book0/aaaa #book0/bbbb");
    house.serve();
    assert_eq!((ann.hears(), ann.hears()), ("#book0/aaaa ok".into(), "#book0/bbbb ok".into()));
    house.happen(&[whole_book(1, 0, 1)]);
    let mut number = 1;
    // Until the socket has no room, and then until something is replaced.
    while house.counters.conflated.read() < 100 {
        number += 1;
        house.happen(&[book_change(number, 0, number as i64)]);
        std::thread::yield_now();
    }
    number += 1;
    house.happen(&[book_change(number, 0, number as i64)]);
    ann.says("enough");
    let (mut last, mut answered) = ([String::new(), String::new()], false);
    while !answered || last.iter().any(|it| !it.ends_with(&format!(" {}", number * 1_000))) {
        let heard = ann.hears();
        match heard.split_once(' ') {
            Some(("aaaa", rest)) => last[0] = rest.to_owned(),
            Some(("bbbb", rest)) => last[1] = rest.to_owned(),
            _ => answered |= heard == "? enough",
        }
    }
}

#[test]
fn who_is_logged_in_from_the_start_or_by_a_key_loses_what_is_its_own_with_the_key() {
    let (mut house, known) = conversing();
    let mut ann = house.connect();
    ann.says("!key +own0 +trades0");
    house.serve();
    for word in ["!key ok", "+own0 ok", "+trades0 ok"] {
        assert_eq!(ann.hears(), word);
    }
    *known.0.lock().expect("nobody panics with it") = true;
    let dialects: Dialects = Arc::new([Box::new(Plain::default()) as Box<dyn dialects::Dialect>]);
    let (loops, passes) = (vec![house.handle.clone()], Arc::clone(house.clerk.passes()));
    Revoker { dialects, loops, passes }.revoke("plain", "key");
    house.serve();
    assert_eq!(house.boards.subjects_heeded(), 1);
    ann.says("who");
    assert_eq!(ann.hears(), "who 7 Revoked");
    house.happen(&[print(1, 0)]);
    assert_eq!(ann.hears(), "trades0 1");
}

/// Clients come, go, ask, subscribe with stamps and without, and end several at once, as the dice fall; each hears
/// what it should, a copy for each stamp and one for all names without.
#[test]
fn in_a_storm_of_conversations_everybody_hears_what_is_theirs() {
    for seed in 0..6 {
        storm(seed);
    }
}

/// How clients call what they subscribe to, and whether they are stamped.
const NAMES: [(&str, bool); 4] =
    [("trades", false), ("x:trades", false), ("aaa", true), ("bbb", true)];

fn storm(seed: u64) {
    let mut dice = Dice(seed);
    let mut plain = Plain { padding: dice.roll(3) * 2_000, ..Plain::default() };
    plain.manners.subscriptions_max = 100;
    let mut house = house(plain);
    let mut visitors: Vec<(Visitor, [[bool; 3]; 4])> = Vec::new();
    let (mut number, mut left) = (0, 0);
    for _ in 0..30 {
        match dice.roll(4) {
            0 if visitors.len() > 1 => {
                let _gone = visitors.swap_remove(dice.roll(visitors.len()));
                left += 1;
            }
            1 | 2 => visitors.push((house.connect(), [[false; 3]; 4])),
            _ => {}
        }
        for (visitor, listens) in &mut visitors {
            let said = words(&mut dice, listens);
            visitor.says(&(said + " mark"));
        }
        for (visitor, _) in &mut visitors {
            while hears_meanwhile(&mut house, visitor) != "? mark" {}
        }
        house.until("who left is gone", |house| house.goodbyes.recent().len() == left);
        while let Ok(mail) = house.mail.try_recv() {
            house.serve_mail(mail);
        }
        let events: Vec<Event> = (0..dice.roll(20))
            .map(|_| {
                number += 1;
                print(number, dice.roll(3) as u16)
            })
            .collect();
        house.happen(&events);
        for (visitor, listens) in &mut visitors {
            for event in &events {
                let mut expected = told(listens, event);
                let mut heard: Vec<String> = expected.iter().map(|_| visitor.hears()).collect();
                expected.sort();
                heard.sort();
                assert_eq!(heard, expected, "seed {seed}");
            }
        }
    }
    left += visitors.len();
    drop(visitors);
    house.until("all are gone", |house| house.goodbyes.recent().len() == left);
    while house.boards.subjects_heeded() > 0 {
        house.serve();
    }
    assert_eq!(house.counters.interests_open.read(), 0, "seed {seed}");
}

/// Some words of a client, who then listens to this.
fn words(dice: &mut Dice, listens: &mut [[bool; 3]; 4]) -> String {
    let mut said = String::new();
    for _ in 0..dice.roll(6) {
        let (name, instrument) = (dice.roll(4), dice.roll(3));
        let called = format!("{}{instrument}", NAMES[name].0);
        said += &match dice.roll(5) {
            0 => " ?now".to_owned(),
            1 => {
                let other = dice.roll(4);
                (listens[name][instrument], listens[other][instrument]) = (false, false);
                format!(" *{called},{}{instrument}", NAMES[other].0)
            }
            2 => {
                listens[name][instrument] = false;
                format!(" -{called}")
            }
            _ => {
                listens[name][instrument] = true;
                match NAMES[name].1 {
                    true => format!(" #trades{instrument}/{called}"),
                    false => format!(" {}{called}", ["+", "="][dice.roll(2)]),
                }
            }
        };
    }
    said
}

/// What somebody who listens to this is told of an event.
fn told(listens: &[[bool; 3]; 4], event: &Event) -> Vec<String> {
    let instrument = event.instrument.index();
    let text = format!("trades{instrument} {}", event.sequence);
    let stamped = [2, 3].into_iter().filter(|&name| listens[name][instrument]);
    let mut told: Vec<String> =
        stamped.map(|name| format!("{}{instrument} {text}", NAMES[name].0)).collect();
    told.extend((listens[0][instrument] || listens[1][instrument]).then_some(text));
    told
}

/// What a visitor hears next, while the boards answer whoever asks.
fn hears_meanwhile(house: &mut House, visitor: &mut Visitor) -> String {
    let begin = Instant::now();
    visitor.stream.set_nonblocking(true).expect("a stream that is open");
    while visitor.heard.is_empty()
        && matches!(visitor.stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    {
        while let Ok(mail) = house.mail.try_recv() {
            house.serve_mail(mail);
        }
        assert!(begin.elapsed() < PATIENCE, "nothing is heard");
        std::thread::yield_now();
    }
    visitor.stream.set_nonblocking(false).expect("a stream that is open");
    visitor.hears()
}
