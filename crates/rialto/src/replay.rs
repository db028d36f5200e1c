//! `rialto replay`: a recorded session of a venue, made into a venue that tells it again, in every dialect.

use std::net::{Ipv4Addr, SocketAddr};

use dialects::bitstamp::Options;
use dialects::bitstamp::client::{Client, recorded};
use dialects::{Dialect, Tells};
use edge::clock::Speed;
use edge::limits::Limits;
use feed::capture::Capture;
use feed::hearing::Hearing;
use feed::source::replay::Replay;
use model::{Assets, Decimal, Instrument, Listing, Span, Time};
use store::Pair;
use views::{Accounts, Board};

use crate::accounts::Place;
use crate::captured::{self, Opened};
use crate::cli;
use crate::known::{Known, folder};
use crate::run::{Begun, Failure, Venue, failed};
use crate::tongues;

/// Where it listens unless told otherwise: where the demo does.
const PORT: u16 = 8080;

/// The venue that these options ask for.
///
/// # Errors
/// [`Failure`] if the folder holds no capture that can be told again.
pub fn venue(options: &cli::Replay) -> Result<Venue, Failure> {
    let told = if captured::is_ours(&options.dir) { ours(options)? } else { text(options)? };
    let Told { name, listings, replay, opens, notes } = told;
    let listings: Vec<Listing> = listings.into_iter().map(with_symbols).collect();
    let (served, left_out) = dialects(&listings);
    let begins = replay.begins();
    let speed = options.speed.unwrap_or(Speed::WALL);
    let listen = options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    let instruments: Vec<Instrument> = listings.iter().map(|it| it.instrument.clone()).collect();
    let assets = Assets::of(&instruments);
    // Some dialects are told nothing without a key: where only this machine can listen, those of the demo are good.
    let nothing_kept = cli::Serve { ephemeral: true, ..cli::Serve::default() };
    let place = Place::of(None, folder(&nothing_kept));
    let known = match listen.ip().is_loopback() {
        true => {
            let pairs = instruments.iter().map(Pair::of).collect();
            Known::open(&nothing_kept, place, listen.ip(), (pairs, &[]))
        }
        .map_err(failed("make the demo's accounts"))?,
        false => Known::nobody(),
    };
    let mut about = vec![
        format!("rialto {}: {}", env!("RIALTO_VERSION"), options.dir.display()),
        words(&name, listings.len(), &replay, speed, options.looped),
    ];
    about.extend(notes);
    about.extend(left_out);
    Ok(Venue {
        about,
        boards: listings.iter().map(|it| Board::by_level(it.instrument.id, begins)).collect(),
        accounts: Accounts::new(assets),
        known,
        told: edge::native::Venue {
            name,
            listings,
            contracts: Vec::new(),
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
            cadence: Options::default().cadence,
            opened: begins,
            speed,
            seed: None,
            hosts: Vec::new(),
        },
        begin: Box::new(move |boards, _| {
            Ok(Begun::kept_nowhere(Box::new(replay), &[], Some(opens), boards))
        }),
        dialects: served,
        speed,
        listen,
        tls: None,
        loops: options.loops,
        io_uring: true,
        compressing: Vec::new(),
        limits: Limits::default(),
    })
}

/// A recording, and what is to be said of it.
struct Told {
    name: String,
    listings: Vec<Listing>,
    replay: Replay,
    /// Market time when doors open.
    opens: Time,
    notes: Vec<String>,
}

