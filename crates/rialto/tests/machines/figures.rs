//! What happens in the campaign, and what came of it, in figures.

use crate::proxy::Counts;
use crate::{traders, watchers};

/// What happens to the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The NATS server is killed, and started again.
    ServerKilled,
    /// It stands still for a while: a partition of everybody from everybody.
    ServerStopped,
    /// An edge is cut off for ten seconds.
    EdgeCut,
    /// An edge is killed, and started again.
    EdgeKilled,
    /// The core is killed, and started again on its disk.
    CoreKilled,
    /// The core is gone, the standby takes over, the old core comes back.
    CoreLost(Loss),
}

/// How a core is gone, and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is killed, and started again when there is another one.
    Killed,
    /// It stands still, and goes on when there is another one.
    Stopped,
    /// It is cut off from the bus, and its customers are not cut off from it.
    Cut,
}

/// What came of runs.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub runs: u64,
    /// In which machines agreed by themselves on who is the core.
    pub leased: u64,
    pub orders: traders::Tally,
    pub shown: watchers::Tally,
    pub bus: Counts,
    pub faults: Vec<Fault>,
    /// How often an edge began anew by itself.
    pub anew: u64,
    /// How often a standby had begun with an old core's journal, and had to begin again.
    pub copies_anew: u64,
    /// Records that old cores had written and nobody went on with: none of them was acknowledged.
    pub left_behind: u64,
    /// And those that were compared with theirs.
    pub common: u64,
}

impl Figures {
    pub fn add(&mut self, more: &Self) {
        self.runs += more.runs;
        self.leased += more.leased;
        let (all, it) = (&mut self.orders, &more.orders);
        all.taken += it.taken;
        all.canceled += it.canceled;
        all.not_taken += it.not_taken;
        all.unknown += it.unknown;
        all.unknown_there += it.unknown_there;
        all.longest = all.longest.max(it.longest);
        let (all, it) = (&mut self.shown, &more.shown);
        all.frames += it.frames;
        all.compared += it.compared;
        all.asked_to_leave += it.asked_to_leave;
        all.sittings += it.sittings;
        let (all, it) = (&mut self.bus, &more.bus);
        all.passed += it.passed;
        all.dropped += it.dropped;
        all.doubled += it.doubled;
        all.swapped += it.swapped;
        self.faults.extend(&more.faults);
        self.anew += more.anew;
        self.copies_anew += more.copies_anew;
        self.left_behind += more.left_behind;
        self.common += more.common;
    }

    /// In words, in one line.
    pub fn words(&self) -> String {
        let Self {
            runs, leased, orders, shown, bus, anew, copies_anew, left_behind, common, ..
        } = self;
        let mut faults = Vec::new();
        for (kind, fault) in [
            ("the server killed", Fault::ServerKilled),
            ("the server stopped", Fault::ServerStopped),
            ("an edge cut off", Fault::EdgeCut),
            ("an edge killed", Fault::EdgeKilled),
            ("the core killed", Fault::CoreKilled),
            ("the core killed and replaced", Fault::CoreLost(Loss::Killed)),
            ("stopped and replaced", Fault::CoreLost(Loss::Stopped)),
            ("cut off and replaced", Fault::CoreLost(Loss::Cut)),
        ] {
            let count = self.faults.iter().filter(|it| **it == fault).count();
            faults.push(format!("{kind} {count}"));
        }
        format!(
            "{runs} runs, {leased} with a lease: {} orders taken, {} of them canceled, {} not taken, {} unknown (of which {} count); {} faults: {}; of {} \
             messages {} lost, {} doubled, {} swapped; {} frames on {} connections, {} compared with another machine's; \
             {} asked to reconnect, {anew} edges and {copies_anew} copies begun anew; {common} records in common with old cores, {left_behind} only \
             theirs; longest without an order taken {:.1} s",
            orders.taken,
            orders.canceled,
            orders.not_taken,
            orders.unknown,
            orders.unknown_there,
            self.faults.len(),
            faults.join(", "),
            bus.passed,
            bus.dropped,
            bus.doubled,
            bus.swapped,
            shown.frames,
            shown.sittings,
            shown.compared,
            shown.asked_to_leave,
            orders.longest.as_secs_f64(),
        )
    }
}
