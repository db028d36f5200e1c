//! `rialto record`: listens to a venue as any client of it would, and writes down all that is said, for `rialto replay` and
//! `rialto export`. `docs/captures.md` describes what is written.
//!
//! Here is what is asked for and what is said to people; [`listener`] holds the conversation, [`keep`] the pen.

mod fetch;
mod keep;
mod line;
mod listener;
mod secret;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dialects::http::percent_decoded;
use feed::recording::Head;
use model::Listing;

use crate::aloud::{answer, complain};
use crate::config::Config;
use crate::run::{Failure, failed};
use crate::tongues::{self, Tongue};

use self::fetch::Fetcher;
use self::keep::Pen;
use self::listener::{Listener, Until};
use self::secret::Secret;
use self::target::Target;

/// So many instruments are recorded though nobody named one; of a venue with more, they must be named.
const UNNAMED_MAX: usize = 16;

/// The variable in which a key may stand.
const KEY_VARIABLE: &str = "RIALTO_RECORD_KEY";

/// Options of `record`.
#[derive(Args, Debug)]
pub struct Record {
    /// The venue: the URL of its socket, or a dialect's name for the real venue where it is published
    #[arg(value_name = "URL|DIALECT")]
    pub venue: String,
    /// What to record, by symbol or BASE-QUOTE; without any, all if there are at most 16
    #[arg(value_name = "INSTRUMENT")]
    pub instruments: Vec<String>,
    /// The folder of the capture; if it holds one of the same, it is gone on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which dialect is spoken there [default: what the URL tells]
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<String>,
    /// Where the venue's HTTP half is, without a path [default: what is published, or where the socket is]
    #[arg(long, value_name = "URL")]
    pub http: Option<String>,
    /// The instruments' rules, where the venue has no directory: a configuration as `rialto serve` reads it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say this as well once the connection is open, and whatever comes of it is recorded
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
    /// The file with the key of the venue, if it wants one [default: the variable RIALTO_RECORD_KEY]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// How long, such as 60s, 5m or 2h [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasts: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 60s, 5m or 2h");
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds: u32 = digits.parse().map_err(|_| wrong())?;
    match u64::from(seconds) * unit {
        0 => Err(wrong()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// Records until it is asked to end.
pub fn run(options: &Record) -> ExitCode {
    match record(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(failure);
            ExitCode::FAILURE
        }
    }
}

fn record(options: &Record) -> Result<(), Failure> {
    let (tongue, mut target) = target(options)?;
    let secret = secret(options, tongue, &mut target)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start"))?;
    let fetcher = Fetcher::new(&target)?;
    runtime.block_on(async {
        // 1. What is there, and by which rules.
        let (listings, fetched) = listings(options, tongue, &fetcher).await?;
        let head = Head {
            dialect: tongue.name.to_owned(),
            url: secret.hide(&target.url()).0,
            software: format!("rialto {}", env!("CARGO_PKG_VERSION")),
            begun: keep::wall(),
            first: 0,
            begins: true,
            listings: listings.clone(),
        };
        // 2. The pen, and the conversation.
        let pen = Pen::take(&options.out, head)?;
        // Who is told that it records may ask it to end at once.
        let until = Until::of(options.lasts)?;
        answer(format_args!(
            "recording {} of {} in {}",
            names(&listings, tongue),
            secret.hide(&target.url()).0,
            options.out.display()
        ));
        let connector = (tongue.connector)(&listings, secret.text());
        let beat = tongue.published.beat;
        let mut listener =
            Listener { target, secret, connector, beat, fetcher, pen, says: options.say.clone() };
        if let Some((path, body)) = fetched {
            listener.directory(&path, body)?;
        }
        let ended = listener.listen(until).await;
        // 3. The end: what was heard is on the disk whether or not it ended well.
        let told = listener.pen.end(match &ended {
            Ok(why) => Some(why.to_string()),
            Err(_) => None,
        })?;
        ended?;
        answer(told);
        Ok(())
    })
}

/// Who is called, and in which tongue.
fn target(options: &Record) -> Result<(&'static Tongue, Target), Failure> {
    let named = |name: &str| {
        tongues::called(name).ok_or_else(|| {
            let (name, spoken) = (target::shown(name), tongues::names());
            Failure(format!("nobody here speaks {name:?}; these are spoken: {spoken}"))
        })
    };
    if !options.venue.contains("://") {
        let tongue = named(&options.venue)?;
        let socket = tongue.published.socket.ok_or_else(|| {
            Failure(format!("it is not published where {} is spoken: name the URL", tongue.name))
        })?;
        let target = Target::read(socket, tongue, options.http.as_deref())?;
        return Ok((tongue, target));
    }
    let tongue = match &options.dialect {
        Some(name) => named(name)?,
        None => target::tongue_of(&options.venue)?,
    };
    let target = Target::read(&options.venue, tongue, options.http.as_deref())?;
    Ok((tongue, target))
}

/// The key, put where the venue wants it.
fn secret(options: &Record, tongue: &Tongue, target: &mut Target) -> Result<Secret, Failure> {
    use dialects::published::KeyPlace;
    let given = match &options.key_file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(failed(format_args!("read the key in {}", file.display())))?;
            Some(text.trim().to_owned())
        }
        None => std::env::var(KEY_VARIABLE).ok().map(|text| text.trim().to_owned()),
    };
    let given = given.filter(|text| !text.is_empty());
    let missing = || {
        Failure(format!(
            "{} wants a key: --key-file FILE, or the variable {KEY_VARIABLE}",
            tongue.name
        ))
    };
    match tongue.published.key {
        KeyPlace::Nowhere => Ok(Secret::none()),
        KeyPlace::Said => Ok(Secret::new(given.ok_or_else(missing)?)),
        KeyPlace::Query(name) => {
            let in_url = target.parameters(name);
            let key = match in_url.first() {
                Some(spelled) => percent_decoded(spelled),
                None => {
                    let key = given.ok_or_else(missing)?;
                    target.add_parameter(name, &key);
                    key
                }
            };
            let mut secret = Secret::new(key);
            // The URL is asked for as it was given, however the key is spelled in it.
            for spelled in &in_url {
                secret.hide_also(spelled);
                secret.hide_also(&percent_decoded(spelled));
            }
            Ok(secret)
        }
    }
}

