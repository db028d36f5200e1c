//! `rialto keys`: accounts and their credentials, created, listed, revoked, blocked; those of the demo shown.
//!
//! It writes the same store that a venue reads, whether or not one is running; a running venue sees it soon.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use edge::clock::MarketClock;
use model::{FeedName, Time};
use store::{
    Account, Channel, CredentialId, Entitlement, FORMS, Form, Found, Issued, Limits, MasterKey,
    Opening, Pair, Random, Store, StoreError, Wanted,
};

use crate::accounts::Place;
use crate::config::Config;
use crate::run::{Failure, failed};

/// Where state lives if nobody says otherwise.
pub const DATA: &str = "rialto-data";

/// What to do with accounts and credentials.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Give an account credentials, and make the account if there is none of that name
    #[command(
        after_help = "Secrets are shown this once. Those that requests are signed with are sealed with a master key.\n\n\
                            Examples: a new account with a credential in every dialect, and one more key that only looks\n  \
                            rialto keys master-key ~/rialto.key\n  \
                            rialto keys create --account carol --master-key ~/rialto.key\n  \
                            rialto keys create --account carol --dialect finazon --read-only --instruments BTC/USDT,ETH/USDT\n\n\
                            And one that does nothing but quote a feed of an index\n  \
                            rialto keys create --account oracle --dialect native --read-only --quotes kraken"
    )]
    Create(Create),
    /// List accounts and credentials, without secrets
    #[command(after_help = "Example: rialto keys list --data /var/lib/rialto")]
    List(At),
    /// Take a credential's power away, for ever; a running venue ends its connections
    #[command(
        after_help = "Examples: by its number in `rialto keys list`, or by the key itself\n  \
                            rialto keys revoke c12\n  \
                            rialto keys revoke 3DE4C63C868C4A7591EE6CCEDF2487DB"
    )]
    Revoke(Revoke),
    /// Keep an account out without revoking anything; a running venue ends what it is doing
    #[command(after_help = "Example: rialto keys block carol")]
    Block(Named),
    /// Let a blocked account go on
    #[command(after_help = "Example: rialto keys unblock carol")]
    Unblock(Named),
    /// Show the demo's accounts with all their credentials, which are the same everywhere and no secret
    #[command(after_help = "Example: the key and secret with which alice signs\n  \
                            rialto keys demo --json | jq '.accounts[0].bitstamp'")]
    Demo(Demo),
    /// Make a new master key, in a new file that only its owner may read
    #[command(after_help = "Example: rialto keys master-key ~/rialto.key\n\n\
                            Keep it apart from the store and its backups. Without it, signing secrets are lost.")]
    MasterKey {
        /// The file to make
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Where the store is.
#[derive(Args, Debug)]
pub struct At {
    /// The folder in which the venue's state lives
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// The configuration, which may name a database with the accounts [default: ./rialto.toml if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl At {
    fn place(&self) -> Result<Place, Failure> {
        let config =
            Config::load(self.config.as_deref()).map_err(failed("read the configuration"))?;
        Ok(Place::of(config.accounts.as_ref(), &self.data))
    }
}

/// Options of `keys create`.
#[derive(Args, Debug)]
pub struct Create {
    /// The account's name
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// In which dialects, with commas between [default: all]
    #[arg(long, value_name = "DIALECT", value_delimiter = ',', value_parser = dialect)]
    pub dialect: Vec<String>,
    /// They may look, and change nothing
    #[arg(long)]
    pub read_only: bool,
    /// The instruments they may see and trade, such as BTC/USD,ETH/USD [default: all]
    #[arg(long, value_name = "PAIR", value_delimiter = ',')]
    pub instruments: Vec<Pair>,
    /// The channels they may hear, such as trades,book,private [default: all]
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',')]
    pub channels: Vec<Channel>,
    /// The feeds of indexes that the native one may quote, such as kraken [default: none]
    #[arg(long, value_name = "FEED", value_delimiter = ',')]
    pub quotes: Vec<FeedName>,
    /// As JSON, in the shape of `keys demo --json`
    #[arg(long)]
    pub json: bool,
    /// The file with the master key [default: the variable RIALTO_MASTER_KEY]
    #[arg(long, value_name = "FILE")]
    pub master_key: Option<PathBuf>,
    /// Where the store is.
    #[command(flatten)]
    pub at: At,
}

