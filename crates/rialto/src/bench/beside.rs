//! `rialto bench beside`: what this build's sockets cost and how late they are, beside simpler things that do the same: a
//! plain `send()` loop, a joined-write loop, Node's `ws`. A few lines with the ratios that the project promises.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::numbers::{Bytes, Thousands, Thousandths};
use super::progress::Progress;
use super::{fanout, idle, paced};

/// Options of `rialto bench beside`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Beside Node's `ws` too, which is installed in this folder
    #[arg(long, value_name = "FOLDER")]
    pub node: Option<PathBuf>,
    /// How often each way has its turn; medians count
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = super::numbers::at_least_one)]
    pub rounds: usize,
    /// A tenth of everything: to see that all of it works, not for figures
    #[arg(long)]
    pub small: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Report {
    small: bool,
    fanouts: Vec<fanout::Report>,
    paced: paced::Report,
    idle: idle::Report,
}

/// Ratios in thousandths that are promised for each load at each number of sockets.
const PROMISED: [u64; 3] = [950, 900, 1_000];

impl Report {
    /// What comes behind a promise; nothing where figures mean nothing.
    const fn verdict(&self, is_met: bool) -> &'static str {
        match (self.small, is_met) {
            (true, _) => "",
            (false, true) => ": met",
            (false, false) => ": missed",
        }
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let value =
            |text: String| -> Value { serde_json::from_str(&text).expect("a report is JSON") };
        json!({
            "bench": "beside",
            "fanouts": self.fanouts.iter().map(|it| value(it.json())).collect::<Vec<_>>(),
            "paced": value(self.paced.json()),
            "idle": value(self.idle.json()),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "CPU of a delivery; ratio: how much more the other costs, median (lowest to highest round)\n"
        )?;
        writeln!(f, "| sockets | a turn | ours | beside | theirs | ratio | promised |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for report in &self.fanouts {
            for (cost, promised) in report.costs.iter().zip(PROMISED) {
                let fanout::Cost { ours_ns, ratio_per_mille: ratio, .. } = *cost;
                let (min, max) = (cost.ratio_per_mille_min, cost.ratio_per_mille_max);
                let turn = format!("{} × {} B", cost.messages, cost.message_bytes);
                let mut line = |beside,
                                theirs,
                                [min, ratio, max]: [u64; 3],
                                promised: Option<u64>| {
                    let verdict = promised.map_or_else(String::new, |promised| {
                        format!("≥ {}{}", Thousandths(promised), self.verdict(ratio >= promised))
                    });
                    let [ours, theirs, min, ratio, max] =
                        [ours_ns, theirs, min, ratio, max].map(Thousandths);
                    writeln!(
                        f,
                        "| {} | {turn} | {ours} µs | {beside} | {theirs} µs | {ratio} ({min} to {max}) | {verdict} |",
                        Thousands(report.options.sockets as u64),
                    )
                };
                line(cost.beside(), cost.plain_ns, [min, ratio, max], Some(promised))?;
                if let Some(node) = cost.node {
                    let (min, max) = (node.ratio_per_mille_min, node.ratio_per_mille_max);
                    line("Node ws", node.ns, [min, node.ratio_per_mille, max], None)?;
                }
            }
        }
        let ratios = self.paced.p99_per_mille();
        let [min, ratio, max] = ratios.map(Thousandths);
        let is_met = ratios[1] <= paced::TARGET_PER_MILLE && self.paced.is_held();
        writeln!(f, "\n{}", self.paced)?;
        writeln!(
            f,
            "p99 to the joined-write loop's: {ratio} ({min} to {max}), promised ≤ {}, and the rate held{}",
            Thousandths(paced::TARGET_PER_MILLE),
            self.verdict(is_met)
        )?;
        let each = self.idle.bytes_each();
        write!(
            f,
            "memory of an idle connection: {}, promised ≤ {}{}",
            Bytes(each),
            Bytes(idle::AIM_BYTES),
            self.verdict(each <= idle::AIM_BYTES)
        )
    }
}

/// Takes all of it.
///
/// # Errors
/// What failed first.
pub fn run(options: &Options) -> Result<Report, String> {
    let Options { ref node, rounds, small } = *options;
    let mut progress = Progress::new();
    let mut fanouts = Vec::new();
    let sizes = if small { [(10, 3), (20, 3)] } else { [(500, 60), (2_000, 20)] };
    for (sockets, turns) in sizes {
        progress.show(&format!("{sockets} sockets"));
        let idle = if small { 20 } else { 1_000 };
        let node = node.clone();
        let no_io_uring = false;
        let options = fanout::Options { sockets, turns, rounds, idle, node, no_io_uring };
        fanouts.push(fanout::run(&options)?);
    }
    progress.show("a fixed rate");
    let (sockets, rate, millis) = if small { (10, 2_000, 200) } else { (500, 1_000_000, 2_000) };
    let paced = paced::run(&paced::Options { sockets, rate, bytes: 200, millis, rounds })?;
    progress.show("idle connections");
    let (sockets, settle) = if small { (100, 0) } else { (10_000, 3) };
    let path = "/bitstamp".to_owned();
    let idle = idle::run(&idle::Options {
        sockets,
        path,
        tls: false,
        url: None,
        pid: Vec::new(),
        settle,
    })?;
    progress.done();
    Ok(Report { small, fanouts, paced, idle })
}
