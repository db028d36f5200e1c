//! Every transcript, played on a venue in memory, and over sockets unless it says that it cannot be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dialects::Dialect;
use dialects::bitstamp::{self, Bitstamp, Options};
use dialects::confluencecode::{self, ConfluenceCode};
use dialects::finazon::{self, Finazon};
use dialects::timex::{self, TimeX};
use dialects::xrocket::{self, XRocket};
use model::{
    Amount, Constituent, Contract, FeedName, Instrument, InstrumentId, Listing, Minimum, Payoff,
    Quantity, Span, Tier, Time,
};
use testkit::people::called;
use testkit::served;
use testkit::transcript::{Failure, Setup, Sockets, Transcript, parse, play};
use testkit::venue::Venue;

/// Market time when a transcript begins: noon of 2026-11-22, UTC.
pub const START: Time = Time(1_795_348_800_000_000);

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
        let symbols = vec![
            (bitstamp::NAME.into(), symbol),
            (xrocket::NAME.into(), format!("{base}-{quote}")),
            (timex::NAME.into(), format!("{base}{quote}")),
            (confluencecode::NAME.into(), format!("{base}-{quote}")),
        ];
        Listing { instrument, description: description.into(), symbols }
    };
    // A pair of ours, on an exchange that only one dialect knows.
    let elsewhere = |id, price_decimals, quantity_decimals, symbol: &str| {
        let about = "Bitcoin / U.S. dollar";
        let mut there = listing(id, "BTC", "USD", price_decimals, quantity_decimals, (0, 0), about);
        there.symbols = vec![(confluencecode::NAME.into(), symbol.into())];
        there
    };
    vec![
        listing(0, "BTC", "USD", 2, 8, (10, 0), "Bitcoin / U.S. dollar"),
        listing(1, "BTC", "EUR", 2, 8, (10, 0), "Bitcoin / Euro"),
        listing(2, "ETH", "BTC", 6, 8, (2, 4), "Ether / Bitcoin"),
        listing(3, "XRP", "USD", 5, 0, (10, 0), "Ripple / U.S. dollar"),
        listing(4, "DOGE", "JPY", 0, 0, (1, 0), "Dogecoin / Yen"),
        elsewhere(5, 2, 8, "7:BTC-USD"),
        elsewhere(6, 1, 3, "3d:BTC-USD-SWAP"),
    ]
}

/// The perpetuals of Bitstamp's transcripts, behind the other markets.
fn perpetuals() -> [Listing; 2] {
    let perpetual = |id, base: &str, price_decimals, quantity_decimals, about: &str| {
        let mut instrument = Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: "USD".into(),
            price_decimals,
            tick_units: 1,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        instrument.minimum = Minimum::Notional(instrument.notional_of_units(10, 0));
        let symbol = format!("{}usd-perp", base.to_lowercase());
        let symbols = vec![(bitstamp::NAME.into(), symbol)];
        Listing { instrument, description: about.into(), symbols }
    };
    [
        perpetual(7, "BTC", 0, 5, "Bitcoin / U.S. dollar perpetual"),
        perpetual(8, "ETH", 1, 4, "Ether / U.S. dollar perpetual"),
    ]
}

/// The contracts of a dialect's transcripts: to open takes a tenth of the value, to keep a twentieth, and beyond a hundred
/// thousand dollars twice as much of what is beyond. The index is what is quoted from outside, and the mark is the index.
pub fn contracts_of(dialect: &str) -> Vec<Contract> {
    let dollars = |amount: i128| Amount(amount * 10_i128.pow(10));
    let contract = |id| Contract {
        instrument: InstrumentId(id),
        payoff: Payoff::Linear,
        size: 1,
        tiers: vec![
            Tier { up_to: dollars(100_000), initial_ppm: 100_000, maintenance_ppm: 50_000 },
            Tier { up_to: dollars(10_000_000), initial_ppm: 200_000, maintenance_ppm: 100_000 },
        ],
        constituents: vec![Constituent::Feed(FeedName::USUAL)],
        stale_after: Span::seconds(30 * 86_400),
        outlier_ppm: 50_000,
        basis_ppm_max: 0,
        funding_interval: Span::seconds(28_800),
        sample_interval: Span::seconds(60),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 50_000,
        liquidation_fee_ppm: 10_000,
    };
    if dialect == bitstamp::NAME { vec![contract(7), contract(8)] } else { Vec::new() }
}

/// The markets of a dialect's transcripts.
pub fn listings_of(dialect: &str) -> Vec<Listing> {
    let listing = |id, [base, quote]: [&str; 2], quantity_decimals, symbol: &str| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / {quote}"),
        symbols: vec![(finazon::NAME.into(), symbol.into())],
    };
    match dialect {
        finazon::NAME => vec![
            listing(0, ["TSLA", "USD"], 0, "sip:TSLA"),
            listing(1, ["AAPL", "USD"], 0, "sip:AAPL"),
            listing(2, ["BTC", "USDT"], 8, "binance:BTC/USDT"),
            listing(3, ["ETH", "USDT"], 8, "binance:ETH/USDT"),
        ],
        bitstamp::NAME => listings().into_iter().chain(perpetuals()).collect(),
        _ => listings(),
    }
}

