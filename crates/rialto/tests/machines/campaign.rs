//! The campaign: a core that acknowledges nothing without its standby, two edges, each behind a line that loses, doubles and swaps messages; somebody who
//! trades and somebody who watches at each of them; and faults, by a list that a seed gives. At the end it is judged
//! whether anything that was acknowledged is gone or there twice, whether two machines ever showed something else under one number, and
//! whether two machines ever wrote in one life.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use testkit::dice::Dice;

use crate::figures::{Fault, Figures, Loss};
use crate::journals::{parted, records};
use crate::machine::{AGAIN, CONFIG, Folder, Machine, PATIENCE, key_of};
use crate::proxy::{Counts, Proxy};
use crate::server::{Server, free_port, is_of};
use crate::traders::{Desk, exchanged};
use crate::watchers::Shown;

/// How long an edge is cut off.
const CUT: Duration = Duration::from_secs(10);
/// Images are taken so often that edges and restarts begin with one.
const IMAGES: &str = "[journal]\nimage_every_commands = 2000\n";

/// The faults of a seed: each kind once, one of them twice, in any order.
fn faults(dice: &mut Dice) -> Vec<Fault> {
    let loss = *dice.pick(&[Loss::Killed, Loss::Stopped, Loss::Cut]);
    let further = [Fault::ServerKilled, Fault::ServerStopped, Fault::EdgeKilled, Fault::CoreKilled];
    let mut left = vec![
        Fault::ServerKilled,
        Fault::EdgeCut,
        Fault::EdgeKilled,
        Fault::CoreKilled,
        Fault::CoreLost(loss),
        *dice.pick(&further),
    ];
    let mut faults = Vec::new();
    while !left.is_empty() {
        faults.push(left.swap_remove(dice.roll(left.len())));
    }
    faults
}

/// A machine's place: its line to the bus, and where it listens, whatever process is there.
struct Post {
    proxy: Proxy,
    listen: String,
    config: String,
}

impl Post {
    /// Where machines agree by themselves on who is the core if it `is_leased`.
    fn new(name: &str, seed: u64, (server, is_leased): (u16, bool), folder: &Folder) -> Self {
        let proxy = Proxy::start(server, seed);
        proxy.set_noisy(true);
        let config = format!("{name}.toml");
        let lease = if is_leased { "lease = \"jetstream\"\n" } else { "" };
        let bus = format!("\n[bus]\nservers = [\"{}\"]\n{lease}", proxy.address());
        let text = format!("{IMAGES}{CONFIG}{bus}");
        std::fs::write(folder.0.join(&config), text).expect("it is ours");
        Self { proxy, listen: format!("127.0.0.1:{}", free_port()), config }
    }

    /// Starts a machine there.
    fn start(&self, folder: &Folder, role: &str, data: &str, more: &[&str]) -> Machine {
        let place = ["--config", &*self.config, "--listen", &*self.listen];
        folder.machine_at(role, data, &[&place, more].concat())
    }
}

const REPLICATED: [&str; 2] = ["--durability", "replicated"];
const EDGES: [&str; 2] = ["edge-1", "edge-2"];
const SYNC: [&str; 2] = ["--durability", "sync"];

