//! What orders took by the venue's own account, from its `/metrics`.

use crate::bench::numbers::{Histogram, Shares};
use crate::bench::serving::Venue;

/// What was counted up to a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Where each bucket ends, in µs, and how many are in it or below.
    buckets: Vec<(u64, u64)>,
    /// How often accepting rested.
    pub accepts_held: u64,
}

impl Taken {
    /// Asks a venue.
    pub fn read(venue: &Venue) -> Result<Self, String> {
        let text = venue.text("/metrics")?;
        let taken = Self::of(&text);
        if taken.buckets.is_empty() {
            return Err(
                "failed to read the venue's /metrics: it does not say what orders took".to_owned()
            );
        }
        Ok(taken)
    }

    fn of(text: &str) -> Self {
        let mut taken = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("rialto_command_seconds_bucket{le=\"")
                && let Some((end, count)) = rest.split_once("\"} ")
                && let Ok(count) = count.parse()
            {
                // What lies above all buckets is told as twice the last of them.
                let last = taken.buckets.last().map_or(0, |&(end, _)| end);
                let end = end.parse::<f64>().ok().filter(|end| end.is_finite());
                taken.buckets.push((end.map_or(2 * last, |end| (end * 1e6).round() as u64), count));
            } else if let Some(count) = line.strip_prefix("rialto_accepts_held_total ") {
                taken.accepts_held = count.parse().unwrap_or(0);
            }
        }
        taken
    }

    /// Of those since an earlier moment, the ends of their buckets.
    pub fn since(&self, before: &Self) -> Option<Shares> {
        let (mut shares, mut below) = (Histogram::default(), 0);
        for (at, &(end, count)) in self.buckets.iter().enumerate() {
            let count = count - before.buckets.get(at).map_or(0, |&(_, count)| count);
            for _ in below..count {
                shares.add(end);
            }
            below = count;
        }
        shares.shares()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_between_two_looks_is_read_from_the_page() {
        let page = |counts: [u64; 4], held: u64| {
            let mut text =
                "# HELP rialto_command_seconds How long.\nrialto_command_seconds_sum 0.5\n"
                    .to_owned();
            for (end, count) in ["8e-6", "1e-5", "0.524288", "+Inf"].iter().zip(counts) {
                text += &format!("rialto_command_seconds_bucket{{le=\"{end}\"}} {count}\n");
            }
            text + &format!("rialto_accepts_held_total {held}\n# EOF\n")
        };
        let (before, after) =
            (Taken::of(&page([1, 5, 5, 5], 2)), Taken::of(&page([2, 103, 104, 105], 9)));
        let shares = after.since(&before).expect("there are some");
        // One of 8 µs, 97 of 10 µs, one of half a second and one above.
        assert_eq!((shares.count, shares.p50, shares.p90), (100, 10, 10));
        // Within the 1.6 percent of a histogram.
        assert!((524_288..533_000).contains(&shares.p99), "{shares:?}");
        assert_eq!(shares.max, 1_048_576);
        assert_eq!((before.accepts_held, after.accepts_held), (2, 9));
        assert_eq!(after.since(&after), None);
    }
}
