use feed::journal::image;
use feed::journal::memory::Memory;
use feed::journal::reader::segments;

use super::*;
use crate::config::Config;
use crate::replica::tests::{BEGINS, CONFIG, config, kept};

fn plan(seed: u64) -> Plan {
    Plan::new(&config(), seed, BEGINS)
}

/// What the follower says of it, and the images that there are then.
fn followed(disk: &Memory, plan: &Plan, sealed: u64) -> (FollowerNote, Vec<u64>) {
    let (follower, sender) = Follower::new();
    let sight = follower.sight();
    sender.try_send(sealed).expect("there is room for one");
    assert!(sender.try_send(sealed).is_err(), "and for no more");
    drop(sender);
    let thread = follower.start(Arc::new(disk.clone()), plan.clone()).expect("a thread");
    thread.join().expect("it does not panic");
    (sight.note(), image::list(disk).expect("memory"))
}

/// The last segment of a journal that is sealed.
fn last_sealed(disk: &Memory) -> u64 {
    let all = segments(disk).expect("memory");
    assert!(all.len() > 6, "{all:?}");
    all[all.len() - 2]
}

#[test]
fn images_are_taken_one_behind_the_other_and_are_what_one_from_the_beginning_is() {
    let plan = plan(5);
    let disk = kept(&plan, 12);
    let last = last_sealed(&disk);
    let mut segment = 1;
    while segment < last {
        let (note, images) = followed(&disk, &plan, segment);
        assert_eq!((note.alarm, note.failure, note.images), (None, None, 1));
        assert_eq!(images.last(), Some(&segment));
        assert!(images.len() <= image::IMAGES_KEPT);
        segment += 2;
    }
    let (note, images) = followed(&disk, &plan, last);
    let note = note.image.expect("one was taken");
    assert_eq!((note.segment, images.last()), (last, Some(&last)));
    let step_by_step = Image::read(&disk, last).expect("it is whole");
    for segment in images {
        disk.remove(&image::name(segment)).expect("it was there");
    }
    followed(&disk, &plan, last);
    assert!(Image::read(&disk, last).expect("it is whole") == step_by_step, "another image");
    assert_eq!(note.bytes, step_by_step.to_bytes().len() as u64);
    assert_eq!(note.command, step_by_step.head.boundary.last.0);
}

#[test]
fn a_damaged_image_is_passed_over() {
    let plan = plan(6);
    let disk = kept(&plan, 12);
    let last = last_sealed(&disk);
    followed(&disk, &plan, last - 3);
    followed(&disk, &plan, last - 2);
    disk.change(&image::name(last - 2), |bytes| bytes[900] ^= 1);
    let (note, images) = followed(&disk, &plan, last);
    assert_eq!((note.alarm, note.failure, images), (None, None, vec![last - 2, last]));
}

#[test]
fn a_difference_and_damage_are_an_alarm_and_no_image() {
    let seven = plan(7);
    let disk = kept(&seven, 12);
    let last = last_sealed(&disk);
    let other = CONFIG
        .replace("lot = \"0.00000001\"\nminimum = \"10", "lot = \"0.0000001\"\nminimum = \"10");
    let other = Config::read("the test", &other).expect("a configuration");
    let (note, images) = followed(&disk, &Plan::new(&other, 7, BEGINS), last);
    let alarm = note.alarm.expect("an alarm");
    assert!(alarm.contains("other instruments") && images.is_empty(), "{alarm}, {images:?}");

    let name = feed::journal::segments::name(last - 1);
    disk.change(&name, |bytes| bytes[300] ^= 8);
    let (note, images) = followed(&disk, &seven, last);
    let alarm = note.alarm.expect("an alarm");
    assert!(alarm.contains(&name) && images.is_empty(), "{alarm}, {images:?}");

    // What was sealed and is cut is not taken for a torn end.
    disk.change(&name, |bytes| bytes[300] ^= 8);
    let sealed = feed::journal::segments::name(last);
    disk.change(&sealed, |bytes| bytes.truncate(bytes.len() - 9));
    let (note, images) = followed(&disk, &seven, last);
    assert!(note.alarm.is_some() && images.is_empty(), "{note:?}, {images:?}");
}
