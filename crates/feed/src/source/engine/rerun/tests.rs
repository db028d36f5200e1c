//! The law *twin* for journals: a market that was run again from its journal stands as it stood, and goes on as if it
//! had never stopped, crowd included.

use std::sync::Arc;

use engine::flow::Random;
use model::{
    AccountId, Action, Cadence, Constituent, Contract, FeedName, Instrument, InstrumentId, Label,
    Mark, Note, PerpetualAction, Price, Source, Span, Time,
};

use super::super::tests::{BEGIN, VISITOR, buy, instruments, perpetual, source};
use super::*;
use crate::gate::Gate;
use crate::journal::commit::{Commit, Durability};
use crate::journal::reader::{Reader, Tail};
use crate::journal::simulated::Simulated;
use crate::journal::writer::Writer;

const SEED: u64 = 7;

fn commit(writer: Writer, digest: Digest) -> Commit {
    let complain = |what: &str| panic!("{what}");
    Commit::start(writer, Durability::Sync, digest, complain).expect("a thread")
}

pub(crate) fn kept(disk: &Simulated, seed: u64) -> EngineSource {
    let mut source = source(seed);
    let writer = Writer::create(Arc::new(disk.clone()), [9; 16]).expect("no faults");
    let digester = Digester::default();
    let commit = commit(writer.with_segments_of(20_000), digester.digest());
    source.keep(commit, (BEGIN, Span(0)), (seed, "test"), digester);
    source
}

/// Runs the journal again, on the crowd of a seed.
fn again(disk: &Simulated, seed: u64) -> Result<(Rerun, Vec<Event>, Tail), Difference> {
    let mut reader = Reader::open(disk).expect("no trouble").expect("a journal");
    let mut rerun = Rerun::new(source(seed));
    let mut events = Vec::new();
    while let Some(record) = reader.record().expect("no trouble") {
        for entry in &record.entries {
            rerun.entry(entry, &mut events)?;
        }
    }
    Ok((rerun, events, reader.tail().expect("no trouble")))
}

/// A visitor trades by chance between the crowd until `till`.
pub(crate) fn trade(
    source: &mut EngineSource,
    random: &mut Random,
    till: Time,
    out: &mut Vec<Event>,
) {
    let mut now = source.time();
    while now < till {
        now = (now + Span::millis(1 + random.below(180) as i64)).min(till);
        source.advance(now, out);
        if random.below(3) == 0 {
            let label: Option<Label> = (random.below(2) == 0).then(|| "mine".into());
            let note = Note { label, mark: Some(Mark([random.below(256) as u8; 16])) };
            let price = 5_990_000 + random.below(20_000) as i64;
            let submitted = source.submit_noted(now, buy(price), &note, out);
            submitted.expect("it takes orders");
        }
        source.turn(random.below(2) == 0, out);
    }
    source.settle(out);
}

#[test]
fn a_market_run_again_stands_as_it_stood_and_goes_on_as_if_it_had_never_stopped() {
    let long = std::env::var_os("RIALTO_LONG").is_some();
    for seed in 0..if long { 200 } else { 6 } {
        let disk = Simulated::new(seed);
        let mut random = Random::new(seed);
        let mut first = kept(&disk, seed);
        let mut events = Vec::new();
        let assets = first.engine().assets().clone();
        for deposit in engine::flow::riches(&assets, VISITOR) {
            first.submit(BEGIN, deposit, &mut events).expect("it takes orders");
        }
        let stops = BEGIN + Span::millis(5_000 + random.below(20_000) as i64);
        trade(&mut first, &mut random, stops, &mut events);
        let image = first.engine().image();

        // The process is killed: nothing was closed. The first one goes on elsewhere.
        let disk = disk.copy();
        let (rerun, told, tail) = again(&disk, seed).expect("the same happens");
        assert_eq!(told.len(), events.len(), "seed {seed}");
        assert!(told == events, "seed {seed}: other events");
        assert_eq!(rerun.source().engine().image(), image, "seed {seed}");
        let done = rerun.done();
        assert!(done.digests > 0 && done.crowd_differs == 0, "seed {seed}: {done:?}");
        assert!(!tail.closed && tail.torn.is_none(), "seed {seed}");

        // It goes on at once, and so does the one that was never stopped, in the same way.
        let (mut second, digester) = rerun.finish();
        let writer = Writer::go_on(Arc::new(disk.clone()), &tail).expect("no faults");
        let at = first.time();
        second.keep(commit(writer, digester.digest()), (at, Span(0)), (seed, "test"), digester);
        let (mut ones, mut others) = (Vec::new(), Vec::new());
        let goes_on = at + Span::seconds(6);
        trade(&mut first, &mut random.clone(), goes_on, &mut ones);
        trade(&mut second, &mut random, goes_on, &mut others);
        assert_eq!(ones.len(), others.len(), "seed {seed}");
        assert!(ones == others, "seed {seed}: it goes on in another way");

        // And its journal, two lives long and closed as asked, can be run again as well.
        let image = second.engine().image();
        second.close(&mut others);
        drop((first, second));
        let (rerun, told, tail) = again(&disk, seed).expect("the same happens");
        assert_eq!(rerun.source().engine().image(), image, "seed {seed}");
        assert_eq!(told.len(), events.len() + others.len(), "seed {seed}");
        let done = rerun.done();
        assert_eq!((done.lives, done.crowd_differs, tail.closed), (2, 0, true), "seed {seed}");
    }
}