/// A page of the venue's: its path and what it said.
type Page = (String, Vec<u8>);

/// The instruments that are asked for, with their rules; and the page that told them.
async fn listings(
    options: &Record,
    tongue: &Tongue,
    fetcher: &Fetcher,
) -> Result<(Vec<Listing>, Option<Page>), Failure> {
    if let Some(file) = &options.config {
        let config = Config::load(Some(file)).map_err(failed("read the configuration"))?;
        let known = config.listings.into_iter().filter(|it| it.symbol_in(tongue.name).is_some());
        return Ok((chosen(known.collect(), tongue, &options.instruments)?, None));
    }
    let Some((symbols, listings)) = tongue.directory else {
        let known = fetcher.native_listings().await.map_err(|why| {
            Failure(format!(
                "{} has no directory, and the rules of its instruments are not known ({why}); name a file that has \
                 them with --config",
                tongue.name
            ))
        })?;
        let known = known.into_iter().filter(|it| it.symbol_in(tongue.name).is_some());
        return Ok((chosen(known.collect(), tongue, &options.instruments)?, None));
    };
    let path = tongue.published.directory.expect("who can read a directory knows where it is");
    let what = || format!("fetch the venue's directory, {path}");
    let (status, body) = fetcher.get(path).await.map_err(failed(what()))?;
    if status != 200 {
        return Err(Failure(format!("failed to {}: it answers with status {status}", what())));
    }
    let misheard = |error: dialects::Misheard| Failure(error.to_string());
    let all = symbols(&body).map_err(misheard)?;
    let found = match options.instruments.as_slice() {
        [] if all.len() > UNNAMED_MAX => return Err(too_many(&all)),
        [] => all,
        named => {
            let find = |name: &String| {
                let plain = plain(name);
                let is_it = |symbol: &&String| *symbol == name || self::plain(symbol) == plain;
                all.iter().find(is_it).cloned().ok_or_else(|| unknown(name, &all))
            };
            let mut found = Vec::new();
            for name in named {
                let symbol = find(name)?;
                if !found.contains(&symbol) {
                    found.push(symbol);
                }
            }
            found
        }
    };
    let only: Vec<&str> = found.iter().map(String::as_str).collect();
    let listed = listings(&body, &only).map_err(misheard)?;
    Ok((listed, Some((path.to_owned(), body))))
}

/// Those of the listings that are named, numbered anew.
fn chosen(known: Vec<Listing>, tongue: &Tongue, named: &[String]) -> Result<Vec<Listing>, Failure> {
    let symbol = |it: &Listing| it.symbol_in(tongue.name).unwrap_or_default().to_owned();
    let all: Vec<String> = known.iter().map(symbol).collect();
    if named.is_empty() && known.len() > UNNAMED_MAX {
        return Err(too_many(&all));
    }
    let mut chosen = known;
    if !named.is_empty() {
        let is_it = |listing: &Listing, name: &String| {
            let it = &listing.instrument;
            symbol(listing) == *name
                || plain(&symbol(listing)) == plain(name)
                || plain(&format!("{}{}", it.base, it.quote)) == plain(name)
        };
        if let Some(missing) = named.iter().find(|name| !chosen.iter().any(|it| is_it(it, name))) {
            return Err(unknown(missing, &all));
        }
        chosen.retain(|listing| named.iter().any(|name| is_it(listing, name)));
    }
    if chosen.is_empty() {
        return Err(Failure(format!("no instrument is known by a name in {}", tongue.name)));
    }
    for (at, listing) in (0..).zip(&mut chosen) {
        listing.instrument.id = model::InstrumentId(at);
    }
    Ok(chosen)
}

/// A name without what venues put between its parts.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

fn too_many(all: &[String]) -> Failure {
    Failure(format!(
        "it lists {} instruments: name those to be recorded, such as {}",
        all.len(),
        all[0]
    ))
}

fn unknown(name: &str, all: &[String]) -> Failure {
    let some = all.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    Failure(format!(
        "it does not list {name:?}; it lists {some}{}",
        if all.len() > 8 { " and others" } else { "" }
    ))
}

fn names(listings: &[Listing], tongue: &Tongue) -> String {
    let symbol = |it: &Listing| it.symbol_in(tongue.name).unwrap_or_default().to_owned();
    listings.iter().map(symbol).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
