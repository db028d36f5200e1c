//! The binary itself, killed in the middle of things: whatever was acknowledged is there after a restart, once, and
//! whatever was not is answered when it is asked for again, and not done twice.
//!
//! Alice trades in Bitstamp's dialect with signed requests and in TimeX's, Bob by the native API with idempotency keys and
//! in xRocket's, while the crowd trades around them. The process is killed by its id at a random moment, started
//! again, and all four see to what they have no answer to, as a client of their dialect can: by repeating it byte for
//! byte, or by looking first. What has a nonce or a key is asked again even where it was answered, and the answer must be the same. Then everything that they were told is looked for, in each dialect over its own HTTP.

mod tongues;
mod trader;
mod venue;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::dice::Dice;

use tongues::{Own, Tongue, units};
use trader::Trader;
use venue::{CONFIG, Folder, IMAGES, PATIENCE, SERVE, Venue, ended};

/// Deaths of one market; then another one begins, for not all orders of an account are remembered for ever.
const DEATHS: usize = 6;

/// All pages of a list that the native API tells an account.
fn all(venue: &Venue, key: &str, path: &str, list: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = format!("{path}{separator}limit=1000&first=oldest&offset={}", all.len());
        let body = venue.ask(key, &page);
        let page = body[list].as_array().expect("a list").clone();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Whether the venue knows exactly what the traders of one account know.
fn audit(venue: &Venue, traders: &mut [&mut Trader], case: &str) {
    let key = traders[0].who["native"]["key"].as_str().expect("text").to_owned();
    let orders = all(venue, &key, "orders?which=all", "orders");
    let orders: Vec<Own> = orders.iter().map(|order| Tongue::Native.own(order)).collect();
    let mut filled = BTreeMap::new();
    let mut seen = 0;
    for trader in traders.iter() {
        let prefix = format!("{:?}-", trader.tongue);
        let of_it = |own: &&Own| own.name.starts_with(&prefix);
        let same: Vec<Own> = orders.iter().filter(of_it).cloned().collect();
        seen += same.len();
        filled.extend(same.iter().map(|own| (own.name.clone(), own.filled)));
        let ids_are_ours = matches!(trader.tongue, Tongue::Native | Tongue::Bitstamp);
        trader.audit(&same, ids_are_ours, case);
        if !ids_are_ours {
            let own = trader.own_orders(&venue.address);
            trader.audit(&own, true, case);
            for own in own {
                assert_eq!(filled.get(&own.name), Some(&own.filled), "{case}: {own:?}");
            }
        }
    }
    assert_eq!(seen, orders.len(), "{case}: orders of nobody");

    let trades = all(venue, &key, "trades", "trades");
    let mut ids = BTreeSet::new();
    // In 10^-10 of a dollar and 10^-8 of a coin.
    let (mut usd, mut btc) = (1_000_000 * 10_i128.pow(10), 1_000 * 10_i128.pow(8));
    for trade in &trades {
        let id = trade["id"].as_str().expect("an id");
        assert!(ids.insert(id.to_owned()), "{case}: trade {id} is there twice");
        let (price, quantity) = (units(&trade["price"], 2), units(&trade["quantity"], 8));
        let sign = if trade["side"] == "buy" { 1 } else { -1 };
        btc += sign * quantity;
        usd -= sign * price * quantity + units(&trade["fee"], 10);
        let name = trade["client_order_id"].as_str().expect("it named each of its orders");
        *filled.get_mut(name).expect("a trade of an order that is there") -= quantity;
    }
    filled.retain(|_, left| *left != 0);
    assert!(filled.is_empty(), "{case}: filled without trades: {filled:?}");
    for trader in traders {
        assert!(trader.filled.is_subset(&ids), "{case}: acknowledged trades are missing");
        let tongue = trader.tongue;
        // Bitstamp's dialect tells what currencies can be shown with: dollars to a hundredth.
        let total = trader.total(&venue.address, "BTC");
        assert_eq!(units(&total, 8), btc, "{case}: {tongue:?}");
        let total = trader.total(&venue.address, "USD");
        let (told, known) = match tongue {
            Tongue::Bitstamp => (units(&total, 10) / 10_i128.pow(8), usd / 10_i128.pow(8)),
            _ => (units(&total, 10), usd),
        };
        assert_eq!(told, known, "{case}: {tongue:?}");
    }
}

/// What came of markets that died.
#[derive(Default)]
struct Figures {
    placed: usize,
    repeated: usize,
    insisted: usize,
    from_image: usize,
}

/// One market that dies so often.
fn deaths(seed: u64, deaths: usize) -> Figures {
    let folder = Folder::new(&seed.to_string());
    folder.configure(&format!("{IMAGES}{CONFIG}"));
    let mut dice = Dice::new(seed);
    let mut venue = Venue::start(&folder.0);
    let demo = venue.ask("", "demo");
    let trader = |account: usize, tongue| {
        let dice = Dice::new(seed ^ (account as u64) << 8 ^ (tongue as u64) << 16);
        Trader::new(tongue, demo["accounts"][account].clone(), dice)
    };
    let mut traders = [
        [trader(0, Tongue::Bitstamp), trader(0, Tongue::TimeX)],
        [trader(1, Tongue::Native), trader(1, Tongue::XRocket)],
    ];
    let mut figures = Figures::default();
    for death in 1..=deaths {
        let case = format!("seed {seed}, death {death} of {deaths}");
        let stops = AtomicBool::new(false);
        let address = venue.address.clone();
        std::thread::scope(|scope| {
            for trader in traders.as_flattened_mut() {
                scope.spawn(|| trader.trade(&address, &stops));
            }
            // The moment is by chance; nothing that is judged depends on it.
            std::thread::sleep(Duration::from_millis(20 + dice.roll(300) as u64));
            venue.kill();
            stops.store(true, Ordering::Relaxed);
        });
        venue = Venue::start(&folder.0);
        assert!(venue.said.contains("was not ended as asked"), "{case}: {}", venue.said);
        assert!(!venue.said.contains("is not used"), "{case}: {}", venue.said);
        figures.from_image += usize::from(venue.said.contains("from the image behind"));
        for traders in &mut traders {
            for trader in traders.iter_mut() {
                figures.insisted += trader.insist(&venue.address, &case);
                figures.repeated += usize::from(trader.repeat(&venue.address));
            }
            let [one, two] = traders;
            audit(&venue, &mut [one, two], &case);
        }
    }
    venue.kill();
    let (code, told) = ended(&folder.0, &["verify", "kept"]);
    assert_eq!(code, Some(0), "seed {seed}: {told}");
    assert!(told.contains(&format!("in {} lives", deaths + 1)), "seed {seed}: {told}");
    let (code, said) = ended(&folder.0, &["verify", "kept", "--from-image"]);
    assert_eq!(code, Some(0), "seed {seed}: {said}");
    figures.placed = traders.as_flattened().iter().map(|trader| trader.placed.len()).sum();
    figures
}

/// Six deaths; three hundred under `RIALTO_LONG`.
#[test]
fn what_was_acknowledged_survives_a_kill_once_and_nothing_is_done_twice() {
    let markets = if std::env::var_os("RIALTO_LONG").is_some() { 50 } else { 1 };
    let (mut placed, mut repeated, mut insisted, mut from_image) = (0, 0, 0, 0);
    for seed in 1..=markets {
        let figures = deaths(seed, DEATHS);
        placed += figures.placed;
        repeated += figures.repeated;
        insisted += figures.insisted;
        from_image += figures.from_image;
    }
    let many = usize::try_from(markets).expect("a few");
    assert!(
        placed > 20 * many && repeated > 2 * many && insisted > 4 * many && from_image > 2 * many,
        "{placed} placed, {repeated} repeated, {insisted} again, {from_image} starts from an image"
    );
    println!(
        "seeds 1 to {markets}, {} deaths: {placed} orders placed, {repeated} unanswered requests repeated, {insisted} answered ones answered the same again, \
         {from_image} starts from an image",
        many * DEATHS
    );
}

#[test]
fn damage_is_named_and_refused_and_a_torn_end_is_a_note() {
    let folder = Folder::new("damage");
    let here = folder.0.as_path();
    let mut venue = Venue::start_with(here, &["--seed", "7"]);
    let (code, said) = ended(here, &SERVE);
    assert!(code == Some(1) && said.contains("served by another process"), "{code:?}: {said}");
    venue.kill();
    let (code, said) = ended(here, &[&SERVE[..], &["--seed", "8"]].concat());
    assert!(code == Some(1) && said.contains("begun with seed 7"), "{code:?}: {said}");

    let segment = here.join("kept/journal/0000000001.journal");
    let mut whole = std::fs::read(&segment).expect("a segment");
    // Behind what was written there are zeros.
    let end = whole.iter().rposition(|&byte| byte != 0).expect("it has a head") + 1;
    assert!(end < whole.len(), "{end} bytes");
    whole.truncate(end);
    std::fs::write(&segment, &whole[..end - 3]).expect("a segment");
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("note: the last"), "{code:?}: {said}");

    let mut flipped = whole;
    let at = flipped.len() / 2;
    flipped[at] ^= 0x10;
    std::fs::write(&segment, &flipped).expect("a segment");
    let (code, said) = ended(here, &["verify", "kept"]);
    let named = said.contains("damaged at 0000000001.journal, offset ");
    assert!(code == Some(3) && named, "{code:?}: {said}");
    let (code, said) = ended(here, &SERVE);
    let named = said.contains("damaged at 0000000001.journal, offset ");
    assert!(code == Some(1) && named && said.contains("--accept-loss"), "{code:?}: {said}");

    let mut venue = Venue::start_with(here, &["--accept-loss"]);
    assert!(venue.said.contains("LOST, as accepted"), "{}", venue.said);
    venue.kill();
    assert_eq!(std::fs::read(segment.with_extension("journal.damaged")).ok(), Some(flipped));
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("in 2 lives"), "{code:?}: {said}");
}

