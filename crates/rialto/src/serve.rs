//! `rialto serve`: what the command line and the configuration say, made into a venue.

use dialects::Dialect;
use dialects::bitstamp::Bitstamp;
use dialects::confluencecode::ConfluenceCode;
use dialects::finazon::Finazon;
use dialects::timex::TimeX;
use dialects::xrocket::XRocket;
use edge::clock::{MarketClock, Speed};
use edge::limits::Limits;
use model::{Assets, Instrument, Source, Time};
use views::{Accounts, Board};

use crate::cli::Serve;
use crate::config::Config;
use crate::known::{Known, folder};
use crate::run::{Failure, Venue, failed};

/// The venue that these options ask for.
///
/// # Errors
/// [`Failure`] if the configuration cannot be read or served.
pub fn venue(options: &Serve) -> Result<Venue, Failure> {
    let config =
        Config::load(options.config.as_deref()).map_err(failed("read the configuration"))?;
    let (opens, speed) = match options.clock {
        Some(clock) => (Some(clock.start), clock.speed),
        None => (None, Speed::WALL),
    };
    let now = MarketClock::of_the_wall().start();
    let seed = options.seed.unwrap_or(now.micros().unsigned_abs());
    let (begins, mut source) = config.market(seed, opens.unwrap_or(now));
    let listen = options.listen.unwrap_or(config.listen);
    let instruments: Vec<Instrument> =
        config.listings.iter().map(|listing| listing.instrument.clone()).collect();
    let assets = Assets::of(&instruments);
    let known = Known::open(options, listen.ip(), instruments)
        .map_err(failed(format_args!("open the accounts in {}", folder(options).display())))?;
    let mut happened = Vec::new();
    for action in known.opening(&assets) {
        // An engine takes every command.
        let _command = source.submit(begins, action, &mut happened);
    }
    let told = told(&config, speed, seed);
    let bitstamp = Bitstamp::new(&config.listings, config.bitstamp)
        .map_err(failed(format_args!("list the instruments of {}", config.name)))?;
    let xrocket = XRocket::new(&config.listings)
        .map_err(failed(format_args!("list the instruments of {}", config.name)))?;
    let timex = TimeX::new(&config.listings, config.timex)
        .map_err(failed(format_args!("list the instruments of {}", config.name)))?;
    let confluencecode = ConfluenceCode::new(&config.listings, &config.confluencecode)
        .map_err(failed(format_args!("list the instruments of {}", config.name)))?;
    let finazon = Finazon::new(&config.listings, &config.finazon)
        .map_err(failed(format_args!("list the instruments of {}", config.name)))?;
    let boards = config.listings.iter().map(|it| Board::new(it.instrument.id, begins));
    let kept = if options.ephemeral { "as asked" } else { "there is no journal yet" };
    Ok(Venue {
        about: vec![
            format!("rialto {}: {}, seed {seed}", env!("CARGO_PKG_VERSION"), config.name),
            format!("nothing is kept on disk: {kept}"),
        ],
        boards: boards.collect(),
        accounts: Accounts::new(assets),
        known,
        told,
        happened,
        source: Box::new(source),
        dialects: vec![
            Box::new(bitstamp) as Box<dyn Dialect>,
            Box::new(xrocket),
            Box::new(timex),
            Box::new(confluencecode),
            Box::new(finazon),
        ],
        opens,
        speed,
        listen,
        loops: options.loops,
        limits: Limits::default(),
    })
}

/// What the native API tells of the venue.
fn told(config: &Config, speed: Speed, seed: u64) -> edge::native::Venue {
    let rules = engine::Rules::default();
    edge::native::Venue {
        name: config.name.clone(),
        listings: config.listings.clone(),
        maker_fee_ppm: rules.maker_fee_ppm,
        taker_fee_ppm: rules.taker_fee_ppm,
        cadence: config.bitstamp.cadence,
        opened: Time::default(),
        speed,
        seed: Some(seed),
        hosts: config.native_hosts.clone(),
    }
}
