//! Accounts in PostgreSQL beneath a core and an edge, as processes of the binary itself: what `rialto keys` does while they
//! run, and what they do while the database is away.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::postgres;
use testkit::process::{Folder, PATIENCE, Process, ask, until};
use testkit::served::{Heard, Line};

#[path = "../../feed/src/bus/tests/server.rs"]
#[expect(dead_code, reason = "the tests of the bus use more of it")]
mod server;

use server::Server;

const CONFIG: &str = r#"
[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd", xrocket = "BTC-USD", timex = "BTCUSD", confluencecode = "BTC-USD" }
"#;

/// So long half a dozen answers may take together on a machine that is busy. One call to a database that says nothing takes two
/// seconds at least, and eight at most.
const AT_ONCE: Duration = Duration::from_secs(8);

/// A market of a core and an edge.
struct Market {
    folder: Folder,
    core: Process,
    edge: Process,
    at_core: String,
    at_edge: String,
    _server: Server,
}

impl Market {
    /// With its accounts there. `None` where there is no NATS server.
    fn start(name: &str, database: &str) -> Option<Self> {
        let server = Server::start("")?;
        let folder = Folder::new(name);
        let (bus, file) = (server.address(), folder.path().join("rialto.toml"));
        let more = format!("[bus]\nservers = [\"{bus}\"]\n[accounts]\ndatabase = \"{database}\"\n");
        std::fs::write(file, format!("{CONFIG}{more}")).expect("it is ours");
        let made = keys(&folder, &["master-key", "master.key"]);
        assert!(made.status.success(), "{made:?}");
        let start = |role: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
            command.args(["serve", role, "--data", role, "--listen", "127.0.0.1:0"]);
            command.args(["--master-key", "master.key"]);
            command.env_remove("RIALTO_MASTER_KEY").current_dir(folder.path());
            Process::start(command)
        };
        let (mut core, mut edge) = (start("core"), start("edge"));
        let (at_core, at_edge) = (core.address(), edge.address());
        Some(Self { folder, core, edge, at_core, at_edge, _server: server })
    }

    /// New keys of somebody.
    fn create(&self, name: &str) -> Value {
        let words = ["create", "--account", name, "--master-key", "master.key", "--json"];
        let made = keys(&self.folder, &words);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        serde_json::from_slice(&made.stdout).expect("JSON")
    }

    fn both(&self) -> [&str; 2] {
        [&self.at_core, &self.at_edge]
    }
}

