use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use engine::flow::Random;
use model::Span;

use super::*;
use crate::journal::reader::Reader;
use crate::journal::simulated::Simulated;
use crate::source::engine::rerun::tests::{kept, trade};
use crate::source::engine::tests::{BEGIN, buy, source};

/// The machine that is followed, moved by hand.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<Hand>>);

#[derive(Default)]
struct Hand {
    records: VecDeque<Record>,
    passed_on: Vec<(Passed, Action, Note)>,
    decided: VecDeque<(Passed, Decision)>,
    is_out_of_reach: bool,
    is_lost: bool,
    forgotten: usize,
}

impl ByHand {
    fn hand<T>(&self, move_it: impl FnOnce(&mut Hand) -> T) -> T {
        move_it(&mut self.0.lock().expect("nobody panics with it"))
    }
}

impl Core for ByHand {
    fn record(&mut self) -> Option<Record> {
        self.hand(|hand| hand.records.pop_front())
    }
    fn has_record(&self) -> bool {
        self.hand(|hand| !hand.records.is_empty())
    }
    fn pass_on(&mut self, passed: Passed, action: Action, note: &Note) -> Result<(), NoOrders> {
        self.hand(|hand| {
            if hand.is_out_of_reach {
                return Err(NoOrders);
            }
            hand.passed_on.push((passed, action, note.clone()));
            Ok(())
        })
    }
    fn decided(&mut self) -> Option<(Passed, Decision)> {
        self.hand(|hand| hand.decided.pop_front())
    }
    fn wake_with(&mut self, _: Wake) {}
    fn is_lost(&self) -> bool {
        self.hand(|hand| hand.is_lost)
    }
    fn forgot(&mut self) {
        self.hand(|hand| hand.forgotten += 1);
    }
}

/// What a followed market tells besides its events.
#[derive(Default)]
struct Told {
    marks: Vec<(Mark, Sequence, usize)>,
    differences: Vec<Difference>,
}

fn followed(core: &ByHand, seed: u64) -> (Followed, Arc<Mutex<Told>>) {
    let told = Arc::new(Mutex::new(Told::default()));
    let (marks, differences) = (Arc::clone(&told), Arc::clone(&told));
    let noted = move |it: Marked<'_>| {
        let mut told = marks.lock().expect("nobody panics with it");
        told.marks.push((it.mark, it.command, it.events.len()));
    };
    let complain = move |it: &Difference| {
        differences.lock().expect("nobody panics with it").differences.push(it.clone());
    };
    let rerun = Rerun::new(source(seed));
    let core = Box::new(core.clone());
    (Followed::new(rerun, core, Box::new(noted), Box::new(complain)), told)
}

/// A market that was kept, its events, and what its journal says: as records of one entry, for where those that the
/// journal's thread made begin is its own affair.
fn original(seed: u64) -> (Vec<Event>, Vec<Record>) {
    let disk = Simulated::new(seed);
    let mut source = kept(&disk, seed);
    let mut events = Vec::new();
    trade(&mut source, &mut Random::new(seed), BEGIN + Span::seconds(20), &mut events);
    source.close(&mut events);
    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    let mut records = Vec::new();
    while let Some(Record { head, place, entries }) = reader.record().expect("no trouble") {
        let single = |entry| Record { head, place: place.clone(), entries: vec![entry] };
        records.extend(entries.into_iter().map(single));
    }
    (events, records)
}

/// Lets it go on as far as it can, in steps, as whoever turns a source does.
fn go_on(followed: &mut Followed, out: &mut Vec<Event>) -> Vec<(Sequence, Label)> {
    let mut labels = Vec::new();
    while let Some(due) = followed.due() {
        followed.advance(due, out);
        followed.labels(&mut |command, label| labels.push((command, label)));
    }
    labels
}

