//! Conversations: logins, questions, openings with state, refusals, and what becomes of them when a key is revoked.

use std::sync::Mutex;

use dialects::{Credential, Fault, OnRevoked, Outcome, Pace, Tolerance};
use model::{Answer, AnswerBody, InstrumentId, Sequence};

use super::*;
use crate::identity::Identities;
use crate::steps::Admitted;
use crate::testing::ALICE;

/// Alice holds `key`, `other` and `here`, bob `bobs`, as long as they are not revoked.
#[derive(Default)]
struct Known(Mutex<Vec<String>>);

impl Known {
    fn revoke(&self, key: &str) {
        self.0.lock().expect("nobody panics with it").push(key.into());
    }
}

impl Identities for Known {
    fn credential(&self, _: &str, key: &str) -> Option<Credential> {
        let revoked = self.0.lock().expect("nobody panics with it").iter().any(|it| it == key);
        let account = match key {
            "key" | "other" | "here" => ALICE,
            "bobs" => model::AccountId(8),
            _ => return None,
        };
        let instruments = (key == "here").then(|| vec![InstrumentId(0)]);
        let (secret, blocked) = (b"secret".into(), false);
        let quotes = None;
        let credential =
            Credential { account, secret, may_trade: true, instruments, quotes, blocked };
        (!revoked).then_some(credential)
    }
    fn proven(&self, dialect: &str, key: &str, secret: &[u8]) -> Option<Credential> {
        self.credential(dialect, key).filter(|credential| credential.secret == secret)
    }
}

/// A stage where keys are known, whose plain dialect is like this.
fn known(change: impl FnOnce(&mut Plain)) -> (Stage, Arc<Known>) {
    let known = Arc::<Known>::default();
    let identities: Arc<dyn Identities> = known.clone();
    let clerk = Clerk::new(identities, Arc::default(), Box::new(|_| {}));
    let mut plain = Plain::default();
    plain.manners.on_revoked = OnRevoked::DropOwn;
    change(&mut plain);
    let mut stage = stage(plain);
    stage.desk = Desk::new(Arc::new(clerk), Ids::counted(Arc::default()));
    (stage, known)
}

fn answer(body: AnswerBody) -> Answer {
    Answer { now: Time(5), body }
}

impl Stage {
    /// What was asked comes back: the time, and what is said of orders.
    fn answers(&mut self, ticket: u32, bodies: Vec<AnswerBody>) -> Vec<String> {
        let answers = bodies.into_iter().map(answer).collect();
        self.returns(ticket, Returned::Answers(answers))
    }
    fn returns(&mut self, ticket: u32, returned: Returned) -> Vec<String> {
        let (ticket, now) = (Ticket(ticket), self.now);
        self.session.returned(&self.plain, ticket, returned, now, &mut self.desk);
        self.deeds()
    }
    fn is_revoked(&mut self, key: &str) -> Vec<String> {
        self.session.revoked(&self.plain, key, self.now, &mut self.desk);
        self.deeds()
    }
}

fn no_orders() -> AnswerBody {
    AnswerBody::OpenOrders(Vec::new())
}

#[test]
fn who_logs_in_may_ask_and_be_told_what_is_its_own() {
    let (mut stage, _) = known(|_| {});
    assert_eq!(stage.says_text("who"), ["who nobody"]);
    assert_eq!(stage.says_text("+own0 -own0"), ["+own0 ok", "-own0 ok"], "nobody is told");
    assert_eq!(stage.says_text("!wrong"), ["!wrong no"]);
    assert_eq!(stage.says_text("!key +own0"), ["!key ok", "subscribe ownorders0 #0", "+own0 ok"]);
    assert_eq!(stage.says_text("who"), ["who 7 Good"]);
    assert_eq!(stage.says_text("!wrong"), ["!wrong no"], "and the login stays");
    assert_eq!(stage.says_text("who"), ["who 7 Good"]);
    assert!(stage.session.was_let_in_by("key"));
}

