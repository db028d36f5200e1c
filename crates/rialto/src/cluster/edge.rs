//! `rialto serve edge`: a venue whose market is another machine's.
//!
//! It begins like a start from a journal does, but over the bus: from the core's newest image that fits, or from the
//! beginning, through all records up to where the core is. From then on a [`Followed`] source goes on with what comes.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use ::edge::boards::Boards;
use ::edge::repeats::{Done, Repeats};
use ::edge::steps::Clerk;
use feed::bus::{Bus, BusError};
use feed::journal::copy::fetch::{self, Fetch};
use feed::journal::copy::taker::{PATIENCE_MAX, Start};
use feed::journal::copy::words::{Answer, Ask, Head, Question, Said};
use feed::journal::image::Image;
use feed::source::engine::rerun::Rerun;
use feed::source::followed::{Core as _, Followed, Marked};
use model::{Assets, Instrument};
use store::{Identity, StoreError};
use views::{Accounts, Board};

use super::line::Line;
use super::subjects::Subjects;
use super::words::{self, Runs};
use crate::accounts::Place;
use crate::aloud;
use crate::cli::Serve;
use crate::config::{BusPlan, Config};
use crate::known::{Known, folder};
use crate::replica::{Plan, Replica};
use crate::run::{Begun, Failure, Unbegun, Venue, failed};
use crate::serve;

/// How often it is said that the core is waited for.
const COMPLAIN_EVERY: Duration = Duration::from_secs(5);
/// How long it is waited between two attempts.
const AGAIN: Duration = Duration::from_millis(200);
/// How long it is waited before it is begun anew.
const ANEW: Duration = Duration::from_secs(1);

/// The venue of an edge. Waits for the core as long as that takes.
///
/// # Errors
/// [`Failure`] if the configuration cannot be served, or is another than the core's.
pub fn venue(options: &Serve, config: Config, bus: &Arc<dyn Bus>) -> Result<Venue, Failure> {
    let plan = config.bus.clone().ok_or_else(super::no_bus)?;
    let subjects = Subjects::of(&plan.market);
    // What is wrong here is told before anybody is waited for.
    let listen = options.listen.unwrap_or(config.listen);
    let instruments: Vec<Instrument> =
        config.listings.iter().map(|listing| listing.instrument.clone()).collect();
    let (dialects, tls) = (serve::dialects(&config)?, serve::tls(options, config.tls.clone())?);
    let place = Place::of(config.accounts.as_ref(), folder(options));
    let wrong = format!("open the accounts in {place}");
    let known = Known::open(options, place, listen.ip(), (config.pairs(), &config.contracts))
        .map_err(failed(wrong))?;
    let (head, (runs, theirs)) =
        answered(&plan, || Ok((head(bus, &subjects)?, hello(bus, &subjects)?)));
    same_accounts(known.identity(), theirs)
        .map_err(|what| Failure(format!("failed to follow the market {}: {what}", plan.market)))?;
    let (asking, asked) = (Arc::clone(bus), subjects.clone());
    known.judged(Box::new(move |ours| match hello(&asking, &asked) {
        Ok((_, theirs)) => {
            let same = same_accounts(Some(ours), theirs).map(|()| true);
            same.map_err(StoreError::AnotherStore)
        }
        // It is asked again.
        Err(_) => Ok(false),
    }));
    let market = Plan::new(&config, head.seed, head.begins);
    market.agrees(&head).map_err(|what| {
        let (market, build) = (&plan.market, &head.build);
        Failure(format!(
            "failed to follow the market {market}: {what}. Serve edge and core with the same configuration (the core is \
             rialto {build})"
        ))
    })?;
    let boards = config.listings.iter().map(|it| Board::new(it.instrument.id, head.begins));
    let about = vec![
        format!("rialto {}: {}, seed {}", env!("RIALTO_VERSION"), config.name, head.seed),
        format!(
            "an edge of the market {} on {}: {}",
            plan.market,
            plan.servers.join(", "),
            head.build
        ),
    ];
    let (compressing, limits) = (config.compressing.clone(), config.limits.clone());
    let io_uring = config.io_uring;
    let bus = Arc::clone(bus);
    Ok(Venue {
        about,
        boards: boards.collect(),
        accounts: Accounts::new(Assets::of(&instruments).paid_by(&config.contracts)),
        known,
        told: serve::told(&config, runs.speed, head.seed),
        dialects,
        speed: runs.speed,
        listen,
        tls,
        loops: options.loops,
        io_uring,
        compressing,
        limits,
        begin: Box::new(move |boards, clerk| {
            let begun = begin(&bus, &subjects, &plan, &market, boards, clerk);
            // What was wrong just now may be so for another moment.
            if matches!(begun, Err(Unbegun::Lost(_))) {
                std::thread::sleep(ANEW);
            }
            begun
        }),
    })
}