#[test]
fn a_market_that_stood_still_for_a_day_goes_on_where_it_was_a_day_later() {
    let disk = Simulated::new(1);
    let mut first = kept(&disk, SEED);
    let mut events = Vec::new();
    trade_without_visitor(&mut first, BEGIN + Span::seconds(20), &mut events);
    first.close(&mut events);
    drop(first);
    let (rerun, ..) = again(&disk, SEED).expect("the same happens");
    let open = rerun.source().engine().open_orders_count();
    let (mut second, digester) = rerun.finish();
    let (_, _, tail) = again(&disk, SEED).expect("the same happens");
    let writer = Writer::go_on(Arc::new(disk.clone()), &tail).expect("no faults");
    let opens = BEGIN + Span::seconds(86_400);
    second.keep(commit(writer, digester.digest()), (opens, Span(0)), (SEED, "test"), digester);
    let due = second.due().expect("the crowd is there");
    assert!(due >= opens && due < opens + Span::seconds(1), "{due:?}");
    assert!(open > 20, "{open} orders are open");
    // What the market is worth went on from where it was, and by no more than a few seconds.
    let (rerun, ..) = again(&disk, SEED).expect("the same happens");
    let (mut unstopped, _) = rerun.finish();
    let goes_on = unstopped.due().expect("the crowd is there") + Span::seconds(5);
    trade_without_visitor(&mut unstopped, goes_on, &mut Vec::new());
    let before = second.last();
    let mut later = Vec::new();
    trade_without_visitor(&mut second, due + Span::seconds(5), &mut later);
    let worth = |source: &EngineSource| source.crowd().map(|crowd| crowd.fair_price(0));
    assert_eq!(worth(&second), worth(&unstopped));
    assert!(second.last().0 - before.0 < 5_000, "a day is not made up for");
    assert!(later.iter().all(|event| event.time >= opens));
    assert!(later.iter().any(|event| matches!(event.body, model::EventBody::Filled(_))));
    second.close(&mut later);
    drop(second);
    let (rerun, told, _) = again(&disk, SEED).expect("the same happens");
    assert_eq!(told.len(), events.len() + later.len());
    assert_eq!(rerun.done().crowd_differs, 0);
}

/// A perpetual whose index is one feed, and nothing else that happens.
fn quoted() -> EngineSource {
    let mut instruments = instruments();
    instruments.push(Instrument { id: InstrumentId(3), ..instruments[0].clone() });
    let constituents = vec![Constituent::Feed(FeedName::USUAL)];
    let contracts = [Contract { constituents, ..perpetual(3) }];
    EngineSource::with_contracts(
        (&instruments, &contracts),
        None,
        &[Cadence::TENTH],
        BEGIN,
        Gate::open(),
    )
}