#[test]
fn a_login_by_another_account_ends_what_was_the_formers_own_and_nothing_else() {
    let (mut stage, _) = known(|_| {});
    stage.says_text("!key +own0 +trades0");
    assert_eq!(stage.says_text("!other"), ["!other ok"], "the same account by another key");
    assert_eq!(stage.says_text("!bobs"), ["unsubscribe ownorders0", "!bobs ok"]);
    assert_eq!(stage.says_text("names who"), ["names trades0", "who 8 Good"]);
    assert_eq!(stage.says_text("+own0"), ["+own0 ok"], "alice's are not bob's");
    assert_eq!(stage.session.interests().len(), 1);
}

#[test]
fn a_key_of_some_instruments_opens_those_alone() {
    let (mut stage, _) = known(|_| {});
    assert_eq!(stage.says_text("!here +own0"), ["!here ok", "subscribe ownorders0 #0", "+own0 ok"]);
    assert_eq!(stage.says_text("+own1"), ["+own1 ok"], "not there");
}

#[test]
fn questions_hold_back_what_is_said_behind_them_and_nothing_else() {
    let (mut stage, _) = known(|_| {});
    assert_eq!(stage.says_text("a ?now b"), ["? a", "ask 1 #0"]);
    assert!(stage.session.is_waiting());
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [7, 1, 2, 3], b"c");
    let mut chunk = Chunk::new(&mut bytes);
    let (plain, now) = (&stage.plain, stage.now);
    let heard = stage.session.receive(plain, &mut chunk, 100, now, &mut stage.desk);
    assert_eq!(heard, Heard::Enough, "nothing is heard meanwhile");
    assert_eq!((stage.deeds(), chunk.rest().len()), (Vec::new(), 7));
    assert_eq!(stage.waits(), (54, vec!["ping".into()]), "time goes on");
    assert_eq!(stage.answers(9, vec![AnswerBody::Now]), [""; 0], "nobody asked this");
    assert_eq!(stage.answers(0, vec![AnswerBody::Now]), ["now 5", "? b"]);
    assert!(!stage.session.is_waiting());
    assert_eq!(stage.says_text("c"), ["? c"]);
}

#[test]
fn what_comes_back_to_one_who_has_left_is_dropped() {
    let (mut stage, _) = known(|_| {});
    stage.says_text("?now b");
    stage.parts(Parting::SlowConsumer);
    assert_eq!(stage.answers(0, vec![AnswerBody::Now]), [""; 0]);
    assert!(!stage.session.is_waiting());
}

#[test]
fn nothing_is_asked_or_done_for_an_account_but_the_holders_own() {
    let (mut stage, _) = known(|_| {});
    // Of nobody nothing but the time is asked, and what comes back is not shown.
    assert_eq!(stage.says_text("?orders"), ["ask 1 #0"]);
    assert_eq!(stage.answers(0, vec![no_orders()]), ["no orders"]);
    stage.says_text("!bobs");
    stage.says_text("?orders");
    assert_eq!(stage.answers(1, vec![no_orders()]), ["no orders"]);
    stage.says_text("!key");
    stage.says_text("?orders");
    assert_eq!(stage.answers(2, vec![no_orders()]), ["0 orders"]);
    // A submission is made by the key that is shown with it, whoever is logged in.
    assert_eq!(stage.says_text("$bobs"), ["not taken"]);
    assert_eq!(stage.says_text("$wrong"), ["$wrong no"]);
    assert_eq!(stage.says_text("$key x"), ["submit #3"]);
    let outcome = Outcome::Done { command: Sequence(12), events: Vec::new() };
    assert_eq!(stage.returns(3, Returned::Outcome(outcome)), ["done 12", "? x"]);
}

