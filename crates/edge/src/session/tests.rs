use model::Topic;

use super::*;
use crate::identity::Grant;
use crate::testing::{Dice, Plain, topic};
use crate::ws::{Opcode, encode};

mod conversations;

const SECOND: Duration = Duration::from_secs(1);

/// A session and what it did, as text.
struct Stage {
    plain: Plain,
    session: Session,
    desk: Desk,
    now: Duration,
}

fn desk() -> Desk {
    Desk::new(Arc::new(Clerk::of_nobody()), Ids::counted(Arc::default()))
}

fn stage(plain: Plain) -> Stage {
    let session = Session::open(frame_limits(&plain.manners), &plain.manners, Duration::ZERO);
    Stage { plain, session, desk: desk(), now: Duration::ZERO }
}

impl Stage {
    fn says(&mut self, opcode: Opcode, payload: &[u8]) -> Vec<String> {
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, opcode, [7, 1, 2, 3], payload);
        self.sends(bytes)
    }
    fn says_text(&mut self, text: &str) -> Vec<String> {
        self.says(Opcode::Text, text.as_bytes())
    }
    fn sends(&mut self, mut bytes: Vec<u8>) -> Vec<String> {
        let mut chunk = Chunk::new(&mut bytes);
        self.session.receive(&self.plain, &mut chunk, 100, self.now, &mut self.desk);
        self.deeds()
    }
    fn parts(&mut self, parting: Parting) -> Vec<String> {
        self.session.part(&self.plain, parting, self.now, &mut self.desk);
        self.deeds()
    }
    /// Goes on to the moment when something is due; says when that was, and what was done.
    fn waits(&mut self) -> (u64, Vec<String>) {
        self.now = self.session.due(&self.plain.manners);
        self.session.tick(&self.plain, self.now, &mut self.desk);
        (self.now.as_secs(), self.deeds())
    }
    fn deeds(&mut self) -> Vec<String> {
        self.desk.deeds.drain(..).map(|deed| word(&deed)).collect()
    }
    fn ending(&self) -> (Reason, Option<u16>) {
        let ending = self.session.ending().expect("it has ended");
        (ending.reason, ending.code)
    }
}

fn word(deed: &Deed) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match deed {
        Deed::Say(bytes) => text(bytes),
        Deed::Ping => "ping".into(),
        Deed::Pong(payload) => format!("pong {}", text(payload)),
        Deed::Subscribe(subject, ticket) => {
            format!("subscribe {} #{}", name(&subject.topic), ticket.0)
        }
        Deed::Ask(queries, ticket) => format!("ask {} #{}", queries.len(), ticket.0),
        Deed::Submit(_, ticket) => format!("submit #{}", ticket.0),
        Deed::Unsubscribe(interest) => format!("unsubscribe {}", name(&interest.subject.topic)),
        Deed::Close { code, reason } => format!("close {code:?} {reason}"),
        Deed::HangUp => "hang up".into(),
    }
}

fn name(topic: &Topic) -> String {
    let instrument = topic.instrument().expect("all topics here have one");
    let kind = format!("{:?}", topic.kind).to_lowercase();
    format!("{}{instrument}", kind.split(' ').next().expect("a kind has a name"))
}

#[test]
fn acknowledgements_come_in_the_order_of_requests_behind_what_they_acknowledge() {
    let mut stage = stage(Plain::default());
    assert_eq!(
        stage.says_text("+trades0 hello +book1 -trades0 +nothing"),
        [
            "subscribe trades0 #0",
            "+trades0 ok",
            "? hello",
            "subscribe book1 #1",
            "+book1 ok",
            "unsubscribe trades0",
            "-trades0 ok",
            "+nothing ok",
        ]
    );
}

#[test]
fn binary_messages_are_heard_like_text() {
    let mut stage = stage(Plain::default());
    assert_eq!(stage.says(Opcode::Binary, b"+trades0"), ["subscribe trades0 #0", "+trades0 ok"]);
}

