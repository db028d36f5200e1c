use std::sync::Mutex;

use dialects::Nonce;
use model::{
    AccountId, Action, Event, EventBody, InstrumentId, OrderId, OrderKey, OrderStory, OwnOrder,
    OwnOrders, OwnPositions, OwnRecords, OwnSettlements, OwnTrades, Sequence, Standing,
};

use super::*;

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);
const HERE: InstrumentId = InstrumentId(0);
const THERE: InstrumentId = InstrumentId(1);

/// Alice holds `trade`, `look` and `here`, as long as they are not revoked.
#[derive(Default)]
struct Known(Mutex<Vec<String>>);

impl Identities for Known {
    fn credential(&self, dialect: &str, key: &str) -> Option<Credential> {
        let revoked = self.0.lock().expect("nobody panics with it").iter().any(|it| it == key);
        let known = dialect == "plain" && ["trade", "look", "here"].contains(&key);
        (known && !revoked).then(|| Credential {
            account: ALICE,
            secret: b"secret".to_vec(),
            may_trade: key != "look",
            instruments: (key == "here").then(|| vec![HERE]),
            quotes: None,
            blocked: self
                .0
                .lock()
                .expect("nobody panics with it")
                .iter()
                .any(|it| it == "all blocked"),
        })
    }
    fn proven(&self, dialect: &str, key: &str, secret: &[u8]) -> Option<Credential> {
        self.credential(dialect, key).filter(|credential| credential.secret == secret)
    }
}

fn clerk() -> (Clerk, Arc<Known>, Arc<Passes>) {
    let (known, passes) = (Arc::<Known>::default(), Arc::<Passes>::default());
    let count = Mutex::new(0_u8);
    let random = move |bytes: &mut [u8]| {
        let mut count = count.lock().expect("nobody panics with it");
        *count += 1;
        bytes.fill(*count);
    };
    let identities: Arc<dyn Identities> = known.clone();
    (Clerk::new(identities, Arc::clone(&passes), Box::new(random)), known, passes)
}

fn reply(text: &str) -> Step {
    Step::Reply(HttpResponse::json(200, text.as_bytes().to_vec()))
}

/// What a request comes to, in words; whatever is asked or submitted is answered so.
fn serve(clerk: &Clerk, step: Step) -> String {
    let mut service = Service::new("plain", Time::from_seconds(1_000), Duration::from_secs(9));
    let mut log = String::new();
    let mut step = step;
    loop {
        step = match clerk.take(&mut service, step) {
            Next::Reply(response) => {
                return log + &String::from_utf8(response.body).expect("text");
            }
            Next::Ask(query, then) => {
                log += &format!("ask {} ", if query == Query::Now { "the time" } else { "that" });
                let order = |instrument| OwnOrder { instrument, ..own_order() };
                let orders = vec![order(HERE), order(THERE)];
                let body = match query {
                    Query::OwnOrders(_) => AnswerBody::OwnOrders { orders, total: 9 },
                    _ => AnswerBody::OpenOrders(orders),
                };
                then(Answer { now: Time(5), body })
            }
            Next::Submit(_, then) => {
                log += "submit ";
                then(Outcome::Done { command: Sequence(1), events: Vec::new() })
            }
            Next::RevokeKeys(account, then) => {
                log += &format!("revoke the keys of {account} ");
                then(Ok(vec!["trade".into(), "look".into()]))
            }
        }
    }
}

fn own_order() -> OwnOrder {
    OwnOrder {
        instrument: HERE,
        order: model::OrderState {
            id: OrderId(1),
            account: ALICE,
            side: model::Side::Buy,
            post_only: false,
            kind: model::OrderKind::Market,
            time_in_force: model::TimeInForce::ImmediateOrCancel,
            trigger: None,
            original: model::Quantity(1),
            remaining: model::Quantity(1),
        },
        label: None,
        standing: Standing::Open,
        woken: false,
        filled: model::Filled::default(),
        created: Time(0),
        changed: Time(0),
        replaces: None,
        purpose: model::Purpose::Any,
    }
}

