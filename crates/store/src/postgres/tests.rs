//! What is PostgreSQL's own: its migrations, its passwords, its outages; and the ground for the suite of the store.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use testkit::postgres::{Database, Server, USER};

use super::{LeaseRow, Postgres, PostgresStore, place::Place, schema};
use crate::kept::Database as _;
use crate::kept::sql::one;
use crate::kept::tests::{Ground, NOW, check_found, error, everything, opening, wanted};
use crate::{DatabaseUrl, Opening, Secret, Store as _, StoreError};

/// Far longer than anything takes; only what never comes takes so long.
const LONG: Duration = Duration::from_secs(60);

/// A database of the server that all share.
pub struct Ours(Database<'static>);

impl Ground for Ours {
    type Store = PostgresStore;
    fn new() -> Option<Self> {
        Some(Self(Server::shared()?.database()))
    }
    fn open(&self, opening: Opening) -> Result<PostgresStore, StoreError> {
        open(&self.0, opening)
    }
    fn sql(&self, sql: &str) {
        self.0.sql(&format!("SET search_path = rialto; {sql}"));
    }
    const BYTES: &str = "bytea";
    fn bytes(hex: &str) -> String {
        format!(r"'\x{hex}'::bytea")
    }
    fn broken(credential: u64) -> [String; 2] {
        let broken = format!(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
             CREATE TRIGGER broken BEFORE UPDATE ON credential FOR EACH ROW
                 WHEN (old.id = {credential}) EXECUTE FUNCTION broken()"
        );
        [broken, "DROP TRIGGER broken ON credential".to_owned()]
    }
    fn kept(&self) -> Vec<u8> {
        self.0.sql("CHECKPOINT");
        let place = self.0.sql(
            "SELECT pg_relation_filepath('rialto.account'), current_setting('data_directory')",
        );
        let (file, data) = place.split_once('|').expect("two columns");
        let folder = std::path::Path::new(data).join(file);
        let mut bytes = Vec::new();
        for entry in folder.parent().expect("its folder").read_dir().expect("it is read") {
            bytes.extend(std::fs::read(entry.expect("an entry").path()).expect("its bytes"));
        }
        bytes
    }
}

fn open(database: &Database<'_>, opening: Opening) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&url(&database.url()), None, opening)
}

fn url(text: &str) -> DatabaseUrl {
    DatabaseUrl::parse(text).expect("an address")
}

/// The database without a store on it.
fn connected(database: &Database<'_>) -> Postgres {
    Postgres::at(Place::of(&url(&database.url()), None).expect("a place")).expect("a runtime")
}

#[test]
fn migrations_run_once_each_in_order_and_a_failed_one_leaves_no_trace() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let mut database = connected(&ground);
    let good =
        ["CREATE TABLE a (x int)", "ALTER TABLE a RENAME COLUMN x TO y; INSERT INTO a VALUES (7)"];
    for migrations in [&good[..1], &good, &good] {
        assert_eq!(schema::migrate(&mut database, migrations), Ok(()));
    }
    let count = |database: &mut Postgres| -> i64 {
        let row = one(database, "SELECT count(y) FROM a", &[]);
        row.and_then(|mut row| row.take()).expect("a number")
    };
    assert_eq!(count(&mut database), 1);
    let bad = [good[0], good[1], "INSERT INTO a VALUES (8); INSERT INTO nowhere VALUES (1)"];
    let failed = schema::migrate(&mut database, &bad);
    assert!(
        matches!(&failed, Err(StoreError::Database(why)) if why.contains("nowhere")),
        "{failed:?}"
    );
    assert_eq!(count(&mut database), 1);
    assert_eq!(schema::migrate(&mut database, &good), Ok(()), "still at version 2");
}

#[test]
fn newer_tables_are_refused_and_so_is_what_is_somebody_elses() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    drop(open(&ground, opening()).expect("a store"));
    ground.sql("UPDATE rialto.tables SET version = 99");
    let known = schema::MIGRATIONS.len() as i64;
    assert_eq!(error(open(&ground, opening())), StoreError::TooNew { found: 99, known });

    let theirs = server.database();
    theirs.sql("CREATE SCHEMA rialto; CREATE TABLE rialto.theirs (x int)");
    assert_eq!(error(open(&theirs, opening())), StoreError::SchemaTaken);
    assert_eq!(theirs.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'rialto'"), "1");
}