/// One market on its machines.
struct Market<'r> {
    folder: &'r Folder,
    desk: &'r Desk,
    server: Option<Server>,
    port: u16,
    /// How the server is configured, and whether machines agree by themselves on who is the core.
    configuration: &'r str,
    is_leased: bool,
    core: (Post, Machine),
    /// Where the core keeps what it keeps, and under which promise.
    data: &'static str,
    promise: [&'static str; 2],
    /// What the standby will promise when it is the core.
    next: [&'static str; 2],
    standby: Option<(Post, Machine)>,
    edges: [(Post, Machine); 2],
    /// The line of a core that was replaced.
    old: Option<Post>,
    anew: u64,
    copies_anew: u64,
    dice: Dice,
}

impl Market<'_> {
    fn happen(&mut self, fault: Fault) {
        match fault {
            Fault::ServerKilled => {
                self.server = None;
                self.wait(1_000);
                let again = Server::start_at(self.port, self.configuration);
                let again = again.expect("its port is free still");
                self.server = Some(again.expect("there was one before"));
            }
            Fault::ServerStopped => {
                let span = self.dice.roll(2_500);
                let server = self.server.as_ref().expect("it is there but while it is killed");
                server.stop();
                thread::sleep(Duration::from_millis(span as u64));
                server.go_on();
            }
            Fault::EdgeCut => {
                let one = self.dice.roll(2);
                self.edges[one].0.proxy.cut(Some(CUT), self.dice.roll(2) == 0);
            }
            Fault::EdgeKilled => {
                let one = self.dice.roll(2);
                let (post, machine) = &mut self.edges[one];
                machine.kill();
                let again = post.start(self.folder, "edge", EDGES[one], &[]);
                self.anew += judged(std::mem::replace(machine, again), true);
            }
            Fault::CoreKilled => {
                self.look_after_the_standby();
                let (post, machine) = &mut self.core;
                machine.kill();
                let again = post.start(self.folder, "core", self.data, &self.promise);
                judged(std::mem::replace(machine, again), true);
                let replaced = ["its lease in", "another one is there"];
                let said =
                    self.core.1.says_one_of(&[&["listening on http://"], &replaced[..]].concat());
                // On a busy machine the heir may have been faster.
                if !said.contains("listening") {
                    assert!(self.is_leased, "{said}");
                    self.replaced(None);
                }
            }
            // There may be nobody left to take over.
            Fault::CoreLost(_) if self.standby.is_none() => {}
            Fault::CoreLost(loss) => self.lose_the_core(loss),
        }
    }

    /// The core is gone, the standby takes over, and the old core comes back.
    fn lose_the_core(&mut self, loss: Loss) {
        match loss {
            Loss::Killed => self.core.1.kill(),
            Loss::Stopped => self.core.1.signal(Signal::STOP),
            Loss::Cut => self.core.0.proxy.cut(None, self.dice.roll(2) == 0),
        }
        self.replaced(Some(loss));
    }

    /// The standby takes over from a core that is gone so, or has ended by itself.
    fn replaced(&mut self, loss: Option<Loss>) {
        let (post, mut machine) = self.standby.take().expect("it takes over once");
        match self.is_leased {
            true => machine.has_to_say("taking over behind command"),
            false => take_over(&mut machine),
        }
        // The machine of the old core is not to be had yet: what copies the new one is another.
        if self.next == REPLICATED {
            let server = (self.port, self.is_leased);
            let further = Post::new("further", self.dice.next(), server, self.folder);
            let copy = further.start(self.folder, "standby", "further", &SYNC);
            self.standby = Some((further, copy));
        }
        machine.has_to_say("listening on http://");
        self.desk.moved(0, &post.listen);
        let (old, mut gone) = std::mem::replace(&mut self.core, (post, machine));
        match loss {
            None => {}
            Some(Loss::Killed) => {
                judged(gone, true);
                gone = old.start(self.folder, "core", self.data, &self.promise);
                gone.says_one_of(&["another one is there", "its lease in"]);
            }
            Some(Loss::Stopped) => {
                gone.signal(Signal::CONT);
                gone.has_to_say(self.ended());
            }
            Some(Loss::Cut) => {
                old.proxy.mend();
                gone.has_to_say(self.ended());
            }
        }
        let (code, all) = gone.ended();
        assert_eq!(code, Some(1), "{all:#?}");
        self.old = Some(old);
        (self.data, self.promise) = ("standby", self.next);
    }

    /// What a core says that is none any more.
    const fn ended(&self) -> &'static str {
        match self.is_leased {
            false => "this core has ended: another machine is the core of this market",
            // Its lease was over before it heard of another one.
            true => "this core has ended: ",
        }
    }

    /// A core that could not keep its lease on a busy machine has ended by itself, and was replaced.
    fn look_after_the_core(&mut self) {
        if self.is_leased && self.core.1.has_ended() {
            let is_why = |line: &String| {
                ["this core has ended: ", "this machine is the core no more"]
                    .iter()
                    .all(|words| line.contains(words))
            };
            assert!(self.core.1.all.iter().any(is_why), "{:#?}", self.core.1.all);
            self.replaced(None);
        }
    }

    /// A standby that began with what an old core said, before that heard that it is none any more, ends. Does what it
    /// says: moves its copy away, and lets it begin again.
    fn look_after_the_standby(&mut self) {
        let Some((post, machine)) = &mut self.standby else { return };
        if machine.has_ended() {
            let said = "Move the copy away, and stand by with an empty folder";
            assert!(machine.all.iter().any(|line| line.contains(said)), "{:#?}", machine.all);
            let [copy, away] = ["further", "further-away"].map(|name| self.folder.0.join(name));
            std::fs::rename(copy, away).expect("it may be moved once");
            *machine = post.start(self.folder, "standby", "further", &SYNC);
            self.copies_anew += 1;
        }
    }

    /// Lets things go on for a while.
    fn wait(&mut self, most: usize) {
        thread::sleep(Duration::from_millis(self.dice.roll(most) as u64));
    }

    /// Everything is well again: waits until orders are taken at each machine.
    fn settle(&mut self) {
        self.look_after_the_core();
        self.look_after_the_standby();
        for (post, machine) in &mut self.edges {
            while post.proxy.is_cut() {
                thread::sleep(AGAIN);
            }
            until_ready(&post.listen, machine);
        }
        let (before, begun) = (self.desk.counts(), Instant::now());
        while self.desk.counts().iter().zip(before).any(|(now, before)| *now < before + 3) {
            assert!(
                begun.elapsed() < PATIENCE,
                "no order is taken somewhere: {before:?} before, {:?}",
                self.desk.counts()
            );
            self.look_after_the_core();
            self.look_after_the_standby();
            thread::sleep(AGAIN);
        }
    }

    fn counts(&self) -> Counts {
        let mut all = Figures::default();
        let posts = [&self.core.0, &self.edges[0].0, &self.edges[1].0];
        let posts = posts.into_iter().chain(self.standby.as_ref().map(|(post, _)| post));
        for post in posts.chain(&self.old) {
            all.add(&Figures { bus: post.proxy.counts(), ..Figures::default() });
        }
        all.bus
    }

    /// Ends all of it as asked, and looks at the journals.
    fn end(self) -> Figures {
        let bus = self.counts();
        let Self { folder, core, standby, edges, data, mut anew, copies_anew, .. } = self;
        let copies = standby.as_ref().map(|_| "further");
        let machines: Vec<_> = edges.into_iter().chain([core]).chain(standby).collect();
        for (_, machine) in machines {
            machine.signal(Signal::TERM);
            anew += judged(machine, false);
        }
        let written = records(&folder.0.join(data));
        let old = records(&folder.0.join("core"));
        let (common, left_behind) = parted(&old, &written).unwrap_or_else(|why| panic!("{why}"));
        let (common, left_behind) = (common as u64, left_behind as u64);
        for data in copies.into_iter().chain([data]) {
            let copied = records(&folder.0.join(data));
            assert!(written.starts_with(&copied), "{data} is no copy of what the core wrote");
            let output = Command::new(env!("CARGO_BIN_EXE_rialto"))
                .args(["verify", data, "--config", "core.toml"])
                .current_dir(&folder.0)
                .output()
                .expect("the binary starts");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let complained = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{data}: {said}{complained}");
        }
        Figures { runs: 1, bus, anew, copies_anew, common, left_behind, ..Figures::default() }
    }
}