/// The step that comes after a key was identified.
fn by(key: &str, then: impl FnOnce() -> Step + Send + 'static) -> Step {
    Step::Identify(key.into(), Box::new(|_| then()))
}

fn submit(action: Action) -> Step {
    let then = |outcome| reply(if outcome == Outcome::NotTaken { "not taken" } else { "done" });
    Step::Submit(Submission { action, label: None }, Box::new(then))
}

fn cancel(account: AccountId, instrument: InstrumentId) -> Action {
    Action::Cancel { account, instrument, order: OrderId(1) }
}

fn ask(query: Query) -> Step {
    Step::Ask(
        query,
        Box::new(|answer| match answer.body {
            AnswerBody::OpenOrders(orders) => reply(&format!("{} orders", orders.len())),
            AnswerBody::OwnOrders { orders, total } => {
                reply(&format!("{} of {total}", orders.len()))
            }
            _ => reply("nothing"),
        }),
    )
}

#[test]
fn who_shows_a_secret_is_who_holds_the_key_if_it_is_the_right_one() {
    let (clerk, known, _) = clerk();
    let asked = |secret: &str| {
        let shown = Shown { key: "trade".into(), secret: secret.into() };
        let query = Query::Balances { account: ALICE };
        let ask = move |_: Option<&Credential>| {
            Step::Ask(query, Box::new(|answer| reply(&format!("{:?}", answer.body))))
        };
        serve(&clerk, Step::Prove(shown, Box::new(ask)))
    };
    let (right, wrong) = (asked("secret"), asked("secrets"));
    assert_ne!(right, wrong);
    assert!(wrong.contains("Unavailable"), "{wrong}");
    assert!(!right.contains("Unavailable"), "{right}");
    known.0.lock().expect("nobody panics with it").push("trade".into());
    assert_eq!(asked("secret"), wrong, "it is good no longer");
}

#[test]
fn who_holds_a_key_is_told_as_long_as_somebody_does() {
    let (clerk, known, _) = clerk();
    let who = |key: &str| {
        let word = |holder: Option<&Credential>| match holder {
            Some(holder) => reply(&format!("account {}", holder.account)),
            None => reply("nobody"),
        };
        Step::Identify(key.into(), Box::new(word))
    };
    assert_eq!(serve(&clerk, who("trade")), "account 1");
    assert_eq!(serve(&clerk, who("Trade")), "nobody");
    known.0.lock().expect("nobody panics with it").push("trade".into());
    assert_eq!(serve(&clerk, who("trade")), "nobody");
}

#[test]
fn whoever_is_blocked_is_told_of_and_nothing_is_asked_for_it() {
    let (clerk, known, _) = clerk();
    known.0.lock().expect("nobody panics with it").push("all blocked".into());
    let word = |holder: Option<&Credential>| {
        assert!(holder.is_some_and(|holder| holder.blocked));
        let query = Query::Balances { account: ALICE };
        let is_nothing = |answer: Answer| answer.body == AnswerBody::Unavailable;
        Step::Ask(query, Box::new(move |it| reply(if is_nothing(it) { "nothing" } else { "all" })))
    };
    let step = Step::Identify("trade".into(), Box::new(word));
    assert_eq!(serve(&clerk, step), "ask the time nothing");
    assert_eq!(clerk.standing("plain", "trade"), dialects::Standing::Blocked);
    assert_eq!(clerk.standing("plain", "nobody's"), dialects::Standing::Revoked);
    assert!(!clerk.is_good("plain", "trade"));
}

#[test]
fn nonces_are_fresh_once() {
    let (clerk, ..) = clerk();
    let note = || {
        let nonce =
            Nonce { key: "trade".into(), text: "7".into(), window: Duration::from_secs(300) };
        Step::Nonce(nonce, Box::new(|fresh| reply(if fresh { "fresh" } else { "stale" })))
    };
    assert_eq!(serve(&clerk, note()), "fresh");
    assert_eq!(serve(&clerk, note()), "stale");
}

