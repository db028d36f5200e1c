//! What counts once others have it too, by the real thread, with those others at the ends of channels.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use engine::flow::Random;
use model::Time;

use super::super::super::copy::copyist::Copyist;
use super::super::super::copy::giver::Giver;
use super::super::super::copy::taker::{Start, Taken, Taker, Which};
use super::super::super::copy::tap::{Outlet, tap};
use super::super::super::copy::words::{Ask, Head, Moment, Question};
use super::super::super::disk::Disk;
use super::super::super::reader::Reader;
use super::super::super::simulated::Simulated;
use super::super::super::tests::command;
use super::super::super::writer::{Batch, Writer};
use super::super::super::{Digest, Entry};
use super::super::{Commit, Terms};
use super::*;

const BEGINS: Time = Time::from_seconds(1_800_000_000);
const ID: [u8; 16] = [7; 16];
const LONG: Duration = Duration::from_secs(60);

fn batch(number: u64) -> Batch {
    let mut batch = Batch::default();
    let kept = command(&mut Random::new(number), BEGINS);
    batch.push(&Entry::Command(kept), Sequence(number), BEGINS);
    batch
}

fn start(disk: &Simulated, patience: Duration) -> (Commit, Outlet) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (tap, outlet) = tap();
    let writer = Writer::create(shared, ID).expect("a good disk").with_segments_of(2_000);
    let terms = Terms { replication: Some(Replication { patience }), ..Terms::default() };
    let digest = Digest { events: 0, digest: 0 };
    let commit = Commit::start_on(writer.tapped(tap), terms, digest, |_| {});
    (commit.expect("a thread"), outlet)
}

/// Waits until the own disk has all up to this, which the tap says.
fn written(outlet: &Outlet, up_to: u64) -> Vec<Sequence> {
    let mut counted = Vec::new();
    loop {
        let tapped = outlet.next(LONG).expect("it is written");
        counted.push(tapped.frontier.durable);
        if tapped.frontier.last >= Sequence(up_to) {
            return counted;
        }
    }
}

#[test]
fn nothing_counts_before_another_machine_has_it_and_then_whoever_waits_is_woken() {
    let (commit, outlet) = start(&Simulated::new(1), LONG);
    let watcher = commit.watcher();
    let (woken, wakes) = sync_channel(64);
    // At the end the test listens no more.
    commit.wake_with(Box::new(move || _ = woken.try_send(())));
    for number in 1..=3 {
        commit.hand_over(&mut batch(number), None, true);
    }
    assert!(written(&outlet, 3).iter().all(|&durable| durable == Sequence(0)));
    assert_eq!(commit.durable(), Sequence(0));
    let others = watcher.standing().others.expect("there must be some");
    assert!(others.waiting.is_some() && !others.is_stalled && !commit.is_stalled());
    // Who has more than there is, or follows another life, has nothing of ours.
    watcher.acknowledged(Epoch(1), Sequence(4));
    watcher.acknowledged(Epoch(2), Sequence(2));
    assert_eq!(commit.durable(), Sequence(0));
    while wakes.try_recv().is_ok() {}
    watcher.acknowledged(Epoch(1), Sequence(2));
    wakes.recv_timeout(LONG).expect("it wakes");
    assert_eq!((commit.durable(), watcher.standing().durable), (Sequence(2), Sequence(2)));
    let told = outlet.next(LONG).expect("those who follow are told");
    assert_eq!((told.bytes.len(), told.frontier.durable), (0, Sequence(2)));
    // What was late takes nothing back.
    watcher.acknowledged(Epoch(1), Sequence(1));
    assert_eq!(commit.durable(), Sequence(2));
    watcher.acknowledged(Epoch(1), Sequence(3));
    commit.settle(Sequence(3));
    let others = watcher.standing().others.expect("there must be some");
    assert_eq!((others.acknowledged, others.waiting), (Sequence(3), None));
}

#[test]
fn where_nobody_has_it_for_too_long_it_stalls_until_somebody_has() {
    let (commit, outlet) = start(&Simulated::new(1), Duration::ZERO);
    assert!(!commit.is_stalled(), "nothing waits");
    commit.hand_over(&mut batch(1), None, true);
    written(&outlet, 1);
    assert!(commit.is_stalled());
    // Nobody waits for ever.
    commit.settle(Sequence(1));
    assert_eq!(commit.durable(), Sequence(0));
    commit.watcher().acknowledged(Epoch(1), Sequence(1));
    assert!(!commit.is_stalled());
    assert_eq!(commit.durable(), Sequence(1));
}