/// Makes the standby the core, as its operator does: again and again, until the core has been silent long enough.
fn take_over(standby: &mut Machine) {
    let begun = Instant::now();
    loop {
        standby.signal(Signal::USR1);
        let said =
            standby.says_one_of(&["this does not take over: ", "taking over behind command"]);
        if said.contains("taking over") {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{said}");
        thread::sleep(AGAIN * 4);
    }
}

/// Ends a machine, by force or as it was asked, and looks at what it has said. How often it began anew by itself.
fn judged(mut machine: Machine, by_force: bool) -> u64 {
    if by_force {
        // It may be gone already.
        let _gone = machine.child.kill();
    }
    let (code, all) = machine.ended();
    assert!(by_force || code == Some(0), "it ended with {code:?}: {all:#?}");
    let mut anew = 0;
    for line in &all {
        let is_bad = ["ALARM", "panicked", "a thread broke", "is not what it should be", "LOST"];
        assert!(!is_bad.iter().any(|bad| line.contains(bad)), "{all:#?}");
        if let Some((_, why)) = line.split_once("asking clients to leave: ") {
            // Only time makes it so: what came can always be gone on with.
            let of_time = ["nothing was heard of the core for", "what is missing did not come for"];
            assert!(of_time.iter().any(|it| why.starts_with(it)), "{all:#?}");
            anew += 1;
        }
    }
    anew
}

/// Waits until whoever asks this machine there is served.
fn until_ready(address: &str, machine: &mut Machine) {
    let begun = Instant::now();
    while !matches!(exchanged(address, "GET /readyz", "", ""), Ok(Some((200, _)))) {
        assert!(!machine.has_ended(), "it has ended: {:#?}", machine.all);
        assert!(begun.elapsed() < PATIENCE, "{address} is not ready");
        thread::sleep(AGAIN);
    }
}

/// Sends everybody home, also where a run has failed.
struct Over<'r>(&'r Desk, &'r AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
        self.1.store(true, Ordering::Relaxed);
    }
}