#[test]
fn only_the_holder_of_a_key_that_may_trade_submits_and_only_for_its_own_account() {
    let (clerk, ..) = clerk();
    let of = |key: &str, action: Action| serve(&clerk, by(key, move || submit(action)));
    let everywhere = |account| Action::CancelAll { account, instrument: None };
    assert_eq!(of("trade", cancel(ALICE, HERE)), "submit done");
    assert_eq!(of("trade", everywhere(ALICE)), "submit done");
    assert_eq!(of("trade", cancel(BOB, HERE)), "not taken");
    assert_eq!(of("trade", everywhere(BOB)), "not taken");
    assert_eq!(of("trade", Action::Tick(model::Cadence::TENTH)), "not taken");
    assert_eq!(of("look", cancel(ALICE, HERE)), "not taken");
    assert_eq!(of("here", cancel(ALICE, HERE)), "submit done");
    assert_eq!(of("here", cancel(ALICE, THERE)), "not taken");
    assert_eq!(of("here", everywhere(ALICE)), "not taken");
    assert_eq!(of("nobody's", cancel(ALICE, HERE)), "not taken");
    assert_eq!(serve(&clerk, submit(cancel(ALICE, HERE))), "not taken");
}

#[test]
fn only_a_key_that_is_good_for_everything_revokes_and_only_its_own_accounts() {
    let (clerk, known, _) = clerk();
    let revoke = || {
        let word = |keys: Result<Vec<String>, NotRevoked>| reply(&format!("{keys:?}"));
        Step::RevokeKeys(Box::new(word))
    };
    let of = |key: &str| serve(&clerk, by(key, revoke));
    assert_eq!(of("trade"), r#"revoke the keys of 1 Ok(["trade", "look"])"#);
    for key in ["look", "here", "nobody's"] {
        assert_eq!(of(key), "Err(NotAllowed)", "{key}");
    }
    assert_eq!(serve(&clerk, revoke()), "Err(NotAllowed)");
    known.0.lock().expect("nobody panics with it").push("all blocked".into());
    assert_eq!(of("trade"), "Err(NotAllowed)");
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    clerk.revoke_keys("plain", ALICE, Box::new(move |keys| tell.send(keys).expect("it is heard")));
    assert_eq!(told.recv(), Ok(Err(NotRevoked::NotAllowed)), "who keeps no keys revokes none");
}

#[test]
fn what_a_key_does_not_see_takes_no_place_among_what_it_asked_for() {
    let (clerk, ..) = clerk();
    let shared = |key: &str, query: Query| {
        let mut service = Service::new("plain", Time::from_seconds(1_000), Duration::from_secs(9));
        assert!(matches!(clerk.take(&mut service, by(key, || reply("known"))), Next::Reply(_)));
        service.share(query).0
    };
    let all = |among: Option<Vec<InstrumentId>>| {
        [
            Query::OwnOrders(OwnOrders { among: among.clone(), ..OwnOrders::of(ALICE) }),
            Query::OwnTrades(OwnTrades { among: among.clone(), ..OwnTrades::of(ALICE) }),
            Query::OwnRecords(OwnRecords {
                account: ALICE,
                instrument: None,
                among: among.clone(),
                since: None,
                until: None,
                from: None,
                sort: model::Sort::NewestFirst,
                offset: 0,
                limit: 1,
            }),
            Query::Positions(OwnPositions { among: among.clone(), ..OwnPositions::of(ALICE) }),
            Query::Settlements(OwnSettlements {
                among: among.clone(),
                ..OwnSettlements::of(ALICE)
            }),
            Query::MarginAlerts { account: ALICE, among, limit: 1 },
        ]
    };
    assert_eq!(all(None).map(|query| shared("trade", query)), all(None));
    assert_eq!(all(None).map(|query| shared("here", query)), all(Some(vec![HERE])));
    let both = all(Some(vec![THERE, HERE]));
    assert_eq!(both.map(|query| shared("here", query)), all(Some(vec![HERE])));
    let other = all(Some(vec![THERE]));
    assert_eq!(other.map(|query| shared("here", query)), all(Some(Vec::new())));
}

#[test]
fn what_is_ones_own_is_told_to_nobody_else() {
    let (clerk, ..) = clerk();
    let orders = |account| Query::OpenOrders { account, instrument: None };
    let of = |key: &str, query: Query| serve(&clerk, by(key, move || ask(query)));
    assert_eq!(of("trade", orders(ALICE)), "ask that 2 orders");
    assert_eq!(of("look", orders(ALICE)), "ask that 2 orders");
    assert_eq!(of("here", orders(ALICE)), "ask that 1 orders");
    assert_eq!(of("trade", orders(BOB)), "ask the time nothing");
    let all = |account| Query::OwnOrders(OwnOrders::of(account));
    assert_eq!(of("trade", all(ALICE)), "ask that 2 of 9");
    assert_eq!(of("here", all(ALICE)), "ask that 1 of 8");
    assert_eq!(of("trade", all(BOB)), "ask the time nothing");
    let trades = OwnTrades { limit: 1, ..OwnTrades::of(BOB) };
    assert_eq!(of("trade", Query::OwnTrades(trades)), "ask the time nothing");
    assert_eq!(of("trade", Query::Balances { account: BOB }), "ask the time nothing");
    assert_eq!(of("nobody's", orders(ALICE)), "ask the time nothing");
    assert_eq!(serve(&clerk, ask(orders(ALICE))), "ask the time nothing");
    assert_eq!(serve(&clerk, ask(Query::Now)), "ask the time 2 orders", "that is nobody's own");
}

#[test]
fn passes_are_for_the_account_of_the_key_and_for_what_it_may_see() {
    let (clerk, known, passes) = clerk();
    let minute = Duration::from_secs(60);
    let issue = |key: &str, account| {
        serve(&clerk, by(key, move || Step::IssuePass(account, minute, Box::new(reply))))
    };
    let shown =
        |account, pass: &str, now| passes.shown("plain", account, pass, Duration::from_secs(now));
    let pass = issue("trade", ALICE);
    let grant = shown(ALICE, &pass, 68).expect("it was issued at 9 for a minute");
    assert!(grant.account == ALICE && &*grant.key == "trade" && grant.covers(THERE));
    assert!(shown(ALICE, &pass, 69).is_none());
    let restricted = issue("here", ALICE);
    let grant = shown(ALICE, &restricted, 9).expect("just issued");
    assert!(grant.covers(HERE) && !grant.covers(THERE));
    for (key, account) in [("trade", BOB), ("nobody's", ALICE), ("nobody's", BOB)] {
        let pass = issue(key, account);
        assert_eq!(pass.len(), crate::passes::LENGTH, "it looks like one");
        assert!(shown(account, &pass, 9).is_none() && shown(ALICE, &pass, 9).is_none());
    }
    // The key is revoked after it was identified, before the pass is made.
    let late = Arc::clone(&known);
    let pass = serve(
        &clerk,
        by("look", move || {
            late.0.lock().expect("nobody panics with it").push("look".into());
            Step::IssuePass(ALICE, minute, Box::new(reply))
        }),
    );
    assert!(shown(ALICE, &pass, 9).is_none());
}

#[test]
fn who_is_let_in_with_a_berth_is_somebody_and_has_it_until_it_is_dropped() {
    let (clerk, known, _) = clerk();
    let admit = |key: &str| {
        let mut service = Service::new("plain", Time(0), Duration::ZERO);
        let (berth, of) = ("one".into(), 1);
        let refusal = HttpResponse::json(429, b"full".to_vec());
        // A dialect that does not look who it is: nobody is let in as nobody.
        let admission = Admission::Berthed { berth, of, refusal };
        let step = Step::Identify(key.into(), Box::new(|_| Step::Reply(admission)));
        let Next::Reply(admission) = clerk.take(&mut service, step) else { panic!("no market") };
        let admitted = clerk.admit(admission, service).map_err(|refusal| refusal.status);
        admitted.map(|admitted| admitted.expect("it names somebody"))
    };
    let first = admit("trade").expect("it is free");
    assert_eq!((&*first.login.key, first.login.holder.account), ("trade", ALICE));
    assert_eq!(admit("look").err(), Some(429), "it is taken");
    drop(first);
    assert_eq!(admit("nobodys").err(), Some(429));
    known.0.lock().expect("nobody panics with it").push("all blocked".into());
    assert_eq!(admit("trade").err(), Some(429), "who is blocked is nobody");
    known.0.lock().expect("nobody panics with it").clear();
    let second = admit("look").expect("who was refused has taken none");
    assert_eq!(format!("{:?}", second.berth), r#"Some(Berth { dialect: "plain", .. })"#);
}

#[test]
fn what_was_done_before_a_restart_is_answered_when_it_is_signed_again_and_not_done_again() {
    let (clerk, ..) = clerk();
    let signed = |text: &str| {
        let (key, window) = ("trade".into(), Duration::from_secs(300));
        let nonce = Nonce { key, text: text.into(), window };
        let word = |outcome| match outcome {
            Outcome::Done { command, .. } => reply(&format!("done by {command}")),
            _ => reply("not taken"),
        };
        let go_on = move |fresh| match fresh {
            false => reply("stale"),
            true => {
                let submission = Submission { action: cancel(ALICE, HERE), label: None };
                Step::Submit(submission, Box::new(word))
            }
        };
        by("trade", move || Step::Nonce(nonce, Box::new(go_on)))
    };
    let done = |command| Done {
        command: Sequence(command),
        action: cancel(ALICE, HERE),
        label: None,
        events: Vec::new(),
    };
    let mut repeats = Repeats::default();
    let named = |text| mark(&["nonce", "plain", "trade", text]);
    repeats.note(named("7"), Time::from_seconds(990), done(70));
    clerk.remember(repeats);
    assert_eq!(serve(&clerk, signed("7")), "done by 70");
    assert_eq!(serve(&clerk, signed("7")), "stale", "as everywhere, once it was answered");
    let submitted = serve(&clerk, signed("8"));
    assert!(submitted.starts_with("submit "), "{submitted}");
}

#[test]
fn something_else_under_a_nonce_that_was_used_before_a_restart_is_neither_done_nor_said_to_be() {
    let (clerk, ..) = clerk();
    let mut repeats = Repeats::default();
    let done = Done {
        command: Sequence(70),
        action: Action::CancelAll { account: ALICE, instrument: None },
        label: None,
        events: Vec::new(),
    };
    repeats.note(mark(&["nonce", "plain", "trade", "7"]), Time::from_seconds(990), done);
    clerk.remember(repeats);
    let (key, window) = ("trade".into(), Duration::from_secs(300));
    let nonce = Nonce { key, text: "7".into(), window };
    let word = |outcome| match outcome {
        Outcome::Done { .. } => reply("done"),
        Outcome::NotTaken => reply("not taken"),
        Outcome::Unknown => reply("unknown"),
    };
    let other = Submission { action: cancel(ALICE, HERE), label: None };
    let go_on = move |_| Step::Submit(other, Box::new(word));
    let told = serve(&clerk, by("trade", move || Step::Nonce(nonce, Box::new(go_on))));
    assert_eq!(told, "unknown");
}

/// What a repeat of a request comes to whose nonce was used to cancel or replace order 1, called "mine", while that
/// had `remaining` lots: which order it is told of, and what it is told was done.
fn repeated(done: Done, key: OrderKey, now: OwnOrder) -> String {
    let (clerk, ..) = clerk();
    let mut repeats = Repeats::default();
    let action = done.action;
    repeats.note(mark(&["nonce", "plain", "trade", "7"]), Time::from_seconds(990), done);
    clerk.remember(repeats);
    let (nonce_key, window) = ("trade".into(), Duration::from_secs(300));
    let nonce = Nonce { key: nonce_key, text: "7".into(), window };
    let found = move |answer: Answer| match answer.body {
        AnswerBody::Order(Some(story)) if story.order.standing.is_open() => {
            let lots = story.order.order.remaining.0;
            let word = move |outcome| match outcome {
                Outcome::Done { command, .. } => reply(&format!("{lots} lots, by {command}")),
                _ => reply("unknown"),
            };
            Step::Submit(Submission { action, label: None }, Box::new(word))
        }
        _ => reply("no such order"),
    };
    let query = Query::Order { account: ALICE, key };
    let step = by("trade", move || {
        Step::Nonce(nonce, Box::new(move |_| Step::Ask(query, Box::new(found))))
    });
    let mut service = Service::new("plain", Time::from_seconds(1_000), Duration::from_secs(9));
    let mut next = clerk.take(&mut service, step);
    loop {
        next = match next {
            Next::Reply(response) => return String::from_utf8(response.body).expect("text"),
            Next::Ask(Query::Order { key, .. }, then) => {
                // As boards answer: by id that one, by name the newest, which is another one by now.
                let order = match key {
                    OrderKey::Id(OrderId(1)) => Some(now.clone()),
                    _ => None,
                };
                let story = order.map(|order| Box::new(OrderStory { order, trades: Vec::new() }));
                let answer = Answer { now: Time(5), body: AnswerBody::Order(story) };
                clerk.take(&mut service, then(answer))
            }
            _ => panic!("nothing is done again"),
        };
    }
}

#[test]
fn a_cancel_before_a_restart_is_told_again_though_its_order_has_ended() {
    let open = own_order();
    let done = |body| Done {
        command: Sequence(70),
        action: cancel(ALICE, HERE),
        label: None,
        events: vec![Event {
            sequence: Sequence(90),
            cause: Sequence(70),
            time: Time(3),
            instrument: HERE,
            body,
        }],
    };
    let closed = EventBody::Closed {
        order: model::OrderState { remaining: model::Quantity(1), ..open.order },
        reason: model::CloseReason::Canceled,
    };
    let ended = OwnOrder {
        standing: Standing::Closed(model::CloseReason::Canceled),
        label: Some("mine".into()),
        ..own_order()
    };
    for key in [OrderKey::Id(OrderId(1)), OrderKey::Label("mine".into())] {
        assert_eq!(repeated(done(closed.clone()), key, ended.clone()), "1 lots, by 70");
    }
    // Of other orders it is asked as ever.
    for key in [OrderKey::Id(OrderId(2)), OrderKey::Label("other".into())] {
        assert_eq!(repeated(done(closed.clone()), key, ended.clone()), "no such order");
    }
}

#[test]
fn a_replacement_before_a_restart_is_told_again_with_the_order_as_it_was() {
    let state = |id, remaining| model::OrderState {
        id: OrderId(id),
        original: model::Quantity(5),
        remaining: model::Quantity(remaining),
        ..own_order().order
    };
    let (price, quantity) = (model::Price(7), model::Quantity(2));
    let done = Done {
        command: Sequence(70),
        action: Action::Replace {
            account: ALICE,
            instrument: HERE,
            order: OrderId(1),
            price,
            quantity,
        },
        label: None,
        events: vec![Event {
            sequence: Sequence(90),
            cause: Sequence(70),
            time: Time(3),
            instrument: HERE,
            body: EventBody::Replaced { old: state(1, 4), new: state(2, 2), kept_place: true },
        }],
    };
    let replaced = OwnOrder {
        order: state(1, 0),
        standing: Standing::Replaced(OrderId(2)),
        label: Some("mine".into()),
        ..own_order()
    };
    for key in [OrderKey::Id(OrderId(1)), OrderKey::Label("mine".into())] {
        assert_eq!(repeated(done.clone(), key, replaced.clone()), "4 lots, by 70");
    }
}
