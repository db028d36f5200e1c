//! `rialto replay`: a recorded session of a venue, made into a venue that tells it again.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use dialects::bitstamp::client::{Client, recorded};
use dialects::bitstamp::{Bitstamp, Options};
use dialects::{Connector, Dialect};
use edge::clock::Speed;
use edge::limits::Limits;
use feed::capture::Capture;
use feed::source::replay::Replay;
use model::{Decimal, Listing, Span};
use views::{Accounts, Board};

use crate::cli;
use crate::known::Known;
use crate::run::{Begun, Failure, Venue, failed};

/// Where it listens unless told otherwise: where the demo does.
const PORT: u16 = 8080;

/// The venue that these options ask for.
///
/// # Errors
/// [`Failure`] if the folder holds no capture that can be told again.
pub fn venue(options: &cli::Replay) -> Result<Venue, Failure> {
    let capture = Capture::read(&options.dir).map_err(|error| Failure(error.to_string()))?;
    let tongue = Tongue::of(&capture, &options.dir)?;
    let (listings, mut connector) = (tongue.listings, tongue.connector);
    let replay = Replay::new(&capture, connector.as_mut(), options.looped)
        .map_err(|error| Failure(error.to_string()))?;
    let (begins, opens) = (replay.begins(), replay.opens());
    let speed = options.speed.unwrap_or(Speed::WALL);
    Ok(Venue {
        about: vec![
            format!("rialto {}: {}", env!("CARGO_PKG_VERSION"), options.dir.display()),
            about(&capture.venue, listings.len(), &replay, speed, options.looped),
        ],
        boards: listings.iter().map(|it| Board::by_level(it.instrument.id, begins)).collect(),
        accounts: Accounts::default(),
        known: Known::nobody(),
        told: edge::native::Venue {
            name: capture.venue.clone(),
            listings: listings.clone(),
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
            cadence: Options::default().cadence,
            opened: begins,
            speed,
            seed: None,
            hosts: Vec::new(),
        },
        begin: Box::new(move |boards| {
            Ok(Begun::kept_nowhere(Box::new(replay), &[], Some(opens), boards))
        }),
        dialects: tongue.dialects,
        speed,
        listen: options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))),
        tls: None,
        loops: options.loops,
        limits: Limits::default(),
    })
}

/// What is told again, for people.
fn about(venue: &str, markets: usize, replay: &Replay, speed: Speed, looped: bool) -> String {
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

/// How a recorded venue is understood, and how it is told again.
struct Tongue {
    listings: Vec<Listing>,
    connector: Box<dyn Connector>,
    dialects: Vec<Box<dyn Dialect>>,
}

impl Tongue {
    fn of(capture: &Capture, folder: &Path) -> Result<Self, Failure> {
        let unreadable = || format!("replay {}", folder.display());
        match capture.venue.as_str() {
            "BITSTAMP" => {
                let listings = recorded(capture.fetched()).map_err(failed(unreadable()))?;
                let connector = Box::new(Client::new(&listings).trusting());
                let dialect = Bitstamp::new(&listings, Options::default());
                let dialect = dialect.map_err(failed(unreadable()))?;
                Ok(Self { listings, connector, dialects: vec![Box::new(dialect)] })
            }
            other => Err(Failure(format!(
                "failed to {}: nobody here speaks the language of {other}; captures of BITSTAMP can be told again",
                unreadable()
            ))),
        }
    }
}