fn keys(folder: &Folder, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.arg("keys").args(words).env_remove("RIALTO_MASTER_KEY").current_dir(folder.path());
    command.output().expect("rialto runs")
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// What somebody is told who asks for what is its own.
fn balances(address: &str, key: &str) -> (u16, Value) {
    ask(address, "GET /rialto/v1/balances", key, "")
}

/// Places an order that rests.
fn place(address: &str, key: &str) -> (u16, Value) {
    let order = json!({
        "instrument": "BTC-USD", "side": "buy", "type": "limit", "price": "58000.00", "quantity": "0.001",
    });
    ask(address, "POST /rialto/v1/orders", key, &order.to_string())
}

/// A socket, and what is answered on it.
struct Socket(Line);

impl Socket {
    fn open(address: &str, path: &str) -> Self {
        let mut line = Line::to(address.parse().expect("an address"));
        line.upgrade(path);
        Self(line)
    }

    /// Says this, and hears the next message that has this in it.
    fn ask(&mut self, request: &Value, with: &str) -> Value {
        self.0.say(&request.to_string());
        loop {
            match self.0.hear() {
                Heard::Text(text) if text.contains(with) => {
                    return serde_json::from_str(&text).expect("JSON");
                }
                Heard::Text(_) | Heard::Ping(_) => {}
                other => panic!("{request}: {other:?}"),
            }
        }
    }

    /// Shows a token to xRocket, and has its balances told.
    fn private(address: &str, token: &str) -> Self {
        let mut socket = Self::open(address, "/xrocket");
        let auth = json!({"id": 1, "method": "auth", "params": {"token": token}});
        assert_eq!(socket.ask(&auth, "\"id\":1")["result"]["success"], true);
        let told = socket.balances(2);
        assert_eq!(told["result"]["success"], true, "{told}");
        socket
    }

    fn balances(&mut self, id: u32) -> Value {
        let subscribe = json!({"id": id, "method": "subscribe", "params": {"channel": "balances"}});
        self.ask(&subscribe, &format!("\"id\":{id},"))
    }

    /// Shows a key to ConfluenceCode, whose connections end with it.
    fn keyed(address: &str, key: &str) -> Self {
        let mut socket = Self::open(address, "/confluencecode");
        let auth = json!({"action": "authenticate", "body": {"apiKey": key}});
        let told = socket.ask(&auth, "authenticate");
        assert_eq!(told["success"], true, "{told}");
        socket
    }

    /// Waits until it is closed with these words.
    fn is_closed(&mut self, words: &str) {
        loop {
            match self.0.hear() {
                Heard::Text(_) | Heard::Ping(_) => {}
                Heard::Close(_, reason) => break assert_eq!(reason, words),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_key_that_is_made_or_revoked_while_machines_run_is_so_at_all_of_them() {
    let Some(database) = postgres::Server::shared().map(postgres::Server::database) else { return };
    let Some(mut market) = Market::start("keys", &database.url()) else { return };
    let carol = market.create("carol");
    let (native, token) = (text(&carol["native"]["key"]), text(&carol["xrocket"]["token"]));
    for address in market.both() {
        until("the key is known", || balances(address, &native), |status, _| status == 200);
    }
    // Whom the core follows is known at the edge by what the core wrote: it owns nothing yet, and is told so.
    let placed = || place(&market.at_edge, &native);
    until("what it asks is decided", placed, |_, told| told["code"] == "insufficient-funds");
    let mut sockets: Vec<Socket> =
        market.both().iter().map(|address| Socket::private(address, &token)).collect();
    let shown = text(&carol["confluencecode"]["api_key"]);
    let mut keyed: Vec<Socket> =
        market.both().iter().map(|address| Socket::keyed(address, &shown)).collect();

    for key in [&native, &token, &shown] {
        let revoked = keys(&market.folder, &["revoke", key]);
        assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    }
    for address in market.both() {
        until("the key is no good", || balances(address, &native), |status, _| status == 401);
    }
    for socket in &mut keyed {
        socket.is_closed("API key no longer valid");
    }
    for socket in &mut sockets {
        let (began, mut id) = (Instant::now(), 3);
        loop {
            let told = socket.balances(id);
            if told["error"]["code"] == -32033 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{told}");
            id += 1;
        }
    }
    let auth = json!({"id": 1, "method": "auth", "params": {"token": token}});
    for address in market.both() {
        let told = Socket::open(address, "/xrocket").ask(&auth, "\"id\":1");
        assert_eq!(told["error"]["code"], -32030, "{told}");
    }
    // Nobody was let go, and nothing was complained of.
    for machine in [&mut market.core, &mut market.edge] {
        let said = machine.heard();
        assert!(!said.iter().any(|line| line.contains("failed")), "{said:#?}");
    }
}

#[test]
fn while_the_database_is_away_who_is_known_trades_on_and_nobody_waits() {
    let Some(server) = postgres::Server::start(&[]) else { return };
    let database = server.database();
    let Some(mut market) = Market::start("away", &database.url()) else { return };
    let carol = market.create("carol");
    let native = text(&carol["native"]["key"]);
    for address in market.both() {
        until("the key is known", || balances(address, &native), |status, _| status == 200);
    }
    let (status, demo) = ask(&market.at_edge, "GET /rialto/v1/demo", "", "");
    assert_eq!(status, 200, "{demo}");
    let alice = text(&demo["accounts"][0]["native"]["key"]);
    let token = text(&demo["accounts"][0]["xrocket"]["token"]);
    let mut connected = Socket::private(&market.at_edge, &token);

    for is_frozen in [false, true] {
        if is_frozen {
            server.freeze();
        } else {
            server.end();
            for machine in [&mut market.core, &mut market.edge] {
                machine.says("failed to look at the accounts");
            }
        }
        let began = Instant::now();
        for address in market.both() {
            // Who is known trades, and logs in.
            let at = Instant::now();
            let (status, told) = place(address, &alice);
            assert_eq!(status, 201, "{address}: {told}");
            assert_eq!(balances(address, &native).0, 200);
            // Who is not is told so in the words of each.
            let (status, told) = balances(address, "rialto_unknown");
            assert_eq!((status, &told["code"]), (401, &json!("unknown-key")), "{told}");
            let auth = json!({"id": 1, "method": "auth", "params": {"token": "unknown"}});
            let told = Socket::open(address, "/xrocket").ask(&auth, "\"id\":1");
            assert_eq!(told["error"]["message"], "Invalid token");
            let auth = json!({"action": "authenticate", "body": {"apiKey": "unknown"}});
            let told = Socket::open(address, "/confluencecode").ask(&auth, "authenticate");
            assert_eq!(told["error"], "Invalid API key");
            assert!(at.elapsed() < AT_ONCE, "{address}, frozen {is_frozen}: {:?}", at.elapsed());
        }
        let told = connected.balances(if is_frozen { 8 } else { 7 });
        assert_eq!(told["error"]["message"], "Already subscribed", "{told}");
        assert_eq!(ask(&market.at_edge, "GET /readyz", "", "").0, 200);
        if is_frozen {
            // Until those who look have found that it says nothing.
            for machine in [&mut market.core, &mut market.edge] {
                machine.says("failed to look at the accounts");
            }
            assert_eq!(place(&market.at_edge, &alice).0, 201);
            server.thaw();
        } else {
            server.begin();
        }
        for machine in [&mut market.core, &mut market.edge] {
            machine.says("the accounts can be read again");
        }
        assert!(began.elapsed() < PATIENCE);
        // And what is new by now is known without a restart.
        let name = if is_frozen { "erin" } else { "dora" };
        let new = text(&market.create(name)["native"]["key"]);
        for address in market.both() {
            until("the new key is known", || balances(address, &new), |status, _| status == 200);
        }
    }
}

/// A part of a market whose accounts are in a folder of this name.
fn of_folder(folder: &Folder, role: &str, data: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.args(["serve", role, "--data", data, "--listen", "127.0.0.1:0"]);
    command.env_remove("RIALTO_MASTER_KEY").current_dir(folder.path());
    Process::start(command)
}

/// A new native key of somebody, in a folder of this name.
fn made(folder: &Folder, name: &str, data: &str) -> String {
    let words = ["create", "--account", name, "--dialect", "native", "--data", data, "--json"];
    let made = keys(folder, &words);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    text(&made["native"]["key"])
}

/// A folder in which machines meet there, and keep their accounts in folders.
fn in_folders(name: &str, server: &Server) -> Folder {
    let folder = Folder::new(name);
    let bus = format!("[bus]\nservers = [\"{}\"]\n", server.address());
    std::fs::write(folder.path().join("rialto.toml"), format!("{CONFIG}{bus}"))
        .expect("it is ours");
    folder
}

#[test]
fn an_edge_whose_accounts_are_not_the_cores_does_not_serve() {
    let Some(server) = Server::start("") else { return };
    let folder = in_folders("others", &server);
    let carol = made(&folder, "carol", "core");
    // This one has the same number there.
    let dave = made(&folder, "dave", "edge");
    let mut core = of_folder(&folder, "core", "core");
    let at_core = core.address();
    for (data, words) in [
        ("edge", "the accounts here are kept in another store than the core's"),
        ("nothing", "the core keeps accounts, and here are none but the demo's"),
    ] {
        let (code, said) = of_folder(&folder, "edge", data).ends();
        assert_eq!(code, Some(1), "{said:#?}");
        assert!(said.last().is_some_and(|line| line.contains(words)), "{said:#?}");
    }
    let mut edge = of_folder(&folder, "edge", "core");
    let at_edge = edge.address();
    for address in [&at_core, &at_edge] {
        until("the key is known", || balances(address, &carol), |status, _| status == 200);
        assert_eq!(balances(address, &dave).0, 401);
    }
}

#[test]
fn accounts_that_are_made_beside_a_running_edge_are_used_if_they_are_the_cores() {
    let Some(server) = Server::start("") else { return };
    let folder = in_folders("made", &server);
    let mut core = of_folder(&folder, "core", "shared");
    let at_core = core.address();
    let mut edges = [of_folder(&folder, "edge", "shared"), of_folder(&folder, "edge", "other")];
    let [at_shared, at_other] = edges.each_mut().map(Process::address);
    let dave = made(&folder, "dave", "other");
    edges[1].says("accounts are kept here, and the core knows none but the demo's");
    let carol = made(&folder, "carol", "shared");
    for address in [&at_core, &at_shared] {
        until("the key is known", || balances(address, &carol), |status, _| status == 200);
    }
    edges[1].says("the accounts here are kept in another store than the core's");
    assert_eq!((balances(&at_other, &dave).0, balances(&at_other, &carol).0), (401, 401));
    // Who is there goes on.
    assert_eq!(ask(&at_other, "GET /readyz", "", "").0, 200);
}