/// Options of `keys revoke`.
#[derive(Args, Debug)]
pub struct Revoke {
    /// The credential's number, such as c12, or its key or token
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Where the store is.
    #[command(flatten)]
    pub at: At,
}

/// Options of `keys block` and `keys unblock`.
#[derive(Args, Debug)]
pub struct Named {
    /// The account's name
    #[arg(value_name = "NAME")]
    pub account: String,
    /// Where the store is.
    #[command(flatten)]
    pub at: At,
}

/// Options of `keys demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Does it.
///
/// # Errors
/// [`Failure`] with what was wrong and what to do.
pub fn run(keys: &Keys) -> Result<(), Failure> {
    let said = match keys {
        Keys::Create(options) => {
            let done = create(options, &options.at.place()?);
            done.map_err(failed(format_args!("give {} credentials", options.account)))
        }
        Keys::List(at) => list(&at.place()?).map_err(failed("list the credentials")),
        Keys::Revoke(options) => revoke(options, &options.at.place()?).map_err(failed("revoke it")),
        Keys::Block(options) => {
            let done = block(options, &options.at.place()?, true);
            done.map_err(failed(format_args!("block {}", options.account)))
        }
        Keys::Unblock(options) => {
            let done = block(options, &options.at.place()?, false);
            done.map_err(failed(format_args!("unblock {}", options.account)))
        }
        Keys::Demo(options) => Ok(demo(options)),
        Keys::MasterKey { file } => MasterKey::make(file, &mut Random::system())
            .map(|()| format!("a new master key is in {}\n", file.display()))
            .map_err(failed("make a master key")),
    }?;
    // What is not seen now is never seen again, so a closed pipe is told.
    let mut out = std::io::stdout().lock();
    out.write_all(said.as_bytes())
        .and_then(|()| out.flush())
        .map_err(failed("show what was done; revoke credentials that nobody has seen"))
}

fn create(options: &Create, place: &Place) -> Result<String, StoreError> {
    let entitlement = Entitlement {
        trading: !options.read_only,
        instruments: named(&options.instruments),
        channels: named(&options.channels),
        quotes: BTreeSet::new(),
    };
    let quotes: BTreeSet<FeedName> = options.quotes.iter().copied().collect();
    let is_wanted = |form: &&Form| {
        options.dialect.is_empty() || options.dialect.iter().any(|name| name == form.dialect)
    };
    let wanted: Vec<Wanted> = FORMS
        .iter()
        .filter(is_wanted)
        .map(|form| Wanted {
            dialect: form.dialect.to_owned(),
            // In no other dialect anything can be quoted.
            entitlement: match form.dialect == edge::native::NAME {
                true => Entitlement { quotes: quotes.clone(), ..entitlement.clone() },
                false => entitlement.clone(),
            },
            limits: Limits::default(),
        })
        .collect();
    let master = MasterKey::find(options.master_key.as_deref())?;
    // Credentials that are only hashed can be added without the key that seals the others.
    let locked = master.is_none();
    let opening = Opening { master, locked, ..Opening::default() };
    let store = place.open(opening)?;
    let (account, issued) = match store.account_named(&options.account) {
        Some(account) => {
            let issued = store.issue(account.id, &wanted, now())?;
            (account, issued)
        }
        None => store.enrol(&options.account, &wanted, now())?,
    };
    Ok(if options.json {
        store::account_json(&account, &issued) + "\n"
    } else {
        shown(&account, &issued) + "\nThe secrets are not shown again.\n"
    })
}

fn list(place: &Place) -> Result<String, StoreError> {
    let store = existing(place)?;
    let mut text = String::new();
    let credentials = store.credentials();
    for account in store.accounts() {
        let _ = writeln!(text, "{}", headline(&account));
        for found in credentials.iter().filter(|found| found.account.id == account.id) {
            let _ = writeln!(text, "  {}", described(found));
        }
    }
    if text.is_empty() {
        text = format!(
            "{place} holds no account yet; `rialto keys create --account NAME` makes one\n"
        );
    }
    Ok(text)
}

