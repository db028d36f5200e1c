//! The real thread with a source that is told what happens; the test reads its ring.

use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use model::{AccountId, Action, AnswerBody, NoOrders, Passed, Sequence, Taken, Time};
use views::Board;

use super::*;
use crate::clock::Speed;
use crate::testing::{Plain, print, topic};

const PATIENCE: Duration = Duration::from_secs(20);

/// When a source was let go on, by market's clock and ours.
type Calls = Arc<(Mutex<Vec<(Time, Instant)>>, Condvar)>;

/// In order: of a look ahead how many actions were foreseen; nothing for a submission.
type Foreseen = Arc<Mutex<Vec<Option<usize>>>>;

/// Prints a trade at each millisecond of market time, up to the last; notes when it was let go on.
struct Metronome {
    next: u64,
    last: u64,
    calls: Calls,
    foreseen: Foreseen,
}

impl Source for Metronome {
    fn due(&self) -> Option<Time> {
        (self.next <= self.last).then_some(Time(self.next as i64 * 1_000))
    }
    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        let (calls, called) = &*self.calls;
        calls.lock().expect("nobody panics with it").push((now, Instant::now()));
        called.notify_all();
        while self.due().is_some_and(|due| due <= now) {
            out.push(print(self.next, 0));
            self.next += 1;
        }
    }
    fn foresee(&self, actions: &mut dyn Iterator<Item = &Action>) {
        let count = actions.count();
        if count > 0 {
            self.foreseen.lock().expect("nobody panics with it").push(Some(count));
        }
    }
    /// Whoever asks to be followed causes a trade, after all that is due; nothing else is taken.
    fn submit(
        &mut self,
        now: Time,
        action: Action,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        self.foreseen.lock().expect("nobody panics with it").push(None);
        let Action::Follow(account) = action else { return Err(NoOrders) };
        self.advance(now, out);
        let number = 1_000_000 + u64::from(account.0);
        out.push(Event { cause: Sequence(number), ..print(number, 0) });
        Ok(Sequence(number))
    }
}

struct House {
    boards: BoardsHandle,
    ring: rtrb::Consumer<Word>,
    calls: Calls,
    foreseen: Foreseen,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
    /// The bell's poll, so that it can be rung.
    _poll: mio::Poll,
}

fn house(speed: Speed, last: u64, ring_words_max: usize) -> House {
    let calls = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    let foreseen = Foreseen::default();
    let source =
        Metronome { next: 1, last, calls: Arc::clone(&calls), foreseen: Arc::clone(&foreseen) };
    house_of(|_| Box::new(source), (calls, foreseen), speed, ring_words_max)
}

fn house_of(
    source: impl FnOnce(&BoardsHandle) -> Box<dyn Source>,
    (calls, foreseen): (Calls, Foreseen),
    speed: Speed,
    ring_words_max: usize,
) -> House {
    let dialects: crate::boards::Dialects =
        Arc::new([Box::new(Plain::default()) as Box<dyn dialects::Dialect>]);
    let poll = mio::Poll::new().expect("a poll");
    let bell = Arc::new(Bell::new(poll.registry(), mio::Token(0)).expect("a bell"));
    let (words, ring) = rtrb::RingBuffer::new(ring_words_max);
    let counters = Arc::new(Counters::default());
    let (boards, inbox) = BoardsHandle::new(16, Arc::clone(&counters));
    let board = Board::by_level(model::InstrumentId(0), Time(0));
    let thread = BoardThread {
        source: source(&boards),
        submitted: Submitted::default(),
        boards: Boards::new(vec![board], dialects, 1),
        clock: MarketClock::starting(Time(0), speed),
        mail: inbox,
        lanes: Lanes::new(vec![Lane { ring: words, bell }], Arc::clone(&counters)),
        counters: Arc::clone(&counters),
    };
    let thread = Some(thread::spawn(|| thread.run()));
    House { boards, ring, calls, foreseen, counters, thread, _poll: poll }
}

