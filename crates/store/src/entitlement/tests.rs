//! Entitlements against a slow and plain reading of them, over many random ones.

use std::collections::BTreeSet;

use model::{
    AccountId, Cadence, Instrument, InstrumentId, Quantity, Scope, Time, Topic, TopicKind,
    instrument::Minimum,
};

use super::{Channel, Entitlement, Limits, Pair};
use crate::{Opening, SqliteStore};
use crate::{Random, Store, Wanted};

/// The last is the first one's perpetual.
const PAIRS: [(&str, &str); 6] = [
    ("BTC", "USD"),
    ("ETH", "USD"),
    ("ETH", "BTC"),
    ("BTC", "EUR"),
    ("AAPL", "USD"),
    ("BTC", "USD-PERP"),
];

/// What they are called, by number.
fn names() -> Vec<Pair> {
    let name = |it: Instrument| match it.quote.strip_suffix("-PERP") {
        Some(quote) => Pair::of_perpetual(&Instrument { quote: quote.into(), ..it.clone() }),
        None => Pair::of(&it),
    };
    instruments().into_iter().map(name).collect()
}

fn instruments() -> Vec<Instrument> {
    let each = (0..).zip(PAIRS).map(|(id, (base, quote))| Instrument {
        id: InstrumentId(id),
        base: base.into(),
        quote: quote.into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    });
    each.collect()
}

/// Every topic there may be, with the channel that people call it by.
fn topics() -> Vec<(Topic, &'static str)> {
    let cadence = Cadence::TENTH;
    let kinds = [
        (TopicKind::Trades, "trades"),
        (TopicKind::Orders, "orders"),
        (TopicKind::Book { depth: 100, cadence }, "book"),
        (TopicKind::Detail { depth: 100, cadence }, "detail"),
        (TopicKind::Delta { cadence }, "delta"),
        (TopicKind::Funding, "funding"),
    ];
    let mut topics = Vec::new();
    for (kind, name) in kinds {
        topics.push((Topic { kind, scope: Scope::All }, name));
        topics.push((Topic::all_own(AccountId(7), kind), "private"));
        for id in (0..PAIRS.len() as u16 + 1).map(InstrumentId) {
            topics.push((Topic::of(id, kind), name));
            topics.push((Topic { kind, scope: Scope::Account(AccountId(7), id) }, "private"));
        }
    }
    topics
}

/// An entitlement as words, as one would read it aloud.
#[derive(Debug, Clone)]
struct Plain {
    trading: bool,
    instruments: Option<Vec<String>>,
    channels: Option<Vec<String>>,
}

impl Plain {
    fn random(random: &mut Random) -> Self {
        let [trading, some, pairs, channels_low, channels_high] =
            random.bytes::<5>().expect("bytes");
        let channels = u16::from_le_bytes([channels_low, channels_high]);
        let pairs = PAIRS.iter().enumerate().filter(|(at, _)| pairs >> at & 1 == 1);
        let pairs = pairs.map(|(_, (base, quote))| format!("{base}/{quote}")).collect();
        let names = Channel::ALL.iter().enumerate().filter(|(at, _)| channels >> at & 1 == 1);
        let names = names.map(|(_, channel)| channel.to_string()).collect();
        Self {
            trading: trading & 1 == 1,
            instruments: (some & 3 != 0).then_some(pairs),
            channels: (some & 12 != 0).then_some(names),
        }
    }
    fn real(&self) -> Entitlement {
        fn parsed<T: std::str::FromStr<Err = String> + Ord>(words: &[String]) -> BTreeSet<T> {
            words.iter().map(|word| word.parse().expect("a word")).collect()
        }
        Entitlement {
            trading: self.trading,
            instruments: self.instruments.as_deref().map(parsed),
            channels: self.channels.as_deref().map(parsed),
            quotes: BTreeSet::new(),
        }
    }
    fn sees(&self, instrument: &Instrument) -> bool {
        let name = instrument.base.clone() + "/" + &instrument.quote;
        self.instruments.as_ref().is_none_or(|list| list.contains(&name))
    }
    fn hears(&self, topic: &Topic, name: &str, instruments: &[Instrument]) -> bool {
        if self.channels.as_ref().is_some_and(|list| !list.iter().any(|it| it == name)) {
            return false;
        }
        if self.instruments.is_none() {
            return true;
        }
        match topic.scope {
            Scope::All | Scope::Own(_) => false,
            Scope::Instrument(id) | Scope::Account(_, id) => {
                instruments.iter().any(|it| it.id == id && self.sees(it))
            }
        }
    }
}