fn revoke(options: &Revoke, place: &Place) -> Result<String, StoreError> {
    let store = existing(place)?;
    let held = FORMS.iter().find_map(|form| store.credential(form.dialect, &options.key));
    let id = match held {
        Some(found) => found.id,
        None => options.key.parse::<CredentialId>().map_err(|()| StoreError::UnknownCredential)?,
    };
    let revocation = store.revoke(id, now())?;
    let name = store.account(revocation.account).map(|account| account.name.clone());
    Ok(format!("revoked {id}: {}, {}\n", name.unwrap_or_default(), revocation.dialect))
}

fn block(options: &Named, place: &Place, blocked: bool) -> Result<String, StoreError> {
    let store = existing(place)?;
    let account = store.account_named(&options.account).ok_or(StoreError::UnknownAccount)?;
    store.block(account.id, blocked, now())?;
    let word = if blocked { "blocked" } else { "unblocked" };
    Ok(format!("{word} {}\n", account.name))
}

fn demo(options: &Demo) -> String {
    if options.json {
        return store::demo_json() + "\n";
    }
    demo_for_people()
}

/// The demo's accounts and their credentials, as people read them.
pub fn demo_for_people() -> String {
    let accounts = store::demo_accounts();
    let shown: Vec<String> =
        accounts.iter().map(|it| shown(&it.account, &it.credentials)).collect();
    shown.join("\n")
}

/// A store that is there already: to list or to revoke is no reason to make one.
fn existing(place: &Place) -> Result<Arc<dyn Store>, StoreError> {
    if let (Place::Folder(folder), false) = (place, place.is_there()) {
        let error = "there are no accounts here; name the venue's folder with --data".to_owned();
        return Err(StoreError::Io { path: folder.join(store::FILE), error });
    }
    place.open(Opening { locked: true, ..Opening::default() })
}

/// What an option names; `None`, which is all, where it is not given.
fn named<T: Ord + Clone>(words: &[T]) -> Option<BTreeSet<T>> {
    (!words.is_empty()).then(|| words.iter().cloned().collect())
}

fn dialect(name: &str) -> Result<String, String> {
    let names = || FORMS.iter().map(|form| form.dialect).collect::<Vec<_>>().join(", ");
    match Form::of(name) {
        Ok(form) => Ok(form.dialect.to_owned()),
        Err(_) => Err(format!("there are {}", names())),
    }
}

fn now() -> Time {
    MarketClock::of_the_wall().start()
}

/// An account with credentials just issued, for people.
fn shown(account: &Account, credentials: &[Issued]) -> String {
    let mut text = headline(account) + "\n";
    for issued in credentials {
        let _ = write!(text, "  {:<15}", issued.dialect);
        for (name, part) in &issued.parts {
            let _ = write!(text, " {name} {}", part.reveal());
        }
        text.push('\n');
    }
    text
}

fn headline(account: &Account) -> String {
    let Account { name, address, .. } = account;
    let blocked = account.blocked.map(|since| format!(", blocked {}", date(since)));
    let user = account.user_id();
    format!("{name}, user_id {user}, address {address}{}", blocked.unwrap_or_default())
}

/// A credential, for people.
fn described(found: &Found) -> String {
    let mut text = format!("{:<5} {:<15} {:<32}", found.id, found.dialect, found.shown);
    let Entitlement { trading, instruments, channels, quotes } = &found.entitlement;
    text += if *trading { " trading" } else { " read-only" };
    let mut words = |kind: &str, words: Option<Vec<String>>| {
        if let Some(words) = words {
            let _ = write!(text, ", {kind} {}", words.join(" "));
        }
    };
    words("instruments", instruments.as_ref().map(|it| it.iter().map(Pair::to_string).collect()));
    words("channels", channels.as_ref().map(|it| it.iter().map(Channel::to_string).collect()));
    let feeds = || quotes.iter().map(FeedName::to_string).collect();
    words("quotes", (!quotes.is_empty()).then(feeds));
    let _ = write!(text, ", made {}", date(found.made));
    if let Some(revoked) = found.revoked {
        let _ = write!(text, ", revoked {}", date(revoked));
    }
    text
}

fn date(time: Time) -> String {
    match jiff::Timestamp::from_microsecond(time.micros()) {
        Ok(stamp) => format!("{stamp:.0}"),
        Err(_) => format!("at {} µs", time.micros()),
    }
}