#[test]
fn the_same_name_twice_is_one_subscription_acknowledged_twice() {
    let mut stage = stage(Plain::default());
    stage.says_text("+trades0");
    assert_eq!(stage.says_text("+trades0"), ["+trades0 ok"]);
    assert_eq!(stage.says_text("-trades0"), ["unsubscribe trades0", "-trades0 ok"]);
    assert_eq!(stage.says_text("-trades0"), ["-trades0 ok"], "once more is no mistake");
}

#[test]
fn two_names_of_one_topic_are_told_once_and_until_both_are_gone() {
    let mut stage = stage(Plain::default());
    assert_eq!(stage.says_text("+trades0 +x:trades0").len(), 3);
    assert_eq!(stage.session.interests().len(), 1);
    assert_eq!(stage.says_text("-trades0"), ["-trades0 ok"]);
    assert_eq!(stage.says_text("-x:trades0"), ["unsubscribe trades0", "-x:trades0 ok"]);
    assert!(stage.session.interests().is_empty());
}

#[test]
fn an_answer_of_the_boards_counts_only_for_the_asking_that_it_answers() {
    let mut stage = stage(Plain::default());
    stage.says_text("+trades0 -trades0 +trades0");
    assert!(!stage.session.subscribed(Ticket(0), Slot(3), 9), "nobody waits for the first");
    assert_eq!(stage.session.interests()[0].slot, None);
    assert!(stage.session.subscribed(Ticket(1), Slot(3), 9));
    assert_eq!(stage.session.interests()[0].slot, Some((Slot(3), 9)));
    stage.session.note_spot(Slot(3), 9, 8);
    assert_eq!(stage.session.interests()[0].slot, Some((Slot(3), 8)));
}

#[test]
fn one_subscription_too_many_ends_it_in_silence() {
    let mut stage = stage(Plain::default());
    assert_eq!(stage.says_text("+trades0 +trades1 +trades2 +nothing").len(), 7);
    assert_eq!(stage.says_text("+trades1"), ["+trades1 ok"], "it is there already");
    assert_eq!(stage.says_text("+trades3 hello"), ["hang up"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::TooManySubscriptions), None));
    assert_eq!(stage.says_text("hello"), [""; 0], "nothing is heard any more");
}

#[test]
fn pings_come_at_their_times_from_the_opening_on() {
    let mut stage = stage(Plain::default());
    for round in 1..=5 {
        assert_eq!(stage.waits(), (54 * round, vec!["ping".into()]));
        stage.now += SECOND;
        assert_eq!(stage.says(Opcode::Pong, b""), [""; 0]);
    }
    // Slept through two of them: one is made up for, and the rhythm stays.
    stage.now = SECOND * 54 * 8 + SECOND * 3;
    stage.session.tick(&stage.plain, stage.now, &mut stage.desk);
    assert_eq!(stage.deeds(), ["ping"]);
    assert_eq!(stage.session.due(&stage.plain.manners), SECOND * 54 * 9);
}

#[test]
fn no_sign_of_life_after_a_ping_ends_it_and_any_sign_is_one() {
    let mut stage = stage(Plain::default());
    assert_eq!(stage.waits(), (54, vec!["ping".into()]));
    stage.now = SECOND * 100;
    stage.says_text("hello");
    assert_eq!(stage.waits(), (108, vec!["ping".into()]));
    assert_eq!(stage.waits(), (162, vec!["ping".into()]));
    // Sixty seconds after the first ping that nothing answered.
    assert_eq!(stage.waits(), (168, vec!["close Some(1011) no pong".into()]));
    assert_eq!(stage.ending(), (Reason::Parted(Parting::Unresponsive), Some(1011)));
    assert_eq!(stage.waits(), (171, vec!["hang up".into()]), "and nobody is waited for long");
}

#[test]
fn silence_ends_it_where_the_dialect_wants_so() {
    let mut plain = Plain::default();
    plain.manners.idle_max = Some(SECOND * 60);
    plain.manners.ping_every = None;
    let mut stage = stage(plain);
    stage.now = SECOND * 30;
    stage.says(Opcode::Ping, b"here");
    assert_eq!(stage.waits(), (90, vec!["sleep well".into(), "close Some(1001) idle".into()]));
    assert_eq!(stage.ending(), (Reason::Parted(Parting::Idle), Some(1001)));
}

