//! The law *same frames*: whoever listens at an edge is told what whoever listens at the core is told, byte for byte, in
//! every dialect, however the core's records come.

mod several;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use ::edge::boards::{Boards, Dialects, Outlet};
use ::edge::outbox::Told;
use dialects::visitor::{Login, Standing, Visitor};
use dialects::{Credential, Dialect, Request, Step, Subject};
use feed::journal::reader::{Reader, Record};
use feed::source::engine::rerun::Rerun;
use feed::source::followed::{Core, Decision, Followed};
use model::{
    AccountId, Action, Assets, Cadence, InstrumentId, NoOrders, Note, Passed, Scope, Source, Topic,
    TopicKind, Wake,
};
use testkit::dice::Dice;
use views::{Accounts, Board};

use crate::config::{Config, DEMO};
use crate::replica::Plan;
use crate::replica::tests::{BEGINS, kept_and_told, long};
use crate::serve;

/// Those who trade in it.
const PEOPLE: [AccountId; 2] = [AccountId(1_001), AccountId(1_002)];

/// What is said to be told of public things, in each dialect.
const SAID: [(&str, &[&str]); 5] = [
    (
        "bitstamp",
        &[
            r#"{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}"#,
            r#"{"event":"bts:subscribe","data":{"channel":"live_orders_btcusd"}}"#,
            r#"{"event":"bts:subscribe","data":{"channel":"order_book_btcusd"}}"#,
            r#"{"event":"bts:subscribe","data":{"channel":"detail_order_book_btcusd"}}"#,
            r#"{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}"#,
            r#"{"event":"bts:subscribe","data":{"channel":"live_trades_ethbtc"}}"#,
        ],
    ),
    (
        "xrocket",
        &[
            r#"{"id":1,"method":"subscribe","params":{"channel":"trades","symbol":"BTC-USD"}}"#,
            r#"{"id":1,"method":"subscribe","params":{"channel":"orderbook","symbol":"BTC-USD"}}"#,
            r#"{"id":1,"method":"subscribe","params":{"channel":"candles","symbol":"BTC-USD","type":"1min"}}"#,
            r#"{"id":1,"method":"subscribe","params":{"channel":"ticker","symbol":"BTC-USD","interval":"1day"}}"#,
        ],
    ),
    (
        "timex",
        &[
            r#"{"type":"SUBSCRIBE","requestId":"1","pattern":"/trade.symbols/BTC/USD"}"#,
            r#"{"type":"SUBSCRIBE","requestId":"1","pattern":"/orderbook.group/BTCUSD"}"#,
        ],
    ),
    (
        "confluencecode",
        &[
            r#"{"action":"subscribe","body":{"streams":[{"eventType":"trade","base":"BTC","quote":"USD"}]}}"#,
        ],
    ),
    (
        "finazon",
        &[
            r#"{"event":"subscribe","publisher":"sip","tickers":["AAPL","TSLA"],"channel":"bars","frequency":"1s","aggregation":"1m"}"#,
        ],
    ),
];

/// What is told of the people's own.
fn own(dialect: &str) -> Vec<Topic> {
    let cadence = Cadence::SECOND;
    let kinds: &[TopicKind] = match dialect {
        "bitstamp" => &[TopicKind::OwnOrders, TopicKind::OwnTrades, TopicKind::SelfTrades],
        "xrocket" => &[TopicKind::OwnOrders, TopicKind::Holdings { cadence }],
        "timex" => &[TopicKind::OwnOrders, TopicKind::Balances, TopicKind::Movements],
        _ => &[],
    };
    let mut topics = Vec::new();
    for (account, &kind) in PEOPLE.iter().flat_map(|&it| kinds.iter().map(move |kind| (it, kind))) {
        let scope = match dialect {
            "bitstamp" => Scope::Account(account, InstrumentId(0)),
            _ => Scope::Own(account),
        };
        topics.push(Topic { kind, scope });
    }
    topics
}

/// Boards with whoever listens to all of this, in every dialect, from the beginning.
fn boards(config: &Config) -> Boards {
    let dialects: Dialects = serve::dialects(config).expect("the demo is served").into();
    let instruments: Vec<_> = config.listings.iter().map(|it| it.instrument.clone()).collect();
    let boards = instruments.iter().map(|it| Board::new(it.id, BEGINS)).collect();
    let accounts = Accounts::new(Assets::of(&instruments));
    let mut boards = Boards::new(boards, Arc::clone(&dialects), 1).with_accounts(accounts);
    for (name, said) in SAID {
        let index = dialects.iter().position(|it| it.name() == name).expect("it is spoken");
        let public = said.iter().flat_map(|text| subjects(dialects[index].as_ref(), &boards, text));
        let own = own(name).into_iter().map(Subject::from);
        for subject in public.chain(own).collect::<Vec<_>>() {
            let _opening = boards.subscribe(0, index, subject);
        }
    }
    boards
}