/// Asks the core until it answers.
pub(super) fn answered<T>(plan: &BusPlan, ask: impl Fn() -> Result<T, String>) -> T {
    let mut complained = None;
    loop {
        let why = match ask() {
            Ok(answer) => return answer,
            Err(why) => why,
        };
        if complained.is_none_or(|at: Instant| at.elapsed() >= COMPLAIN_EVERY) {
            complained = Some(Instant::now());
            let (market, place) = (&plan.market, plan.servers.join(", "));
            aloud::complain(format_args!(
                "waiting for the core of the market {market} on {place}: {why}"
            ));
        }
        std::thread::sleep(AGAIN);
    }
}

/// How the core stands.
///
/// # Errors
/// Why it does not say.
pub(super) fn head(bus: &Arc<dyn Bus>, subjects: &Subjects) -> Result<Head, String> {
    let ask = Ask { number: 1, journal: None, question: Question::Head };
    let bytes = asked(bus, &subjects.ask, &ask.to_bytes()).map_err(|it| it.to_string())?;
    match Answer::decode(&bytes).map_err(|unread| unread.to_string())?.said {
        Said::Head(head) => Ok(head),
        Said::Refused(refusal) => Err(refusal.words.into()),
        _ => Err("it answers something else".to_owned()),
    }
}

/// Whether accounts here are those of the core: of others one may have the number of somebody else there.
///
/// # Errors
/// How they differ, and what to do.
fn same_accounts(ours: Option<Identity>, theirs: Option<Identity>) -> Result<(), String> {
    let what = match (ours, theirs) {
        _ if ours == theirs => return Ok(()),
        (Some(_), Some(_)) => "the accounts here are kept in another store than the core's",
        (None, _) => "the core keeps accounts, and here are none but the demo's",
        (_, None) => "accounts are kept here, and the core knows none but the demo's",
    };
    Err(format!(
        "{what}. Give all machines of a market the same accounts: one database in [accounts], or on one machine one folder with \
         --data"
    ))
}

/// How the core's time runs, and in which store it keeps its accounts.
fn hello(bus: &Arc<dyn Bus>, subjects: &Subjects) -> Result<(Runs, Option<Identity>), String> {
    let bytes = asked(bus, &subjects.market, &words::Ask::Hello.to_bytes());
    let bytes = bytes.map_err(|error| error.to_string())?;
    match words::Answer::read(&bytes).map_err(|unread| unread.to_string())? {
        words::Answer::Told(runs, accounts) => Ok((runs, accounts)),
        words::Answer::Decided(_) | words::Answer::Here(_) => {
            Err("it answers something else".to_owned())
        }
    }
}

/// Asks, and waits for the answer.
pub(super) fn asked(
    bus: &Arc<dyn Bus>,
    subject: &str,
    question: &[u8],
) -> Result<Vec<u8>, BusError> {
    asked_within(PATIENCE_MAX, bus, subject, question)
}

/// The same, waited for no longer than this.
pub(super) fn asked_within(
    patience: Duration,
    bus: &Arc<dyn Bus>,
    subject: &str,
    question: &[u8],
) -> Result<Vec<u8>, BusError> {
    let (tell, told) = sync_channel(1);
    let reply = move |answer: Result<Vec<u8>, BusError>| {
        // It is waited for below, once.
        let _told = tell.send(answer);
    };
    bus.ask(subject, question, patience, Box::new(reply));
    told.recv().unwrap_or_else(|_| Err(BusError::Down("it has ended".into())))
}