#[test]
fn age_ends_it_after_notice_and_it_goes_on_in_between() {
    let mut plain = Plain::default();
    plain.manners.ping_every = None;
    let mut stage = stage(plain);
    assert_eq!(stage.waits(), (995, vec!["please move".into()]));
    assert_eq!(stage.says_text("+trades0"), ["subscribe trades0 #0", "+trades0 ok"]);
    assert!(stage.session.is_speaking());
    assert_eq!(stage.parts(Parting::Shutdown), [""; 0], "it knows already");
    assert_eq!(stage.waits(), (1_000, vec!["close Some(1001) bye".into()]));
    assert_eq!(stage.ending(), (Reason::Parted(Parting::TooOld), Some(1001)));
}

#[test]
fn a_server_that_leaves_says_so_first() {
    let mut stage = stage(Plain::default());
    stage.now = SECOND * 10;
    assert_eq!(stage.parts(Parting::Shutdown), ["please move"]);
    assert_eq!(stage.waits(), (15, vec!["close Some(1001) bye".into()]));
    assert_eq!(stage.says(Opcode::Close, &1001_u16.to_be_bytes()), ["hang up"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::Shutdown), Some(1001)));
}

#[test]
fn a_slow_consumer_is_told_at_once_even_after_notice() {
    let mut stage = stage(Plain::default());
    stage.parts(Parting::Shutdown);
    assert_eq!(stage.parts(Parting::SlowConsumer), ["close Some(1008) too slow"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::SlowConsumer), Some(1008)));
    assert_eq!(stage.parts(Parting::SlowConsumer), [""; 0], "one ends once");
}

#[test]
fn a_close_is_echoed_with_its_code() {
    for (payload, echoed) in [(&b"\x0b\xb9why not"[..], "close Some(3001) "), (b"", "close None ")]
    {
        let mut stage = stage(Plain::default());
        assert_eq!(stage.says(Opcode::Close, payload), [echoed, "hang up"]);
        assert_eq!(stage.ending().0, Reason::ClientClosed);
        assert_eq!(stage.says_text("hello"), [""; 0]);
    }
}

#[test]
fn a_violation_is_named_and_nothing_is_heard_behind_it() {
    let mut stage = stage(Plain::default());
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [0; 4], b"hello");
    encode::push_client_frame(&mut bytes, Opcode::Text, [0; 4], &[b'a'; 513]);
    encode::push_client_frame(&mut bytes, Opcode::Text, [0; 4], b"hello");
    assert_eq!(stage.sends(bytes), ["? hello", "close Some(1009) too long"]);
    assert_eq!(stage.ending(), (Reason::Violation, Some(1009)));
    assert!(stage.session.is_deaf());
    assert_eq!(stage.waits(), (3, vec!["hang up".into()]));
}

#[test]
fn pings_are_answered_with_what_they_said() {
    let mut stage = stage(Plain::default());
    assert_eq!(stage.says(Opcode::Ping, b"are you there"), ["pong are you there"]);
}

#[test]
fn a_client_that_says_much_is_heard_in_turns_and_loses_nothing() {
    let mut stage = stage(Plain::default());
    let mut bytes = Vec::new();
    for number in 0..10 {
        let text = format!("m{number}");
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
    }
    let mut heard = Vec::new();
    let mut visits = 0;
    loop {
        visits += 1;
        let mut chunk = Chunk::new(&mut bytes);
        let how = stage.session.receive(&stage.plain, &mut chunk, 4, stage.now, &mut stage.desk);
        let rest = chunk.rest().to_vec();
        heard.extend(stage.deeds());
        if how == Heard::All {
            assert!(rest.is_empty());
            break;
        }
        bytes = rest;
    }
    assert_eq!(visits, 3);
    let expected: Vec<String> = (0..10).map(|number| format!("? m{number}")).collect();
    assert_eq!(heard, expected);
}