fn subjects(dialect: &dyn Dialect, boards: &Boards, text: &str) -> Vec<Subject> {
    let mut requests = Vec::new();
    let holder = Credential {
        account: PEOPLE[0],
        secret: Vec::new(),
        may_trade: false,
        instruments: None,
        blocked: false,
        quotes: None,
    };
    let login = Login { key: "a key".into(), holder, standing: Standing::Good };
    let visitor = Visitor { login: Some(&login), ..Visitor::STRANGER };
    dialect.decode(text.as_bytes(), &visitor, &mut requests);
    let mut subjects = Vec::new();
    gather(requests, boards, &mut subjects);
    assert!(!subjects.is_empty(), "{}: {text}", dialect.name());
    subjects
}

/// What is subscribed by these requests, whatever has to be asked before.
fn gather(requests: Vec<Request>, boards: &Boards, out: &mut Vec<Subject>) {
    for request in requests {
        match request {
            Request::Subscribe { subjects, .. } => out.extend(subjects),
            Request::TakeBerth { then, .. } => gather(then, boards, out),
            Request::Take(mut step) => loop {
                step = match step {
                    Step::Reply(then) => break gather(then, boards, out),
                    Step::Ask(query, then) => then(boards.query(&query, BEGINS)),
                    _ => panic!("nobody has to show who one is"),
                };
            },
            _ => {}
        }
    }
}

/// Frames in the order in which they are told, and of which slot.
#[derive(Default, PartialEq, Eq)]
struct Heard(Vec<(u32, Vec<u8>)>);

impl Outlet for Heard {
    fn tell(&mut self, _of_loop: usize, told: Told) {
        self.0.push((told.slot.index() as u32, told.frame.bytes().to_vec()));
    }
}

/// The core, whose records come as a test says.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<VecDeque<Record>>>);

impl Core for ByHand {
    fn record(&mut self) -> Option<Record> {
        self.0.lock().expect("nobody panics with it").pop_front()
    }
    fn has_record(&self) -> bool {
        !self.0.lock().expect("nobody panics with it").is_empty()
    }
    fn pass_on(&mut self, _: Passed, _: Action, _: &Note) -> Result<(), NoOrders> {
        Err(NoOrders)
    }
    fn decided(&mut self) -> Option<(Passed, Decision)> {
        None
    }
    fn wake_with(&mut self, _: Wake) {}
    fn is_lost(&self) -> bool {
        false
    }
}

/// What is heard at an edge to which these records come so.
fn at_an_edge(plan: &Plan, config: &Config, records: &[Record], dice: &mut Dice) -> Heard {
    let mut boards = boards(config);
    let rerun = Rerun::new(plan.source());
    let core = ByHand::default();
    let complain = |difference: &_| panic!("something else happens here: {difference}");
    let mut source =
        Followed::new(rerun, Box::new(core.clone()), Box::new(|_| ()), Box::new(complain));
    let (mut heard, mut events) = (Heard::default(), Vec::new());
    let mut left = VecDeque::from(records.to_vec());
    while !left.is_empty() {
        let some = (1 + dice.roll(40)).min(left.len());
        core.0.lock().expect("nobody panics with it").extend(left.drain(..some));
        while let Some(due) = source.due() {
            source.advance(due, &mut events);
            if dice.roll(3) > 0 {
                source.labels(&mut |command, label| boards.label(command, label));
                boards.apply(&events, &mut heard);
                events.clear();
            }
        }
    }
    source.labels(&mut |command, label| boards.label(command, label));
    boards.apply(&events, &mut heard);
    heard
}

#[test]
fn whoever_listens_at_an_edge_is_told_the_same_bytes() {
    let config = Config::read("the demo", DEMO).expect("it is a configuration");
    let seeds = if long() { 100 } else { 3 };
    let mut frames = 0;
    for seed in 1..=seeds {
        let plan = Plan::new(&config, seed, BEGINS);
        let (disk, events) = kept_and_told(&plan, 8);
        let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
        let mut records = Vec::new();
        let mut at_core = boards(&config);
        let mut told = Heard::default();
        // Labels are known before what they name, as where a client submits.
        while let Some(record) = reader.record().expect("no trouble") {
            records.push(record);
        }
        label(&mut at_core, &records);
        at_core.apply(&events, &mut told);
        assert!(told.0.len() > 500, "seed {seed}: {} frames", told.0.len());
        let mut dice = Dice::new(seed);
        for edge in 1..=2 {
            let heard = at_an_edge(&plan, &config, &records, &mut dice);
            let other = heard.0.iter().zip(&told.0).position(|(heard, told)| heard != told);
            if let Some(at) = other {
                let words =
                    |(_, bytes): &(u32, Vec<u8>)| String::from_utf8_lossy(bytes).into_owned();
                panic!(
                    "seed {seed}, edge {edge}, frame {at}:\n{}\nand at the core\n{}",
                    words(&heard.0[at]),
                    words(&told.0[at])
                );
            }
            assert_eq!(heard.0.len(), told.0.len(), "seed {seed}, edge {edge}");
        }
        frames += told.0.len();
    }
    assert!(frames > 500 * seeds as usize);
}

/// Tells the boards what orders are called.
fn label(boards: &mut Boards, records: &[Record]) {
    use feed::journal::Entry;
    let mut command = model::Sequence(0);
    for entry in records.iter().flat_map(|record| &record.entries) {
        if let Entry::Command(kept) = entry {
            command = command.next();
            if let Some(label) = &kept.label {
                boards.label(command, label.clone());
            }
        }
    }
}