impl House {
    fn subscribe(&self, ticket: u32) {
        let asker = Asker { place: 5, tenancy: 6, ticket: Ticket(ticket) };
        let subject = topic("trades0").expect("a topic").into();
        let changes = vec![Change::Subscribe { dialect: 0, subject, asker }];
        assert!(self.boards.change(0, changes).is_ok(), "there is room for it");
    }
    fn ask(&self, query: Query) -> Answer {
        let (answered, answer) = sync_channel(1);
        let reply = Box::new(move |answer| answered.send(answer).expect("it is waited for"));
        self.boards.ask(query, reply).expect("there is room for it");
        answer.recv_timeout(PATIENCE).expect("an answer")
    }
    fn submit(&self, action: Action) -> Outcome {
        let (done, outcome) = sync_channel(1);
        let reply = Box::new(move |outcome| done.send(outcome).expect("it is waited for"));
        let submission = Submission { action, label: None };
        self.boards.submit(submission, reply).expect("there is room for it");
        outcome.recv_timeout(PATIENCE).expect("an outcome")
    }
    fn word(&mut self) -> Word {
        let begin = Instant::now();
        loop {
            if let Ok(word) = self.ring.pop() {
                return word;
            }
            assert!(begin.elapsed() < PATIENCE, "no word came");
            thread::yield_now();
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.boards.stop();
        let ended = self.thread.take().expect("it ends once").join();
        assert!(ended.is_ok() || thread::panicking(), "the board thread panicked");
    }
}

#[test]
fn what_happens_after_a_subscription_follows_its_answer_without_a_gap() {
    let mut house = house(Speed::WALL, 200, 16);
    house.subscribe(1);
    let Word::Subscribed(asker, slot, state) = house.word() else { panic!("the answer is first") };
    assert_eq!((asker.place, asker.tenancy, asker.ticket), (5, 6, Ticket(1)));
    assert!(state.is_none());
    let mut before = None;
    loop {
        let Word::Told(told) = house.word() else { panic!("nobody else subscribed") };
        assert_eq!(told.slot, slot);
        let number = told.sequence.0;
        if let Some(before) = before {
            assert_eq!(number, before + 1);
        }
        assert_eq!(told.frame.text(), format!("trades0 {number}").as_bytes());
        if number == 200 {
            break;
        }
        before = Some(number);
    }
}

#[test]
fn a_full_ring_is_waited_for_and_loses_nothing() {
    let mut house = house(Speed(1_000_000), 5_000, 4);
    house.subscribe(1);
    let begin = Instant::now();
    while house.counters.ring_waits.read() == 0
        && house.calls.0.lock().expect("calls").len() < 5_000
    {
        assert!(begin.elapsed() < PATIENCE, "the ring never filled");
        thread::yield_now();
    }
    let Word::Subscribed(..) = house.word() else { panic!("the answer is first") };
    let mut last = None;
    while last != Some(5_000) {
        let Word::Told(told) = house.word() else { panic!("nobody else subscribed") };
        assert!(last.is_none_or(|last| told.sequence.0 == last + 1), "{:?}", told.sequence);
        last = Some(told.sequence.0);
    }
    assert!(house.counters.ring_waits.read() > 0);
}

#[test]
fn a_loop_that_has_ended_holds_nobody_up() {
    let mut house = house(Speed(1_000_000), 5_000, 4);
    house.subscribe(1);
    let Word::Subscribed(..) = house.word() else { panic!("the answer is first") };
    // The loop ends: its end of the ring goes, as does what is in it.
    let (_, gone) = rtrb::RingBuffer::new(1);
    drop(std::mem::replace(&mut house.ring, gone));
    // All of market time passes, and questions are answered behind it.
    let begin = Instant::now();
    loop {
        let trades = Query::Trades { instrument: model::InstrumentId(0), since: Time(0), limit: 1 };
        let AnswerBody::Trades(trades) = house.ask(trades).body else { panic!("trades") };
        if trades.first().is_some_and(|trade| trade.id.0 == 5_000) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "it stands still");
    }
}