#[test]
fn an_opening_is_asked_before_what_it_opens_and_said_before_what_comes_behind_it() {
    let (mut stage, _) = known(|_| {});
    assert_eq!(stage.says_text("=book0 x"), ["ask 2 #0", "subscribe book0 #1"]);
    assert_eq!(
        stage.answers(0, vec![AnswerBody::Now, no_orders()]),
        ["=book0 at 5", "with no orders", "? x"],
        "what is alice's own is not told to a stranger"
    );
    stage.says_text("!key");
    assert_eq!(stage.says_text("=trades0"), ["ask 2 #2", "subscribe trades0 #3"]);
    let words = ["=trades0 at 5", "with 0 orders"];
    assert_eq!(stage.answers(2, vec![AnswerBody::Now, no_orders()]), words);
    assert_eq!(stage.says_text("=trades0"), ["ask 2 #4"], "once more is told anew and told once");
}

#[test]
fn several_subscriptions_end_at_once() {
    let (mut stage, _) = known(|_| {});
    stage.says_text("+trades0 +trades1 +book0");
    assert_eq!(
        stage.says_text("*trades0,book0,nothing"),
        ["unsubscribe trades0", "unsubscribe book0", "*trades0,book0,nothing ok"]
    );
    assert_eq!(stage.says_text("names"), ["names trades1"]);
}

#[test]
fn a_stamped_name_shares_with_nobody() {
    let (mut stage, _) = known(|_| {});
    assert_eq!(stage.says_text("#book0/aaaa"), ["subscribe book0 #0", "#book0/aaaa ok"]);
    assert_eq!(stage.says_text("#book0/bbbb"), ["subscribe book0 #1", "#book0/bbbb ok"]);
    assert_eq!(stage.says_text("+book0"), ["subscribe book0 #2", "+book0 ok"]);
    assert_eq!(stage.says_text("+x:book0"), ["+x:book0 ok"], "unstamped ones do share");
    for ticket in 0..3 {
        assert!(stage.session.subscribed(Ticket(ticket), Slot(ticket / 2), ticket));
    }
    let slots: Vec<Option<Slot>> =
        stage.session.interests().iter().map(Interest::outbox_slot).collect();
    assert_eq!(slots, [Some(Slot(1)), Some(Slot::of_one(0)), Some(Slot::of_one(1))]);
    assert_eq!(stage.says_text("-aaaa"), ["unsubscribe book0", "-aaaa ok"]);
    let left: Vec<Ticket> = stage.session.interests().iter().map(|it| it.ticket).collect();
    assert_eq!(left, [Ticket(2), Ticket(1)], "the others stay");
}

#[test]
fn a_revoked_key_takes_with_it_what_it_let_be_told() {
    let (mut stage, known) = known(|_| {});
    stage.says_text("!key +own0 +trades0 ^other:own1");
    known.revoke("key");
    assert_eq!(stage.is_revoked("nobody's"), [""; 0]);
    assert_eq!(stage.is_revoked("key"), ["unsubscribe ownorders0"]);
    assert_eq!(stage.says_text("who names"), ["who 7 Revoked", "names own1 trades0"]);
    assert_eq!(stage.says_text("+own0 ?orders"), ["+own0 ok", "ask 1 #3"]);
    assert_eq!(stage.answers(3, vec![no_orders()]), ["no orders"], "nothing is its own any more");
    assert_eq!(stage.is_revoked("other"), ["unsubscribe ownorders1"]);
    assert_eq!(stage.says_text("!here"), ["!here ok"], "another login is good");
    assert_eq!(stage.says_text("who"), ["who 7 Good"]);
}

#[test]
fn a_revoked_key_ends_the_connection_where_manners_say_so() {
    let (mut stage, _) = known(|plain| plain.manners.on_revoked = OnRevoked::Part);
    stage.says_text("!key");
    assert_eq!(stage.is_revoked("other"), [""; 0]);
    assert_eq!(stage.is_revoked("key"), ["who are you", "close Some(1008) revoked"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::Revoked), Some(1008)));
}

#[test]
fn a_key_that_is_revoked_while_its_login_is_under_way_opens_nothing() {
    let (mut stage, known) = known(|_| {});
    assert_eq!(
        stage.says_text("^key:own0 ?now"),
        ["subscribe ownorders0 #0", "^key:own0 ok", "ask 1 #1"]
    );
    // The session was told before it had let anybody in; so it looks again when it is done.
    known.revoke("key");
    assert_eq!(stage.answers(1, vec![AnswerBody::Now]), ["now 5", "unsubscribe ownorders0"]);
}

