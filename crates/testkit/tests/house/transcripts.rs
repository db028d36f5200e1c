//! Every transcript of every dialect, played on a venue in memory.

use std::collections::BTreeMap;
use std::path::Path;

use dialects::bitstamp::{Bitstamp, NAME, Options};
use model::{Instrument, InstrumentId, Listing, Minimum, Quantity, Time};
use testkit::transcript::{Setup, parse, play};
use testkit::venue::Venue;

/// Market time when a transcript begins: noon of 2026-11-22, UTC.
const START: Time = Time(1_795_348_800_000_000);

/// The markets of transcripts. The first is the one that is meant where none is named.
fn listings() -> Vec<Listing> {
    let listing = |id,
                   base: &str,
                   quote: &str,
                   price_decimals,
                   quantity_decimals,
                   minimum,
                   description: &str| {
        let mut instrument = Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals,
            tick_units: 1,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        let (units, decimals) = minimum;
        instrument.minimum = Minimum::Notional(instrument.notional_of_units(units, decimals));
        let symbol = format!("{base}{quote}").to_lowercase();
        let symbols = vec![(NAME.into(), symbol)];
        Listing { instrument, description: description.into(), symbols }
    };
    vec![
        listing(0, "BTC", "USD", 2, 8, (10, 0), "Bitcoin / U.S. dollar"),
        listing(1, "BTC", "EUR", 2, 8, (10, 0), "Bitcoin / Euro"),
        listing(2, "ETH", "BTC", 6, 8, (2, 4), "Ether / Bitcoin"),
        listing(3, "XRP", "USD", 5, 0, (10, 0), "Ripple / U.S. dollar"),
        listing(4, "DOGE", "JPY", 0, 0, (1, 0), "Dogecoin / Yen"),
    ]
}

fn venue(setup: &Setup) -> Venue {
    let options = Options {
        strict_markets: setup.strict_markets,
        null_reconnect_data: setup.null_reconnect_data,
        ..Options::default()
    };
    let listings = listings();
    let dialect = Bitstamp::new(&listings, options).expect("the symbols are in order");
    Venue::new(Box::new(dialect), &listings, START, setup.by_level)
}

/// The transcripts of the dialect, by file name.
fn transcripts() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dialects/src/bitstamp/transcripts");
    let files = std::fs::read_dir(&folder).expect("the transcripts are there");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("a file can be listed").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a file can be read"))
    };
    files.map(read).collect()
}

#[test]
fn every_transcript_plays_in_memory() {
    let transcripts = transcripts();
    assert!(transcripts.len() >= 40, "only {} transcripts", transcripts.len());
    let listings = listings();
    let mut failures = Vec::new();
    for (name, text) in &transcripts {
        let played = match parse(text, &listings, NAME) {
            Err(fault) => Err(fault.to_string()),
            Ok(transcript) => play(&transcript, &mut venue(&transcript.setup), START)
                .map_err(|failure| format!("({}) {failure}", transcript.title)),
        };
        failures.extend(played.err().map(|why| format!("{name} {why}")));
    }
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        transcripts.len(),
        failures.join("\n")
    );
}
