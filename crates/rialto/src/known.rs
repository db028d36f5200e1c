//! Who one is, as a venue knows it: the store's accounts and credentials, asked by the edge.
//!
//! What another process writes to the store (`rialto keys`) is looked for every second, and as soon as that is told: new accounts are followed,
//! and what a revoked key, or a blocked account's, has opened ends. So is the store itself where there was none. Who
//! asks over HTTP for the end of its own keys has that written by the same thread, so that nobody else waits for the
//! disk.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use dialects::{Credential, NotRevoked, Outcome, Standing, Submission};
use edge::Revoker;
use edge::board_thread::BoardsHandle;
use edge::clock::MarketClock;
use edge::identity::{Identities, Nobody, TellRevoked};
use edge::limits::Limits;
use edge::native::register::{AccountNote, Blank, CredentialNote, KeyNote, Register};
use edge::steps::Clerk;
use model::{AccountId, Action, Assets, Constituent, Contract, FeedName, InstrumentId};
use store::{
    Channel, Entitlement, Form, Found, Identity, MasterKey, Opening, Pair, Random, SqliteStore,
    Store, StoreError,
};

use crate::accounts::Place;
use crate::aloud;
use crate::cli::Serve;
use crate::keys::DATA;

#[cfg(test)]
mod tests;

/// How often the store is looked at for what others wrote.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Those that may wait for their keys to be revoked, and news of the store among them. One more is told that it failed.
const ENDINGS_MAX: usize = 64;

/// What is known of accounts; nothing in a venue that has none.
#[derive(Clone)]
pub struct Known(Option<Arc<Book>>);

struct Book {
    store: RwLock<Arc<dyn Store>>,
    /// Where a store is opened once somebody has made it, if there was none.
    awaited: Option<Awaited>,
    /// Whether accounts are kept at all, beside those of the demo.
    are_kept: AtomicBool,
    /// Whether a store that somebody has made meanwhile is the one that is meant; any is if nobody says so.
    judge: OnceLock<Judge>,
    instruments: Vec<Pair>,
    /// What can be quoted from outside: the perpetuals, the places in their indexes, and the names of those.
    feeds: Vec<(InstrumentId, u16, FeedName)>,
    demo: bool,
    /// To whoever looks at the store.
    asked: SyncSender<Asked>,
    /// Where these come out, until somebody looks.
    asks: Mutex<Option<Receiver<Asked>>>,
}

/// Says whether a store is the one that is meant; not yet if that cannot be known now.
///
/// # Errors
/// [`StoreError::AnotherStore`] if it is not.
pub type Judge = Box<dyn Fn(Identity) -> Result<bool, StoreError> + Send + Sync>;

/// What whoever looks at the store is asked for.
enum Asked {
    /// To look now: others have written.
    Look,
    /// To end keys.
    End(Ending),
}

/// All keys of an account in a dialect are to be revoked.
struct Ending {
    dialect: &'static str,
    account: AccountId,
    tell: TellRevoked,
}

impl Known {
    /// Nobody is known.
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// The accounts in this place, unless these options are to read none, and where only this machine can listen those
    /// of the demo.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be opened.
    pub fn open(
        options: &Serve,
        place: Place,
        listen: IpAddr,
        (instruments, contracts): (Vec<Pair>, &[Contract]),
    ) -> Result<Self, StoreError> {
        let demo = listen.is_loopback();
        let place = Awaited { place, master_key: options.master_key.clone() };
        let is_there = !options.ephemeral && place.is_there();
        let store: Arc<dyn Store> = if is_there {
            place.open(demo)?
        } else {
            Arc::new(SqliteStore::in_memory(Opening { demo, ..Opening::default() })?)
        };
        let awaited = Some(place).filter(|_| !options.ephemeral && !is_there);
        let store = RwLock::new(store);
        let (asked, asks) = sync_channel(ENDINGS_MAX);
        let asks = Mutex::new(Some(asks));
        let feeds = contracts.iter().flat_map(feeds).collect();
        let (are_kept, judge) = (AtomicBool::new(is_there), OnceLock::new());
        let book = Book { store, awaited, are_kept, judge, instruments, feeds, demo, asked, asks };
        Ok(Self(Some(Arc::new(book))))
    }

    /// Which store accounts are kept in; `None` if nobody is known but the demo.
    pub fn identity(&self) -> Option<Identity> {
        let book = self.0.as_ref()?;
        book.are_kept.load(Ordering::Acquire).then(|| book.store().identity())
    }

    /// Has a store that somebody makes where there is none judged before it is used.
    pub fn judged(&self, judge: Judge) {
        if let Some(book) = &self.0 {
            // It is said once.
            let _first = book.judge.set(judge);
        }
    }