#[test]
fn it_goes_on_at_the_due_time_and_does_not_spin_until_then() {
    let house = house(Speed(500), 20, 16);
    let (calls, called) = &*house.calls;
    let calls = calls.lock().expect("nobody panics with it");
    let (calls, timed_out) = called
        .wait_timeout_while(calls, PATIENCE, |calls| calls.len() < 20)
        .expect("nobody panics with it");
    assert!(!timed_out.timed_out(), "only {} calls came", calls.len());
    // Each thing at its own time, though whoever was late may have done several at once; never early: at half
    // the wall's speed nineteen milliseconds of market time take thirty-eight.
    let times: Vec<i64> = calls.iter().map(|(time, _)| time.0).collect();
    assert_eq!(times, (1..=20).map(|number| number * 1_000).collect::<Vec<_>>());
    let took = calls[19].1 - calls[0].1;
    assert!(took > Duration::from_millis(25), "{took:?}");
}

#[test]
fn questions_see_the_present() {
    let house = house(Speed::WALL, u64::MAX, 16);
    let first = house.ask(Query::Now).now;
    let trades = Query::Trades { instrument: model::InstrumentId(0), since: Time(0), limit: 1 };
    let begin = Instant::now();
    loop {
        let answer = house.ask(trades.clone());
        assert!(answer.now >= first);
        let AnswerBody::Trades(trades) = answer.body else { panic!("trades") };
        let shown = trades.first().map_or(0, |trade| trade.id.0 as i64);
        // A trade a millisecond: all but those of the last moments are there.
        assert!(answer.now.0 / 1_000 - shown <= 1_000, "{shown} at {}", answer.now.0);
        if shown > 20 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "time stands still");
    }
}

#[test]
fn who_asks_when_too_many_wait_is_told_so_and_subscriptions_get_through() {
    let (boards, inbox) = BoardsHandle::new(4, Arc::default());
    assert_eq!(boards.ask(Query::Now, Box::new(|_| {})), Ok(()));
    assert_eq!(boards.ask(Query::Now, Box::new(|_| {})), Ok(()));
    assert_eq!(boards.ask(Query::Now, Box::new(|_| {})), Err(Busy));
    assert!(boards.change(0, Vec::new()).is_ok());
    assert!(boards.change(0, Vec::new()).is_ok());
    assert!(boards.change(0, Vec::new()).is_err(), "now there is no room at all");
    // A question that was answered makes room for another, as soon as there is room at all.
    drop(inbox.recv());
    assert_eq!(boards.ask(Query::Now, Box::new(|_| {})), Ok(()));
    drop(inbox);
    assert_eq!(boards.ask(Query::Now, Box::new(|_| {})), Err(Busy));
}

#[test]
fn a_submission_is_answered_with_what_it_caused_once_that_is_shown() {
    let house = house(Speed(0), 3, 16);
    for account in 1..=3 {
        let outcome = house.submit(Action::Follow(AccountId(account)));
        let Outcome::Done { command, events } = outcome else { panic!("it was taken") };
        let number = 1_000_000 + u64::from(account);
        assert_eq!(command, Sequence(number));
        assert_eq!(events.iter().map(|event| event.sequence.0).collect::<Vec<_>>(), [number]);
        let trades = Query::Trades { instrument: model::InstrumentId(0), since: Time(0), limit: 1 };
        let AnswerBody::Trades(trades) = house.ask(trades).body else { panic!("there are trades") };
        assert_eq!(trades[0].id.0, number, "whoever asks then sees it");
    }
    let refused = Action::Tick(model::Cadence::TENTH);
    assert_eq!(house.submit(refused), Outcome::NotTaken);
    assert_eq!(house.counters.submissions.read(), 4);
    let timed: u64 = house.counters.commands.buckets().map(|(_, count)| count).sum();
    assert_eq!(timed, 4, "how long each took is known");
}