#[test]
fn a_restart_goes_on_with_the_index_that_was_quoted_until_that_is_stale() {
    let keep = |source: &mut EngineSource, writer: Writer, digester: Digester, at: Time| {
        let commit = commit(writer, digester.digest());
        source.keep(commit, (at, Span(0)), (SEED, "test"), digester);
    };
    let quote = |price| {
        let (instrument, constituent, price) = (InstrumentId(3), 0, Price(price));
        Action::Perpetual(PerpetualAction::Quote { instrument, constituent, price })
    };
    let index =
        |source: &EngineSource| source.engine().marks(InstrumentId(3)).map(|marks| marks.index.0);
    let disk = Simulated::new(1);
    let mut first = quoted();
    let writer = Writer::create(Arc::new(disk.clone()), [9; 16]).expect("no faults");
    keep(&mut first, writer, Digester::default(), BEGIN);
    let mut events = Vec::new();
    first.submit(BEGIN, quote(6_000_000), &mut events).expect("it takes quotes");
    first.advance(BEGIN + Span::seconds(1), &mut events);
    assert_eq!(index(&first), Some(6_000_000));
    // This one has been in no mark yet when the process is killed.
    first.submit(first.time(), quote(6_010_000), &mut events).expect("it takes quotes");
    first.settle(&mut events);
    let killed = first.time();
    let disk = disk.copy();
    drop(first);

    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    let mut rerun = Rerun::new(quoted());
    let mut told = Vec::new();
    while let Some(record) = reader.record().expect("no trouble") {
        for entry in &record.entries {
            rerun.entry(entry, &mut told).expect("the same happens");
        }
    }
    assert_eq!(told, events);
    let tail = reader.tail().expect("no trouble");
    let (mut second, digester) = rerun.finish();
    assert_eq!(index(&second), Some(6_000_000));
    let writer = Writer::go_on(Arc::new(disk.clone()), &tail).expect("no faults");
    keep(&mut second, writer, digester, killed + Span::seconds(3));
    second.advance(killed + Span::seconds(4), &mut told);
    assert_eq!(index(&second), Some(6_010_000));
    // Ten seconds after it came it is not good any more: another one is.
    second.advance(killed + Span::seconds(12), &mut told);
    assert_eq!(index(&second), Some(6_010_000), "it stays");
    second.submit(second.time(), quote(6_020_000), &mut told).expect("it takes quotes");
    second.advance(killed + Span::seconds(13), &mut told);
    assert_eq!(index(&second), Some(6_020_000));
}

fn trade_without_visitor(source: &mut EngineSource, till: Time, out: &mut Vec<Event>) {
    while source.due().is_some_and(|due| due <= till) {
        source.advance(till, out);
        source.settle(out);
    }
}

#[test]
fn another_crowd_is_noticed_and_what_was_done_is_done_all_the_same() {
    let disk = Simulated::new(1);
    let mut events = Vec::new();
    let mut first = kept(&disk, SEED);
    trade_without_visitor(&mut first, BEGIN + Span::seconds(10), &mut events);
    let image = first.engine().image();
    first.close(&mut events);
    let (rerun, told, _) = again(&disk, SEED + 1).expect("commands are what they were");
    assert!(told == events);
    assert_eq!(rerun.source().engine().image(), image);
    assert!(rerun.done().crowd_differs > 100, "{:?}", rerun.done());
}

#[test]
fn a_journal_whose_events_are_others_now_is_refused() {
    let disk = Simulated::new(1);
    let mut events = Vec::new();
    let mut first = kept(&disk, SEED);
    trade_without_visitor(&mut first, BEGIN + Span::seconds(20), &mut events);
    first.close(&mut events);
    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    let mut rerun = Rerun::new(source(SEED));
    let mut refused = None;
    'all: while let Some(record) = reader.record().expect("no trouble") {
        for entry in &record.entries {
            let mut entry = entry.clone();
            // As if an engine of other rules had been at work.
            if let Entry::Command(Kept { action: Action::Place(new), .. }) = &mut entry
                && rerun.last() > Sequence(500)
            {
                new.account = AccountId(new.account.0 + 1);
            }
            if let Err(difference) = rerun.entry(&entry, &mut events) {
                refused = Some(difference);
                break 'all;
            }
        }
    }
    let refused = refused.expect("a digest differs");
    assert!(refused.what.contains("digest"), "{refused}");
    assert!(refused.after > Sequence(500), "{refused}");
}