#[test]
fn many_may_make_the_tables_at_once() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..6).map(|_| scope.spawn(|| open(&ground, opening()))).collect();
        for store in opened {
            let store = store.join().expect("it opens").expect("a store");
            assert_eq!(store.version(), 0);
        }
    });
    let known = schema::MIGRATIONS.len().to_string();
    assert_eq!(ground.sql("SELECT version FROM rialto.tables"), known);
    assert_eq!(ground.sql("SELECT count(*) FROM rialto.identity"), "1");
}

#[test]
fn who_waits_for_another_who_writes_is_told_that_in_time() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let store = open(&ground, opening()).expect("a store");
    let other = open(&ground, opening()).expect("the same");
    let begun = Instant::now();
    let mut desk = other.desk();
    let held = desk.database.write(|_| {
        let refused = error(store.enrol("carol", &[], NOW));
        assert!(refused.may_pass());
        Ok(refused)
    });
    assert_eq!(held, Ok(StoreError::Busy));
    assert!(begun.elapsed() < super::CALL_MAX, "{:?}", begun.elapsed());
    drop(desk);
    store.enrol("carol", &[], NOW).expect("now it is free");
}

#[test]
fn a_wrong_password_is_refused_without_being_told() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let no_password = PostgresStore::open(&url(&ground.bare_url()), None, opening());
    let text = error(no_password).to_string();
    assert!(text.contains("password missing") && text.contains("PGPASSWORD"), "{text}");
    let wrong = url(&ground.url_with("w%72ong"));
    let refused = error(PostgresStore::open(&wrong, None, opening()));
    let text = format!("{wrong:?} {wrong} {refused:?} {refused}");
    assert!(text.contains("password authentication failed"), "{text}");
    assert!(!text.contains("wrong") && !text.contains("w%72ong"), "{text}");
    // One that is given beside the address is the one that counts.
    let right = Secret::new(testkit::postgres::PASSWORD.to_owned());
    let store = PostgresStore::open(&wrong, Some(&right), opening()).expect("it is right");
    let text = format!("{store:?}");
    assert!(text.contains(&ground.name) && !text.contains(right.reveal()), "{text}");
}

#[test]
fn an_address_that_means_nothing_to_us_is_refused() {
    let text = |address: &str| {
        let refused = PostgresStore::open(&url(address), None, opening());
        let StoreError::AddressBad { .. } = error(refused.as_ref().map(drop).map_err(Clone::clone))
        else {
            panic!("{address}: {refused:?}");
        };
        error(refused).to_string()
    };
    for mode in ["prefer", "allow", "verify-ca", "Require"] {
        let text = text(&format!("postgres://me:hidden@db/r?sslmode={mode}"));
        assert!(text.contains("sslmode=verify-full") && !text.contains("hidden"), "{text}");
    }
    assert!(text("postgres://me@db/r?sslrootcert=/nowhere.pem").contains("/nowhere.pem"));
    assert!(text("postgres://me@db/r?colour=blue").contains("colour"));
    assert!(text("postgres://me:hidden@db:port/r").contains("port"));
}

#[test]
fn it_is_reached_by_its_socket_too() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let folder = server.folder().display().to_string().replace('/', "%2F");
    let port = server.port();
    let address = format!("postgres://{USER}@{folder}:{port}/{}", ground.name);
    let password = Secret::new(testkit::postgres::PASSWORD.to_owned());
    let store = PostgresStore::open(&url(&address), Some(&password), opening()).expect("a store");
    store.enrol("carol", &everything(), NOW).expect("an account");
}

#[test]
fn others_are_told_at_once_that_something_was_written() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let store = open(&ground, opening()).expect("a store");
    let (wake, woken) = sync_channel(64);
    // Nobody waits when it is full: whoever looks has all of it to see.
    store.tell(Box::new(move || {
        let _full = wake.try_send(());
    }));
    woken.recv_timeout(LONG).expect("once it listens it says so");
    let other = open(&ground, opening()).expect("the same");
    let (_, issued) = other.enrol("carol", &everything(), NOW).expect("an account");
    woken.recv_timeout(LONG).expect("it is told");
    assert_eq!(store.refresh(), Ok(true));
    check_found(&store, &issued, "carol");
    drop(store);
    assert_eq!(woken.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected), "it listens no more");
}