#[test]
fn sessions_are_answered_through_their_ring_in_its_order() {
    let mut house = house(Speed(0), 0, 16);
    let asker = |ticket| Asker { place: 5, tenancy: 6, ticket: Ticket(ticket) };
    let subject = topic("trades0").expect("a topic").into();
    let submission = |action| Box::new(Submission { action, label: None });
    let changes = vec![
        Change::Submit(submission(Action::Follow(AccountId(1))), asker(1)),
        Change::Ask(vec![Query::Now, Query::Now], asker(2)),
        Change::Subscribe { dialect: 0, subject, asker: asker(3) },
        Change::Submit(submission(Action::Follow(AccountId(2))), asker(4)),
        Change::Submit(submission(Action::Tick(model::Cadence::TENTH)), asker(5)),
    ];
    assert!(house.boards.change(0, changes).is_ok(), "there is room for it");
    let done = |word, ticket, account: u64| {
        let Word::Returned(who, returned) = word else { panic!("{word:?}") };
        assert_eq!(who, asker(ticket));
        let Returned::Outcome(Outcome::Done { command, .. }) = *returned else { panic!("taken") };
        assert_eq!(command, Sequence(1_000_000 + account));
    };
    done(house.word(), 1, 1);
    let Word::Returned(who, returned) = house.word() else { panic!("the answers come next") };
    let Returned::Answers(answers) = *returned else { panic!("answers") };
    assert_eq!((who, answers.len()), (asker(2), 2));
    assert!(matches!(house.word(), Word::Subscribed(who, ..) if who == asker(3)));
    let Word::Told(told) = house.word() else { panic!("what was caused is told first") };
    assert_eq!(told.sequence, Sequence(1_000_002));
    done(house.word(), 4, 2);
    let Word::Returned(who, returned) = house.word() else { panic!("the refusal comes last") };
    assert_eq!(who, asker(5));
    assert!(matches!(*returned, Returned::Outcome(Outcome::NotTaken)));
    assert_eq!(house.counters.queries.read(), 2);
}

#[test]
fn what_waits_to_be_submitted_is_foreseen_in_rows() {
    let house = house(Speed(0), 0, 64);
    let follow = |account| Submission { action: Action::Follow(AccountId(account)), label: None };
    // Letters pile up behind a question whose answer is slow to be handed on.
    let (began, begun) = sync_channel(1);
    let (go_on, may_go_on) = sync_channel::<()>(1);
    let slow = Box::new(move |_| {
        began.send(()).expect("it is waited for");
        may_go_on.recv_timeout(PATIENCE).expect("it goes on");
    });
    house.boards.ask(Query::Now, slow).expect("there is room for it");
    begun.recv_timeout(PATIENCE).expect("it is asked");
    let (done, outcome) = sync_channel(3);
    for account in 1..=3 {
        let done = done.clone();
        let reply = Box::new(move |outcome| done.send(outcome).expect("it is waited for"));
        house.boards.submit(follow(account), reply).expect("there is room for it");
    }
    let asker = Asker { place: 5, tenancy: 6, ticket: Ticket(1) };
    let change = |account| match account {
        5 => Change::Ask(vec![Query::Now], asker),
        _ => Change::Submit(Box::new(follow(account)), asker),
    };
    assert!(house.boards.change(0, (1..=20).map(change).collect()).is_ok(), "there is room");
    go_on.send(()).expect("it is waited for");
    for account in 1..=3 {
        let outcome = outcome.recv_timeout(PATIENCE).expect("an outcome");
        let Outcome::Done { command, .. } = outcome else { panic!("it was taken") };
        assert_eq!(command, Sequence(1_000_000 + account), "in the order of the letters");
    }
    house.ask(Query::Now);
    let rows = [3, 15, 4]
        .into_iter()
        .flat_map(|row| std::iter::once(Some(row)).chain(std::iter::repeat_n(None, row)));
    assert_eq!(*house.foreseen.lock().expect("nobody panics with it"), rows.collect::<Vec<_>>());
}

#[test]
fn what_is_asked_of_the_boards_is_small() {
    let bytes = (size_of::<Change>(), size_of::<Subject>());
    assert!(bytes.0 <= bytes.1 + 32, "{bytes:?}: thousands may subscribe in one turn of a loop");
}

/// Takes everything, and tells what came of it once a test has made it durable.
struct Kept {
    last: u64,
    /// Up to here all that happened was told: what becomes durable within a turn is told in the next.
    told: u64,
    waiting: Vec<Event>,
    disk: Disk,
}

/// What is durable; `None` once nothing more will be. And what wakes whoever turns the source.
type Disk = Arc<Mutex<(Option<u64>, Option<Wake>)>>;