/// Where clients of a dialect knock: alice's key opens the door where one is needed.
pub fn door(dialect: &str) -> Option<String> {
    let alice = called("alice").expect("somebody");
    (dialect == finazon::NAME).then(|| format!("/finazon/v1?apikey={}", alice.key))
}

/// Every dialect that has transcripts.
pub const DIALECTS: [&str; 5] =
    [bitstamp::NAME, xrocket::NAME, timex::NAME, confluencecode::NAME, finazon::NAME];

pub fn dialect(name: &str, setup: &Setup) -> Box<dyn Dialect> {
    let listings = listings_of(name);
    match name {
        finazon::NAME => {
            let options = finazon::Options {
                aggr_literal_seed: setup.literal_sample,
                tickers_max: setup.tickers_max,
                ..finazon::Options::default()
            };
            Box::new(Finazon::new(&listings, &options).expect("the symbols are in order"))
        }
        xrocket::NAME => Box::new(XRocket::new(&listings).expect("the symbols are in order")),
        timex::NAME => {
            let public_accounts = !setup.private_accounts;
            let options = timex::Options { public_accounts, ..timex::Options::default() };
            Box::new(TimeX::new(&listings, options).expect("the symbols are in order"))
        }
        confluencecode::NAME => {
            let mut options = confluencecode::Options::default();
            if setup.few_streams {
                options.streams_max = 3;
            }
            let dialect = ConfluenceCode::new(&listings, &options);
            Box::new(dialect.expect("the symbols are in order"))
        }
        _ => {
            let options = Options {
                strict_markets: setup.strict_markets,
                null_reconnect_data: setup.null_reconnect_data,
                contracts: contracts_of(name),
                ..Options::default()
            };
            Box::new(Bitstamp::new(&listings, options).expect("the symbols are in order"))
        }
    }
}

/// The transcripts of a dialect, by file name.
pub fn transcripts(dialect: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../dialects/src/{dialect}/transcripts"));
    let files = std::fs::read_dir(&folder).expect("the transcripts are there");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("a file can be listed").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a file can be read"))
    };
    files.map(read).collect()
}

/// Plays those that are chosen of a dialect, and says how many.
fn play_all(
    dialect: &str,
    mut play: impl FnMut(&Transcript) -> Option<Result<(), Failure>>,
) -> usize {
    let (mut played, mut failures) = (0, Vec::new());
    for (name, text) in transcripts(dialect) {
        let transcript = match parse(&text, &listings_of(dialect), dialect) {
            Ok(transcript) => transcript,
            Err(fault) => {
                failures.push(format!("{name} {fault}"));
                continue;
            }
        };
        let Some(ended) = play(&transcript) else { continue };
        played += 1;
        if let Err(failure) = ended {
            failures.push(format!("{name} ({}) {failure}", transcript.title));
        }
    }
    let failed = failures.len();
    assert!(failed == 0, "{failed} of {played} failed:\n{}", failures.join("\n"));
    played
}

#[test]
fn every_transcript_plays_in_memory() {
    for name in DIALECTS {
        let played = play_all(name, |transcript| {
            let (dialect, by_level) = (dialect(name, &transcript.setup), transcript.setup.by_level);
            let market = (&*listings_of(name), &*contracts_of(name));
            let mut venue = Venue::with_contracts([dialect].into(), market, START, by_level);
            if let Some(door) = door(name) {
                venue = venue.at_door(&door);
            }
            Some(play(transcript, &mut venue, START))
        });
        assert!(played >= 40, "only {played} transcripts of {name}");
    }
}

#[test]
fn the_fees_that_are_told_are_the_engines() {
    let (told, taken) = (Options::default(), engine::Rules::default());
    assert_eq!(told.maker_fee_ppm, taken.maker_fee_ppm);
    assert_eq!(told.taker_fee_ppm, taken.taker_fee_ppm);
}

#[test]
fn transcripts_play_over_sockets() {
    play_over_sockets("sockets", |setup| setup, |_| true);
}

/// Every fourth of them; all if `RIALTO_LONG` is set.
#[test]
fn transcripts_play_over_tls() {
    let all = std::env::var_os("RIALTO_LONG").is_some();
    play_over_sockets("TLS", served::Setup::encrypted, |number| all || number % 4 == 0);
}

/// Plays those over sockets that are chosen by their number.
fn play_over_sockets(
    what: &str,
    change: impl Fn(served::Setup) -> served::Setup,
    is_chosen: impl Fn(usize) -> bool,
) {
    for name in DIALECTS {
        let (mut number, mut chosen) = (0, 0);
        let played = play_all(name, |transcript| {
            if !Sockets::plays(transcript) {
                return None;
            }
            number += 1;
            if !is_chosen(number - 1) {
                return None;
            }
            chosen += 1;
            let mut setup = served::Setup::bitstamp();
            setup.listings = listings_of(name);
            setup.contracts = contracts_of(name);
            setup.door = door(name);
            setup.begins = START;
            setup.by_level = transcript.setup.by_level;
            setup.dialect = Arc::from(dialect(name, &transcript.setup));
            setup.manners = setup.dialect.manners().clone();
            Some(play(transcript, &mut Sockets::new(change(setup)), START))
        });
        println!("{played} transcripts of {name} played over {what}");
        assert!(
            number >= 40 && played == chosen && played >= 10,
            "only {played} of {number} of {name}"
        );
    }
}