#[test]
fn while_the_server_is_away_one_is_known_by_what_was_read_and_afterwards_all_is_well() {
    let Some(server) = Server::start(&[]) else { return };
    let ground = server.database();
    let store = open(&ground, opening()).expect("a store");
    let (wake, woken) = sync_channel(64);
    store.tell(Box::new(move || {
        let _full = wake.try_send(());
    }));
    woken.recv_timeout(LONG).expect("it listens");
    let (carol, issued) = store.enrol("carol", &everything(), NOW).expect("an account");

    server.end();
    for _ in 0..3 {
        let begun = Instant::now();
        let away = error(store.refresh());
        assert!(matches!(away, StoreError::Unreachable(_)) && away.may_pass(), "{away:?}");
        let refused = error(store.enrol("dan", &everything(), NOW));
        assert!(matches!(refused, StoreError::Unreachable(_)), "{refused:?}");
        let refused = error(store.revoke_all(carol.id, "bitstamp", NOW));
        assert!(matches!(refused, StoreError::Unreachable(_)), "{refused:?}");
        assert!(begun.elapsed() < super::CALL_MAX, "{:?}", begun.elapsed());
        check_found(&store, &issued, "carol");
    }
    assert!(matches!(open(&ground, opening()), Err(StoreError::Unreachable(_))));

    server.begin();
    store.issue(carol.id, &[wanted("finazon")], NOW).expect("who writes does not wait for long");
    while woken.try_recv().is_ok() {}
    let other = open(&ground, opening()).expect("another");
    let (_, issued) = other.enrol("dan", &everything(), NOW).expect("an account");
    // It listens again within its longest pause.
    let end = Instant::now() + LONG;
    while store.refresh() != Ok(true) {
        woken.recv_timeout(end.saturating_duration_since(Instant::now())).expect("it is told");
    }
    check_found(&store, &issued, "dan");
    assert_eq!(store.accounts().len(), 2);
}

#[test]
fn a_connection_that_ended_while_nobody_needed_it_is_made_anew() {
    let Some(server) = Server::start(&[]) else { return };
    let ground = server.database();
    let store = open(&ground, opening()).expect("a store");
    server.end();
    server.begin();
    store.enrol("carol", &everything(), NOW).expect("nobody noticed");
    server.end();
    server.begin();
    assert_eq!(store.refresh(), Ok(false));
}