impl Source for Kept {
    fn due(&self) -> Option<Time> {
        None
    }
    fn advance(&mut self, _: Time, _: &mut Vec<Event>) {}
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        if self.is_broken() {
            return Err(NoOrders);
        }
        self.last += 1;
        self.waiting.push(Event { cause: Sequence(self.last), ..print(self.last, 0) });
        Ok(Sequence(self.last))
    }
    fn turn(&mut self, _: bool, out: &mut Vec<Event>) {
        let durable = self.disk.lock().expect("nobody panics with it").0;
        self.told = durable.unwrap_or(self.told);
        let pass = self.waiting.partition_point(|event| event.cause.0 <= self.told);
        out.extend(self.waiting.drain(..pass));
    }
    fn wake_with(&mut self, wake: Wake) {
        self.disk.lock().expect("nobody panics with it").1 = Some(wake);
    }
    fn is_broken(&self) -> bool {
        self.disk.lock().expect("nobody panics with it").0.is_none()
    }
    fn handed_out(&self) -> Sequence {
        Sequence(self.told)
    }
}

#[test]
fn what_is_kept_is_told_when_it_is_durable_and_never_if_it_cannot_be() {
    let disk: Disk = Arc::new(Mutex::new((Some(0), None)));
    let source = Kept { last: 0, told: 0, waiting: Vec::new(), disk: Arc::clone(&disk) };
    let begun = |boards: &BoardsHandle| {
        let mut source: Box<dyn Source> = Box::new(source);
        source.wake_with(boards.wake());
        source
    };
    let house = house_of(begun, Default::default(), Speed::WALL, 16);
    let stands = |durable| {
        let mut disk = disk.lock().expect("nobody panics with it");
        disk.0 = durable;
        disk.1.as_ref().expect("it was told whom to wake")();
    };
    let (done, outcomes) = sync_channel(4);
    let submit = |account| {
        let done = done.clone();
        let reply = Box::new(move |outcome| done.send((account, outcome)).expect("room"));
        let submission = Submission { action: Action::Follow(AccountId(account)), label: None };
        house.boards.submit(submission, reply).expect("there is room for it");
    };
    let trades = || {
        let trades = Query::Trades { instrument: model::InstrumentId(0), since: Time(0), limit: 9 };
        match house.ask(trades).body {
            AnswerBody::Trades(trades) => trades.len(),
            _ => 0,
        }
    };
    submit(1);
    submit(2);
    assert_eq!(trades(), 0, "nobody sees it before it is durable");
    assert!(outcomes.try_recv().is_err(), "and nobody is told");
    stands(Some(1));
    let (account, outcome) = outcomes.recv_timeout(PATIENCE).expect("an outcome");
    let Outcome::Done { command, events } = outcome else { panic!("it was taken") };
    assert_eq!((account, command, events.len()), (1, Sequence(1), 1));
    assert_eq!(trades(), 1, "whoever asks then sees it, and nothing else");
    assert_eq!(house.counters.journal_failed.read(), 0);
    stands(None);
    let unknown = outcomes.recv_timeout(PATIENCE).expect("an outcome");
    assert_eq!(unknown, (2, Outcome::Unknown), "nobody knows what becomes of it");
    submit(3);
    let refused = outcomes.recv_timeout(PATIENCE).expect("an outcome");
    assert_eq!(refused, (3, Outcome::NotTaken), "and nothing further is taken");
    assert_eq!((trades(), house.counters.journal_failed.read()), (1, 1));
}

/// Late by so many steps, and keeps back what happens in them.
struct Late {
    steps: u64,
    done: Arc<AtomicUsize>,
}

impl Source for Late {
    fn due(&self) -> Option<Time> {
        (self.steps > 0).then_some(Time(0))
    }
    fn advance(&mut self, _: Time, _: &mut Vec<Event>) {
        self.steps -= 1;
        self.done.fetch_add(1, Ordering::Relaxed);
    }
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}

#[test]
fn mail_is_read_between_the_steps_of_a_late_source_that_keeps_its_events_back() {
    let done = Arc::new(AtomicUsize::new(0));
    let source = Late { steps: 65_536, done: Arc::clone(&done) };
    let (answered, answer) = sync_channel(1);
    let seen = Arc::clone(&done);
    let begun = |boards: &BoardsHandle| {
        // It is there before the thread is.
        let reply = Box::new(move |_| {
            answered.send(seen.load(Ordering::Relaxed)).expect("it is waited for");
        });
        boards.ask(Query::Now, reply).expect("there is room for it");
        Box::new(source) as Box<dyn Source>
    };
    let _house = house_of(begun, Default::default(), Speed::WALL, 16);
    let steps = answer.recv_timeout(PATIENCE).expect("an answer");
    assert!((1..=STEPS_A_TURN).contains(&steps), "it is answered after {steps} steps");
}