    /// What is done when a market opens: accounts are followed that are not yet, and those of them that are the
    /// demo's are given something.
    pub fn opening(&self, assets: &Assets, followed: impl Fn(AccountId) -> bool) -> Vec<Action> {
        let Some(book) = &self.0 else { return Vec::new() };
        let accounts = book.store().accounts();
        let new = accounts.iter().filter(|account| !followed(account.id));
        let mut actions: Vec<Action> = new.map(|account| Action::Follow(account.id)).collect();
        if book.demo {
            let new = |funding: &store::Funding| !followed(funding.account);
            actions.extend(store::demo_funding(assets).into_iter().filter(new).map(|funding| {
                let (account, asset, amount) = (funding.account, funding.asset, funding.amount);
                Action::Deposit { account, asset, amount }
            }));
        }
        actions
    }

    /// A clerk who asks here.
    pub fn clerk(&self, limits: &Limits) -> Arc<Clerk> {
        let identities: Arc<dyn Identities> = match &self.0 {
            Some(book) => Arc::clone(book) as Arc<dyn Identities>,
            None => Arc::new(Nobody),
        };
        let random = |bytes: &mut [u8]| {
            // A pass that could be guessed is worse than none.
            Random::system().fill(bytes).expect("the system has randomness to give");
        };
        let clerk = Clerk::new(identities, Arc::default(), Box::new(random));
        Arc::new(clerk.with_connections_per_key(limits.connections_per_key_max))
    }

    /// Whom the native API asks for what people are told of themselves.
    pub fn register(&self) -> Arc<dyn Register> {
        match &self.0 {
            Some(book) => Arc::clone(book) as Arc<dyn Register>,
            None => Arc::new(Blank),
        }
    }

    /// The demo's credentials for people, where this machine alone can use them.
    pub fn demo_credentials(&self) -> Option<String> {
        let is_demo = self.0.as_ref().is_some_and(|book| book.demo);
        is_demo.then(crate::keys::demo_for_people)
    }

    /// Looks for what others write to the store, and ends keys whose holders wish it, as long as the process lives. New
    /// accounts are followed on these boards, if that is for this process to do.
    pub fn watch(&self, revoker: Revoker, boards: Option<BoardsHandle>) {
        let Some(book) = self.0.clone() else { return };
        let Some(asks) = lock(&book.asks).take() else { return };
        // However much others write, one look at a time waits.
        let news = Arc::new(AtomicBool::new(false));
        let (asked, told) = (book.asked.clone(), Arc::clone(&news));
        book.store().tell(Box::new(move || {
            if !told.swap(true, Ordering::Relaxed) {
                // Where there is no room somebody is about to look.
                let _sent = asked.try_send(Asked::Look);
            }
        }));
        let mut watch = Watch::new(book, revoker, boards);
        // What goes on being wrong is said once.
        let mut complaint: Option<StoreError> = None;
        let look = move || {
            loop {
                match asks.recv_timeout(LOOK_EVERY) {
                    Ok(Asked::End(ending)) => watch.end_own(ending),
                    Ok(Asked::Look) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                news.store(false, Ordering::Relaxed);
                let found = watch.look().err();
                if found.is_none() && complaint.as_ref().is_some_and(StoreError::may_pass) {
                    aloud::complain("the accounts can be read again");
                }
                if let Some(error) = &found
                    && !complaint.as_ref().is_some_and(|said| is_the_same(said, error))
                {
                    aloud::complain(format_args!("failed to look at the accounts: {error}"));
                }
                complaint = found;
            }
        };
        let watching = thread::Builder::new().name("accounts".into()).spawn(look);
        if let Err(error) = watching {
            aloud::complain(format_args!(
                "revoked keys stay connected: failed to start a thread: {error}"
            ));
        }
    }
}

/// Whether who has been told the one need not be told the other. A server that is away is so in many words, while it ends
/// and while it begins.
fn is_the_same(said: &StoreError, now: &StoreError) -> bool {
    said == now || (said.may_pass() && now.may_pass())
}

/// Brings to a running venue what others have written to its store.
struct Watch {
    book: Arc<Book>,
    revoker: Revoker,
    boards: Option<BoardsHandle>,
    /// The last change whose revocations were seen to.
    seen: u64,
    /// Accounts that the engine was asked to follow. One that it did not take after all is taken out again, on the
    /// board thread.
    followed: Arc<Mutex<BTreeSet<AccountId>>>,
    /// Accounts whose keys were blocked when it last looked.
    blocked: BTreeSet<AccountId>,
    /// Whether the store is still to be made.
    waits: bool,
}

impl Watch {
    /// From now on; the accounts that are there already were followed when the market opened.
    fn new(book: Arc<Book>, revoker: Revoker, boards: Option<BoardsHandle>) -> Self {
        let seen = book.store().version();
        let followed = book.store().accounts().iter().map(|account| account.id).collect();
        let (followed, blocked) = (Arc::new(Mutex::new(followed)), book.blocked());
        let waits = book.awaited.is_some();
        Self { book, revoker, boards, seen, followed, blocked, waits }
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`StoreError`] if not all could be learned; what was learned is seen to.
    fn look(&mut self) -> Result<(), StoreError> {
        if self.waits && self.book.open_awaited()? {
            self.waits = false;
            // What had no power when it was opened has opened nothing here.
            (self.seen, self.blocked) = (self.book.store().version(), self.book.blocked());
        }
        let learned = self.book.store().refresh();
        self.follow();
        if learned != Ok(false) {
            self.end_revoked();
            self.end_blocked();
        }
        learned.map(drop)
    }