/// Brings the boards to where the core is, and goes on from there.
///
/// # Errors
/// [`Unbegun`]: lost, if the core went away meanwhile or what it has does not go on from what came.
pub(super) fn begin(
    bus: &Arc<dyn Bus>,
    subjects: &Subjects,
    plan: &BusPlan,
    market: &Plan,
    boards: &mut Boards,
    clerk: &Arc<Clerk>,
) -> Result<Begun, Unbegun> {
    let lost = |Failure(why)| Unbegun::Lost(why);
    let mut about = Vec::new();
    let opened = |start| {
        Line::open(bus, subjects, start, plan.patience)
            .map_err(failed(format_args!("follow the market {}", plan.market)))
    };
    let found = fetched(bus, subjects, plan).map_err(lost)?.filter(|image| {
        let fits = market.fits(&image.head);
        about.extend(fits.as_ref().err().map(|why| format!("the core's image is not used: {why}")));
        fits.is_ok()
    });
    let (line, replica) = match &found {
        Some(image) => {
            let line = opened(Start::behind(&image.head.boundary))?;
            let replica = Replica::restored(market, image, Some(boards));
            (line, replica.map_err(failed("begin with the core's image"))?)
        }
        None => (opened(Start::beginning())?, Replica::begun(market, boards)),
    };
    let (rerun, repeats) = caught_up(&line, replica)?;
    let commands = rerun.done().commands;
    about.push(match &found {
        Some(image) => format!(
            "begun with the core's image behind command {}, and {commands} commands since",
            image.head.boundary.last
        ),
        None => format!("begun with the core's first command: {commands} commands"),
    });
    let sight = line.sight();
    let runs = loop {
        match (hello(bus, subjects), sight.lost().why()) {
            (Ok((runs, _)), _) => break runs,
            (Err(why), Some(_)) => {
                return Err(Unbegun::Lost(format!(
                    "failed to learn how the core's time runs: {why}"
                )));
            }
            (Err(_), None) => std::thread::sleep(AGAIN),
        }
    };
    let (noting, complaining) = (Arc::clone(clerk), sight.clone());
    let noted = move |marked: Marked<'_>| {
        let Marked { mark, wall, command, kept, events } = marked;
        let (action, label) = (kept.action, kept.label.clone());
        noting.note(mark, wall, Done { command, action, label, events: events.to_vec() });
    };
    let complain = move |difference: &feed::source::engine::rerun::Difference| {
        aloud::complain(format_args!(
            "ALARM: what happens here is not what happened at the core, {difference}. Serve edge and core with the same \
             build and configuration; and report it if they are"
        ));
        complaining
            .lost()
            .lose(format!("something else happens here than at the core, {difference}"));
    };
    let source = Followed::new(rerun, Box::new(line), Box::new(noted), Box::new(complain));
    Ok(Begun {
        source: Box::new(source),
        opens: runs.now,
        follows_the_wall: runs.follows_the_wall,
        about,
        journal: None,
        repeats,
        beside: None,
        lost: Some(Arc::clone(sight.lost())),
        following: Some(Arc::new(move || sight.note())),
    })
}

/// The newest image that the core has, if it has any.
pub(super) fn fetched(
    bus: &Arc<dyn Bus>,
    subjects: &Subjects,
    plan: &BusPlan,
) -> Result<Option<Box<Image>>, Failure> {
    let mut fetch = Fetch::new(None);
    let began = Instant::now();
    let mut answered = began;
    loop {
        match fetch.outcome() {
            Some(fetch::Outcome::Fetched(image)) => return Ok(Some(image.clone())),
            Some(fetch::Outcome::Nothing) => return Ok(None),
            None => {}
        }
        let Some(ask) = fetch.asks(began.elapsed()) else {
            std::thread::sleep(AGAIN / 10);
            continue;
        };
        match asked(bus, &subjects.ask, &ask.to_bytes()) {
            Ok(answer) => {
                answered = Instant::now();
                fetch.heard(&answer, began.elapsed());
            }
            Err(why) if answered.elapsed() >= plan.patience => {
                return Err(Failure(format!("failed to fetch the core's image: {why}")));
            }
            Err(_) => std::thread::sleep(AGAIN / 10),
        }
    }
}

/// Runs again what comes until nothing more is known of.
fn caught_up(line: &Line, mut replica: Replica<'_>) -> Result<(Rerun, Repeats), Unbegun> {
    let sight = line.sight();
    let mut told = Instant::now();
    loop {
        if let Some(record) = line.wait_for_record(AGAIN / 10) {
            replica.record(&record).map_err(|difference| {
                Failure(format!(
                    "failed to follow the core: something else happens here, {difference}. Serve edge and core with the \
                     same build and the same configuration"
                ))
            })?;
        } else if sight.standing().is_some_and(|standing| standing.is_level) && !line.has_record() {
            return Ok(replica.finish());
        }
        if let Some(why) = sight.lost().why() {
            return Err(Unbegun::Lost(format!("failed to follow the core: {why}")));
        }
        if told.elapsed() >= COMPLAIN_EVERY {
            told = Instant::now();
            let done = replica.rerun().done().commands;
            aloud::complain(format_args!("{done} commands of the core were run again so far"));
        }
    }
}
