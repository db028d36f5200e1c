//! Listening to a venue as any client of it would: whom to call, by which key, what is listed there; and the conversation,
//! in which a dialect's connector says what to say and to fetch. `rialto record` and `rialto watch` stand on it.
//!
//! What becomes of what is heard is its [`listener::Witness`]'s business.

pub mod fetch;
mod line;
pub mod listener;
pub mod secret;
pub mod target;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dialects::http::percent_decoded;
use model::Listing;

use crate::config::Config;
use crate::run::{Failure, failed};
use crate::tongues::{self, Tongue};

use self::fetch::Fetcher;
use self::secret::Secret;
use self::target::Target;

/// So many instruments are listened to though nobody named one; of a venue with more, they must be named.
const UNNAMED_MAX: usize = 16;

/// The variables in which a key may stand; the first that has one counts.
const KEY_VARIABLES: [&str; 2] = ["RIALTO_VENUE_KEY", "RIALTO_RECORD_KEY"];

/// Which venue, and what must be known to listen to it.
#[derive(Args, Debug)]
pub struct Venue {
    /// The venue: the URL of its socket, or a dialect's name for the real venue where it is published
    #[arg(value_name = "URL|DIALECT")]
    pub venue: String,
    /// Which dialect is spoken there [default: what the URL tells]
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<String>,
    /// Where the venue's HTTP half is, without a path [default: what is published, or where the socket is]
    #[arg(long, value_name = "URL")]
    pub http: Option<String>,
    /// The instruments' rules, where the venue has no directory: a configuration as `rialto serve` reads it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The file with the key of the venue, if it wants one [default: the variable RIALTO_VENUE_KEY]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// How long, such as 60s, 5m or 2h [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasts: Option<Duration>,
}

/// A page of the venue's: its path and what it said.
type Page = (String, Vec<u8>);

impl Venue {
    /// Who is called, and in which tongue.
    ///
    /// # Errors
    /// [`Failure`] if the URL is none, or nobody here speaks what is spoken there.
    pub fn target(&self) -> Result<(&'static Tongue, Target), Failure> {
        let named = |name: &str| {
            tongues::called(name).ok_or_else(|| {
                let (name, spoken) = (target::shown(name), tongues::names());
                Failure(format!("nobody here speaks {name:?}; these are spoken: {spoken}"))
            })
        };
        if !self.venue.contains("://") {
            let tongue = named(&self.venue)?;
            let socket = tongue.published.socket.ok_or_else(|| {
                Failure(format!(
                    "it is not published where {} is spoken: name the URL",
                    tongue.name
                ))
            })?;
            let target = Target::read(socket, tongue, self.http.as_deref())?;
            return Ok((tongue, target));
        }
        let tongue = match &self.dialect {
            Some(name) => named(name)?,
            None => target::tongue_of(&self.venue)?,
        };
        let target = Target::read(&self.venue, tongue, self.http.as_deref())?;
        Ok((tongue, target))
    }

    /// The key, put where the venue wants it.
    ///
    /// # Errors
    /// [`Failure`] if it wants one and there is none.
    pub fn secret(&self, tongue: &Tongue, target: &mut Target) -> Result<Secret, Failure> {
        use dialects::published::KeyPlace;
        let given = match &self.key_file {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(failed(format_args!("read the key in {}", file.display())))?;
                Some(text.trim().to_owned())
            }
            None => {
                let texts = KEY_VARIABLES.into_iter().filter_map(|it| std::env::var(it).ok());
                texts.map(|text| text.trim().to_owned()).find(|text| !text.is_empty())
            }
        };
        let given = given.filter(|text| !text.is_empty());
        let missing = || {
            Failure(format!(
                "{} wants a key: --key-file FILE, or the variable {}",
                tongue.name, KEY_VARIABLES[0]
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

    /// The instruments that are named, or all of a few, with their rules; and the page that told them.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be known, or are too many.
    pub async fn listings(
        &self,
        named: &[String],
        tongue: &Tongue,
        fetcher: &Fetcher,
    ) -> Result<(Vec<Listing>, Option<Page>), Failure> {
        if let Some(file) = &self.config {
            let config = Config::load(Some(file)).map_err(failed("read the configuration"))?;
            let known =
                config.listings.into_iter().filter(|it| it.symbol_in(tongue.name).is_some());
            return Ok((chosen(known.collect(), tongue, named)?, None));
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
            return Ok((chosen(known.collect(), tongue, named)?, None));
        };
        let path = tongue.published.directory.expect("who can read a directory knows where it is");
        let what = || format!("fetch the venue's directory, {path}");
        let (status, body) = fetcher.get(path).await.map_err(failed(what()))?;
        if status != 200 {
            return Err(Failure(format!("failed to {}: it answers with status {status}", what())));
        }
        let misheard = |error: dialects::Misheard| Failure(error.to_string());
        let all = symbols(&body).map_err(misheard)?;
        let found = match named {
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
    Failure(format!("it lists {} instruments: name those you mean, such as {}", all.len(), all[0]))
}

fn unknown(name: &str, all: &[String]) -> Failure {
    let some = all.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    Failure(format!(
        "it does not list {name:?}; it lists {some}{}",
        if all.len() > 8 { " and others" } else { "" }
    ))
}

/// Their symbols, for people.
pub fn names(listings: &[Listing], tongue: &Tongue) -> String {
    let symbol = |it: &Listing| it.symbol_in(tongue.name).unwrap_or_default().to_owned();
    listings.iter().map(symbol).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
