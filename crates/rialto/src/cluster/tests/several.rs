//! The law *several machines*: people trade at a core and at its edges, over a bus that loses, doubles and reorders. What was
//! acknowledged is in the core's journal, once and as it was told; and all machines show the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use ::edge::clock::{MarketClock, SessionClock, Speed};
use ::edge::steps::Clerk;
use ::edge::{Edge, Settings};
use dialects::Submission;
use feed::bus::local::Local;
use feed::bus::{Answer, Bus, BusError, BusStanding, Heard, Listening, Reply};
use feed::journal::commit::Durability;
use feed::journal::disk::Folder;
use feed::journal::reader::Reader;
use model::{
    Amount, AnswerBody, AssetId, Event, NewOrder, OrderKind, Outcome, Price, Quantity, Query,
    Sequence, Side, TimeInForce,
};

use super::*;
use crate::cluster::core::{Claim, Gives};
use crate::cluster::edge::begin;
use crate::cluster::subjects::Subjects;
use crate::config::BusPlan;
use crate::kept::{FOLDER, Ledger};
use crate::known::Known;
use crate::run::{Begun, Lost, Unbegun};

const CONFIG: &str = r#"
[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd", xrocket = "BTC-USD", timex = "BTCUSD" }
"#;

const PATIENCE: Duration = Duration::from_secs(60);
const MARKET: &str = "several";

/// A bus that loses, doubles and reorders what it can.
struct Lossy {
    inner: Local,
    dice: Mutex<Dice>,
    /// Of a thousand messages so many are lost, doubled, held back each.
    share: usize,
    /// What is held back until something else was said.
    held: Mutex<Option<(String, Vec<u8>)>>,
}

impl Lossy {
    fn fate(&self) -> usize {
        let roll = self.dice.lock().expect("nobody panics with it").roll(1_000);
        roll.checked_div(self.share).unwrap_or(usize::MAX)
    }
}

impl Bus for Lossy {
    fn publish(&self, subject: &str, message: &[u8]) {
        match self.fate() {
            0 => return,
            1 => self.inner.publish(subject, message),
            2 => {
                let late = (subject.to_owned(), message.to_vec());
                let before = self.held.lock().expect("nobody panics with it").replace(late);
                if let Some((subject, message)) = before {
                    self.inner.publish(&subject, &message);
                }
                return;
            }
            _ => {}
        }
        self.inner.publish(subject, message);
        if let Some((subject, message)) = self.held.lock().expect("nobody panics with it").take() {
            self.inner.publish(&subject, &message);
        }
    }
    fn listen(&self, subject: &str, heard: Heard) -> Result<Listening, BusError> {
        self.inner.listen(subject, heard)
    }
    /// Of a question that is lost, the answer is: it was heard.
    fn ask(&self, subject: &str, question: &[u8], patience: Duration, reply: Reply) {
        let reply: Reply = match self.fate() {
            0 => Box::new(move |_| reply(Err(BusError::Late))),
            1 => {
                // It comes twice.
                self.inner.ask(subject, question, patience, Box::new(|_| ()));
                reply
            }
            _ => reply,
        };
        self.inner.ask(subject, question, patience, reply);
    }
    fn answer(&self, subject: &str, answer: Answer) -> Result<Listening, BusError> {
        self.inner.answer(subject, answer)
    }
    fn standing(&self) -> BusStanding {
        self.inner.standing()
    }
}

/// A machine at work.
struct Machine {
    edge: Edge,
    lost: Option<Arc<Lost>>,
    _beside: Option<Box<dyn Send>>,
    note: Option<::edge::following::AskFollowing>,
}

impl Machine {
    fn start(boards: Boards, begun: Begun, clerk: &Arc<Clerk>) -> Self {
        let settings = Settings { loops: 1, ..Settings::default() };
        let dialects: Dialects = [].into();
        let clock = MarketClock::starting(begun.opens, Speed::WALL);
        let time = clock.clone();
        let session = SessionClock::started();
        let source = begun.source;
        let edge = ::edge::start(&settings, &dialects, |_| boards, source, clock, session, clerk);
        let edge = edge.expect("threads");
        let beside = begun.beside.map(|start| start(&edge.boards, clerk, &time).expect("it gives"));
        let (lost, note) = (begun.lost, begun.following);
        Self { edge, lost, _beside: beside, note }
    }

    fn submit(&self, action: Action, label: Option<&str>) -> Outcome {
        let (tell, told) = sync_channel(1);
        let reply = Box::new(move |outcome| tell.send(outcome).expect("it is waited for"));
        let submission = Submission { action, label: label.map(Into::into) };
        self.edge.boards.submit(submission, reply).expect("there is room for it");
        told.recv_timeout(PATIENCE).expect("an outcome")
    }

    fn ask(&self, query: Query) -> AnswerBody {
        let (tell, told) = sync_channel(1);
        let reply = Box::new(move |answer: model::Answer| {
            tell.send(answer.body).expect("it is waited for");
        });
        self.edge.boards.ask(query, reply).expect("there is room for it");
        told.recv_timeout(PATIENCE).expect("an answer")
    }

    /// All that does not depend on when it is asked.
    fn shows(&self) -> Vec<AnswerBody> {
        let instrument = InstrumentId(0);
        let mut shown = vec![
            self.ask(Query::Detail { instrument, cadence: Cadence::TENTH }),
            self.ask(Query::Trades { instrument, since: BEGINS, limit: 9_999 }),
        ];
        for account in PEOPLE {
            shown.push(self.ask(Query::Balances { account }));
            shown.push(self.ask(Query::OpenOrders { account, instrument: None }));
        }
        shown
    }
}

fn empty(config: &Config) -> Boards {
    let instruments: Vec<_> = config.listings.iter().map(|it| it.instrument.clone()).collect();
    let boards = instruments.iter().map(|it| Board::new(it.id, BEGINS)).collect();
    Boards::new(boards, [].into(), 1).with_accounts(Accounts::new(Assets::of(&instruments)))
}

fn clerk() -> Arc<Clerk> {
    Arc::new(Clerk::of_nobody())
}

fn folder(seed: u64, share: usize) -> PathBuf {
    let name = format!("rialto-several-{}-{seed}-{share}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    // One of an earlier process of this number.
    let _gone = std::fs::remove_dir_all(&folder);
    folder
}

fn order(dice: &mut Dice) -> Action {
    let account = PEOPLE[dice.roll(2)];
    if dice.roll(12) == 0 {
        return Action::CancelAll { account, instrument: None };
    }
    let side = if dice.roll(2) == 0 { Side::Buy } else { Side::Sell };
    Action::Place(NewOrder {
        account,
        instrument: InstrumentId(0),
        side,
        kind: OrderKind::Limit(Price(5_990_000 + dice.roll(2_000) as i64)),
        quantity: Quantity(100_000 + dice.roll(1_000_000) as i64),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    })
}

/// What each command of a journal caused, and which commands were by somebody.
fn journal(path: &std::path::Path, plan: &Plan) -> BTreeMap<Sequence, (Action, Vec<Event>)> {
    use feed::journal::Entry;
    let disk = Folder::at(path);
    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    let mut rerun = Rerun::new(plan.source());
    let mut all = BTreeMap::new();
    while let Some(record) = reader.record().expect("no trouble") {
        for entry in &record.entries {
            let mut events = Vec::new();
            rerun.entry(entry, &mut events).expect("the same happens");
            if let Entry::Command(kept) = entry {
                all.insert(rerun.last(), (kept.action, events));
            }
        }
    }
    all
}

/// A core of this market, with a new journal in this folder, on this bus; and people who have something.
fn core(folder: &std::path::Path, seed: u64, config: &Config, bus: &Arc<dyn Bus>) -> Machine {
    let ledger = Ledger::open(folder, Durability::None, false).expect("a new journal");
    let gives = Gives {
        bus: Arc::clone(bus),
        subjects: Subjects::of(MARKET),
        speed: Speed::WALL,
        later_than: model::Epoch(0),
        is_replicated: false,
        claim: Claim::Told,
        is_copied: false,
    };
    let mut boards = empty(config);
    let times = (BEGINS, Some(BEGINS));
    let begun = ledger.begin(config, &Known::nobody(), seed, times, Some(gives), &mut boards);
    let core = Machine::start(boards, begun.expect("it begins"), &clerk());
    for account in PEOPLE {
        for action in [
            Action::Follow(account),
            Action::Deposit { account, asset: AssetId(0), amount: Amount(10_i128.pow(13)) },
            Action::Deposit { account, asset: AssetId(1), amount: Amount(10_i128.pow(18)) },
        ] {
            assert!(matches!(core.submit(action, None), Outcome::Done { .. }), "seed {seed}");
        }
    }
    core
}

fn check(seed: u64, share: usize) {
    let mut dice = Dice::new(seed);
    let config = Config::read("the test", CONFIG).expect("it is a configuration");
    let market = Plan::new(&config, seed, BEGINS);
    let bus: Arc<dyn Bus> = Arc::new(Lossy {
        inner: Local::start().expect("a thread"),
        dice: Mutex::new(Dice::new(seed ^ 0xb05)),
        share,
        held: Mutex::new(None),
    });
    let subjects = Subjects::of(MARKET);
    let plan = BusPlan { patience: PATIENCE, ..BusPlan::default() };
    let folder = folder(seed, share);
    let mut machines = vec![core(&folder, seed, &config, &bus)];
    let mut acknowledged: Vec<(Action, Sequence, Vec<Event>)> = Vec::new();
    let mut unknown = 0;
    for step in 0..120 {
        if step == 20 || step == 60 {
            let (mut boards, clerk) = (empty(&config), clerk());
            let begun = begin(&bus, &subjects, &plan, &market, &mut boards, &clerk);
            machines.push(Machine::start(boards, begun.expect("it follows"), &clerk));
        }
        let action = order(&mut dice);
        let at = dice.roll(machines.len());
        match machines[at].submit(action, (step % 3 == 0).then_some("mine")) {
            Outcome::Done { command, events } => acknowledged.push((action, command, events)),
            Outcome::Unknown if at > 0 && share > 0 => unknown += 1,
            other => panic!("seed {seed}, machine {at}: {other:?}"),
        }
    }
    assert!(acknowledged.len() > 60, "seed {seed}: {unknown} of 120 are unknown");

    // 1. All show the same, once the edges are where the core is.
    let (core, edges) = machines.split_first().expect("there is a core");
    let began = Instant::now();
    for (at, machine) in edges.iter().enumerate() {
        // Books are shown as they were published last: at the core too they change after the last order.
        while machine.shows() != core.shows() {
            let note = machine.note.as_ref().expect("it follows")();
            assert!(began.elapsed() < PATIENCE, "seed {seed}, edge {at} shows else: {note:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let note = machine.note.as_ref().expect("it follows")();
        assert!(note.is_fresh && note.passed_on > 0, "seed {seed}: {note:?}");
        let last = acknowledged.last().map(|(_, command, _)| command.0);
        assert!(
            Some(note.command) >= last && note.behind() == 0,
            "seed {seed}: {note:?}, {last:?}"
        );
    }

    // 2. What was acknowledged is in the journal, once, and as it was told.
    for machine in machines.drain(..).rev() {
        drop(machine);
    }
    let written = journal(&folder.join(FOLDER), &market);
    let mut commands: Vec<Sequence> = acknowledged.iter().map(|&(_, command, _)| command).collect();
    commands.dedup();
    assert_eq!(commands.len(), acknowledged.len(), "seed {seed}: two are one command");
    for (action, command, events) in &acknowledged {
        assert_eq!(
            written.get(command),
            Some(&(*action, events.clone())),
            "seed {seed}, {command}"
        );
    }
    let orders = written
        .values()
        .filter(|(action, _)| matches!(action, Action::Place(_) | Action::CancelAll { .. }));
    let orders = orders.count();
    assert!(
        (acknowledged.len()..=acknowledged.len() + unknown).contains(&orders),
        "seed {seed}: {orders} commands, {} acknowledged, {unknown} unknown",
        acknowledged.len()
    );
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

#[test]
fn an_edge_whose_core_goes_away_while_it_begins_is_to_begin_anew() {
    let config = Config::read("the test", CONFIG).expect("it is a configuration");
    let market = Plan::new(&config, 8, BEGINS);
    let subjects = Subjects::of(MARKET);
    let plan = BusPlan { patience: Duration::from_millis(300), ..BusPlan::default() };
    let inner: Arc<dyn Bus> = Arc::new(Local::start().expect("a thread"));
    let folder = folder(8, 2);
    let core = core(&folder, 8, &config, &inner);
    // It answers so many questions, and is gone.
    let lost = (0..20).take_while(|&questions| {
        let left = AtomicUsize::new(questions);
        let bus: Arc<dyn Bus> = Arc::new(Leaving { inner: Arc::clone(&inner), left });
        match begin(&bus, &subjects, &plan, &market, &mut empty(&config), &clerk()) {
            Err(Unbegun::Lost(why)) => {
                assert!(why.contains("failed to"), "{questions}: {why}");
                true
            }
            Err(Unbegun::Failed(failure)) => panic!("{questions}: {failure}"),
            Ok(_) => false,
        }
    });
    let lost = lost.count();
    assert!(
        (3..20).contains(&lost),
        "it asks for an image, how the core stands, and how time runs: {lost}"
    );
    drop(core);
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

/// A bus on which so many questions are answered still.
struct Leaving {
    inner: Arc<dyn Bus>,
    left: AtomicUsize,
}

impl Bus for Leaving {
    fn publish(&self, subject: &str, message: &[u8]) {
        self.inner.publish(subject, message);
    }
    fn listen(&self, subject: &str, _: Heard) -> Result<Listening, BusError> {
        // Nothing is heard of it that was not asked for.
        self.inner.listen(subject, Box::new(|_| ()))
    }
    fn ask(&self, subject: &str, question: &[u8], patience: Duration, reply: Reply) {
        let takes = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes) {
            Ok(_) => self.inner.ask(subject, question, patience, reply),
            Err(_) => reply(Err(BusError::Unanswered)),
        }
    }
    fn answer(&self, subject: &str, answer: Answer) -> Result<Listening, BusError> {
        self.inner.answer(subject, answer)
    }
    fn standing(&self) -> BusStanding {
        self.inner.standing()
    }
}

#[test]
fn people_trade_at_a_core_and_its_edges() {
    check(1, 0);
}

#[test]
fn they_do_over_a_bus_that_loses_doubles_and_reorders() {
    let seeds = if long() { 200 } else { 3 };
    for seed in 1..=seeds {
        check(seed, 50);
    }
}

/// Has the bus say that another machine is in a later life of this market.
fn another_goes_on(bus: &Arc<dyn Bus>) {
    use feed::journal::copy::words::{Answer, Ask, Piece, Question, Said};
    let subjects = Subjects::of(MARKET);
    let ask = Ask { number: 1, journal: None, question: Question::Head }.to_bytes();
    let head = crate::cluster::edge::asked(bus, &subjects.ask, &ask).expect("a core is there");
    let Answer { journal, mut frontier, .. } = Answer::decode(&head).expect("an answer");
    frontier.epoch = model::Epoch(frontier.epoch.0 + 1);
    let (segment, offset) = frontier.place();
    let said = Said::Piece(Piece { segment, offset, before: None, bytes: &[] });
    let piece = Answer { number: 0, journal, frontier, said }.to_bytes();
    bus.publish(&subjects.pieces, &piece);
}

#[test]
fn a_core_that_is_none_any_more_takes_nothing_from_its_own_clients_either() {
    let config = Config::read("the test", CONFIG).expect("it is a configuration");
    let bus: Arc<dyn Bus> = Arc::new(Local::start().expect("a thread"));
    let folder = folder(9, 1);
    let core = core(&folder, 9, &config, &bus);
    let mut dice = Dice::new(9);
    assert!(matches!(core.submit(order(&mut dice), None), Outcome::Done { .. }));
    let open = || PEOPLE.map(|account| core.ask(Query::OpenOrders { account, instrument: None }));
    let before = open();
    another_goes_on(&bus);
    let began = Instant::now();
    while !core.lost.as_ref().is_some_and(|lost| lost.is_so()) {
        assert!(began.elapsed() < PATIENCE, "it does not hear of the other");
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..3 {
        assert_eq!(core.submit(order(&mut dice), Some("late")), Outcome::NotTaken);
    }
    assert_eq!(open(), before, "nothing has happened");
    drop(core);
    std::fs::remove_dir_all(&folder).expect("it is ours");
}
