//! The people of test venues: who they are, what they hold, and by which keys they are known.
//!
//! They are accounts 1 to 4, followed, and hold a hundred million of each asset when a market opens ([`opening`]). In
//! every dialect their keys and secrets are these:
//!
//! | name | account | key | secret |
//! |---|---|---|---|
//! | alice | 1 | `alicekey000000000000000000000001` | `alicesecret000000000000000000001` |
//! | bob | 2 | `bobkey00000000000000000000000002` | `bobsecret00000000000000000000002` |
//! | carol | 3 | `carolkey000000000000000000000003` | `carolsecret000000000000000000003` |
//! | dave | 4 | `davekey0000000000000000000000004` | `davesecret0000000000000000000004` |
//!
//! Where one shows a token it is a JSON web token with their account as `userId`. Carol's key may only look, not trade; dave's is good for the first instrument alone.
//!
//! A [`Venue`](crate::venue::Venue) takes all steps of a dialect's HTTP half with these identities. Its session
//! clock is that of [`Stage::wait`](crate::transcript::Stage::wait), so that passes end when a transcript says;
//! the wall's time is what the request carries. Its passes are the same at every run:
//! `PASS00000000000000000000000000A1`, then `…A2`, and so on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dialects::{Credential, HttpResponse, NotRevoked, Step};
use edge::Revoker;
use edge::identity::{Identities, TellRevoked};
use edge::native::register::{AccountNote, CredentialNote, KeyNote, Register};
use edge::steps::{Clerk, Next, Random, Service};
use model::{AccountId, Action, Address, Amount, Assets, Instrument, InstrumentId, Time};

/// Somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// What transcripts call them.
    pub name: &'static str,
    /// Their account, which is also their user number.
    pub account: AccountId,
    /// By which they are known.
    pub key: &'static str,
    /// With which they sign.
    pub secret: &'static str,
    /// By which they are known where one shows a token: it names their account.
    pub token: &'static str,
    /// Whether the key is good for trading.
    pub may_trade: bool,
    /// The only instrument that the key is good for, if it is not good for all.
    pub only: Option<InstrumentId>,
}

impl Person {
    /// Their key and secret as `Authorization: Basic` has them.
    #[must_use]
    pub fn basic(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.key, self.secret))
    }
    /// The address of their wallet.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::of_account(self.account)
    }
}

const fn person(
    name: &'static str,
    account: u32,
    key: &'static str,
    secret: &'static str,
    token: &'static str,
) -> Person {
    Person { name, account: AccountId(account), key, secret, token, may_trade: true, only: None }
}

/// All of them, by account from 1.
pub const PEOPLE: [Person; 4] = [
    person(
        "alice",
        1,
        "alicekey000000000000000000000001",
        "alicesecret000000000000000000001",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjEsImlhdCI6MTc5NTM0ODgwMH0.YWxpY2UncyBzaWduYXR1cmUgb2YgMzIgYnl0ZXMuLi4",
    ),
    person(
        "bob",
        2,
        "bobkey00000000000000000000000002",
        "bobsecret00000000000000000000002",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjIsImlhdCI6MTc5NTM0ODgwMH0.Ym9iJ3Mgc2lnbmF0dXJlIG9mIDMyIGJ5dGVzLi4uLi4",
    ),
    Person {
        may_trade: false,
        ..person(
            "carol",
            3,
            "carolkey000000000000000000000003",
            "carolsecret000000000000000000003",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjMsImlhdCI6MTc5NTM0ODgwMH0.Y2Fyb2wncyBzaWduYXR1cmUgb2YgMzIgYnl0ZXMuLi4",
        )
    },
    Person {
        only: Some(InstrumentId(0)),
        ..person(
            "dave",
            4,
            "davekey0000000000000000000000004",
            "davesecret0000000000000000000004",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjQsImlhdCI6MTc5NTM0ODgwMH0.ZGF2ZSdzIHNpZ25hdHVyZSBvZiAzMiBieXRlcy4uLi4",
        )
    },
];

/// What each of them holds of each asset when a market opens, in whole ones.
pub const HOLDING: i64 = 100_000_000;

/// Whoever has this name.
#[must_use]
pub fn called(name: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.name == name)
}