/// Waits until so many images were taken, and kills it.
fn with_images(folder: &Folder, images: u64) -> Venue {
    let mut venue = Venue::start(&folder.0);
    let begun = Instant::now();
    loop {
        let there = folder.kept("image").len() as u64;
        let state = venue.ask("", "state");
        assert_eq!(state["journal"]["alarm"], Value::Null, "{state}");
        if there >= images {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{there} images: {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
    venue.kill();
    venue
}

#[test]
fn an_image_that_is_no_good_is_told_and_the_one_before_serves() {
    let folder = Folder::new("images");
    let here = folder.0.as_path();
    let config = format!("{IMAGES}{CONFIG}");
    folder.configure(&config);
    with_images(&folder, 2);
    let images = folder.kept("image");
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("images are byte for byte"), "{code:?}: {said}");

    // A bit of the newest one flips.
    let newest = images.last().expect("two");
    let whole = std::fs::read(newest).expect("an image");
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 4;
    std::fs::write(newest, &flipped).expect("an image");
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(3) && said.contains(&name(newest)), "{code:?}: {said}");
    let mut venue = Venue::start(here);
    let told = format!("the image {} is not used: it is damaged", name(newest));
    assert!(venue.said.contains(&told), "{}", venue.said);
    assert!(venue.said.contains("from the image behind segment"), "{}", venue.said);
    venue.kill();

    // Somebody takes the segments away that no image needs. (What was taken meanwhile is as good.)
    let images = folder.kept("image");
    std::fs::remove_file(newest).ok();
    let oldest = folder.kept("image").into_iter().next().expect("one is left");
    let number = |path: &PathBuf| name(path)[..10].parse::<u64>().expect("a number");
    for segment in [folder.kept("journal"), folder.kept("zst")].concat() {
        if number(&segment) <= number(&oldest) {
            std::fs::remove_file(segment).expect("it was there");
        }
    }
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("from 00"), "{code:?}: {said}; {images:?}");
    let mut venue = Venue::start(here);
    assert!(venue.said.contains("from the image behind segment"), "{}", venue.said);
    venue.kill();

    // With another crowd no image serves, and the beginning is gone.
    folder.configure(&config.replace("size = \"0.05\"", "size = \"0.06\""));
    let (code, said) = ended(here, &SERVE);
    let is_told = said.contains("another configuration") && said.contains("missing");
    assert!(code == Some(1) && is_told, "{code:?}: {said}");

    // Nor does anything without them.
    folder.configure(&config);
    for image in folder.kept("image") {
        std::fs::remove_file(image).expect("it was there");
    }
    let (code, said) = ended(here, &SERVE);
    assert!(code == Some(1) && said.contains("there is no image here"), "{code:?}: {said}");
}
