//! An image fetched over a line that loses and doubles, and while images come and go.

use std::sync::Arc;

use engine::flow::Random;
use model::Time;

use super::super::super::disk::Disk;
use super::super::super::image::{self, tests::any};
use super::super::super::simulated::Simulated;
use super::super::super::writer::Writer;
use super::super::giver::Giver;
use super::super::tap::tap;
use super::super::words::{Head, Moment};
use super::*;

const NOW: Moment = Moment { market: Time(1), wall: Time(2) };

struct Core {
    disk: Simulated,
    giver: Giver,
    _writer: Writer,
}

impl Core {
    fn new() -> Self {
        let disk = Simulated::new(1);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let (tap, outlet) = tap();
        let writer = Writer::create(Arc::clone(&shared), [7; 16]).expect("a good disk").tapped(tap);
        let (market, configuration, seed, begins) = (1, [2; 16], 3, Time(4));
        let build = "0.1.0".into();
        let head = Head { moment: NOW, market, configuration, seed, begins, build };
        let giver = Giver::new(shared, outlet.gauge(), head);
        Self { disk, giver, _writer: writer }
    }

    /// A long image behind a segment.
    fn image(&self, segment: u64) -> Image {
        let image = any(&mut Random::new(segment), segment, 600_000);
        image.write(&self.disk).expect("a good disk");
        image
    }
}

/// Fetches, with so many of a thousand messages lost on either way. Returns what came of it and how often was asked.
fn fetched(core: &Core, seed: u64, lost: u64, mut meanwhile: impl FnMut(u64)) -> (Outcome, u64) {
    let mut random = Random::new(seed);
    let mut fetch = Fetch::new(None);
    let mut asked = 0;
    let mut last = Vec::new();
    for millis in 0..600_000 {
        let now = Duration::from_millis(millis);
        if let Some(outcome) = fetch.outcome() {
            return (outcome.clone(), asked);
        }
        while let Some(ask) = fetch.asks(now) {
            asked += 1;
            meanwhile(asked);
            if random.below(1_000) < lost {
                continue;
            }
            let answer = core.giver.answer(&ask.to_bytes(), NOW);
            if random.below(1_000) >= lost {
                fetch.heard(&answer, now);
            }
            // Whatever came last comes again.
            let again = std::mem::replace(&mut last, answer);
            fetch.heard(&again, now);
        }
    }
    panic!("seed {seed}: it does not end, {:?}", fetch.progress());
}

#[test]
fn the_newest_image_is_fetched_whatever_is_lost() {
    let core = Core::new();
    core.image(1);
    let newest = core.image(4);
    for seed in 0..10 {
        let (Outcome::Fetched(image), _) = fetched(&core, seed, seed * 50, |_| {}) else {
            panic!("seed {seed}: there is one");
        };
        assert!(*image == newest, "seed {seed}");
    }
}

#[test]
fn where_the_newest_is_damaged_the_one_before_is_fetched_and_else_none() {
    let core = Core::new();
    let older = core.image(1);
    core.image(4);
    core.disk.change(&image::name(4), |bytes| bytes[700_000] ^= 1);
    let (Outcome::Fetched(image), asked) = fetched(&core, 1, 0, |_| {}) else {
        panic!("there is one");
    };
    assert!(*image == older);
    assert!(asked < 20, "{asked} questions");
    core.disk.change(&image::name(1), |bytes| bytes.truncate(900_000));
    assert!(matches!(fetched(&core, 1, 0, |_| {}).0, Outcome::Nothing));
    assert!(matches!(fetched(&Core::new(), 1, 0, |_| {}).0, Outcome::Nothing));
}

#[test]
fn where_images_come_and_go_meanwhile_one_that_is_there_is_fetched() {
    let core = Core::new();
    core.image(1);
    let mut newest = None;
    // Each takes away the one before the last.
    let (Outcome::Fetched(image), _) = fetched(&core, 1, 0, |asked| {
        if (2..5).contains(&asked) {
            newest = Some(core.image(asked));
        }
    }) else {
        panic!("there is one");
    };
    assert_eq!(Some(*image), newest);
}