#[test]
fn a_login_ends_with_its_time() {
    let (mut stage, _) = known(|plain| plain.login_lasts = Some(30 * SECOND));
    stage.says_text("!key +own0");
    assert_eq!(stage.waits(), (30, vec!["unsubscribe ownorders0".into()]));
    assert_eq!(stage.says_text("who"), ["who 7 Expired"]);
    assert_eq!(stage.waits().0, 54, "and only once");
    assert_eq!(stage.says_text("!key"), ["!key ok"]);
    assert_eq!(stage.says_text("who"), ["who 7 Good"]);
}

#[test]
fn who_does_not_log_in_in_time_is_asked_to_leave() {
    let within = |plain: &mut Plain| plain.manners.login_within = Some(30 * SECOND);
    let (mut stage, _) = known(within);
    stage.says_text("!wrong");
    assert_eq!(stage.waits(), (30, vec!["close Some(1008) who is there".into()]));
    assert_eq!(stage.ending(), (Reason::Parted(Parting::NotLoggedIn), Some(1008)));
    let (mut stage, _) = known(within);
    stage.says_text("!key");
    assert_eq!(stage.waits(), (54, vec!["ping".into()]));
}

#[test]
fn what_comes_too_fast_is_shown_to_the_dialect_as_such() {
    let pace = Pace::Window { count: 2, per: 10 * SECOND };
    let (mut stage, _) = known(|plain| plain.manners.pace = Some(pace));
    assert_eq!(stage.says_text("a"), ["? a"]);
    stage.now = SECOND;
    assert_eq!(stage.says_text("b"), ["? b"]);
    stage.now = 3 * SECOND;
    assert_eq!(stage.says_text("+trades0"), ["+trades0 in 7000 ms"]);
    assert!(stage.session.interests().is_empty());
    stage.now = 10 * SECOND;
    assert_eq!(stage.says_text("c"), ["? c"]);
    assert_eq!(stage.says_text("d"), ["d in 1000 ms"]);
}

#[test]
fn too_many_faults_of_a_kind_end_it() {
    let tolerances = &[
        Tolerance { fault: Fault::Login, count: 2, per: Duration::MAX },
        Tolerance { fault: Fault::Malformed, count: 1, per: SECOND },
    ];
    let (mut stage, _) = known(|plain| plain.manners.tolerances = tolerances);
    assert_eq!(stage.says_text("!a bad !b"), ["!a no", "bad", "!b no"]);
    stage.now = SECOND;
    assert_eq!(stage.says_text("bad"), ["bad"], "the other one is forgotten");
    stage.now = 1_000 * SECOND;
    assert_eq!(stage.says_text("!c hello"), ["!c no", "close Some(1008) enough"]);
    assert_eq!(stage.ending(), (Reason::Parted(Parting::Abuse), Some(1008)));
    let (mut stage, _) = known(|_| {});
    assert_eq!(stage.says_text("part"), ["close Some(1008) enough"], "or a dialect ends it itself");
}

#[test]
fn who_is_logged_in_from_the_start_is_known_at_once() {
    let (mut stage, known) = known(|_| {});
    let holder = known.credential("plain", "key").expect("it is known");
    let standing = dialects::Standing::Good;
    let login = dialects::Login { key: "key".into(), holder, standing };
    stage.session.admitted(Admitted { login, berth: None });
    assert_eq!(stage.says_text("who"), ["who 7 Good"]);
    assert_eq!(stage.says_text("+own0"), ["subscribe ownorders0 #0", "+own0 ok"]);
}