/// Accounts of nobody, for tests that only want something to be traded: they hold as much, and are shown nothing.
const STRANGERS: [AccountId; 2] = [MAKER, TAKER];
/// Whose orders rest.
pub const MAKER: AccountId = AccountId(901);
/// Whose orders take what is there.
pub const TAKER: AccountId = AccountId(902);

/// What is done when a market opens, so that the people can trade in it and are shown what is theirs. It is the same in
/// memory and over sockets, so that what follows has the same places in the stream.
///
/// # Panics
/// If an asset is counted so coarsely that a whole one cannot be said.
#[must_use]
pub fn opening(instruments: &[Instrument]) -> Vec<Action> {
    let assets = Assets::of(instruments);
    let mut actions = Vec::new();
    for Person { account, .. } in PEOPLE {
        actions.push(Action::Follow(account));
        actions.extend(riches(&assets, account));
    }
    actions.extend(STRANGERS.into_iter().flat_map(|account| riches(&assets, account)));
    actions
}

/// What makes an account able to trade: [`HOLDING`] of every asset.
pub(crate) fn riches(assets: &Assets, account: AccountId) -> impl Iterator<Item = Action> {
    assets.all().iter().map(move |asset| {
        let amount: Amount = asset.amount_of_units(HOLDING, 0).expect("whole ones can be said");
        Action::Deposit { account, asset: asset.id, amount }
    })
}

/// Who holds which key in test venues.
#[derive(Default)]
pub struct Known {
    revoked: Mutex<BTreeSet<String>>,
    /// What ends what keys have opened, where they are served.
    revoker: OnceLock<Revoker>,
    /// Whether no key can be revoked by those who hold it, since that cannot be written down.
    is_broken: AtomicBool,
    /// Keys that may ask so often each second and not more.
    slow: Mutex<BTreeMap<String, u32>>,
    blocked: Mutex<BTreeSet<AccountId>>,
    /// Keys that may quote something, and what.
    quoting: Mutex<Vec<(String, (InstrumentId, u16))>>,
}

impl Known {
    /// This key is good no longer.
    pub fn revoke(&self, key: &str) {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
    }

    /// What ends what revoked keys have opened from now on.
    pub(crate) fn serve(&self, revoker: Revoker) {
        // Who is served twice ends what was opened where they were first.
        let _served = self.revoker.set(revoker);
    }

    /// From now on nothing can be written down, or it can again.
    pub fn break_down(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::Relaxed);
    }

    /// Takes the power of all keys of an account; which they were.
    ///
    /// # Errors
    /// [`NotRevoked::Failed`] while it is [broken down](Known::break_down).
    pub fn revoke_all(&self, account: AccountId) -> Result<Vec<String>, NotRevoked> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(NotRevoked::Failed);
        }
        let own = PEOPLE.iter().filter(|person| person.account == account);
        let mut keys = Vec::new();
        for person in own {
            self.revoke(person.key);
            self.revoke(person.token);
            keys.push(person.key.to_owned());
        }
        Ok(keys)
    }

    /// From now on this key may make so many requests each second.
    pub fn slow_down(&self, key: &str, requests_per_second_max: u32) {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.insert(key.to_owned(), requests_per_second_max);
    }

    /// From now on this key may quote a constituent of a perpetual's index, by its place.
    pub fn let_quote(&self, key: &str, instrument: InstrumentId, constituent: u16) {
        let mut quoting = self.quoting.lock().unwrap_or_else(PoisonError::into_inner);
        quoting.push((key.to_owned(), (instrument, constituent)));
    }
    fn quotes(&self, key: &str) -> Option<Arc<Vec<(InstrumentId, u16)>>> {
        let quoting = self.quoting.lock().unwrap_or_else(PoisonError::into_inner);
        let its = quoting.iter().filter(|(held, _)| held == key).map(|&(_, quote)| quote);
        Some(Arc::new(its.collect()))
    }

    /// This account is blocked, or is not any more.
    pub fn block(&self, account: AccountId, blocked: bool) {
        let mut all = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked {
            all.insert(account)
        } else {
            all.remove(&account)
        };
    }
    fn is_blocked(&self, account: AccountId) -> bool {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner).contains(&account)
    }
}

