//! `rialto serve`: what the command line and the configuration say, made into a venue.

use dialects::Dialect;
use dialects::bitstamp::Bitstamp;
use dialects::confluencecode::ConfluenceCode;
use dialects::finazon::Finazon;
use dialects::timex::TimeX;
use dialects::xrocket::XRocket;
use edge::clock::{MarketClock, Speed};
use edge::tls::Files;
use model::{Assets, Instrument, Source, Time};
use views::{Accounts, Board};

use crate::cli::Serve;
use crate::config::{Config, TLS_LISTEN, TlsPlan};
use crate::kept::Ledger;
use crate::known::{Known, folder};
use crate::run::{Begun, Failure, Venue, failed};

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
    let some_seed = now.micros().unsigned_abs();
    let ledger = match options.keeps() {
        true => Some(Ledger::open(folder(options), options.durability(), options.accept_loss)?),
        false => None,
    };
    let seed = match &ledger {
        Some(ledger) => ledger.seed(options.seed, some_seed)?,
        None => options.seed.unwrap_or(some_seed),
    };
    let listen = options.listen.unwrap_or(config.listen);
    let tls = tls(options, config.tls.clone())?;
    let instruments: Vec<Instrument> =
        config.listings.iter().map(|listing| listing.instrument.clone()).collect();
    let assets = Assets::of(&instruments);
    let known = Known::open(options, listen.ip(), (config.pairs(), &config.contracts))
        .map_err(failed(format_args!("open the accounts in {}", folder(options).display())))?;
    let told = told(&config, speed, seed);
    let dialects = dialects(&config)?;
    let begins = match &ledger {
        Some(ledger) => ledger.begins(&config, opens.unwrap_or(now)),
        None => config.begins(opens.unwrap_or(now)),
    };
    let boards = config.listings.iter().map(|it| Board::new(it.instrument.id, begins));
    let mut about =
        vec![format!("rialto {}: {}, seed {seed}", env!("RIALTO_VERSION"), config.name)];
    if ledger.is_none() {
        about.push("nothing is kept on disk: as asked".to_owned());
    }
    let (compressing, limits) = (config.compressing.clone(), config.limits.clone());
    let io_uring = config.io_uring;
    Ok(Venue {
        about,
        boards: boards.collect(),
        accounts: Accounts::new(assets.clone()),
        known: known.clone(),
        told,
        dialects,
        begin: Box::new(move |boards| match ledger {
            Some(ledger) => ledger.begin(&config, &known, seed, (begins, opens), boards),
            None => {
                let mut source = config.market_begun(seed, begins);
                let mut happened = Vec::new();
                for action in known.opening(&assets, |_| false) {
                    // An engine takes every command.
                    let _command = source.submit(begins, action, &mut happened);
                }
                Ok(Begun::kept_nowhere(Box::new(source), &happened, opens, boards))
            }
        }),
        speed,
        listen,
        tls,
        loops: options.loops,
        io_uring,
        compressing,
        limits,
    })
}

/// Every tongue, for the instruments that are configured.
///
/// # Errors
/// [`Failure`] if one of them does not take them.
pub fn dialects(config: &Config) -> Result<Vec<Box<dyn Dialect>>, Failure> {
    let wrong = || format!("list the instruments of {}", config.name);
    let listings = &config.listings;
    let contracts = config.contracts.clone();
    let options = dialects::bitstamp::Options { contracts, ..config.bitstamp.clone() };
    let bitstamp = Bitstamp::new(listings, options).map_err(failed(wrong()))?;
    let xrocket = XRocket::new(listings).map_err(failed(wrong()))?;
    let timex = TimeX::new(listings, config.timex).map_err(failed(wrong()))?;
    let confluencecode =
        ConfluenceCode::new(listings, &config.confluencecode).map_err(failed(wrong()))?;
    let finazon = Finazon::new(listings, &config.finazon).map_err(failed(wrong()))?;
    Ok(vec![
        Box::new(bitstamp),
        Box::new(xrocket),
        Box::new(timex),
        Box::new(confluencecode),
        Box::new(finazon),
    ])
}

/// What is served under TLS, if anything is.
fn tls(options: &Serve, configured: Option<TlsPlan>) -> Result<Option<TlsPlan>, Failure> {
    let named = options.tls_certificate.clone().zip(options.tls_key.clone());
    let plan = match (named, configured) {
        (Some((certificate, key)), configured) => {
            let files = Files { certificate, key };
            let (listen, plain) = configured.map_or((TLS_LISTEN, true), |it| (it.listen, it.plain));
            Some(TlsPlan { files, listen, plain })
        }
        (None, configured) => configured,
    };
    match (plan, options.tls_listen) {
        (None, Some(_)) => Err(Failure(
            "failed to listen for TLS: --tls-listen needs a certificate, by --tls-certificate and --tls-key or under \
             [tls]; `rialto trust` makes one"
                .to_owned(),
        )),
        (plan, None) => Ok(plan),
        (Some(plan), Some(listen)) => Ok(Some(TlsPlan { listen, ..plan })),
    }
}

/// What the native API tells of the venue.
fn told(config: &Config, speed: Speed, seed: u64) -> edge::native::Venue {
    let rules = engine::Rules::default();
    edge::native::Venue {
        name: config.name.clone(),
        listings: config.listings.clone(),
        contracts: config.contracts.clone(),
        maker_fee_ppm: rules.maker_fee_ppm,
        taker_fee_ppm: rules.taker_fee_ppm,
        cadence: config.bitstamp.cadence,
        opened: Time::default(),
        speed,
        seed: Some(seed),
        hosts: config.native_hosts.clone(),
    }
}