#[test]
fn nothing_hangs_on_a_server_that_does_not_answer() {
    let Some(server) = Server::start(&[]) else { return };
    let ground = server.database();
    let store = open(&ground, opening()).expect("a store");
    let (_, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    server.freeze();
    // The first has a connection, on which nobody answers; the others would have to make one.
    for _ in 0..2 {
        let begun = Instant::now();
        let away = error(store.enrol("dan", &[], NOW));
        assert!(matches!(away, StoreError::Unreachable(_)), "{away:?}");
        check_found(&store, &issued, "carol");
        let opened = open(&ground, opening()).map(drop);
        assert!(matches!(opened, Err(StoreError::Unreachable(_))), "{opened:?}");
        assert!(begun.elapsed() < super::CALL_MAX * 2, "{:?}", begun.elapsed());
    }
    server.thaw();
    store.enrol("eve", &[], NOW).expect("it answers again");
}

#[test]
fn an_older_copy_of_the_database_is_not_taken_for_news() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let store = open(&ground, opening()).expect("a store");
    let (_, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let known = store.version();
    ground.sql("UPDATE rialto.change SET last = 1");
    assert_eq!(store.refresh(), Err(StoreError::WentBack { found: 1, known }));
    assert_eq!(error(store.enrol("dan", &[], NOW)), StoreError::WentBack { found: 2, known });
    check_found(&store, &issued, "carol");
    assert_eq!(ground.sql("SELECT count(*) FROM rialto.account"), "1", "all or nothing");
}

#[test]
fn under_tls_a_server_is_known_by_its_name_and_who_vouches_for_it_or_nothing_is_said() {
    let Some(server) = Server::start(&[]) else { return };
    let server = server.under_tls(&["127.0.0.1"]);
    let ground = server.database();
    let other = testkit::served::encrypted::Folder::new();
    let _certified = testkit::served::encrypted::certify(other.path(), &["127.0.0.1"]);
    let open_by = |ca: &std::path::Path, mode: &str, host: &str| {
        let address = ground.url().replace("127.0.0.1", host);
        let address = format!("{address}?sslmode={mode}&sslrootcert={}", ca.display());
        PostgresStore::open(&url(&address), None, opening())
    };
    let covered = || {
        ground.sql(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'rialto'",
        )
    };
    for mode in ["require", "verify-full"] {
        let store = open_by(&server.ca(), mode, "127.0.0.1").expect("it is the right one");
        store.enrol(&format!("of-{mode}"), &everything(), NOW).expect("an account");
        let (wake, woken) = sync_channel(64);
        store.tell(Box::new(move || {
            let _full = wake.try_send(());
        }));
        woken.recv_timeout(LONG).expect("it listens under TLS too");
        assert_eq!(covered(), "t");
        let unknown = error(open_by(&other.path().join("ca.pem"), mode, "127.0.0.1")).to_string();
        assert!(unknown.contains("invalid peer certificate"), "{unknown}");
        let misnamed = error(open_by(&server.ca(), mode, "localhost")).to_string();
        assert!(misnamed.contains("not valid for name"), "{misnamed}");
    }
    let plain = PostgresStore::open(&url(&ground.url()), None, opening()).expect("a store");
    assert_eq!((covered().as_str(), plain.accounts().len()), ("f", 2), "on this machine");

    // One that speaks no TLS is not spoken to without.
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let address = format!(
        "{}?sslmode=require&sslrootcert={}",
        ground.url(),
        other.path().join("ca.pem").display()
    );
    let refused = error(PostgresStore::open(&url(&address), None, opening())).to_string();
    assert!(refused.contains("does not support TLS"), "{refused}");
}

#[test]
fn other_machines_are_spoken_to_under_tls_unless_the_address_says_otherwise() {
    let covers = |address: &str| Place::of(&url(address), None).expect("a place").is_covered();
    for here in ["", "localhost", "127.0.0.7", "[::1]", "%2Frun%2Fpostgresql", "localhost,[::1]"] {
        assert!(!covers(&format!("postgres://{here}/r")), "{here}");
    }
    for there in ["db", "10.0.0.1", "localhost,db", "[fe80::1]", "localhost.example.com"] {
        assert!(covers(&format!("postgres://me@{there}/r")), "{there}");
        assert!(!covers(&format!("postgres://me@{there}/r?sslmode=disable")), "{there}");
    }
    assert!(covers("postgres://localhost/r?sslmode=require"));
    assert!(covers("postgres://localhost/r?hostaddr=10.0.0.1"));
}

#[test]
fn a_lease_is_replaced_by_who_knows_what_it_was_and_by_nobody_else() {
    let Some(server) = Server::shared() else { return };
    let ground = server.database();
    let row = |market| LeaseRow::new(&url(&ground.url()), None, market, LONG).expect("an address");
    let (mut one, mut two, mut other) = (row("main"), row("main"), row("other"));
    assert_eq!(one.read(), Ok(None));
    let first = one.replace(None, "one").expect("it answers").expect("it is the first");
    assert_eq!(two.replace(None, "two"), Ok(None));
    assert_eq!(two.read(), Ok(Some((first, "one".to_owned()))));
    let second = two.replace(Some(first), "two").expect("it answers").expect("it knows it");
    assert!(second > first);
    assert_eq!(one.replace(Some(first), "late"), Ok(None));
    assert_eq!(one.read(), Ok(Some((second, "two".to_owned()))));
    assert_eq!(other.read(), Ok(None), "of another market");
    // Of one that was deleted no number comes again.
    ground.sql("DELETE FROM rialto.lease");
    assert_eq!(one.replace(Some(second), "gone"), Ok(None));
    let third = one.replace(None, "anew").expect("it answers").expect("it is the first again");
    assert!(third > second);
}

#[test]
fn a_lease_that_nobody_answers_for_is_an_error_in_time_and_is_there_again_with_the_server() {
    let Some(server) = Server::start(&[]) else { return };
    let ground = server.database();
    let limit = Duration::from_millis(800);
    let mut row = LeaseRow::new(&url(&ground.url()), None, "main", LONG).expect("an address");
    let revision = row.replace(None, "one").expect("it answers");
    let mut row = LeaseRow::new(&url(&ground.url()), None, "main", limit).expect("an address");
    let asked = |row: &mut LeaseRow| {
        let begun = Instant::now();
        let answer = row.replace(revision, "two");
        assert!(begun.elapsed() < limit * 3, "{:?}", begun.elapsed());
        answer
    };
    server.end();
    let refused = asked(&mut row);
    assert!(matches!(refused, Err(StoreError::Unreachable(_))), "{refused:?}");
    server.begin();
    let read = (0..20).find_map(|_| row.read().ok());
    assert_eq!(read, Some(revision.map(|it| (it, "one".to_owned()))));
    // Somebody holds the row: it is not waited for.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            ground.sql("BEGIN; SELECT * FROM rialto.lease FOR UPDATE; SELECT pg_sleep(6); COMMIT")
        });
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'RowShareLock' AND relation = 'rialto.lease'::regclass";
        let ends = Instant::now() + LONG;
        while ground.sql(held) == "0" {
            assert!(Instant::now() < ends, "nobody holds it");
        }
        let refused = asked(&mut row);
        assert!(matches!(refused, Err(StoreError::Unreachable(_))), "{refused:?}");
    });
}