/// Passes on what is submitted, and tells what came of it when it is told that.
#[derive(Clone, Default)]
struct PassesOn(Arc<Mutex<Elsewhere>>);

#[derive(Default)]
struct Elsewhere {
    passed: u64,
    happened: Vec<Event>,
    decided: Vec<(Passed, Outcome)>,
    broken: bool,
    wake: Option<Wake>,
}

impl PassesOn {
    fn elsewhere(&self, change: impl FnOnce(&mut Elsewhere)) {
        let mut elsewhere = self.0.lock().expect("nobody panics with it");
        change(&mut elsewhere);
        elsewhere.wake.as_ref().expect("it was told whom to wake")();
    }
}

impl Source for PassesOn {
    fn due(&self) -> Option<Time> {
        let elsewhere = self.0.lock().expect("nobody panics with it");
        (!elsewhere.happened.is_empty()).then_some(Time(i64::MIN))
    }
    fn advance(&mut self, _: Time, out: &mut Vec<Event>) {
        out.append(&mut self.0.lock().expect("nobody panics with it").happened);
    }
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
    fn submit_noted(
        &mut self,
        _: Time,
        _: Action,
        _: &Note,
        _: &mut Vec<Event>,
    ) -> Result<Taken, NoOrders> {
        let mut elsewhere = self.0.lock().expect("nobody panics with it");
        elsewhere.passed += 1;
        Ok(Taken::PassedOn(Passed(elsewhere.passed)))
    }
    fn decided(&mut self, tell: &mut dyn FnMut(Passed, Outcome)) {
        let decided = std::mem::take(&mut self.0.lock().expect("nobody panics with it").decided);
        decided.into_iter().for_each(|(passed, outcome)| tell(passed, outcome));
    }
    fn wake_with(&mut self, wake: Wake) {
        self.0.lock().expect("nobody panics with it").wake = Some(wake);
    }
    fn is_broken(&self) -> bool {
        self.0.lock().expect("nobody panics with it").broken
    }
}

#[test]
fn what_is_passed_on_is_told_when_it_is_decided_and_what_it_caused_is_seen_then() {
    let source = PassesOn::default();
    let begun = |boards: &BoardsHandle| {
        let mut source: Box<dyn Source> = Box::new(source.clone());
        source.wake_with(boards.wake());
        source
    };
    let house = house_of(begun, Default::default(), Speed::WALL, 16);
    let (done, outcomes) = sync_channel(4);
    for account in [1, 2, 3] {
        let done = done.clone();
        let reply = Box::new(move |outcome| done.send((account, outcome)).expect("room"));
        let submission = Submission { action: Action::Follow(AccountId(account)), label: None };
        house.boards.submit(submission, reply).expect("there is room for it");
    }
    house.ask(Query::Now);
    assert!(outcomes.try_recv().is_err(), "nobody is told before it is decided");
    let event = Event { cause: Sequence(7), ..print(1, 0) };
    let second = Outcome::Done { command: Sequence(7), events: vec![event.clone()] };
    source.elsewhere(|it| {
        it.happened.push(event);
        it.decided.push((Passed(2), second.clone()));
        it.decided.push((Passed(9), Outcome::NotTaken));
        it.decided.push((Passed(1), Outcome::NotTaken));
    });
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok((2, second)), "to whom it is due");
    let trades = Query::Trades { instrument: model::InstrumentId(0), since: Time(0), limit: 9 };
    let AnswerBody::Trades(trades) = house.ask(trades).body else { panic!("there is a board") };
    assert_eq!(trades.len(), 1, "whoever asks then sees it");
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok((1, Outcome::NotTaken)));
    source.elsewhere(|it| it.broken = true);
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok((3, Outcome::Unknown)), "nobody waits for ever");
}