/// A capture of ours.
fn ours(options: &cli::Replay) -> Result<Told, Failure> {
    let unreadable = || format!("replay {}", options.dir.display());
    let opened = Opened::at(&options.dir)?;
    let mut reader = opened.reader()?;
    let head = reader.head().clone();
    let tongue = captured::tongue(&head)?;
    if tongue.published.tells == Tells::Bars {
        return Err(Failure(format!(
            "failed to {}: {} tells bars, and a bar says neither which trades it was made of nor what the book was: no \
             market can be told again from them",
            unreadable(),
            tongue.name
        )));
    }
    if let Some(from) = options.from {
        reader.seek(from).map_err(failed(unreadable()))?;
    }
    let mut hearing = Hearing::with((tongue.connector)(&head.listings, ""));
    let replay = Replay::heard(&mut reader, &mut hearing, options.looped)
        .map_err(failed(unreadable()))?
        .ok_or_else(|| {
            let since = if options.from.is_some() { " from there on" } else { "" };
            let why =
                hearing.misheard().map_or_else(String::new, |(_, first)| format!("; {first}"));
            Failure(format!("failed to {}: no book and no trade in it{since}{why}", unreadable()))
        })?
        .ticking();
    let shift = replay.shift();
    let opens = match options.from {
        Some(from) => (from + shift).clamp(replay.begins(), replay.ends()),
        None => replay.opens(),
    };
    let mut notes = captured::notes(&reader, &hearing);
    if shift != Span(0) {
        let there = captured::moment(replay.begins());
        notes
            .push(format!("note: the venue's clock is another one; market time begins at {there}"));
    }
    let name = format!("{} at {}", head.dialect, head.url);
    Ok(Told { name, listings: head.listings, replay, opens, notes })
}

/// A text capture, as cryptofeed writes them.
fn text(options: &cli::Replay) -> Result<Told, Failure> {
    let unreadable = || format!("replay {}", options.dir.display());
    if options.from.is_some() {
        return Err(Failure(format!(
            "failed to {}: --from is for captures of ours; this one is told from its beginning",
            unreadable()
        )));
    }
    let capture = Capture::read(&options.dir).map_err(|error| Failure(error.to_string()))?;
    let listings = match capture.venue.as_str() {
        "BITSTAMP" => recorded(capture.fetched()).map_err(failed(unreadable()))?,
        other => {
            return Err(Failure(format!(
                "failed to {}: nobody here speaks the language of {other}; text captures of BITSTAMP can be told again",
                unreadable()
            )));
        }
    };
    let mut connector = Client::new(&listings).trusting();
    let replay = Replay::new(&capture, &mut connector, options.looped)
        .map_err(|error| Failure(error.to_string()))?
        .ticking();
    let opens = replay.opens();
    Ok(Told { name: capture.venue, listings, replay, opens, notes: Vec::new() })
}

/// What is told again, for people.
fn words(venue: &str, markets: usize, replay: &Replay, speed: Speed, looped: bool) -> String {
    let Span(length) = replay.ends() - replay.begins();
    let seconds = length.div_euclid(1_000_000);
    let speed = Decimal { units: speed.0.into(), decimals: 3 }.to_string();
    let speed = speed.trim_end_matches('0').trim_end_matches('.');
    let end = if looped { "then from the start again" } else { "then the last books stay" };
    format!(
        "{venue} as recorded: {markets} markets, {} events in {seconds} s at speed {speed}, {end}",
        replay.events()
    )
}

/// A listing with a symbol in every dialect: its own where it has one.
fn with_symbols(mut listing: Listing) -> Listing {
    for tongue in &tongues::ALL {
        if listing.symbol_in(tongue.name).is_none() {
            let Instrument { base, quote, .. } = &listing.instrument;
            let symbol = (tongue.symbol)(&base.to_uppercase(), &quote.to_uppercase());
            listing.symbols.push((tongue.name.to_owned(), symbol));
        }
    }
    listing
}

/// The dialects that can be served, and of the others why not.
fn dialects(listings: &[Listing]) -> (Vec<Box<dyn Dialect>>, Vec<String>) {
    let (mut served, mut left_out) = (Vec::new(), Vec::new());
    for tongue in &tongues::ALL {
        match (tongue.dialect)(listings) {
            Ok(dialect) => served.push(dialect),
            Err(why) => left_out.push(format!("note: not served in {}: {why}", tongue.name)),
        }
    }
    (served, left_out)
}