impl Identities for Known {
    fn credential(&self, _dialect: &str, key: &str) -> Option<Credential> {
        if self.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(key) {
            return None;
        }
        PEOPLE.iter().find(|person| person.key == key || person.token == key).map(|person| {
            Credential {
                account: person.account,
                secret: person.secret.into(),
                may_trade: person.may_trade,
                instruments: person.only.map(|only| vec![only]),
                quotes: self.quotes(person.key),
                blocked: self.is_blocked(person.account),
            }
        })
    }
    fn proven(&self, dialect: &str, key: &str, secret: &[u8]) -> Option<Credential> {
        self.credential(dialect, key).filter(|credential| credential.secret == secret)
    }

    fn credential_id(&self, _dialect: &str, key: &str) -> Option<String> {
        let held = |person: &&Person| person.key == key || person.token == key;
        PEOPLE.iter().find(held).map(|person| format!("c{}", person.account))
    }

    fn revoke_keys(&self, dialect: &'static str, account: AccountId, tell: TellRevoked) {
        let revoked = self.revoke_all(account);
        if let (Ok(keys), Some(revoker)) = (&revoked, self.revoker.get()) {
            keys.iter().for_each(|key| revoker.revoke(dialect, key));
            revoker.review();
        }
        tell(revoked);
    }
}

impl Register for Known {
    fn key(&self, key: &str) -> Option<KeyNote> {
        let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        let person = PEOPLE.iter().find(|person| person.key == key)?;
        let requests_per_second_max = slow.get(key).copied();
        Some(KeyNote { id: format!("c{}", person.account), requests_per_second_max })
    }
    fn account(&self, id: AccountId) -> Option<AccountNote> {
        let person = PEOPLE.iter().find(|person| person.account == id)?;
        let address = Address::of_account(id).to_string();
        Some(AccountNote { name: person.name.to_owned(), user_id: id.0.into(), address })
    }
    fn account_named(&self, name: &str) -> Option<AccountId> {
        called(name).map(|person| person.account)
    }
    fn credentials(&self, id: AccountId) -> Vec<CredentialNote> {
        let own = PEOPLE.iter().filter(|person| person.account == id);
        let note = |person: &Person| CredentialNote {
            id: format!("c{}", person.account),
            dialect: edge::native::NAME,
            shown: format!("…{}", &person.key[person.key.len() - 6..]),
            may_trade: person.may_trade,
            instruments: person.only.map(|only| vec![format!("instrument {only}")]),
            channels: None,
            quotes: Vec::new(),
            made: Time::from_seconds(1_767_225_600),
            revoked: None,
        };
        own.map(note).collect()
    }
    fn demo(&self) -> Option<String> {
        Some(r#"{"accounts":[{"name":"alice"}]}"#.to_owned())
    }
}

/// Lets a clerk issue a pass to somebody, as a dialect would: good for a minute from `now`, which is session time.
///
/// # Panics
/// If the key is good no longer.
pub fn admit(clerk: &Clerk, dialect: &'static str, person: &Person, now: Duration) -> String {
    let account = person.account;
    let words = |pass: &str| Step::Reply(HttpResponse::json(200, pass.into()));
    let issue = move |holder: Option<&Credential>| {
        assert!(holder.is_some(), "the key of account {account} is good no longer");
        Step::IssuePass(account, Duration::from_secs(60), Box::new(words))
    };
    let mut service = Service::new(dialect, Time(0), now);
    match clerk.take(&mut service, Step::Identify(person.key.to_owned(), Box::new(issue))) {
        Next::Reply(response) => String::from_utf8(response.body).expect("letters and digits"),
        Next::Ask(..) | Next::Submit(..) | Next::RevokeKeys(..) => {
            unreachable!("a pass needs nobody else")
        }
    }
}

/// A clerk who knows these people.
#[must_use]
pub fn clerk(known: Arc<Known>) -> Clerk {
    Clerk::new(known, Arc::default(), countable())
}

/// Bytes of which the passes are made that the module speaks of.
fn countable() -> Random {
    let count = AtomicU64::new(0xA0);
    Box::new(move |bytes| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let text = format!("PASS{number:028X}");
        for (byte, letter) in bytes.iter_mut().zip(text.bytes()) {
            // A byte below 62 becomes the letter at its place.
            *byte = match letter {
                b'0'..=b'9' => letter - b'0',
                _ => letter - b'A' + 10,
            };
        }
    })
}