#[test]
fn nothing_is_taken_once_it_cannot_be_kept() {
    use crate::journal::simulated::Faults;
    let disk = Simulated::new(1);
    let writer = Writer::create(Arc::new(disk.clone()), [9; 16]).expect("no faults");
    let digester = Digester::default();
    let commit = Commit::start(writer, Durability::Sync, digester.digest(), |_| ());
    let mut source = source(SEED);
    source.keep(commit.expect("a thread"), (BEGIN, Span(0)), (SEED, "test"), digester);
    let mut events = Vec::new();
    source.advance(BEGIN + Span::seconds(1), &mut events);
    assert_eq!(events, [], "nothing is told before it is durable");
    source.settle(&mut events);
    assert!(events.len() > 10 && source.handed_out() == source.last());
    disk.suffers(Faults { failing: 1_000, ..Faults::NONE });
    let told = events.len();
    let now = BEGIN + Span::seconds(2);
    let submitted = source.submit(now, Action::Follow(VISITOR), &mut events);
    let command = submitted.expect("nobody knows of it yet");
    source.settle(&mut events);
    assert!(source.is_broken());
    assert_eq!(events.len(), told, "what is not durable is told to nobody");
    assert!(source.handed_out() < command);
    let last = source.last();
    assert_eq!(source.due(), None);
    source.advance(now + Span::seconds(9), &mut events);
    let refused = source.submit(now + Span::seconds(9), Action::Follow(VISITOR), &mut events);
    assert_eq!((refused, source.last()), (Err(model::NoOrders), last));
}

/// An image of how a rerun stands.
fn image(
    rerun: &Rerun,
    boundary: crate::journal::reader::Boundary,
) -> crate::journal::image::Image {
    let digest = rerun.digest();
    let head = crate::journal::image::Head {
        boundary,
        events: digest.events,
        digest: digest.digest,
        state: rerun.source().engine().digest(),
        market: rerun.source().market(),
        configuration: [0; 16],
        seed: SEED,
        begins: BEGIN,
        build: "test".into(),
    };
    crate::journal::image::Image { head, parts: rerun.parts().into() }
}

#[test]
fn a_rerun_from_an_image_stands_as_the_whole_one_and_goes_on_as_it_does() {
    let long = std::env::var_os("RIALTO_LONG").is_some();
    let mut cuts = 0;
    for seed in 0..if long { 40 } else { 3 } {
        let disk = Simulated::new(seed);
        let mut random = Random::new(seed);
        let mut first = kept(&disk, seed);
        let mut events = Vec::new();
        let assets = first.engine().assets().clone();
        for deposit in engine::flow::riches(&assets, VISITOR) {
            first.submit(BEGIN, deposit, &mut events).expect("it takes orders");
        }
        // One record a second, so that segments end in the middle of things.
        for second in 1..20 {
            trade(&mut first, &mut random, BEGIN + Span::seconds(second), &mut events);
        }
        drop(first);
        let (whole, told, _) = again(&disk, seed).expect("the same happens");
        let last = whole.source().engine().image();
        let parts = whole.parts();
        let (mut whole, _) = whole.finish();
        let mut later = Vec::new();
        whole.advance(whole.time() + Span::seconds(5), &mut later);

        // Wherever a segment ends.
        let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
        let mut rerun = Rerun::new(source(seed));
        let (mut before, mut out) = (reader.boundary(), Vec::new());
        while let Some(record) = reader.record().expect("no trouble") {
            if record.place.segment != crate::journal::segments::name(before.segment) {
                cuts += 1;
                let image = image(&rerun, before);
                let mut restored = Rerun::restored(source(seed), (&instruments(), &[]), &image)
                    .expect("what was taken");
                assert_eq!(restored.parts()[..], image.parts[..], "seed {seed}");
                let mut reader = Reader::open_behind(&disk, &before).expect("it follows");
                let mut tail = Vec::new();
                while let Some(record) = reader.record().expect("no trouble") {
                    for entry in &record.entries {
                        restored.entry(entry, &mut tail).expect("the same happens");
                    }
                }
                assert!(tail[..] == told[out.len()..], "seed {seed}: other events");
                assert_eq!(restored.source().engine().image(), last, "seed {seed}");
                assert_eq!(restored.parts(), parts, "seed {seed}");
                assert_eq!(restored.done().crowd_differs, 0, "seed {seed}");
                let (mut restored, _) = restored.finish();
                let mut goes_on = Vec::new();
                restored.advance(restored.time() + Span::seconds(5), &mut goes_on);
                assert!(goes_on == later, "seed {seed}: it goes on in another way");
            }
            for entry in &record.entries {
                rerun.entry(entry, &mut out).expect("the same happens");
            }
            before = reader.boundary();
        }
    }
    assert!(cuts > 5, "{cuts} cuts");
}