/// One run. `None` if there is no NATS server to be had.
fn run(seed: u64) -> Option<Figures> {
    let mut dice = Dice::new(seed);
    let folder = Folder::bare(&format!("campaign-{seed}"));
    // Every other one: then nobody tells the standby anything.
    let is_leased = seed % 2 == 1 && is_of(10);
    let store = folder.0.join("lease").display().to_string();
    let configuration = match is_leased {
        true => format!("jetstream {{ store_dir: {store:?} }}"),
        false => String::new(),
    };
    let server = Server::start(&configuration)?;
    let port = server.port;
    let mut post = |name| Post::new(name, dice.next(), (port, is_leased), &folder);
    let (core, standby, edges) = (post("core"), post("standby"), EDGES.map(&mut post));
    let plan = faults(&mut dice);
    // Who takes over promises the same, or only what its own disk has.
    let next = if dice.roll(2) == 0 { REPLICATED } else { SYNC };
    let mut first = core.start(&folder, "core", "core", &REPLICATED);
    let stands_by = standby.start(&folder, "standby", "standby", &next);
    first.says("listening on http://");
    let start = |post: Post, data| {
        let machine = post.start(&folder, "edge", data, &[]);
        (post, machine)
    };
    let [one, two] = edges;
    let mut edges = [start(one, EDGES[0]), start(two, EDGES[1])];
    for (post, machine) in &mut edges {
        until_ready(&post.listen, machine);
    }
    let addresses = [&core, &edges[0].0, &edges[1].0].map(|post| post.listen.clone());
    let keys = [0, 1].map(|account| key_of(&addresses[0], account));
    let (desk, shown, watched) =
        (Desk::new(keys, addresses), Shown::default(), AtomicBool::new(false));
    let mut market = Market {
        folder: &folder,
        desk: &desk,
        server: Some(server),
        port,
        configuration: &configuration,
        is_leased,
        core: (core, first),
        data: "core",
        promise: REPLICATED,
        next,
        standby: Some((standby, stands_by)),
        edges,
        old: None,
        anew: 0,
        copies_anew: 0,
        dice: dice.clone(),
    };
    let orders = thread::scope(|scope| {
        let _over = Over(&desk, &watched);
        let trading = [0, 1, 2].map(|machine| {
            let dice = Dice::new(dice.next());
            let desk = &desk;
            scope.spawn(move || desk.trade(machine, dice))
        });
        for machine in 0..3 {
            let (desk, shown, watched) = (&desk, &shown, &watched);
            scope.spawn(move || shown.watch(machine, || desk.address(machine), watched));
        }
        for &fault in &plan {
            market.wait(1_500);
            market.look_after_the_core();
            folder.note(&format!("{fault:?}"));
            market.happen(fault);
        }
        folder.note("all is to be well");
        market.settle();
        desk.over.store(true, Ordering::Relaxed);
        for trader in trading {
            trader.join().expect("it trades in order");
        }
        // All machines come to know the same.
        let begun = Instant::now();
        let known = loop {
            let known = [0, 1, 2].map(|machine| desk.known(machine));
            if known[0].is_some() && known[0] == known[1] && known[0] == known[2] {
                break known.into_iter().next().flatten().expect("it is known");
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "machines know different things: {}",
                differ(&known)
            );
            thread::sleep(AGAIN);
        };
        desk.judged(&known).unwrap_or_else(|what| panic!("{what}"))
    });
    let shown = shown.judged().unwrap_or_else(|what| panic!("{what}"));
    let mut figures = market.end();
    // Else it would be judged for nothing.
    let bus = &figures.bus;
    assert!(bus.dropped > 5 && bus.doubled > 5 && bus.swapped > 5, "{bus:?}");
    assert!(
        orders.taken > 20 && shown.sittings >= 3 && shown.compared > 100,
        "{orders:?}, {shown:?}"
    );
    (figures.orders, figures.shown, figures.faults) = (orders, shown, plan);
    figures.leased = u64::from(is_leased);
    Some(figures)
}