#[test]
fn the_same_events_come_of_the_records_however_they_come() {
    for seed in 1..=8 {
        let (events, records) = original(seed);
        let written: Vec<_> = records.iter().flat_map(|record| &record.entries).collect();
        let kept = written.iter().filter_map(|entry| match entry {
            Entry::Command(kept) => Some(kept),
            _ => None,
        });
        let kept: Vec<&Kept> = kept.collect();
        let core = ByHand::default();
        let (mut followed, told) = followed(&core, seed);
        let mut random = Random::new(seed ^ 0xb0b);
        let (mut same, mut labels) = (Vec::new(), Vec::new());
        let mut left = VecDeque::from(records.clone());
        while !left.is_empty() {
            let some = (1 + random.below(90) as usize).min(left.len());
            core.hand(|hand| hand.records.extend(left.drain(..some)));
            labels.extend(go_on(&mut followed, &mut same));
        }
        assert!(same == events, "seed {seed}: other events, or in another order");
        assert!(!followed.is_broken(), "seed {seed}");
        let wanted =
            (1..).zip(&kept).filter_map(|(at, it)| Some((Sequence(at), it.label.clone()?)));
        assert_eq!(labels, wanted.collect::<Vec<_>>(), "seed {seed}");
        let told = told.lock().expect("nobody panics with it");
        let marks: Vec<_> = told.marks.iter().map(|&(mark, command, _)| (command, mark)).collect();
        let wanted = (1..).zip(&kept).filter_map(|(at, it)| Some((Sequence(at), it.mark?)));
        assert_eq!(marks, wanted.collect::<Vec<_>>(), "seed {seed}");
        assert!(!marks.is_empty(), "seed {seed}: nothing was marked");
    }
}

#[test]
fn records_that_make_something_else_here_end_it() {
    let (_, records) = original(1);
    let core = ByHand::default();
    let (mut followed, told) = followed(&core, 1);
    let mut broken = records.clone();
    let stolen =
        broken.iter_mut().flat_map(|record| &mut record.entries).find_map(|entry| match entry {
            Entry::Command(kept) if matches!(kept.action, Action::Place(_)) => Some(kept),
            _ => None,
        });
    let stolen = stolen.expect("somebody places an order");
    let Action::Place(order) = &mut stolen.action else { panic!("it was one") };
    order.quantity.0 += 1;
    core.hand(|hand| hand.records.extend(broken));
    let mut out = Vec::new();
    go_on(&mut followed, &mut out);
    assert!(followed.is_broken());
    assert_eq!(told.lock().expect("nobody panics with it").differences.len(), 1, "it is told once");
    assert_eq!(followed.due(), None, "it goes on no more");
    let submitted = followed.submit_noted(BEGIN, buy(1), &Note::default(), &mut out);
    assert_eq!(submitted, Err(NoOrders));
}

/// Passes an order on.
fn pass(followed: &mut Followed) -> Passed {
    match followed.submit_noted(BEGIN, buy(1), &Note::default(), &mut Vec::new()) {
        Ok(Taken::PassedOn(passed)) => passed,
        other => panic!("{other:?}"),
    }
}

fn decided(followed: &mut Followed) -> Vec<(Passed, Outcome)> {
    let mut told = Vec::new();
    followed.decided(&mut |passed, outcome| told.push((passed, outcome)));
    told
}

#[test]
fn what_was_done_there_is_told_once_it_was_done_here_and_with_what_it_caused_here() {
    let (events, records) = original(2);
    let core = ByHand::default();
    let (mut followed, _) = followed(&core, 2);
    let mut out = Vec::new();
    let [first, second, third, fourth] = [(); 4].map(|()| pass(&mut followed));
    // Commands of visitors, in order: early, and late.
    let mut number = 0;
    let mut visitors = Vec::new();
    for (at, record) in records.iter().enumerate() {
        if let Entry::Command(kept) = &record.entries[0] {
            number += 1;
            if !kept.by_crowd && kept.label.is_some() {
                visitors.push((at, Sequence(number)));
            }
        }
    }
    let [(_, early), .., (at, late)] = visitors[..] else { panic!("{visitors:?}") };
    let done = |command: Sequence| {
        let events = events.iter().filter(|event| event.cause == command).cloned().collect();
        Outcome::Done { command, events }
    };
    core.hand(|hand| {
        hand.decided.push_back((third, Decision::NotTaken));
        hand.decided.push_back((second, Decision::Command(Epoch(1), late)));
        hand.records.extend(records[..at].iter().cloned());
    });
    assert_eq!(decided(&mut followed), [(third, Outcome::NotTaken)], "the other was not run here");
    go_on(&mut followed, &mut out);
    assert_eq!(decided(&mut followed), [], "not yet");
    core.hand(|hand| hand.decided.push_back((first, Decision::Command(Epoch(1), early))));
    assert_eq!(decided(&mut followed), [(first, done(early))], "it was run before it was known");
    core.hand(|hand| hand.records.extend(records[at..].iter().cloned()));
    go_on(&mut followed, &mut out);
    assert_eq!(decided(&mut followed), [(second, done(late))]);
    core.hand(|hand| hand.decided.push_back((fourth, Decision::Unknown)));
    assert_eq!(decided(&mut followed), [(fourth, Outcome::Unknown)]);
    assert!(
        followed.recent.commands.is_empty() && followed.recent.bytes == 0,
        "nothing is remembered when nothing is awaited"
    );
    core.hand(|hand| hand.is_out_of_reach = true);
    let submitted = followed.submit_noted(BEGIN, buy(1), &Note::default(), &mut out);
    assert_eq!(submitted, Err(NoOrders), "nothing is passed on to nobody");
}