#[test]
fn what_accounts_do_is_told_to_anybody_where_manners_say_so() {
    let (mut stage, _) = known(|plain| plain.manners.accounts_are_public = true);
    assert_eq!(stage.says_text("+own0"), ["subscribe ownorders0 #0", "+own0 ok"]);
    assert!(!stage.session.was_let_in_by("key"));
    assert_eq!(stage.says_text("^key:own1"), ["subscribe ownorders1 #1", "^key:own1 ok"]);
    assert_eq!(
        stage.is_revoked("key"),
        ["unsubscribe ownorders1"],
        "what a key let in goes with it"
    );
}

#[test]
fn so_many_connections_share_a_berth_and_who_leaves_makes_room() {
    let (mut first, _) = known(|_| {});
    let clerk = Arc::clone(&first.desk.clerk);
    let other = || {
        let mut stage = stage(Plain::default());
        stage.desk = Desk::new(Arc::clone(&clerk), Ids::counted(Arc::default()));
        stage
    };
    let (mut second, mut third) = (other(), other());
    let welcome = ["(a ok", "welcome"];
    assert_eq!(first.says_text("(a"), welcome);
    assert_eq!(first.says_text("(a x"), [welcome[0], welcome[1], "? x"], "it has one already");
    assert_eq!(second.says_text("(a"), welcome);
    assert_eq!(third.says_text("(a x"), ["(a no", "? x"]);
    assert_eq!(third.says_text("(b"), ["(b ok", "welcome"], "of another name there are others");
    assert_eq!(first.says_text(")a"), [""; 0]);
    assert_eq!(third.says_text("(a"), welcome);
    assert_eq!(first.says_text("(a"), ["(a no"]);
    second.parts(Parting::SlowConsumer);
    second.session.leave();
    assert_eq!(first.says_text("(a"), welcome, "whose end is decided needs none");
}

#[test]
fn what_is_remembered_of_one_who_logged_in_is_small() {
    let bytes = size_of::<Talk>();
    assert!(bytes <= 256, "{bytes} bytes, for each of many who have logged in and listen");
}

#[test]
fn a_key_lets_in_so_many_connections_and_one_more_is_told_so() {
    let identities: Arc<dyn Identities> = Arc::<Known>::default();
    let clerk = Clerk::new(Arc::clone(&identities), Arc::default(), Box::new(|_| {}));
    let clerk = Arc::new(clerk.with_connections_per_key(2));
    let join = || {
        let mut stage = stage(Plain::default());
        stage.desk = Desk::new(Arc::clone(&clerk), Ids::counted(Arc::default()));
        stage
    };
    let full = ["close Some(1008) enough of you"];
    // By a login, or by what one asks to be told; twice on one connection counts once.
    let (mut first, mut second) = (join(), join());
    assert_eq!(first.says_text("!key !key"), ["!key ok", "!key ok"]);
    let told = ["subscribe ownorders0 #0", "^key:own0 ok"];
    assert_eq!(second.says_text("^key:own0"), told);
    assert_eq!(join().says_text("!key"), full);
    let mut third = join();
    assert_eq!(third.says_text("^key:own0 ?now"), full, "and nothing else is heard");
    assert_eq!(third.ending(), (Reason::Parted(Parting::TooManyConnections), Some(1008)));
    // So is who was let in with the request.
    let mut admitted = join();
    let holder = identities.credential("plain", "key").expect("it is known");
    let standing = dialects::Standing::Good;
    let login = dialects::Login { key: "key".into(), holder, standing };
    admitted.session.admitted(Admitted { login, berth: None });
    admitted.session.let_in_by_login(&admitted.plain, admitted.now, &mut admitted.desk);
    assert_eq!(admitted.deeds(), full);
    // Another key has places of its own; who changes to it leaves its place, and so does who ends.
    assert_eq!(join().says_text("!other"), ["!other ok"]);
    assert_eq!(first.says_text("!other"), ["!other ok"]);
    let mut fourth = join();
    assert_eq!(fourth.says_text("!key"), ["!key ok"]);
    assert_eq!(join().says_text("!key"), full);
    second.session.leave();
    assert_eq!(join().says_text("!key"), ["!key ok"]);
}