#[test]
fn what_a_new_life_finds_on_its_own_disk_counts_once_another_machine_has_it() {
    let disk = Simulated::new(1);
    let (mut commit, _outlet) = start(&disk, LONG);
    for number in 1..=3 {
        commit.hand_over(&mut batch(number), None, false);
    }
    commit.watcher().acknowledged(Epoch(1), Sequence(1));
    commit.end();
    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    while reader.record().expect("no trouble").is_some() {}
    let tail = reader.tail().expect("no trouble");
    let (tap, outlet) = tap();
    let writer = Writer::go_on(Arc::new(disk.clone()), &tail).expect("a good disk");
    let writer = writer.counting_nothing().tapped(tap);
    let patience = Duration::ZERO;
    let terms = Terms { replication: Some(Replication { patience }), ..Terms::default() };
    let digest = Digest { events: 0, digest: 0 };
    let commit = Commit::start_on(writer, terms, digest, |_| {}).expect("a thread");
    let (last, durable) = (outlet.gauge().frontier().last, outlet.gauge().frontier().durable);
    assert_eq!((last, durable), (Sequence(3), Sequence(0)), "edges are shown nothing");
    assert_eq!((commit.durable(), commit.is_stalled()), (Sequence(0), true));
    commit.watcher().acknowledged(Epoch(2), Sequence(2));
    assert_eq!((commit.durable(), commit.is_stalled()), (Sequence(2), true));
    commit.watcher().acknowledged(Epoch(2), Sequence(3));
    assert_eq!((commit.durable(), commit.is_stalled()), (Sequence(3), false));
    assert_eq!(outlet.gauge().frontier().durable, Sequence(3));
}

#[test]
fn when_the_disk_of_the_core_is_gone_the_copy_has_all_that_counted_and_edges_showed_no_more() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let (disk, copied) = (Simulated::new(seed), Simulated::new(!seed));
        let (commit, outlet) = start(&disk, LONG);
        let (market, configuration, build) = (1, [2; 16], "0.1.0".into());
        let moment = Moment { market: BEGINS, wall: BEGINS };
        let head = Head { moment, market, configuration, seed, begins: BEGINS, build };
        let watcher = commit.watcher();
        let acknowledged = move |_, epoch, last| watcher.acknowledged(epoch, last);
        let giver = Giver::new(Arc::new(disk.clone()), outlet.gauge(), head);
        let giver = giver.telling(Box::new(acknowledged));
        let mut copyist =
            Copyist::open(Arc::new(copied.clone()), None).expect("a good disk").copyist;
        let mut standby = Taker::new(Start::beginning(), Which::All);
        let mut edge = Taker::new(Start::beginning(), Which::Shown);
        let mut message = Vec::new();
        let (mut now, mut number) = (Duration::ZERO, 0);
        for _ in 0..100 {
            now += Duration::from_millis(300);
            if random.below(2) == 0 {
                number += 1;
                commit.hand_over(&mut batch(number), None, true);
            }
            loop {
                // What was handed over is written before all goes on, most of the time.
                let is_written = outlet.gauge().frontier().last >= Sequence(number);
                let tapped = match is_written || random.below(4) == 0 {
                    true => outlet.try_next().ok(),
                    false => outlet.next(LONG).ok(),
                };
                let Some(tapped) = tapped else { break };
                giver.publish(&tapped, &mut message, |message| {
                    for taker in [&mut standby, &mut edge] {
                        if random.below(5) > 0 {
                            taker.heard(message, now);
                        }
                    }
                });
            }
            for taker in [&mut standby, &mut edge] {
                while let Some(ask) = taker.asks(now) {
                    taker.heard(&giver.answer(&ask.to_bytes(), moment), now);
                }
            }
            while let Some(taken) = standby.take() {
                let taken: Taken<'_> = taken.expect("no trouble");
                copyist.write(&taken).expect("a good disk");
            }
            if random.below(3) == 0 {
                let last = copyist.sync().expect("a good disk").last;
                let epoch = standby.standing(now).epoch;
                let question = Question::Kept { machine: [2; 16], epoch, last };
                let ask = Ask { number: 1, journal: Some(ID), question };
                let _answer = giver.answer(&ask.to_bytes(), moment);
                // For another journal nobody speaks here.
                let last = Sequence(number);
                let question = Question::Kept { machine: [2; 16], epoch, last };
                let other = Ask { journal: None, question, ..ask };
                let _answer = giver.answer(&other.to_bytes(), moment);
            }
            while let Some(record) = edge.record() {
                record.expect("no trouble");
            }
            let (shown, counts) = (edge.standing(now).last, commit.durable());
            assert!(shown <= counts, "seed {seed}: {shown} was shown, and {counts} counts");
        }
        let counts = commit.durable();
        assert!(counts > Sequence(5), "seed {seed}: {counts}");
        // The power goes there too.
        copied.power_returns();
        let opened = Copyist::open(Arc::new(copied.clone()), None).expect("a good disk");
        let mut copyist = opened.copyist;
        copyist.seal().expect("a good disk");
        let mut reader = Reader::open(&copied).expect("no trouble").expect("a journal");
        while reader.record().expect("no trouble").is_some() {}
        let tail = reader.tail().expect("no trouble");
        assert!(tail.last >= counts, "seed {seed}: {} of {counts}", tail.last);
    }
}