    /// Asks the engine to follow the accounts that are new. Where there is no room they are new the next time.
    fn follow(&self) {
        let Some(boards) = &self.boards else { return };
        let new: Vec<AccountId> = {
            let followed = lock(&self.followed);
            let accounts = self.book.store().accounts().into_iter().map(|account| account.id);
            accounts.filter(|id| !followed.contains(id)).collect()
        };
        for id in new {
            lock(&self.followed).insert(id);
            let followed = Arc::clone(&self.followed);
            let reply = move |outcome| {
                if matches!(outcome, Outcome::NotTaken | Outcome::Unknown) {
                    lock(&followed).remove(&id);
                }
            };
            let submission = Submission { action: Action::Follow(id), label: None };
            if boards.submit(submission, Box::new(reply)).is_err() {
                lock(&self.followed).remove(&id);
            }
        }
    }

    /// Has keys revoked whose holder wishes it. Nobody is told before that is on disk, and before whoever those keys
    /// have let in is told to leave.
    fn end_own(&mut self, Ending { dialect, account, tell }: Ending) {
        let now = MarketClock::of_the_wall().start();
        match self.book.store().revoke_all(account, dialect, now) {
            Ok(revoked) => {
                self.end_revoked();
                // Keys that are secrets are known to nobody but those who use them.
                self.revoker.review();
                tell(Ok(revoked.into_iter().filter_map(|it| it.key).collect()));
            }
            Err(StoreError::OfDemo) => tell(Err(NotRevoked::NotAllowed)),
            Err(error) => {
                aloud::complain(format_args!(
                    "failed to revoke the keys of account {account}: {error}"
                ));
                tell(Err(NotRevoked::Failed));
            }
        }
    }

    /// Ends what keys have opened that were revoked since.
    fn end_revoked(&mut self) {
        let now = self.book.store().version();
        for revocation in self.book.store().revocations(self.seen) {
            if let Some(key) = &revocation.key {
                self.revoker.revoke(revocation.dialect, key);
            }
        }
        self.seen = now;
    }