#[test]
fn nobody_may_more_than_the_words_say() {
    let (instruments, names, topics) = (instruments(), names(), topics());
    for seed in 0..2_000 {
        let mut random = Random::repeatable(&format!("entitlement {seed}"));
        let plain = Plain::random(&mut random);
        let real = plain.real();
        for (it, name) in instruments.iter().zip(&names) {
            assert_eq!(real.sees(name), plain.sees(it), "seed {seed}: {plain:?}, {it:?}");
            let trades = plain.trading && plain.sees(it);
            assert_eq!(real.trades(name), trades, "seed {seed}: {plain:?}, {it:?}");
        }
        let numbers = plain.instruments.as_ref().map(|_| {
            let seen = instruments.iter().filter(|it| plain.sees(it));
            seen.map(|it| it.id).collect::<Vec<_>>()
        });
        assert_eq!(real.numbers(&names), numbers, "seed {seed}: {plain:?}");
        for (topic, name) in &topics {
            let expected = plain.hears(topic, name, &instruments);
            let heard = real.hears(topic, &names);
            assert_eq!(heard, expected, "seed {seed}: {plain:?}, {topic:?}");
        }
    }
}

#[test]
fn what_was_entitled_is_what_the_store_gives_back() {
    let opening = Opening { random: Random::repeatable("entitled"), ..Opening::default() };
    let store = SqliteStore::in_memory(opening).expect("a store");
    for seed in 0..300_u32 {
        let mut random = Random::repeatable(&format!("kept {seed}"));
        let entitlement = Plain::random(&mut random).real();
        let [connections, requests, some] = random.bytes::<3>().expect("bytes");
        let limits = Limits {
            connections_max: (some & 1 == 1).then_some(connections.into()),
            requests_per_second_max: (some & 2 == 2).then_some(requests.into()),
        };
        let wanted = Wanted { dialect: "native".into(), entitlement: entitlement.clone(), limits };
        let name = format!("a{seed}");
        let (_, issued) = store.enrol(&name, &[wanted], Time(0)).expect("an account");
        let key = issued[0].parts[0].1.reveal();
        let found = store.credential("native", key).expect("it is known");
        assert_eq!((&found.entitlement, found.limits), (&entitlement, limits), "seed {seed}");
    }
}

#[test]
fn names_of_instruments_and_channels_are_judged() {
    assert_eq!("btc/usd".parse::<Pair>().expect("a pair").to_string(), "BTC/USD");
    assert_eq!("btc/usd-perp".parse::<Pair>().expect("one").to_string(), "BTC/USD-PERP");
    for wrong in [
        "",
        "BTC",
        "/",
        "BTC/",
        "/USD",
        "BTC/USD/EUR",
        "B C/USD",
        "BTC/US D",
        "ÄTC/USD",
        "BTC/-PERP",
        "BTC-PERP/USD",
    ] {
        assert!(wrong.parse::<Pair>().is_err(), "{wrong:?}");
    }
    for channel in Channel::ALL {
        assert_eq!(channel.to_string().parse(), Ok(channel));
    }
    let error = "candle".parse::<Channel>().expect_err("not quite");
    assert!(error.contains("candles, ticker"), "{error}");
}