#[test]
fn what_was_done_before_it_was_remembered_is_told_as_unknown() {
    let (_, records) = original(3);
    let core = ByHand::default();
    let (mut followed, _) = followed(&core, 3);
    core.hand(|hand| hand.records.extend(records));
    go_on(&mut followed, &mut Vec::new());
    let passed = pass(&mut followed);
    core.hand(|hand| hand.decided.push_back((passed, Decision::Command(Epoch(1), Sequence(1)))));
    assert_eq!(decided(&mut followed), [(passed, Outcome::Unknown)]);
}

#[test]
fn what_there_is_no_room_to_remember_is_told_as_unknown_and_counted() {
    let (events, records) = original(3);
    let visitors = |records: &[Record]| {
        let entries = records.iter().flat_map(|record| &record.entries);
        let commands = entries.filter_map(|entry| match entry {
            Entry::Command(kept) => Some(kept.by_crowd),
            _ => None,
        });
        let numbered = (1..).map(Sequence).zip(commands);
        numbered.filter(|&(_, by_crowd)| !by_crowd).map(|(at, _)| at).collect::<Vec<_>>()
    };
    let all = visitors(&records);
    let bytes = |command: Sequence| {
        let caused = events.iter().filter(|event| event.cause == command).count();
        Recent::bytes_of(&[]) + caused * size_of::<Event>()
    };
    let last = all[all.len() - 5..].to_vec();
    let core = ByHand::default();
    let (mut followed, _) = followed(&core, 3);
    followed.recent.bytes_max = last.iter().map(|&command| bytes(command)).sum();
    let [first, second] = [(); 2].map(|()| pass(&mut followed));
    core.hand(|hand| hand.records.extend(records));
    go_on(&mut followed, &mut Vec::new());
    assert_eq!(core.hand(|hand| hand.forgotten), all.len() - 5);
    assert_eq!(followed.recent.bytes, followed.recent.bytes_max);
    let before = all[all.len() - 6];
    core.hand(|hand| {
        hand.decided.push_back((first, Decision::Command(Epoch(1), before)));
        hand.decided.push_back((second, Decision::Command(Epoch(1), last[0])));
    });
    let told = decided(&mut followed);
    assert_eq!(told[0], (first, Outcome::Unknown));
    assert!(matches!(&told[1].1, Outcome::Done { command, .. } if *command == last[0]), "{told:?}");
    assert_eq!(followed.recent.bytes, 0, "nothing is remembered when nothing is awaited");
}

#[test]
fn what_a_life_had_taken_that_is_over_is_not_taken_for_what_the_next_one_did() {
    let (_, records) = original(4);
    let core = ByHand::default();
    let (mut followed, _) = followed(&core, 4);
    let [first, second] = [(); 2].map(|()| pass(&mut followed));
    let half = records.len() / 2;
    core.hand(|hand| hand.records.extend(records[..half].iter().cloned()));
    go_on(&mut followed, &mut Vec::new());
    let next = followed.handed_out().next();
    core.hand(|hand| hand.decided.push_back((first, Decision::Command(Epoch(1), next))));
    assert_eq!(decided(&mut followed), [], "it has not come");
    // Somebody else goes on, and does something else as the same command.
    let later = records[half..].iter().cloned().map(|mut record| {
        record.head.epoch = Epoch(2);
        record
    });
    core.hand(|hand| hand.records.extend(later));
    go_on(&mut followed, &mut Vec::new());
    assert_eq!(decided(&mut followed), [(first, Outcome::Unknown)]);
    core.hand(|hand| hand.decided.push_back((second, Decision::Command(Epoch(1), next))));
    assert_eq!(
        decided(&mut followed),
        [(second, Outcome::Unknown)],
        "it comes from the one before"
    );
}
