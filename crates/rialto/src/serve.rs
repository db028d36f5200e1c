//! `rialto serve`: what the command line and the configuration say, made into a venue.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use dialects::Dialect;
use dialects::bitstamp::Bitstamp;
use dialects::confluencecode::ConfluenceCode;
use dialects::finazon::Finazon;
use dialects::timex::TimeX;
use dialects::xrocket::XRocket;
use edge::clock::{MarketClock, Speed};
use edge::tls::Files;
use feed::bus::Bus;
use model::{Assets, Epoch, Instrument, Source, Time};
use views::{Accounts, Board};

use crate::accounts::Place;
use crate::aloud;
use crate::cli::{Role, Serve};
use crate::cluster::core::Gives;
use crate::cluster::{self, Subjects};
use crate::config::{Config, TLS_LISTEN, TlsPlan};
use crate::kept::Ledger;
use crate::known::{Known, folder};
use crate::run::{self, Begun, Ended, Failure, Venue, failed};

/// Serves what these options ask for.
///
/// # Errors
/// [`Failure`] if it cannot begin, or cannot go on.
pub fn run(options: &Serve) -> Result<(), Failure> {
    if options.is_replicated() && !matches!(options.role, Some(Role::Core | Role::Standby)) {
        return Err(Failure(
            "failed to wait for a standby: --durability replicated is for `rialto serve core`, and for a standby that will be \
             one"
                .to_owned(),
        ));
    }
    let Some(role) = options.role else {
        return run::run(venue(options, config(options)?, None)?).map(drop);
    };
    let config = config(options)?;
    let plan = config.bus.as_ref().ok_or_else(cluster::no_bus)?;
    let bus = cluster::bus::connect(plan)?;
    let of_core = options.seed.is_some() || options.clock.is_some() || options.durability.is_some();
    if role == Role::Edge && (of_core || options.accept_loss) {
        return Err(Failure(
            "failed to serve as an edge: --seed, --clock, --durability and --accept-loss are for the core to be told"
                .to_owned(),
        ));
    }
    if role != Role::Edge && !options.keeps() {
        return Err(Failure(
            "failed to keep a journal for other machines: --ephemeral keeps none; leave it out"
                .to_owned(),
        ));
    }
    match role {
        Role::Core => core(options, config, bus, Epoch(0)),
        Role::Standby => match cluster::standby::run(options, &config, &bus)? {
            cluster::standby::Ended::AsAsked => Ok(()),
            cluster::standby::Ended::TakesOver(life) => core(options, config, bus, life),
        },
        Role::Edge => match run::run(cluster::edge::venue(options, config, &bus)?)? {
            Ended::AsAsked => Ok(()),
            Ended::Lost(_) => {
                aloud::complain("everybody was asked to leave; this edge begins anew");
                Err(anew())
            }
        },
    }
}

/// Begins this process anew, as it was called. Comes back only if the system does not let it.
pub fn anew() -> Failure {
    let mut words = std::env::args_os();
    let called = words.next();
    let program = std::env::current_exe().map_err(failed("find this program"));
    match program {
        Ok(program) => {
            let mut again = Command::new(program);
            again.args(words);
            if let Some(called) = called {
                again.arg0(called);
            }
            failed("begin anew")(again.exec())
        }
        Err(failure) => failure,
    }
}

/// Serves the market, and gives its journal to other machines. Its life is later than one that was seen.
fn core(
    options: &Serve,
    config: Config,
    bus: Arc<dyn Bus>,
    later_than: Epoch,
) -> Result<(), Failure> {
    let plan = config.bus.as_ref().ok_or_else(cluster::no_bus)?;
    let subjects = Subjects::of(&plan.market);
    let is_replicated = options.is_replicated();
    let gives = Gives { bus, subjects, speed: speed(options), later_than, is_replicated };
    gives.alone()?;
    match run::run(venue(options, config, Some(gives))?)? {
        Ended::AsAsked => Ok(()),
        Ended::Lost(why) => Err(Failure(format!("this core has ended: {why}"))),
    }
}

/// What is configured.
fn config(options: &Serve) -> Result<Config, Failure> {
    Config::load(options.config.as_deref()).map_err(failed("read the configuration"))
}

/// How fast market time runs.
fn speed(options: &Serve) -> Speed {
    options.clock.map_or(Speed::WALL, |clock| clock.speed)
}

/// The venue that these options ask for, which gives its journal to others if that is asked for.
///
/// # Errors
/// [`Failure`] if the configuration cannot be served.
pub fn venue(options: &Serve, config: Config, gives: Option<Gives>) -> Result<Venue, Failure> {
    let (opens, speed) = (options.clock.map(|clock| clock.start), speed(options));
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
    let assets = Assets::of(&instruments).paid_by(&config.contracts);
    let place = Place::of(config.accounts.as_ref(), folder(options));
    let wrong = format!("open the accounts in {place}");
    let known = Known::open(options, place, listen.ip(), (config.pairs(), &config.contracts))
        .map_err(failed(wrong))?;
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
        begin: Box::new(move |boards, _| match ledger {
            Some(ledger) => ledger.begin(&config, &known, seed, (begins, opens), gives, boards),
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
pub fn tls(options: &Serve, configured: Option<TlsPlan>) -> Result<Option<TlsPlan>, Failure> {
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
pub fn told(config: &Config, speed: Speed, seed: u64) -> edge::native::Venue {
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
