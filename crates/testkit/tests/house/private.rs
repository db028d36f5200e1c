//! What is an account's own, over sockets: its owner hears all of it and nobody else any, and whom a key has let in
//! leaves with the key.

use std::sync::Arc;
use std::time::Duration;

use dialects::bitstamp::{Bitstamp, NAME, Options};
use edge::identity::Grant;
use engine::Engine;
use model::{
    AccountId, Action, Amount, AssetId, Command, Event, InstrumentId, NewOrder, OrderKind, Price,
    Quantity, Sequence, Side, TimeInForce, Topic, TopicKind, Trigger, TriggerWhen,
};
use testkit::dice::Dice;
use testkit::laws::private::{self, Tongue, own_words};
use testkit::people::{self, called};
use testkit::served::{BEGINS, Heard, Line, Served, Setup};

use crate::secured::{Secured, on_both_lines};

on_both_lines!(
    over_sockets_too_nobody_is_told_what_is_somebody_elses,
    whom_a_key_has_let_in_leaves_with_the_key,
);

const TONGUE: private::Bitstamp = private::Bitstamp;
const ACCOUNTS: u32 = 50;
const KINDS: [TopicKind; 3] = [TopicKind::OwnOrders, TopicKind::OwnTrades, TopicKind::SelfTrades];

/// The accounts of this test stand behind those of the people.
fn account(dice: &mut Dice) -> AccountId {
    AccountId(101 + dice.roll(ACCOUNTS as usize) as u32)
}

/// A pass as a token's page would give it.
fn pass(served: &Served, account: AccountId, dice: &mut Dice) -> String {
    let now = served.edge.session_clock.now();
    let key = format!("key {account}").into();
    let grant = Grant { dialect: NAME, key, account, instruments: None };
    let random = |bytes: &mut [u8]| bytes.fill_with(|| dice.byte());
    served.edge.passes().issue(grant, now, now + Duration::from_secs(60), random)
}

/// Asks for a topic; whether it is granted.
fn asks(line: &mut Line, topic: &Topic, pass: &str) -> bool {
    line.say(&TONGUE.subscribe(topic, topic.account().expect("an own topic"), pass));
    let [granted, refused, _] = TONGUE.answers(topic);
    let answer = line.hear();
    assert!([&granted, &refused].into_iter().any(|it| answer == Heard::Text(it.clone())));
    answer == Heard::Text(granted)
}

struct Listener {
    line: Line,
    topics: Vec<Topic>,
    expected: Vec<String>,
}

fn action(dice: &mut Dice) -> Action {
    let account = account(dice);
    let instrument = InstrumentId(dice.roll(2) as u16);
    if dice.roll(8) == 0 {
        return Action::CancelAll { account, instrument: Some(instrument) };
    }
    let near = |dice: &mut Dice| Price(990 + dice.roll(20) as i64);
    let (kind, time_in_force) = match dice.roll(6) {
        0 => (OrderKind::Market, TimeInForce::ImmediateOrCancel),
        _ => (OrderKind::Limit(near(dice)), TimeInForce::GoodTillCanceled),
    };
    let trigger = (dice.roll(6) == 0).then(|| Trigger {
        price: near(dice),
        when: *dice.pick(&[TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]),
        trail: None,
    });
    Action::Place(NewOrder {
        account,
        instrument,
        side: *dice.pick(&[Side::Buy, Side::Sell]),
        kind,
        quantity: Quantity(1 + dice.roll(9) as i64),
        time_in_force,
        post_only: false,
        trigger,
    })
}