/// What a life that was killed while its crowd warmed up did not play is played by the next one, however long nobody
/// played meanwhile and wherever the run begins; once doors were opened nothing is owed.
#[test]
fn what_was_not_played_of_a_warm_up_is_owed_until_doors_open() {
    let disk = Simulated::new(1);
    let mut events = Vec::new();
    let mut left = Span::seconds(20);
    for (life, seconds) in [(0, 8), (1, 7), (2, 6), (3, 6)] {
        let (mut source, digester, writer) = match life {
            0 => {
                let writer = Writer::create(Arc::new(disk.clone()), [9; 16]).expect("no faults");
                (source(SEED), Digester::default(), writer)
            }
            _ => {
                let (rerun, _, tail) = again(&disk, SEED).expect("the same happens");
                let (source, digester) = rerun.finish();
                (source, digester, Writer::go_on(Arc::new(disk.clone()), &tail).expect("no faults"))
            }
        };
        let begins = BEGIN + Span::seconds(life * 86_400);
        let commit = commit(writer.with_segments_of(2_000), digester.digest());
        source.keep(commit, (begins, left), (SEED, "test"), digester);
        let till = begins + Span::seconds(seconds);
        while source.time() < till {
            let now = source.time().max(begins) + Span::millis(500);
            trade_without_visitor(&mut source, now, &mut events);
        }
        drop(source);

        // From the beginning, and from an image wherever a segment ends.
        let (whole, ..) = again(&disk, SEED).expect("the same happens");
        let owed = whole.warm_up_left();
        let played = whole.source().time().0 - begins.0;
        assert_eq!(owed, Span((left.0 - played).max(0)), "life {life}");
        let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
        let (mut rerun, mut before) = (Rerun::new(super::super::tests::source(SEED)), None);
        while let Some(record) = reader.record().expect("no trouble") {
            let ended = before.replace(reader.boundary());
            if let Some(ended) = ended.filter(|it| it.segment < reader.boundary().segment) {
                let image = image(&rerun, ended);
                let market = super::super::tests::source(SEED);
                let mut restored =
                    Rerun::restored(market, (&instruments(), &[]), &image).expect("what was taken");
                let mut reader = Reader::open_behind(&disk, &ended).expect("it follows");
                while let Some(record) = reader.record().expect("no trouble") {
                    for entry in &record.entries {
                        restored.entry(entry, &mut Vec::new()).expect("the same happens");
                    }
                }
                assert_eq!(restored.warm_up_left(), owed, "life {life}, {ended:?}");
            }
            for entry in &record.entries {
                rerun.entry(entry, &mut Vec::new()).expect("the same happens");
            }
        }
        left = owed;
    }
    assert_eq!(left, Span(0), "doors are open");
}

#[test]
fn an_image_of_something_else_is_refused() {
    let disk = Simulated::new(1);
    let mut first = kept(&disk, SEED);
    trade_without_visitor(&mut first, BEGIN + Span::seconds(3), &mut Vec::new());
    drop(first);
    let (rerun, ..) = again(&disk, SEED).expect("the same happens");
    let boundary = Reader::open(&disk).expect("no trouble").expect("a journal").boundary();
    let boundary = crate::journal::reader::Boundary { last: rerun.last(), ..boundary };
    let image = image(&rerun, boundary);
    let restored =
        |image: &_| Rerun::restored(source(SEED), (&instruments(), &[]), image).map(drop);
    assert!(restored(&image).is_ok());
    let mut other = image.clone();
    other.head.events += 1;
    assert!(restored(&other).is_err(), "not of one moment");
    let mut other = image.clone();
    other.head.market += 1;
    assert!(restored(&other).is_err(), "another market");
    let cadences = [Cadence::SECOND];
    let ticks = EngineSource::new(&instruments(), None, &cadences, BEGIN, Gate::open());
    assert!(Rerun::restored(ticks, (&instruments(), &[]), &image).is_err(), "another cadence");
    // Whatever bytes the parts have, nobody panics.
    let long = std::env::var_os("RIALTO_LONG").is_some();
    for seed in 0..if long { 20_000 } else { 300 } {
        let mut random = Random::new(seed);
        let mut changed = image.clone();
        // The engine's own has a digest, and a test of its own.
        let part = &mut changed.parts[1 + random.below(2) as usize].bytes;
        let at = random.below(part.len() as u64) as usize;
        part[at] = random.next_u64() as u8;
        if let Ok(restored) = Rerun::restored(source(SEED), (&instruments(), &[]), &changed) {
            assert_eq!(restored.parts()[..], changed.parts[..], "seed {seed}: two spellings");
            let (mut restored, _) = restored.finish();
            if seed % 50 == 0 {
                let till = restored.time() + Span::seconds(1);
                restored.advance(till, &mut Vec::new());
            }
        }
    }
}
