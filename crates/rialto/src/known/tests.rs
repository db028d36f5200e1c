//! What another process writes to the store reaches a venue that is served; here the other process is a second store
//! over the same file.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use dialects::{HttpResponse, Step};
use edge::steps::{Next, Service};
use model::{AnswerBody, Balance, Instrument, InstrumentId, Query, Time, Topic, TopicKind};
use store::{Entitlement, Issued, Limits, Pair, Wanted};
use testkit::laws::private::{Bitstamp, Tongue, listings};
use testkit::served::{Heard, Line, Served, Setup};

use super::*;
use crate::config::AccountsPlan;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const UNAUTHORIZED: &str = r#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}"#;
const NOW: Time = Time::from_seconds(1_800_000_000);

/// A folder with a store, and that store as another process has it open.
struct Elsewhere {
    folder: PathBuf,
    store: SqliteStore,
}

impl Elsewhere {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("rialto-known-{}-{name}", std::process::id()));
        std::fs::create_dir(&folder).expect("a new folder");
        MasterKey::make(&folder.join("key"), &mut Random::system()).expect("a new master key");
        Self::in_folder(folder)
    }

    fn in_folder(folder: PathBuf) -> Self {
        let master = Some(MasterKey::read(&folder.join("key")).expect("a master key"));
        let opening = Opening { master, ..Opening::default() };
        let store = SqliteStore::open(&folder, opening).expect("a new store");
        Self { folder, store }
    }

    /// A new account, and its key of Bitstamp.
    fn enrol(&self, name: &str, entitlement: Entitlement) -> (AccountId, Issued) {
        self.enrol_in("bitstamp", name, entitlement)
    }

    fn enrol_in(&self, dialect: &str, name: &str, entitlement: Entitlement) -> (AccountId, Issued) {
        let limits = Limits::default();
        let wanted = Wanted { dialect: dialect.into(), entitlement, limits };
        let (account, mut issued) = self.store.enrol(name, &[wanted], NOW).expect("a new account");
        (account.id, issued.remove(0))
    }

    fn options(&self) -> Serve {
        options(&self.folder)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn options(folder: &Path) -> Serve {
    let (data, master_key) = (Some(folder.to_owned()), Some(folder.join("key")));
    Serve { data, master_key, ..Serve::default() }
}

/// The public part of a key.
fn key(issued: &Issued) -> &str {
    issued.parts[0].1.reveal()
}

/// A venue that is served, and what it knows of accounts.
struct Venue {
    served: Served,
    known: Known,
    clerk: Arc<Clerk>,
    watch: Watch,
}

impl Venue {
    fn open(options: &Serve, listen: IpAddr) -> Self {
        Self::open_on(options, Place::of(None, folder(options)), listen)
    }

    fn open_on(options: &Serve, place: Place, listen: IpAddr) -> Self {
        let listings = listings();
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        let pairs = instruments.iter().map(Pair::of).collect();
        let known = Known::open(options, place, listen, (pairs, &[])).expect("the store");
        let clerk = known.clerk(&edge::limits::Limits::default());
        let mut setup = Setup::bitstamp();
        setup.clerk = Some(Arc::clone(&clerk));
        setup.listings = listings;
        setup.dialect = Bitstamp.dialect().into();
        let served = setup.serve();
        for action in known.opening(&Assets::of(&instruments), |_| false) {
            served.market.act(action);
        }
        served.market.settle();
        let book = known.0.clone().expect("it was opened");
        let watch = Watch::new(book, served.edge.revoker(), Some(served.edge.boards.clone()));
        Self { served, known, clerk, watch }
    }

    fn credential(&self, key: &str) -> Option<Credential> {
        self.known.0.as_ref().expect("it was opened").credential("bitstamp", key)
    }

    /// What an account is shown of its balances, if anything.
    fn balances(&self, account: AccountId) -> Option<Vec<Balance>> {
        match self.served.market.ask(Query::Balances { account }).body {
            AnswerBody::Balances(balances) => Some(balances),
            AnswerBody::Unavailable => None,
            other => panic!("{other:?}"),
        }
    }

    /// A pass as the holder of a key is given it.
    fn pass(&self, key: &str) -> String {
        let issue = |holder: Option<&Credential>| {
            let account = holder.expect("the key is known").account;
            let words = |pass: &str| Step::Reply(HttpResponse::json(200, pass.into()));
            Step::IssuePass(account, Duration::from_secs(60), Box::new(words))
        };
        let now = self.served.edge.session_clock.now();
        let step = Step::Identify(key.to_owned(), Box::new(issue));
        let mut service = Service::new("bitstamp", NOW, now);
        let Next::Reply(response) = self.clerk.take(&mut service, step) else {
            panic!("a pass needs no market");
        };
        String::from_utf8(response.body).expect("letters and digits")
    }

    /// Whether a client is let in to an account's orders of this instrument.
    fn lets_in(&self, line: &mut Line, account: AccountId, instrument: u16, pass: &str) -> bool {
        let topic = Topic::own(account, InstrumentId(instrument), TopicKind::OwnOrders);
        line.say(&Bitstamp.subscribe(&topic, account, pass));
        let [granted, refused, _] = Bitstamp.answers(&topic);
        match line.hear() {
            Heard::Text(text) if text == granted => true,
            Heard::Text(text) if text == refused => false,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_key_whose_secret_is_only_compared_is_good_to_who_shows_it() {
    let nothing = Serve { ephemeral: true, ..Serve::default() };
    let venue = Venue::open(&nothing, HERE);
    let book = venue.known.0.as_ref().expect("it was opened");
    let demo = store::demo_accounts();
    let parts = |who: usize| {
        let own = demo[who].credentials.iter().find(|it| it.dialect == "timex");
        let parts = &own.expect("a key").parts;
        (parts[0].1.reveal(), parts[1].1.reveal().as_bytes())
    };
    let ((key, secret), (_, other)) = (parts(0), parts(1));
    let held = book.proven("timex", key, secret).expect("this is its secret");
    assert_eq!(held.account, demo[0].account.id);
    assert!(held.secret.is_empty(), "nobody needs it any more");
    for wrong in [other, b"", &secret[1..]] {
        assert!(book.proven("timex", key, wrong).is_none());
    }
    assert!(book.credential("timex", key).is_none(), "who knows the key alone is nobody");
    assert_eq!(book.standing("timex", key), Standing::Good);
    assert_eq!(book.standing("timex", "nobody's"), Standing::Revoked);
}

#[test]
fn the_demo_is_followed_and_given_something_where_only_this_machine_listens() {
    let nothing = Serve { ephemeral: true, ..Serve::default() };
    let venue = Venue::open(&nothing, HERE);
    let assets = Assets::of(&listings().into_iter().map(|it| it.instrument).collect::<Vec<_>>());
    let demo = store::demo_accounts();
    assert_eq!(demo.len(), 2);
    for account in &demo {
        let id = account.account.id;
        let expected: Vec<Balance> = store::demo_funding(&assets)
            .into_iter()
            .filter(|it| it.account == id)
            .map(|it| Balance {
                account: id,
                asset: it.asset,
                available: it.amount,
                held: model::Amount::ZERO,
            })
            .collect();
        assert_eq!(expected.len(), assets.all().len());
        assert_eq!(venue.balances(id), Some(expected));
        let own = account.credentials.iter().find(|it| it.dialect == "bitstamp");
        let found = venue.credential(key(own.expect("a key"))).expect("it is known");
        assert!(found.account == id && found.may_trade && found.instruments.is_none());
    }
    // Where strangers may listen nobody knows it.
    let venue = Venue::open(&nothing, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    for account in &demo {
        assert_eq!(venue.balances(account.account.id), None);
        for issued in &account.credentials {
            assert!(venue.credential(key(issued)).is_none());
        }
    }
}

#[test]
fn an_account_that_is_made_while_it_runs_is_known_and_followed() {
    let elsewhere = Elsewhere::new("new");
    let mut venue = Venue::open(&elsewhere.options(), HERE);
    let (account, issued) = elsewhere.enrol("carol", Entitlement::full());
    assert!(venue.credential(key(&issued)).is_none(), "not before it looks");
    assert_eq!(venue.watch.look(), Ok(()));
    let found = venue.credential(key(&issued)).expect("the key is known");
    assert_eq!(found.account, account);
    // It is followed: it has nothing, and is shown that.
    assert_eq!(venue.balances(account).map(|all| all.len()), Some(3));
    let mut line = venue.served.client();
    assert!(venue.lets_in(&mut line, account, 0, &venue.pass(key(&issued))));
    // Once is enough.
    let before = venue.served.edge.counters.submissions.read();
    assert_eq!(venue.watch.look(), Ok(()));
    assert_eq!(venue.served.edge.counters.submissions.read(), before);
}

#[test]
fn a_store_that_is_made_while_it_runs_is_found() {
    let folder = std::env::temp_dir().join(format!("rialto-known-{}-late", std::process::id()));
    std::fs::create_dir(&folder).expect("a new folder");
    MasterKey::make(&folder.join("key"), &mut Random::system()).expect("a new master key");
    let mut venue = Venue::open(&options(&folder), HERE);
    assert_eq!(venue.watch.look(), Ok(()));
    let alice = store::demo_accounts()[0].account.id;
    let riches = venue.balances(alice);
    assert!(riches.is_some());

    let elsewhere = Elsewhere::in_folder(folder);
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    let (_, revoked) = elsewhere.enrol("dora", Entitlement::full());
    elsewhere.store.revoke(revoked.id, NOW).expect("it is there");
    assert_eq!(venue.watch.look(), Ok(()));
    assert!(venue.balances(carol).is_some());
    assert!(venue.credential(key(&revoked)).is_none());
    let (mut line, pass) = (venue.served.client(), venue.pass(key(&hers)));
    assert!(venue.lets_in(&mut line, carol, 0, &pass));
    // From then on it is looked at like any other, and the demo is what it was.
    assert_eq!(venue.balances(alice), riches);
    elsewhere.store.revoke(hers.id, NOW).expect("it is there");
    assert_eq!(venue.watch.look(), Ok(()));
    assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
}

#[test]
fn a_key_that_is_revoked_elsewhere_ends_what_it_has_opened() {
    let elsewhere = Elsewhere::new("revoked");
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    let (dora, theirs) = elsewhere.enrol("dora", Entitlement::full());
    let mut venue = Venue::open(&elsewhere.options(), HERE);
    let (pass, other) = (venue.pass(key(&hers)), venue.pass(key(&theirs)));
    let [mut line, mut stays, mut late] = [(); 3].map(|()| venue.served.client());
    assert!(venue.lets_in(&mut line, carol, 0, &pass));
    assert!(venue.lets_in(&mut stays, dora, 0, &other));

    elsewhere.store.revoke(hers.id, NOW).expect("it is there");
    line.check_silence();
    assert!(venue.credential(key(&hers)).is_some(), "not before it looks");
    assert_eq!(venue.watch.look(), Ok(()));
    assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
    line.check_closed(1008, "");
    stays.check_silence();
    assert!(venue.credential(key(&hers)).is_none());
    assert!(venue.credential(key(&theirs)).is_some());
    assert!(!venue.lets_in(&mut late, carol, 0, &pass), "its passes are good for nothing");
    assert!(venue.lets_in(&mut late, dora, 0, &other));
}

#[test]
fn an_account_that_is_blocked_elsewhere_is_shut_out_until_it_is_let_go_on() {
    let elsewhere = Elsewhere::new("blocked");
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    let mut venue = Venue::open(&elsewhere.options(), HERE);
    let pass = venue.pass(key(&hers));
    let (mut line, mut late) = (venue.served.client(), venue.served.client());
    assert!(venue.lets_in(&mut line, carol, 0, &pass));

    elsewhere.store.block(carol, true, NOW).expect("it is there");
    assert_eq!(venue.watch.look(), Ok(()));
    assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
    line.check_closed(1008, "");
    assert!(venue.credential(key(&hers)).is_some_and(|held| held.blocked));
    assert!(!venue.lets_in(&mut late, carol, 0, &pass));

    elsewhere.store.block(carol, false, NOW).expect("it is there");
    assert_eq!(venue.watch.look(), Ok(()));
    assert!(!venue.lets_in(&mut late, carol, 0, &pass), "passes of before stay worthless");
    assert!(venue.lets_in(&mut late, carol, 0, &venue.pass(key(&hers))));
    assert_eq!(venue.watch.look(), Ok(()));
    late.check_silence();
}

#[test]
fn it_looks_by_itself() {
    let elsewhere = Elsewhere::new("thread");
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    let venue = Venue::open(&elsewhere.options(), HERE);
    venue.known.watch(venue.served.edge.revoker(), Some(venue.served.edge.boards.clone()));
    let mut line = venue.served.client();
    assert!(venue.lets_in(&mut line, carol, 0, &venue.pass(key(&hers))));
    elsewhere.store.revoke(hers.id, NOW).expect("it is there");
    assert!(matches!(line.hear(), Heard::Text(_)));
    line.check_closed(1008, "");
}

/// Asks for the end of an account's keys; what came of it, and whether it was on disk by then.
fn end_keys(venue: &Venue, elsewhere: &Elsewhere, account: AccountId) -> Ended {
    let (heard, told) = sync_channel(1);
    let (folder, key) = (elsewhere.folder.clone(), elsewhere.folder.join("key"));
    let tell = move |revoked| {
        let master = Some(MasterKey::read(&key).expect("a master key"));
        let opening = Opening { master, ..Opening::default() };
        let fresh = SqliteStore::open(&folder, opening).expect("the store");
        let own = fresh.credentials().into_iter().filter(|it| it.account.id == account);
        let on_disk = own.filter(|it| it.revoked.is_some()).map(|it| it.shown.clone()).collect();
        heard.send(Ended { revoked, on_disk }).expect("it is waited for");
    };
    venue.clerk.revoke_keys("bitstamp", account, Box::new(tell));
    told.recv_timeout(testkit::served::PATIENCE).expect("it is told")
}

#[derive(Debug, PartialEq)]
struct Ended {
    revoked: Result<Vec<String>, NotRevoked>,
    on_disk: Vec<String>,
}

#[test]
fn whoever_ends_its_own_keys_is_told_so_when_that_is_on_disk_and_its_sockets_end() {
    let elsewhere = Elsewhere::new("ended");
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    let limits = Limits::default();
    let other = ["bitstamp", "finazon"].map(|dialect| Wanted {
        dialect: dialect.into(),
        entitlement: Entitlement::read_only(),
        limits,
    });
    let others = elsewhere.store.issue(carol, &other, NOW).expect("two more keys");
    let (dora, theirs) = elsewhere.enrol("dora", Entitlement::full());
    let venue = Venue::open(&elsewhere.options(), HERE);
    venue.known.watch(venue.served.edge.revoker(), Some(venue.served.edge.boards.clone()));
    let [mut line, mut second, mut stays] = [(); 3].map(|()| venue.served.client());
    assert!(venue.lets_in(&mut line, carol, 0, &venue.pass(key(&hers))));
    assert!(venue.lets_in(&mut second, carol, 0, &venue.pass(key(&others[0]))));
    assert!(venue.lets_in(&mut stays, dora, 0, &venue.pass(key(&theirs))));
    let unused = venue.pass(key(&hers));

    let ended = end_keys(&venue, &elsewhere, carol);
    let keys = vec![key(&hers).to_owned(), key(&others[0]).to_owned()];
    assert_eq!(ended, Ended { revoked: Ok(keys.clone()), on_disk: keys });
    for line in [&mut line, &mut second] {
        assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
        line.check_closed(1008, "");
    }
    assert!(venue.credential(key(&hers)).is_none() && venue.credential(key(&others[0])).is_none());
    let book = venue.known.0.as_ref().expect("it was opened");
    assert!(book.credential("finazon", key(&others[1])).is_some(), "of this dialect alone");
    stays.check_silence();
    assert!(!venue.lets_in(&mut stays, carol, 0, &unused), "its passes are good for nothing");
    assert!(venue.credential(key(&theirs)).is_some());
    let demo = store::demo_accounts()[0].account.id;
    assert_eq!(end_keys(&venue, &elsewhere, demo).revoked, Err(NotRevoked::NotAllowed));
}

#[test]
fn keys_whose_end_cannot_be_written_stay_good_and_nobody_is_told_otherwise() {
    let elsewhere = Elsewhere::new("broken");
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    let venue = Venue::open(&elsewhere.options(), HERE);
    venue.known.watch(venue.served.edge.revoker(), Some(venue.served.edge.boards.clone()));
    let mut line = venue.served.client();
    assert!(venue.lets_in(&mut line, carol, 0, &venue.pass(key(&hers))));
    let sql = "CREATE TRIGGER broken BEFORE UPDATE ON credential
               BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    let file = rusqlite::Connection::open(elsewhere.folder.join(store::FILE)).expect("it opens");
    file.execute_batch(sql).expect("it is a store");
    let ended = end_keys(&venue, &elsewhere, carol);
    assert_eq!(ended, Ended { revoked: Err(NotRevoked::Failed), on_disk: Vec::new() });
    assert!(venue.credential(key(&hers)).is_some());
    line.check_silence();
    // The next time the disk has room.
    file.execute_batch("DROP TRIGGER broken").expect("it was there");
    assert_eq!(end_keys(&venue, &elsewhere, carol).on_disk, [key(&hers)]);
    assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
}

#[test]
fn while_the_database_is_away_the_end_of_keys_fails_in_time_and_who_is_known_stays() {
    let Some(server) = testkit::postgres::Server::start(&[]) else { return };
    let database = store::DatabaseUrl::parse(&server.database().url()).expect("an address");
    let place =
        || Place::Database(AccountsPlan { database: database.clone(), password_file: None });
    let key_file = Elsewhere::new("away");
    let master = MasterKey::read(&key_file.folder.join("key")).expect("a master key");
    let opening = Opening { master: Some(master), ..Opening::default() };
    let elsewhere = place().open(opening).expect("a store");
    let wanted = Wanted {
        dialect: "bitstamp".into(),
        entitlement: Entitlement::full(),
        limits: Limits::default(),
    };
    let (carol, hers) = elsewhere.enrol("carol", &[wanted], NOW).expect("a new account");
    let hers = key(&hers[0]);
    let venue = Venue::open_on(&key_file.options(), place(), HERE);
    venue.known.watch(venue.served.edge.revoker(), Some(venue.served.edge.boards.clone()));
    let mut line = venue.served.client();
    assert!(venue.lets_in(&mut line, carol.id, 0, &venue.pass(hers)));
    let end = || {
        let (heard, told) = sync_channel(1);
        let tell = move |revoked| heard.send(revoked).expect("it is waited for");
        venue.clerk.revoke_keys("bitstamp", carol.id, Box::new(tell));
        told.recv_timeout(testkit::served::PATIENCE).expect("it is told")
    };
    server.end();
    assert_eq!(end(), Err(NotRevoked::Failed));
    assert!(venue.credential(hers).is_some());
    line.check_silence();
    assert!(venue.lets_in(&mut venue.served.client(), carol.id, 0, &venue.pass(hers)));
    server.begin();
    assert_eq!(end(), Ok(vec![hers.to_owned()]));
    assert_eq!(line.hear(), Heard::Text(UNAUTHORIZED.into()));
    line.check_closed(1008, "");
}

#[test]
fn so_many_may_wait_for_the_end_of_their_keys_and_one_more_is_told_that_it_failed() {
    let elsewhere = Elsewhere::new("many");
    let (carol, hers) = elsewhere.enrol("carol", Entitlement::full());
    // Nobody writes.
    let venue = Venue::open(&elsewhere.options(), HERE);
    let (heard, told) = sync_channel(ENDINGS_MAX + 1);
    for _ in 0..=ENDINGS_MAX {
        let heard = heard.clone();
        let tell = move |revoked| heard.send(revoked).expect("it is waited for");
        venue.clerk.revoke_keys("bitstamp", carol, Box::new(tell));
    }
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Err(NotRevoked::Failed)]);
    assert!(venue.credential(key(&hers)).is_some());
    // Whoever is to write serves them all, in turn.
    venue.known.watch(venue.served.edge.revoker(), Some(venue.served.edge.boards.clone()));
    let next = || told.recv_timeout(testkit::served::PATIENCE).expect("it is told");
    assert_eq!(next(), Ok(vec![key(&hers).to_owned()]));
    assert!((1..ENDINGS_MAX).all(|_| next() == Ok(Vec::new())));
}

#[test]
fn what_a_key_may_is_told_to_the_edge() {
    let elsewhere = Elsewhere::new("may");
    let pair = |pair: &str| pair.parse().expect("a pair");
    let full = Entitlement::full();
    let channels = |all: &[Channel]| Entitlement {
        channels: Some(all.iter().copied().collect()),
        ..full.clone()
    };
    let enrol = |name, entitlement| elsewhere.enrol(name, entitlement);
    let (_, looks) = enrol("looks", Entitlement::read_only());
    let only = Entitlement { instruments: Some([pair("ETH/USD")].into()), ..full.clone() };
    let (one, one_key) = enrol("one", only);
    let none = Entitlement { instruments: Some(BTreeSet::new()), ..full.clone() };
    let (nothing, nothing_key) = enrol("nothing", none);
    let (_, public) = enrol("public", channels(&[Channel::Trades, Channel::Book]));
    let (private, private_key) = enrol("private", channels(&[Channel::Private]));
    let (_, data_key) = elsewhere.enrol_in("finazon", "data", channels(&[Channel::Trades]));
    let venue = Venue::open(&elsewhere.options(), HERE);

    assert!(!venue.credential(key(&looks)).expect("it is known").may_trade);
    let found = venue.credential(key(&one_key)).expect("it is known");
    assert!(found.may_trade);
    assert_eq!(found.instruments, Some(vec![InstrumentId(1)]));
    // Who may not hear what is its own is nobody where that is told and done.
    assert!(venue.credential(key(&public)).is_none());
    assert!(venue.credential(key(&private_key)).is_some());
    // A key of one dialect is nobody's in another; where only what is public is told, nobody needs to hear more.
    let book = venue.known.0.as_ref().expect("it was opened");
    assert!(book.credential("finazon", key(&one_key)).is_none());
    assert!(book.credential("finazon", key(&data_key)).is_some());

    let mut line = venue.served.client();
    let pass = venue.pass(key(&one_key));
    assert!(venue.lets_in(&mut line, one, 1, &pass));
    assert!(!venue.lets_in(&mut line, one, 0, &pass));
    let pass = venue.pass(key(&nothing_key));
    assert!(!venue.lets_in(&mut line, nothing, 0, &pass));
    let pass = venue.pass(key(&private_key));
    assert!(venue.lets_in(&mut line, private, 0, &pass));
}