/// Where machines differ in what they know.
fn differ(known: &[Option<[Vec<Value>; 2]>; 3]) -> String {
    for (machine, it) in known.iter().enumerate() {
        let (Some(core), Some(it)) = (&known[0], it) else {
            return format!("machine {machine} or the core does not answer");
        };
        for (account, (core, it)) in core.iter().zip(it).enumerate() {
            if let Some(at) = (0..core.len().max(it.len())).find(|&at| core.get(at) != it.get(at)) {
                let [core, it] = [core, it].map(|all| all.get(at));
                return format!(
                    "account {account}: the core has {core:?}, machine {machine} {it:?}"
                );
            }
        }
    }
    "but not now any more".to_owned()
}

/// Runs of these seeds, so many at once, and what came of them. The seeds that failed are told.
pub fn runs(seeds: std::ops::RangeInclusive<u64>, at_once: usize) -> Option<Figures> {
    let (first, last) = (*seeds.start(), *seeds.end());
    let next = AtomicU64::new(first);
    let (all, failed) = (Mutex::new(Figures::default()), Mutex::new(Vec::new()));
    let is_absent = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last {
                        return;
                    }
                    let begun = Instant::now();
                    let said = match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                        Ok(None) => return is_absent.store(true, Ordering::Relaxed),
                        Ok(Some(figures)) => {
                            let mut all = all.lock().expect("nobody panics with it");
                            all.add(&figures);
                            format!(
                                "in {:.0} s: {}",
                                begun.elapsed().as_secs_f64(),
                                figures.words()
                            )
                        }
                        Err(panic) => {
                            let why = panic.downcast_ref::<String>().map_or("it panicked", |it| it);
                            failed.lock().expect("nobody panics with it").push(seed);
                            format!("FAILED: {why}")
                        }
                    };
                    // The harness would show it only at the end.
                    let _told = writeln!(std::io::stderr(), "campaign, seed {seed}, {said}");
                }
            });
        }
    });
    if is_absent.load(Ordering::Relaxed) {
        return None;
    }
    let (all, mut failed) = (all.into_inner().expect("whole"), failed.into_inner().expect("whole"));
    failed.sort_unstable();
    assert!(
        failed.is_empty(),
        "seeds {failed:?} failed, each again by RIALTO_SEED=N; of those that did not: {}",
        all.words()
    );
    Some(all)
}
