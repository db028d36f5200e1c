//! The text of `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::following::FollowingNote;
use crate::goodbye::Goodbyes;
use crate::journal::JournalNote;
use crate::metrics::{Counters, Grows};

/// The type under which Prometheus asks for it.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted, as it stands now.
#[must_use]
pub fn page(
    counters: &Arc<Counters>,
    goodbyes: &Arc<Goodbyes>,
    journal: Option<JournalNote>,
    following: Option<FollowingNote>,
) -> String {
    let mut registry = Registry::with_prefix("rialto");
    registry.register_collector(Box::new(Counted(Arc::clone(counters))));
    registry.register_collector(Box::new(Left(Arc::clone(goodbyes))));
    if let Some(journal) = journal {
        registry.register_collector(Box::new(Written(journal)));
    }
    if let Some(following) = following {
        registry.register_collector(Box::new(Followed(following)));
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes every text");
    text
}

#[derive(Debug)]
struct Counted(Arc<Counters>);

impl Collector for Counted {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut result = Ok(());
        self.0.each(|name, meaning, grows, value| {
            if result.is_err() {
                return;
            }
            let meaning = meaning.strip_suffix('.').unwrap_or(meaning);
            result = match grows {
                Grows::Only => {
                    let counter = ConstCounter::new(value);
                    encoder
                        .encode_descriptor(name, meaning, None, MetricType::Counter)
                        .and_then(|metric| counter.encode(metric))
                }
                Grows::AndShrinks => {
                    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                    encoder
                        .encode_descriptor(name, meaning, None, MetricType::Gauge)
                        .and_then(|metric| gauge.encode(metric))
                }
            };
        });
        result?;
        let meaning =
            "How long commands took that came over HTTP, until what came of them was known";
        let mut metric =
            encoder.encode_descriptor("command_seconds", meaning, None, MetricType::Histogram)?;
        let seconds = |end: Option<Duration>| end.map_or(f64::INFINITY, |end| end.as_secs_f64());
        let times = &self.0.commands;
        let buckets: Vec<(f64, u64)> =
            times.buckets().map(|(end, count)| (seconds(end), count)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        metric.encode_histogram::<NoLabelSet>(times.sum().as_secs_f64(), count, &buckets, None)
    }
}

#[derive(Debug)]
struct Left(Arc<Goodbyes>);

impl Collector for Left {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let meaning = "Connections that ended, by reason";
        let mut metric =
            encoder.encode_descriptor("goodbyes", meaning, None, MetricType::Counter)?;
        let mut result = Ok(());
        self.0.each(|reason, count| {
            if result.is_ok() {
                let labels = [("reason", reason)];
                result = metric
                    .encode_family(&labels)
                    .and_then(|metric| ConstCounter::new(count).encode(metric));
            }
        });
        result
    }
}

#[derive(Debug)]
struct Written(JournalNote);

impl Collector for Written {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let it = &self.0;
        for (name, meaning, value) in [
            ("journal_bytes", "Bytes written to the journal in this life", it.bytes),
            ("journal_records", "Records written to the journal in this life", it.records),
            ("journal_syncs", "Times the disk was asked to make the journal durable", it.syncs),
            ("images", "Images of the market taken in this life", it.follower.images),
        ] {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Counter)?;
            counter.encode(metric)?;
        }
        let level = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        for (name, meaning, value) in [
            ("journal_epoch", "Which life of the market this is", it.epoch.into()),
            ("journal_command", "Commands up to this one are durable", it.commands),
        ] {
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
            level(value).encode(metric)?;
        }
        let follower = &it.follower;
        for (name, meaning, is_so) in [
            (
                "follower_alarm",
                "Whether what was done again was not what was done: no image is taken any more",
                follower.alarm.is_some(),
            ),
            (
                "follower_failed",
                "Whether the last image could not be taken; it is tried again",
                follower.failure.is_some(),
            ),
        ] {
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
            level(is_so.into()).encode(metric)?;
        }
        if let Some(image) = &follower.image {
            for (name, meaning, value) in [
                ("image_command", "The last command in the last image", image.command),
                ("image_bytes", "Bytes of the last image", image.bytes),
            ] {
                let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
                level(value).encode(metric)?;
            }
            let meaning = "How long the last image took, what is behind the one before included";
            let name = "image_seconds";
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
            ConstGauge::new(image.took.as_secs_f64()).encode(metric)?;
            if let Some(taken_at) = image.taken_at {
                let meaning = "When the last image was taken, in seconds since 1970";
                let name = "image_taken_at_seconds";
                let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
                ConstGauge::new(taken_at.micros() as f64 / 1e6).encode(metric)?;
            }
        }
        let meaning = "The last digest of all events, and how many it stands for";
        let mut metric =
            encoder.encode_descriptor("journal_digest_events", meaning, None, MetricType::Gauge)?;
        let labels = [("digest", format!("{:016x}", it.digest))];
        metric.encode_family(&labels).and_then(|metric| level(it.events).encode(metric))
    }
}

#[derive(Debug)]
struct Followed(FollowingNote);