fn over_sockets_too_nobody_is_told_what_is_somebody_elses(secured: Secured) {
    const SEED: u64 = 3;
    let mut dice = Dice::new(SEED);
    let mut setup = Setup::bitstamp();
    setup.listings = private::listings();
    let dialect = Bitstamp::new(&setup.listings, Options::default()).expect("listings in order");
    setup.dialect = Arc::new(dialect);
    let instruments: Vec<_> = setup.listings.iter().map(|it| it.instrument.clone()).collect();
    let served = secured(setup).serve();

    // What should be heard is worked out from an engine of the test's own.
    let mut engine = Engine::new(&instruments);
    let mut commands = 0;
    let mut twin = |action: Action| -> Vec<Event> {
        commands += 1;
        let mut events = Vec::new();
        let command = Command { sequence: Sequence(commands), time: BEGINS, action };
        engine.apply(&command, &mut events);
        events
    };
    people::opening(&instruments).into_iter().for_each(|action| drop(twin(action)));
    for account in (101..=100 + ACCOUNTS).map(AccountId) {
        let mut actions = vec![Action::Follow(account)];
        actions.extend([0, 1, 2].map(|asset| {
            let amount = Amount(1 << 60);
            Action::Deposit { account, asset: AssetId(asset), amount }
        }));
        for action in actions {
            served.market.act(action);
            drop(twin(action));
        }
    }
    served.market.settle();

    // Each has a socket that hears everything and one that hears something, and each tries its neighbour's door.
    let mut listeners = Vec::new();
    for account in (101..=100 + ACCOUNTS).map(AccountId) {
        let pass = pass(&served, account, &mut dice);
        let neighbour = AccountId(101 + (account.0 - 100) % ACCOUNTS);
        for hears_all in [true, false] {
            let (mut line, mut topics) = (served.client(), Vec::new());
            for instrument in [0, 1].map(InstrumentId) {
                for kind in KINDS {
                    let own = Topic::own(account, instrument, kind);
                    assert!(!asks(&mut line, &Topic::own(neighbour, instrument, kind), &pass));
                    if hears_all || dice.roll(3) == 0 {
                        assert!(asks(&mut line, &own, &pass));
                        topics.push(own);
                    }
                }
            }
            listeners.push(Listener { line, topics, expected: Vec::new() });
        }
    }

    let mut heard_in_all = 0;
    for _ in 0..8 {
        for _ in 0..400 {
            let action = action(&mut dice);
            served.market.act(action);
            for word in twin(action).iter().flat_map(own_words) {
                let text = TONGUE.expects(&word);
                for listener in &mut listeners {
                    if listener.topics.contains(&word.topic) {
                        listener.expected.push(text.clone());
                    }
                }
            }
        }
        served.market.settle();
        for Listener { line, topics, expected } in &mut listeners {
            for expected in expected.drain(..) {
                let Heard::Text(text) = line.hear() else { panic!("seed {SEED}: it was ended") };
                assert_eq!(TONGUE.heard(&text), expected, "seed {SEED}: heard on {topics:?}");
                heard_in_all += 1;
            }
        }
    }
    listeners.iter_mut().for_each(|listener| listener.line.check_silence());
    assert!(heard_in_all > 8_000, "only {heard_in_all} frames");
}

const UNAUTHORIZED: &str = r#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}"#;

fn whom_a_key_has_let_in_leaves_with_the_key(secured: Secured) {
    let served = secured(Setup::bitstamp()).serve();
    let [alice, bob] = ["alice", "bob"].map(|name| called(name).expect("one of the people"));
    let orders =
        |account, instrument| Topic::own(account, InstrumentId(instrument), TopicKind::OwnOrders);
    let [hers, hers_too, his] = [alice, alice, bob].map(|person| served.admit(person));
    let mut lines: Vec<Line> = (0..5).map(|_| served.client()).collect();
    assert!(asks(&mut lines[0], &orders(alice.account, 0), &hers));
    assert!(asks(&mut lines[1], &orders(alice.account, 0), &hers_too));
    // Both let this one in; it has given up everything since, and still came by them.
    for (person, pass) in [(alice, &hers), (bob, &his)] {
        let own = orders(person.account, 0);
        assert!(asks(&mut lines[2], &own, pass));
        lines[2].say(&TONGUE.unsubscribe(&own));
        let [_, _, gone] = TONGUE.answers(&own);
        assert_eq!(lines[2].hear(), Heard::Text(gone));
    }
    assert!(asks(&mut lines[3], &orders(bob.account, 0), &his));
    lines[4].subscribe("live_trades_btcusd");

    served.revoke(alice);
    for line in &mut lines[..3] {
        assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
        line.check_closed(1008, "");
    }
    let goodbyes = served.await_goodbyes(3);
    assert!(goodbyes.iter().all(|it| (it.reason.name(), it.code) == ("revoked", Some(1008))));
    // Others stay, and what was hers opens nothing.
    lines[3].check_silence();
    lines[4].check_silence();
    for pass in [&hers, &hers_too] {
        assert!(!asks(&mut lines[4], &orders(alice.account, 0), pass));
    }
    assert!(asks(&mut lines[4], &orders(bob.account, 0), &his));
    assert_eq!(served.goodbyes("revoked"), 3);
}
