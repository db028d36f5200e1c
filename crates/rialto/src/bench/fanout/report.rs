//! What a fan-out found, for people and for programs.

use std::fmt;

use serde_json::json;

use super::Options;
use crate::bench::numbers::Thousandths;

/// What deliveries cost, and what a connection does.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// One for each load, in the order in which they were taken.
    pub costs: Vec<Cost>,
    /// Resident memory of a connection that waits, in bytes.
    pub idle_bytes: i64,
    /// The same when it listens to a topic.
    pub listening_bytes: i64,
}

/// What a delivery of one load costs. Times are CPU, in ns, medians of the rounds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes of each message.
    pub message_bytes: usize,
    /// Messages that are told at once.
    pub messages: u32,
    /// The board thread's and the loop's.
    pub ours_ns: u64,
    /// The plain loop's.
    pub plain_ns: u64,
    /// Plain to ours, of the medians, in thousandths: more is better.
    pub ratio_per_mille: u64,
    /// The lowest ratio of a round.
    pub ratio_per_mille_min: u64,
    /// The highest ratio of a round.
    pub ratio_per_mille_max: u64,
    /// Node's, if it was measured.
    pub node: Option<Rival>,
}

/// What a delivery costs another server.
#[derive(Clone, Copy, Debug)]
pub struct Rival {
    /// Its CPU, in ns, the median of the rounds.
    pub ns: u64,
    /// Its to ours, of the medians, in thousandths: more is better for us.
    pub ratio_per_mille: u64,
    /// The lowest ratio of a round.
    pub ratio_per_mille_min: u64,
    /// The highest ratio of a round.
    pub ratio_per_mille_max: u64,
}

impl Cost {
    /// What the plain loop is where it writes so many messages at once.
    pub const fn beside(&self) -> &'static str {
        if self.messages > 1 { "joined-write loop" } else { "plain send() loop" }
    }
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let costs = self.costs.iter().map(|cost| {
            json!({
                "message_bytes": cost.message_bytes,
                "messages_a_turn": cost.messages,
                "cpu_ns": cost.ours_ns,
                "plain_cpu_ns": cost.plain_ns,
                "ratio_per_mille": cost.ratio_per_mille,
                "ratio_per_mille_min": cost.ratio_per_mille_min,
                "ratio_per_mille_max": cost.ratio_per_mille_max,
                "beside": cost.beside(),
                "node": cost.node.map(|node| json!({
                    "cpu_ns": node.ns,
                    "ratio_per_mille": node.ratio_per_mille,
                    "ratio_per_mille_min": node.ratio_per_mille_min,
                    "ratio_per_mille_max": node.ratio_per_mille_max,
                })),
            })
        });
        json!({
            "bench": "fanout",
            "sockets": self.options.sockets,
            "turns": self.options.turns,
            "rounds": self.options.rounds,
            "costs": costs.collect::<Vec<_>>(),
            "idle": self.options.idle,
            "idle_bytes_each": self.idle_bytes,
            "listening_bytes_each": self.listening_bytes,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { sockets, turns, rounds, idle, .. } = self.options;
        writeln!(
            f,
            "fanout: {sockets} sockets, {turns} turns × {rounds} rounds; CPU of a delivery, medians"
        )?;
        for cost in &self.costs {
            let [ratio, min, max] =
                [cost.ratio_per_mille, cost.ratio_per_mille_min, cost.ratio_per_mille_max]
                    .map(Thousandths);
            writeln!(
                f,
                "  {:>2} × {:>4} B a turn: {} µs, {} {} µs, ratio {ratio} (rounds {min} to {max})",
                cost.messages,
                cost.message_bytes,
                Thousandths(cost.ours_ns),
                cost.beside(),
                Thousandths(cost.plain_ns),
            )?;
            if let Some(node) = cost.node {
                let [ratio, min, max] =
                    [node.ratio_per_mille, node.ratio_per_mille_min, node.ratio_per_mille_max]
                        .map(Thousandths);
                writeln!(
                    f,
                    "        Node ws {} µs, ratio {ratio} (rounds {min} to {max})",
                    Thousandths(node.ns)
                )?;
            }
        }
        write!(
            f,
            "  {idle} connections that wait: {} B resident each; listening to one topic: {} B",
            self.idle_bytes, self.listening_bytes
        )
    }
}