    /// Ends what the keys of accounts have opened that were blocked since.
    fn end_blocked(&mut self) {
        let blocked = self.book.blocked();
        let is_new = |found: &Found| {
            let account = found.account.id;
            blocked.contains(&account) && !self.blocked.contains(&account)
        };
        for found in self.book.store().credentials().iter().filter(|found| is_new(found)) {
            if let Some(key) = found.public_key() {
                self.revoker.revoke(found.dialect, key);
            }
        }
        self.blocked = blocked;
        // Keys that are secrets are known to nobody but those who use them.
        self.revoker.review();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a store is, or will be.
struct Awaited {
    place: Place,
    master_key: Option<PathBuf>,
}

impl Awaited {
    fn is_there(&self) -> bool {
        self.place.is_there()
    }

    fn open(&self, demo: bool) -> Result<Arc<dyn Store>, StoreError> {
        let master = MasterKey::find(self.master_key.as_deref())?;
        self.place.open(Opening { master, demo, ..Opening::default() })
    }
}

impl Book {
    /// The store as it is kept now.
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the store that was not there, if it is now; whether it is.
    fn open_awaited(&self) -> Result<bool, StoreError> {
        let Some(place) = self.awaited.as_ref().filter(|place| place.is_there()) else {
            return Ok(false);
        };
        let store = place.open(self.demo)?;
        if let Some(judge) = self.judge.get()
            && !judge(store.identity())?
        {
            return Ok(false);
        }
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = store;
        self.are_kept.store(true, Ordering::Release);
        Ok(true)
    }

    /// The accounts that are blocked now.
    fn blocked(&self) -> BTreeSet<AccountId> {
        let accounts = self.store().accounts();
        let blocked = accounts.iter().filter(|account| account.blocked.is_some());
        blocked.map(|account| account.id).collect()
    }
}

/// Where these options say that state lives.
pub fn folder(options: &Serve) -> &Path {
    options.data.as_deref().unwrap_or(Path::new(DATA))
}

impl Register for Book {
    fn key(&self, key: &str) -> Option<KeyNote> {
        let found = self.store().credential(edge::native::NAME, key)?;
        let requests_per_second_max = found.limits.requests_per_second_max;
        Some(KeyNote { id: found.id.to_string(), requests_per_second_max })
    }
    fn account(&self, id: AccountId) -> Option<AccountNote> {
        let account = self.store().account(id)?;
        let (name, address) = (account.name.clone(), account.address.clone());
        Some(AccountNote { name, user_id: account.user_id(), address })
    }
    fn account_named(&self, name: &str) -> Option<AccountId> {
        self.store().account_named(name).map(|account| account.id)
    }
    fn credentials(&self, id: AccountId) -> Vec<CredentialNote> {
        let all = self.store().credentials();
        let own = all.iter().filter(|found| found.account.id == id);
        let note = |found: &Arc<Found>| CredentialNote {
            id: found.id.to_string(),
            dialect: found.dialect,
            shown: found.shown.clone(),
            may_trade: found.entitlement.trading,
            instruments: texts(found.entitlement.instruments.as_ref()),
            channels: texts(found.entitlement.channels.as_ref()),
            quotes: found.entitlement.quotes.iter().map(FeedName::to_string).collect(),
            made: found.made,
            revoked: found.revoked,
        };
        own.map(note).collect()
    }
    fn demo(&self) -> Option<String> {
        self.demo.then(store::demo_json)
    }
}

fn texts<T: ToString>(words: Option<&BTreeSet<T>>) -> Option<Vec<String>> {
    words.map(|words| words.iter().map(T::to_string).collect())
}

impl Identities for Book {
    fn credential(&self, dialect: &str, key: &str) -> Option<Credential> {
        let found = self.store().credential(dialect, key)?;
        let secret = match found.signing_secret() {
            Some(secret) => secret.reveal().as_bytes().to_vec(),
            None if found.is_proven_by_key() => Vec::new(),
            None => return None,
        };
        self.held(&found, secret)
    }
    fn proven(&self, dialect: &str, key: &str, secret: &[u8]) -> Option<Credential> {
        let found = self.store().credential(dialect, key)?;
        if found.is_proven_by(secret) { self.held(&found, Vec::new()) } else { None }
    }
    fn credential_id(&self, dialect: &str, key: &str) -> Option<String> {
        self.store().credential(dialect, key).map(|found| found.id.to_string())
    }
    fn standing(&self, dialect: &str, key: &str) -> Standing {
        let found = self.store().credential(dialect, key);
        let held = found.filter(|found| found.revoked.is_none() && may_log_in(found));
        match held {
            None => Standing::Revoked,
            Some(found) if found.account.blocked.is_some() => Standing::Blocked,
            Some(_) => Standing::Good,
        }
    }
    fn revoke_keys(&self, dialect: &'static str, account: AccountId, tell: TellRevoked) {
        let sent = self.asked.try_send(Asked::End(Ending { dialect, account, tell }));
        if let Err(
            TrySendError::Full(Asked::End(ending)) | TrySendError::Disconnected(Asked::End(ending)),
        ) = sent
        {
            (ending.tell)(Err(NotRevoked::Failed));
        }
    }
}

/// What can be quoted from outside for an index.
fn feeds(contract: &Contract) -> impl Iterator<Item = (InstrumentId, u16, FeedName)> {
    (0..).zip(&contract.constituents).filter_map(|(place, constituent)| match constituent {
        Constituent::Feed(name) => Some((contract.instrument, place, *name)),
        Constituent::Book(_) => None,
    })
}

impl Book {
    /// Where somebody may quote who may do this.
    fn quotes(&self, entitlement: &Entitlement) -> Option<Arc<Vec<(InstrumentId, u16)>>> {
        if entitlement.quotes.is_empty() {
            return None;
        }
        let its = self.feeds.iter().filter(|(_, _, name)| entitlement.quotes.contains(name));
        Some(Arc::new(its.map(|&(instrument, place, _)| (instrument, place)).collect()))
    }

    /// What is told of a credential whose holder has proved to be that, or is about to.
    fn held(&self, found: &Found, secret: Vec<u8>) -> Option<Credential> {
        may_log_in(found).then(|| Credential {
            account: found.account.id,
            secret,
            may_trade: found.entitlement.trading,
            instruments: found.entitlement.numbers(&self.instruments),
            quotes: self.quotes(&found.entitlement),
            blocked: found.account.blocked.is_some(),
        })
    }
}

/// Who may not hear what is its own may not see it by any other way either: a key that would open an account is nobody's
/// then. Where there is only what is public there is nothing to see.
fn may_log_in(found: &Found) -> bool {
    let hears_own = |channels: &BTreeSet<Channel>| channels.contains(&Channel::Private);
    let opens_account = Form::of(found.dialect).is_ok_and(|form| form.opens_account);
    !opens_account || found.entitlement.channels.as_ref().is_none_or(hears_own)
}