#[test]
fn who_is_lost_hangs_up_and_the_first_reason_stays() {
    let mut stage = stage(Plain::default());
    stage.parts(Parting::SlowConsumer);
    stage.session.lost(Reason::ClientVanished, stage.now, &mut stage.desk);
    assert_eq!(stage.deeds(), ["hang up"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::SlowConsumer), Some(1008)));
}

#[test]
fn leaving_gives_back_what_was_listened_to() {
    let mut stage = stage(Plain::default());
    stage.says_text("+trades0 +book0");
    let left: Vec<Topic> =
        stage.session.leave().iter().map(|interest| interest.subject.topic).collect();
    assert_eq!(left.len(), 2);
    assert!(left.contains(&topic("trades0").expect("a topic")));
    assert!(stage.session.interests().is_empty());
}

#[test]
fn a_session_that_waits_is_small() {
    let bytes = size_of::<Session>();
    assert!(bytes <= 320, "a session is {bytes} bytes");
}

/// Whatever comes, cut however and at whatever time, a session keeps to its own rules.
#[test]
fn it_keeps_its_rules_whatever_comes() {
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let mut plain = Plain::default();
        plain.manners.idle_max = (dice.roll(2) == 0).then_some(SECOND * 40);
        plain.manners.age_max = (dice.roll(2) == 0).then_some(SECOND * 200);
        let mut stage = stage(plain);
        let (mut listens, mut closed, mut hung_up) = (Vec::new(), false, false);
        let mut kept: Vec<u8> = Vec::new();
        for _ in 0..40 {
            stage.now += Duration::from_millis(dice.roll(20_000) as u64);
            match dice.roll(10) {
                0 => stage.session.tick(&stage.plain, stage.now, &mut stage.desk),
                1 if dice.roll(10) == 0 => {
                    stage.session.part(&stage.plain, Parting::Shutdown, stage.now, &mut stage.desk);
                }
                _ => kept.extend(something_said(&mut dice)),
            }
            // What is not cut off is brought, and what is left of that is brought again.
            let mut brought: Vec<u8> = kept.drain(..dice.roll(kept.len() + 1)).collect();
            let mut chunk = Chunk::new(&mut brought);
            let most = 1 + dice.roll(4);
            let heard =
                stage.session.receive(&stage.plain, &mut chunk, most, stage.now, &mut stage.desk);
            if heard == Heard::Enough {
                assert!(!chunk.rest().is_empty(), "seed {seed}");
                kept.splice(0..0, chunk.rest().to_vec());
            }
            for deed in stage.desk.deeds.drain(..) {
                assert!(!hung_up, "seed {seed}: {deed:?} after hanging up");
                match deed {
                    Deed::HangUp => hung_up = true,
                    _ if closed => panic!("seed {seed}: {deed:?} after the close"),
                    Deed::Close { .. } => closed = true,
                    Deed::Subscribe(topic, ticket) => {
                        assert!(listens.iter().all(|(known, _)| *known != topic), "seed {seed}");
                        listens.push((topic, ticket));
                    }
                    Deed::Unsubscribe(interest) => {
                        let known = (interest.subject, interest.ticket);
                        let at = listens.iter().position(|listened| *listened == known);
                        listens.swap_remove(at.unwrap_or_else(|| panic!("seed {seed}: {known:?}")));
                    }
                    Deed::Say(_) | Deed::Ping | Deed::Pong(_) => {}
                    Deed::Ask(..) | Deed::Submit(..) => panic!("seed {seed}: nobody asks"),
                }
            }
            let mut interests: Vec<_> = stage
                .session
                .interests()
                .iter()
                .map(|interest| (interest.subject, interest.ticket))
                .collect();
            interests.sort_unstable();
            listens.sort_unstable();
            assert_eq!(interests, listens, "seed {seed}");
            assert!(interests.len() <= 4, "seed {seed}");
            assert_eq!(stage.session.is_over(), hung_up, "seed {seed}");
            assert_eq!(stage.session.is_speaking(), !closed && !hung_up, "seed {seed}");
            assert_eq!(stage.session.ending().is_some(), closed || hung_up, "seed {seed}");
        }
    }
}

