use feed::journal::image;
use feed::journal::memory::Memory;
use feed::journal::reader::segments;

use super::*;
use crate::config::Config;
use crate::replica::tests::{BEGINS, CONFIG, config, kept, long};

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

/// A plan that keeps so many bytes of its journal.
fn keeping(bytes: u64, seed: u64) -> Plan {
    let text = format!("{CONFIG}\n[journal]\nkeep_bytes = {bytes}\n");
    Plan::new(&Config::read("the test", &text).expect("a configuration"), seed, BEGINS)
}

fn numbers(disk: &Memory) -> Vec<u64> {
    segments(disk).expect("memory")
}

#[test]
fn what_was_sealed_is_compressed_and_what_no_image_needs_is_taken_away() {
    let plan = keeping(0, 8);
    let disk = kept(&plan, 12);
    let last = last_sealed(&disk);
    // One image, or one that can be read, is not enough to take anything away.
    followed(&disk, &plan, last - 3);
    assert_eq!(numbers(&disk)[0], 1, "behind one image");
    let names = disk.names().expect("memory");
    let compressed = names.iter().filter(|name| name.ends_with(".journal.zst")).count() as u64;
    assert_eq!(compressed, last - 3, "{names:?}");
    disk.change(&image::name(last - 3), |bytes| bytes[900] ^= 1);
    followed(&disk, &plan, last - 2);
    assert_eq!(numbers(&disk)[0], 1, "behind a damaged one and a good one");

    // Behind two it is all before the older one; from each of both a start finds all that it needs.
    let (note, images) = followed(&disk, &plan, last - 1);
    assert_eq!((note.alarm, note.failure, images), (None, None, vec![last - 2, last - 1]));
    assert_eq!(numbers(&disk)[0], last - 1);
    let ends: Vec<_> = [last - 2, last - 1]
        .map(|segment| {
            let (image, mut reader) = replica::open(&disk, segment).expect("it can be used");
            let mut boards = plan.boards();
            let mut replica = Replica::restored(&plan, &image, Some(&mut boards)).expect("it fits");
            while let Some(record) = reader.record().expect("no trouble") {
                replica.record(&record).expect("the same happens");
            }
            (replica.rerun().last(), replica.rerun().digest())
        })
        .into();
    assert_eq!(ends[0], ends[1]);
    let (note, _) = followed(&disk, &plan, last);
    assert_eq!((note.alarm, note.failure, numbers(&disk)[0]), (None, None, last));
}

#[test]
fn nothing_is_taken_away_behind_images_that_a_start_would_not_use() {
    let plan = keeping(0, 8);
    let disk = kept(&plan, 12);
    let last = last_sealed(&disk);
    let unpruned = Memory::default();
    for segment in [last - 2, last - 1] {
        let Ok(_) = follow(&disk, &plan, segment) else { panic!("no image") };
    }
    for name in disk.names().expect("memory") {
        copy(&disk, &unpruned, &name);
    }
    let first = |disk: &Memory, plan: &Plan| {
        make_room(disk, plan, last, BEGINS).expect("memory");
        numbers(disk)[0]
    };
    let change = |what: fn(&mut Image)| {
        let disk = Memory::default();
        for name in unpruned.names().expect("memory") {
            copy(&unpruned, &disk, &name);
        }
        let mut image = Image::read(&disk, last - 2).expect("it is whole");
        what(&mut image);
        image.write(&disk).expect("memory");
        disk
    };
    assert_eq!(first(&change(|image| image.parts[3].layout += 1), &plan), 1, "another layout");
    assert_eq!(first(&change(|image| image.head.boundary.chain[0] ^= 1), &plan), 1, "a stranger's");
    assert_eq!(first(&change(|image| image.head.configuration[0] ^= 1), &plan), 1, "another crowd");
    // For another crowd neither is one.
    assert_eq!(first(&change(|_| ()), &keeping(0, 9)), 1, "another seed");
    assert_eq!(first(&change(|_| ()), &plan), last - 1);
}

fn copy(from: &Memory, to: &Memory, name: &str) {
    let content = from.read(name).expect("memory");
    let mut file = to.create(name).expect("memory");
    feed::journal::disk::write_all(file.as_mut(), &content).expect("memory");
}

#[test]
fn there_is_never_more_than_is_kept_and_what_two_images_need() {
    let bytes = |disk: &Memory| -> u64 {
        let names = disk.names().expect("memory");
        let journal = names.iter().filter(|name| !name.contains(".image"));
        journal.map(|name| disk.bytes(name).expect("memory")).sum()
    };
    let whole = kept(&plan(9), if long() { 600 } else { 60 });
    let all = bytes(&whole);
    // A tenth of it, for what is a day of the demo in miniature.
    let plan = keeping(all / 10, 9);
    let mut most = 0;
    let disk = Memory::default();
    for number in 1..=last_sealed(&whole) {
        for name in [number, number + 1].map(feed::journal::segments::name) {
            let content = whole.read(&name).expect("memory");
            let mut file = disk.create(&name).expect("memory");
            feed::journal::disk::write_all(file.as_mut(), &content).expect("memory");
        }
        if number % 8 == 0 {
            let (note, _) = followed(&disk, &plan, number);
            assert_eq!((note.alarm, note.failure), (None, None), "behind segment {number}");
            most = most.max(bytes(&disk));
        }
    }
    // Behind the older image there are sixteen segments and the one that is written.
    let sizes: Vec<u64> = numbers(&whole)
        .into_iter()
        .map(|number| whole.bytes(&feed::journal::segments::name(number)).expect("memory"))
        .collect();
    let needed = sizes.windows(17).map(|some| some.iter().sum::<u64>()).max().expect("so many");
    assert!(most <= needed.max(all / 10), "{most} of {all} bytes, and {needed} are needed");
    assert!(numbers(&disk)[0] > 1, "something was taken away");
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