impl Collector for Followed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let it = &self.0;
        for (name, meaning, value) in [
            ("core_records", "Records of the core's journal that came", it.records),
            ("core_gaps", "Messages that came before what is before them", it.gaps),
            ("core_asked", "Questions to the core", it.asked),
            (
                "core_unanswered",
                "Questions to the core that were not answered in time",
                it.unanswered,
            ),
            ("core_passed_on", "Commands of clients here that were passed on", it.passed_on),
            (
                "core_forgotten",
                "Commands forgotten, for want of room, before it was known whose they were",
                it.forgotten,
            ),
            ("bus_lost", "Messages lost on the bus by this machine for want of room", it.lost),
            ("bus_reconnects", "Times the bus came up again", it.reconnects),
        ] {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Counter)?;
            counter.encode(metric)?;
        }
        for (name, meaning, value) in [
            ("core_epoch", "Which life of the market is shown", it.epoch.into()),
            ("core_command", "The last command that is shown", it.command),
            (
                "core_behind_commands",
                "Commands that the core has and that are not shown",
                it.behind(),
            ),
            ("core_fresh", "Whether what is shown is near enough to the core", it.is_fresh.into()),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
            gauge.encode(metric)?;
        }
        // Before anything was heard there is nothing to count from.
        let Some(silence) = it.silence else { return Ok(()) };
        let meaning = "How long ago anything was heard of the core";
        let name = "core_silence_seconds";
        let metric = encoder.encode_descriptor(name, meaning, None, MetricType::Gauge)?;
        ConstGauge::new(silence.as_secs_f64()).encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{FollowerNote, ImageNote};

    #[test]
    fn the_page_tells_counters_gauges_and_goodbyes() {
        let counters = Arc::new(Counters::default());
        counters.http_requests.add(3);
        counters.connections_open.add(2);
        for micros in [9, 1_000_000] {
            counters.commands.add(Duration::from_micros(micros));
        }
        let text = page(&counters, &Arc::new(Goodbyes::new(1)), None, None);
        assert!(text.contains("\nrialto_http_requests_total 3\n"), "{text}");
        assert!(text.contains("\nrialto_connections_open 2\n"), "{text}");
        assert!(text.contains("\nrialto_command_seconds_count 2\n"), "{text}");
        let buckets =
            ["{le=\"0.000008\"} 0", "{le=\"0.00001\"} 1", "{le=\"0.524288\"} 1", "{le=\"+Inf\"} 2"];
        for bucket in buckets {
            assert!(text.contains(&format!("\nrialto_command_seconds_bucket{bucket}\n")), "{text}");
        }
        assert!(text.contains("\nrialto_goodbyes_total{reason=\"slow_consumer\"} 0\n"), "{text}");
        assert!(!text.contains("rialto_journal_digest"), "{text}");
    }

    #[test]
    fn the_page_tells_how_the_journal_stands_where_there_is_one() {
        let note = JournalNote {
            durability: "sync",
            epoch: 3,
            commands: 2_000,
            events: 2_048,
            digest: 0xabc,
            bytes: 70_000,
            records: 40,
            syncs: 41,
            failure: None,
            follower: FollowerNote {
                image: Some(ImageNote {
                    segment: 4,
                    command: 1_500,
                    bytes: 9_000,
                    taken_at: Some(model::Time::from_seconds(1_800_000_000)),
                    took: Duration::from_millis(250),
                }),
                images: 2,
                failure: None,
                alarm: Some("it differs".into()),
            },
        };
        let text = page(&Arc::default(), &Arc::new(Goodbyes::new(1)), Some(note), None);
        for line in [
            "rialto_journal_bytes_total 70000",
            "rialto_journal_syncs_total 41",
            "rialto_journal_epoch 3",
            "rialto_journal_command 2000",
            "rialto_images_total 2",
            "rialto_image_command 1500",
            "rialto_image_bytes 9000",
            "rialto_image_seconds 0.25",
            "rialto_image_taken_at_seconds 1800000000.0",
            "rialto_follower_alarm 1",
            "rialto_follower_failed 0",
            "rialto_journal_digest_events{digest=\"0000000000000abc\"} 2048",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is not in {text}");
        }
    }
    #[test]
    fn the_page_tells_how_the_core_is_followed_where_one_is() {
        let note = FollowingNote {
            epoch: 2,
            command: 1_000,
            core: Some(1_007),
            silence: Some(Duration::from_millis(250)),
            is_fresh: true,
            gaps: 3,
            ..FollowingNote::default()
        };
        let text = page(&Arc::default(), &Arc::new(Goodbyes::new(1)), None, Some(note));
        for line in [
            "rialto_core_epoch 2",
            "rialto_core_command 1000",
            "rialto_core_behind_commands 7",
            "rialto_core_silence_seconds 0.25",
            "rialto_core_fresh 1",
            "rialto_core_gaps_total 3",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is not in {text}");
        }
        let unheard = page(
            &Arc::default(),
            &Arc::new(Goodbyes::new(1)),
            None,
            Some(FollowingNote::default()),
        );
        assert!(!unheard.contains("core_silence"), "{unheard}");
    }
}