fn something_said(dice: &mut Dice) -> Vec<u8> {
    let mut said = Vec::new();
    let words =
        ["+trades0", "-trades0", "+x:trades0", "-x:trades0", "+book1 -book1", "+delta2 hello"];
    let opcode = [Opcode::Ping, Opcode::Pong, Opcode::Close][dice.roll(3)];
    match dice.roll(40) {
        0 => said.extend((0..dice.roll(20)).map(|_| dice.roll(256) as u8)),
        1 => encode::push_client_frame(&mut said, opcode, [9; 4], b""),
        2..6 => encode::push_client_frame(&mut said, Opcode::Ping, [9; 4], b"ping"),
        word => {
            let text = words[word % words.len()].as_bytes();
            encode::push_client_frame(&mut said, Opcode::Text, [1, 2, 3, 4], text);
        }
    }
    said
}

/// A pass of account 7 for instruments 0 and 1, issued now for a minute.
fn pass(stage: &Stage, key: &str) -> String {
    let grant = Grant {
        dialect: "plain",
        key: key.into(),
        account: crate::testing::ALICE,
        instruments: Some(vec![model::InstrumentId(0), model::InstrumentId(1)]),
    };
    let until = stage.now + Duration::from_secs(60);
    stage.desk.clerk.passes().issue(grant, stage.now, until, |bytes| bytes.fill(key.len() as u8))
}

#[test]
fn whoever_shows_a_good_pass_is_told_what_is_its_own() {
    let mut stage = stage(Plain::default());
    let pass = pass(&stage, "key");
    let says = |stage: &mut Stage, text: &str| stage.says_text(&text.replace("PASS", &pass));
    assert_eq!(says(&mut stage, "@7:own0:PASS"), ["subscribe ownorders0 #0", "@7:own0 ok"]);
    stage.now += Duration::from_secs(59);
    assert_eq!(says(&mut stage, "@7:own1:PASS"), ["subscribe ownorders1 #1", "@7:own1 ok"]);
    stage.now += Duration::from_secs(1);
    assert_eq!(says(&mut stage, "@7:own0:PASS"), ["@7:own0 no"], "it is too late for another");
    assert_eq!(stage.session.interests().len(), 2, "what it began goes on");
    assert_eq!(says(&mut stage, "-7:own0"), ["unsubscribe ownorders0", "-7:own0 ok"]);
}

#[test]
fn whoever_shows_none_or_anothers_is_refused_and_stays() {
    let mut stage = stage(Plain::default());
    let pass = pass(&stage, "key");
    for (text, refusal) in [
        ("@7:own0:".to_owned(), "@7:own0 no"),
        (format!("@7:own0:{}", "x".repeat(32)), "@7:own0 no"),
        (format!("@8:own0:{pass}"), "@8:own0 no"),
        // An instrument that the key may not see, and topics of somebody else.
        (format!("@7:own2:{pass}"), "@7:own2 no"),
        (format!("@7:8:own0:{pass}"), "@7:8:own0 no"),
    ] {
        assert_eq!(stage.says_text(&text), [refusal], "{text}");
    }
    assert!(stage.session.interests().is_empty() && stage.session.is_speaking());
    assert!(!stage.session.was_let_in_by("key"));
}

#[test]
fn what_is_ones_own_is_never_told_without_a_pass_whatever_the_dialect_says() {
    let mut stage = stage(Plain::default());
    assert_eq!(stage.says_text("+own0"), ["+own0 ok"]);
    assert!(stage.session.interests().is_empty());
}

#[test]
fn one_knows_by_which_keys_somebody_was_let_in() {
    let mut stage = stage(Plain::default());
    let (one, other) = (pass(&stage, "one"), pass(&stage, "the other"));
    stage.says_text(&format!("@7:own0:{one} @7:own1:{one}"));
    assert!(stage.session.was_let_in_by("one") && !stage.session.was_let_in_by("the other"));
    stage.says_text(&format!("@7:own1:{other}"));
    assert!(stage.session.was_let_in_by("one") && stage.session.was_let_in_by("the other"));
    assert_eq!(stage.parts(Parting::Revoked), ["who are you", "close Some(1008) revoked"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::Revoked), Some(1008)));
}
