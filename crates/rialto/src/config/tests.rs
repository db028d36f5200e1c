use super::*;
use feed::crowd::Activity;
use model::{
    AlertKind, Amount, Constituent, Contract, EventBody, FeedName, InstrumentId, Minimum, Payoff,
    PerpetualEvent, Price, Quantity, Side, Source, Tier,
};

fn demo() -> Config {
    Config::read("demo.toml", DEMO).expect("the demo is in order")
}

#[test]
fn the_demo_lists_nine_markets_and_a_perpetual() {
    let config = demo();
    let rows: Vec<_> = config
        .listings
        .iter()
        .map(|listing| {
            let it = &listing.instrument;
            let symbol = |dialect| listing.symbol_in(dialect).unwrap_or("-");
            format!(
                "{} {}/{} {} {} {} {} {} | {} {} | {:?}",
                it.id,
                it.base,
                it.quote,
                symbol("bitstamp"),
                symbol("xrocket"),
                symbol("timex"),
                symbol("finazon"),
                symbol("confluencecode"),
                it.price_decimals,
                it.quantity_decimals,
                it.minimum,
            )
        })
        .collect();
    let notional = |value: i128| format!("{:?}", Minimum::Notional(value));
    let share = format!("{:?}", Minimum::Quantity(Quantity(1)));
    let ten = notional(10 * 10_i128.pow(10));
    assert_eq!(
        rows,
        [
            format!("0 BTC/USD btcusd BTC-USD BTCUSD - BTC-USD | 2 8 | {ten}"),
            format!("1 ETH/USD ethusd ETH-USD ETHUSD - ETH-USD | 2 8 | {ten}"),
            format!("2 BTC/EUR btceur BTC-EUR BTCEUR - BTC-EUR | 2 8 | {ten}"),
            format!("3 BTC/USDT btcusdt BTC-USDT BTCUSDT binance:BTC/USDT BTC-USDT | 2 8 | {ten}"),
            format!("4 ETH/USDT ethusdt ETH-USDT ETHUSDT binance:ETH/USDT ETH-USDT | 2 8 | {ten}"),
            format!(
                "5 ETH/BTC ethbtc ETH-BTC ETHBTC - ETH-BTC | 6 8 | {}",
                notional(2 * 10_i128.pow(10))
            ),
            format!(
                "6 ETH/AUDT ethaudt ETH-AUDT ETHAUDT - ETH-AUDT | 2 4 | {}",
                notional(10_i128.pow(6))
            ),
            format!("7 AAPL/USD - - - sip:AAPL - | 2 0 | {share}"),
            format!("8 TSLA/USD - - - sip:TSLA - | 2 0 | {share}"),
            format!("9 BTC/USD btcusd-perp - - - - | 0 5 | {}", notional(10 * 10_i128.pow(5))),
        ]
    );
    let terms: Vec<_> = config.contracts.iter().map(|it| (it.instrument.0, it.payoff)).collect();
    assert_eq!(terms, [(9, Payoff::Linear)]);
    for listing in &config.listings {
        assert_eq!(listing.description.split(" / ").count(), 2, "{}", listing.description);
        assert_eq!((listing.instrument.tick_units, listing.instrument.lot_units), (1, 1));
    }
}

#[test]
fn the_demo_has_a_crowd_in_every_market() {
    let CrowdPlan { assets, markets, warm_up } = demo().crowd;
    let starts: Vec<_> = markets.iter().map(|market| market.start.0).collect();
    assert_eq!(
        starts,
        [
            6_000_000, 300_000, 5_500_000, 6_000_000, 300_000, 50_000, 450_000, 22_000, 22_000,
            60_000
        ]
    );
    let busy = |market: &&Market| market.activity == Activity::Busy;
    let busy: Vec<_> =
        markets.iter().filter(busy).map(|market| market.instrument.id.index()).collect();
    assert_eq!(busy, [0, 1, 3, 7, 8]);
    assert_eq!(assets.len(), 7);
    assert_eq!(assets[1], Asset { code: "AUDT".into(), wander_ppm: 2_500 });
    assert_eq!(warm_up, Span::seconds(600));
}

#[test]
fn the_demo_is_alive_when_its_doors_open() {
    let config = demo();
    let opens = Time::from_seconds(1_795_305_600);
    let begins = config.begins(opens);
    let mut source = config.market_begun(7, begins);
    assert_eq!(begins, opens - Span::seconds(600));
    let mut events = Vec::new();
    while source.due().is_some_and(|due| due <= opens) {
        source.advance(opens, &mut events);
        events.clear();
    }
    assert_eq!(source.time(), opens, "the last tick is that of the opening");
    for listing in &config.listings {
        let it = &listing.instrument;
        for side in [Side::Buy, Side::Sell] {
            let levels = source.engine().levels(it.id, side, usize::MAX).count();
            assert!(levels >= 100, "{}/{} has {levels} levels on {side:?}", it.base, it.quote);
        }
        assert!(source.engine().last_trade(it.id).is_some(), "{}/{}", it.base, it.quote);
    }
}

/// What there is of every asset is what was deposited: in purses, at the clearing house, in the insurance fund.
fn assert_all_is_there(engine: &engine::Engine, at: Time) {
    let mut sums = vec![Amount::ZERO; engine.assets().all().len()];
    for balance in engine.balances() {
        sums[balance.asset.index()] += balance.available + balance.held;
    }
    for (asset, sum) in engine.assets().all().iter().zip(sums) {
        let sum = sum + engine.clearing(asset.id) + engine.insurance(asset.id);
        assert_eq!(sum, engine.supply(asset.id), "{} at {at:?}", asset.code);
    }
}

#[test]
fn funding_alerts_and_liquidations_happen_in_the_demo_and_no_money_is_lost() {
    let config = demo();
    // Funding is exchanged at midnight, twenty minutes later.
    let begins = Time::from_seconds(1_795_305_600) - Span::seconds(1_200);
    let mut source = config.market_begun(7, begins);
    let (mut funded, mut alerted, mut liquidated, mut concluded) = (0, 0, 0, 0);
    let mut events = Vec::new();
    while funded == 0 || alerted == 0 || liquidated == 0 || concluded == 0 {
        let till = source.time() + Span::seconds(1);
        assert!(till < begins + Span::seconds(6 * 3_600), "{funded} {alerted} {liquidated}");
        while source.due().is_some_and(|due| due <= till) {
            source.advance(till, &mut events);
            assert_all_is_there(source.engine(), till);
        }
        for event in events.drain(..) {
            let EventBody::Perpetual(what) = event.body else { continue };
            match what {
                PerpetualEvent::Funded { amount, .. } => {
                    funded += usize::from(amount != Amount::ZERO);
                }
                PerpetualEvent::Alerted(alert) => match alert.kind {
                    AlertKind::LiquidationConcluded => concluded += 1,
                    _ => alerted += 1,
                },
                PerpetualEvent::Liquidating { .. } => liquidated += 1,
                _ => {}
            }
        }
    }
    let marks = source.engine().marks(InstrumentId(9)).expect("it has a mark");
    assert!((marks.mark.0 - marks.index.0).abs() < 600, "{marks:?}");
}

/// A configuration with one instrument, small enough to be changed.
const SMALL: &str = r#"[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.50"
lot = "0.0001"
minimum = "0.001 BTC"
symbols = { bitstamp = "btcusd" }
crowd = { activity = "quiet", start = "60000", size = "0.05" }
"#;

#[test]
fn what_is_left_out_has_a_default() {
    let config = Config::read("small.toml", SMALL).expect("it is in order");
    assert_eq!((config.listen.to_string().as_str(), config.io_uring), ("127.0.0.1:8080", true));
    assert_eq!(config.bitstamp, dialects::bitstamp::Options::default());
    assert_eq!(config.timex, dialects::timex::Options::default());
    assert_eq!(config.confluencecode, dialects::confluencecode::Options::default());
    assert_eq!(config.finazon, dialects::finazon::Options::default());
    assert_eq!(config.cadences(), [Cadence::TENTH]);
    let instrument = &config.listings[0].instrument;
    assert_eq!((instrument.tick_units, instrument.price_decimals), (50, 2));
    assert_eq!(instrument.minimum, Minimum::Quantity(Quantity(10)));
    let market = &config.crowd.markets[0];
    assert_eq!((market.start, market.size), (Price(120_000), Quantity(500)));
    assert_eq!(config.crowd.assets, []);

    let alone: String =
        SMALL.lines().filter(|line| !line.starts_with("crowd")).collect::<Vec<_>>().join("\n");
    let config = Config::read("small.toml", &alone).expect("a market needs no crowd");
    assert_eq!((config.listings.len(), config.crowd.markets.len()), (1, 0));
}

#[test]
fn what_is_said_is_heard() {
    let text = format!(
        "[server]\nlisten = \"[::1]:0\"\nio_uring = false\n[bitstamp]\ncadence_ms = 500\nstrict_markets = true\n\
         null_reconnect_data = true\nhosts = [\"rialto.example:8443\"]\n[timex]\npublic_accounts = false\ncompression = true\n\
         [confluencecode]\nauthenticate_within_seconds = 0\nstreams_max = 7\n[native]\nhosts = [\"api.example\"]\n[journal]\nimage_every_commands = 9\nimage_every_minutes = 2\n[crowd]\nwarm_up_seconds = 0\nwander.USD = \"0.0001\"\n{SMALL}"
    );
    let config = Config::read("said.toml", &text).expect("it is in order");
    assert_eq!((config.listen.to_string().as_str(), config.io_uring), ("[::1]:0", false));
    assert_eq!(config.bitstamp.cadence, Cadence(Span::millis(500)));
    // The tenth is there whatever Bitstamp's books do: statistics are counted by it.
    assert_eq!(config.cadences(), [Cadence(Span::millis(500)), Cadence::TENTH]);
    assert!(config.bitstamp.strict_markets && config.bitstamp.null_reconnect_data);
    assert_eq!(config.bitstamp.hosts, ["rialto.example:8443"]);
    assert!(!config.timex.public_accounts);
    assert_eq!(config.compressing, ["timex"]);
    let options = &config.confluencecode;
    assert_eq!((options.authenticate_within, options.streams_max), (None, 7));
    assert_eq!(config.native_hosts, ["api.example"]);
    assert_eq!((config.images.commands, config.images.age), (9, Span::seconds(120)));
    assert_eq!(config.crowd.warm_up, Span(0));
    assert_eq!(config.crowd.assets, [Asset { code: "USD".into(), wander_ppm: 1 }]);
}

#[test]
fn who_one_is_on_the_bus_is_said_in_one_way() {
    let read = |said: &str| {
        let bus = format!("[bus]\nservers = [\"nats://localhost\"]\n{said}\n{SMALL}");
        Config::read("said.toml", &bus)
    };
    let plan = |said: &str| read(said).expect("it is in order").bus.expect("a bus");
    assert_eq!(plan("nkey_file = \"a.nk\"").nkey_file.as_deref(), Some(Path::new("a.nk")));
    let credentials = plan("credentials = \"a.creds\"").credentials;
    assert_eq!(credentials.as_deref(), Some(Path::new("a.creds")));
    for (said, place) in [
        ("secret_file = \"a\"\nnkey_file = \"b\"", "line 4, column 13"),
        ("credentials = \"a\"\nsecret_file = \"b\"", "line 3, column 15"),
        ("nkey_file = \"a\"\ncredentials = \"b\"", "line 4, column 15"),
        ("user = \"a\"\nnkey_file = \"b\"", "line 3, column 8"),
    ] {
        let error = read(said).expect_err("it is said twice").to_string();
        assert!(error.contains(place) && error.contains("secret_file"), "{said}: {error}");
    }
}

#[test]
fn what_is_said_of_limits_is_heard_and_the_rest_is_as_it_was() {
    let read = |table: &str| Config::read("said.toml", &format!("{table}\n{SMALL}"));
    assert_eq!(read("").expect("it is in order").limits, Limits::default());
    let said = read(
        "[limits]\nconnections = 7\nconnections_per_address = 6\nconnections_per_second = 5\n\
         connections_per_address_in_ten_seconds = 4\nconnections_per_key = 8\nsilence_seconds = 3\nhead_seconds = 2\n\
         body_seconds = 1\nloopback_exempt = false",
    );
    let limits = said.expect("it is in order").limits;
    assert_eq!((limits.connections_max, limits.connections_per_address_max), (7, 6));
    assert_eq!((limits.connections_per_second_max, limits.connections_of_address.count), (5, 4));
    assert_eq!(limits.connections_per_key_max, 8);
    let times = [limits.silence_max, limits.head_time_max, limits.body_time_max];
    assert_eq!(times.map(|time| time.as_secs()), [3, 2, 1]);
    assert!(!limits.loopback_exempt);
    let error = read("[limits]\nconnections = 0").expect_err("nobody at all");
    assert!(error.to_string().starts_with("said.toml, line 2, column 15: "), "{error}");
}

#[test]
fn where_accounts_are_is_heard_and_told_without_the_password() {
    assert_eq!(demo().accounts, None);
    let with = |said: &str| Config::read("said", &format!("{SMALL}\n[accounts]\n{said}\n"));
    let config = with("database = \"postgres://me:hidden@db/r\"\npassword_file = \"it\"");
    let accounts = config.expect("a configuration").accounts.expect("a database");
    assert_eq!(accounts.database.to_string(), "postgres://me@db/r");
    assert_eq!(accounts.password_file, Some("it".into()));
    assert!(!format!("{accounts:?}").contains("hidden"));
    let wrong = |said: &str| with(said).expect_err("it is none").to_string();
    let told = wrong("database = \"mysql://me:hidden@db/r\"");
    assert!(told.contains("column 12: expected an address such as"), "{told}");
    assert!(!told.contains("hidden"), "{told}");
    let told = wrong("password_file = \"it\"");
    assert!(told.contains("missing field `database`"), "{told}");
}

#[test]
fn what_is_said_of_finazon_is_heard() {
    let text = format!(
        "[finazon]\naggr_literal_seed = true\ntickers_max = 2\nmics = [\"xnas\", \"xnys\"]\n\
         datasets = {{ crypto = \"binance\" }}\nfeeds = {{}}\n{SMALL}"
    );
    let finazon = Config::read("said.toml", &text).expect("it is in order").finazon;
    assert!(finazon.aggr_literal_seed);
    assert_eq!(finazon.tickers_max, Some(2));
    assert_eq!(finazon.mics, ["xnas", "xnys"]);
    assert_eq!(finazon.datasets, [("crypto".to_owned(), "binance".to_owned())]);
    assert_eq!(finazon.feeds, []);
    let none = format!("[finazon]\ntickers_max = 0\n{SMALL}");
    let error = Config::read("none.toml", &none).expect_err("no ticker at all");
    assert!(error.to_string().starts_with("none.toml, line 2, column 15: "), "{error}");
}

#[test]
fn the_demo_tells_finazon_what_it_would_do_anyway() {
    let mut usual = dialects::finazon::Options::default();
    usual.datasets.sort();
    assert_eq!(demo().finazon, usual);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_was_expected() {
    // What is changed in the small configuration, and what is said of it.
    let check = |from: &str, to: &str, told: &str| {
        assert!(SMALL.contains(from), "{from}");
        let text = SMALL.replace(from, to);
        let error = Config::read("it.toml", &text).expect_err(to).to_string();
        assert_eq!(error, format!("it.toml, {told}"), "{to}");
    };
    check(
        "tick",
        "tikc",
        "line 5, column 1: unknown field `tikc`, expected one of `base`, `quote`, `description`, `tick`, `lot`, `minimum`, `symbols`, `crowd`, `perpetual`",
    );
    check("quote = \"USD\"\n", "", "line 1, column 1: missing field `quote`");
    check(
        "\"0.50\"",
        "0.50",
        "line 5, column 8: invalid type: floating point `0.5`, expected a decimal number in quotes, such as \"0.01\"",
    );
    check("\"0.50\"", "\"0,50\"", "line 5, column 8: \"0,50\" is not a plain decimal number");
    check("\"0.50\"", "\"0\"", "line 5, column 8: expected a number above 0");
    check("\"0.50\"", "\"0.50", "line 5, column 13: invalid basic string, expected `\"`");
    check(
        "\"BTC\"",
        "\"btc\"",
        "line 2, column 8: \"btc\" is not an asset's code: expected 1 to 12 upper-case letters and digits",
    );
    check("\"USD\"", "\"BTC\"", "line 3, column 9: expected another asset than the base");
    check(
        "coin / U.S.",
        "coin/U.S.",
        "line 4, column 15: expected a description with exactly one \" / \", such as \"Bitcoin / U.S. dollar\"",
    );
    check(
        "0.001 BTC",
        "0.001",
        "line 7, column 11: \"0.001\" is not the minimum of an order: there is no blank in it; expected a value such as \"10 USD\" or a quantity such as \"1 BTC\"",
    );
    check(
        "0.001 BTC",
        "0.001 EUR",
        "line 7, column 11: \"0.001 EUR\" is not the minimum of an order: its asset is neither base nor quote; expected a value such as \"10 USD\" or a quantity such as \"1 BTC\"",
    );
    check(
        "0.001 BTC",
        "0.00001 BTC",
        "line 7, column 11: \"0.00001 BTC\" is not the minimum of an order: more decimals than allowed; expected a value such as \"10 USD\" or a quantity such as \"1 BTC\"",
    );
    check(
        "0.001 BTC",
        "-1 USD",
        "line 7, column 11: \"-1 USD\" is not the minimum of an order: it is not above 0; expected a value such as \"10 USD\" or a quantity such as \"1 BTC\"",
    );
    check(
        "bitstamp",
        "bitstmap",
        "line 8, column 13: there is no dialect \"bitstmap\": expected one of bitstamp, xrocket, timex, finazon, confluencecode",
    );
    check("\"btcusd\"", "\"btc usd\"", "line 8, column 24: expected a symbol without blanks");
    check("quiet", "calm", "line 9, column 22: unknown variant `calm`, expected `busy` or `quiet`");
    check(
        "\"60000\"",
        "\"60000.25\"",
        "line 9, column 39: expected a whole number of ticks, and at least 10000 of them: a crowd needs room for a hundred levels a side",
    );
    check(
        "\"60000\"",
        "\"60000.125\"",
        "line 9, column 39: more decimals than allowed; expected a price with at most 2 decimals",
    );
    check(
        "\"60000\"",
        "\"4999\"",
        "line 9, column 39: expected a whole number of ticks, and at least 10000 of them: a crowd needs room for a hundred levels a side",
    );
    check("\"0.05\"", "\"0\"", "line 9, column 55: expected a number above 0");
    check("\"0.05\"", "\"90000000000\"", "line 9, column 55: expected a smaller order");
    check(
        "[[instrument]]",
        "instrument = []\n[x]",
        "line 2, column 2: unknown field `x`, expected one of `server`, `tls`, `accounts`, `bitstamp`, `xrocket`, `timex`, `confluencecode`, `finazon`, `native`, `journal`, `bus`, `limits`, `crowd`, `instrument`",
    );
    check(
        "[[instrument]]",
        "crowd.wander.XRP = \"1\"\n[[instrument]]",
        "line 1, column 14: no instrument trades \"XRP\"",
    );
    check(
        "[[instrument]]",
        "crowd.wander.BTC = \"5.1\"\n[[instrument]]",
        "line 1, column 20: expected per cents from \"0\" to \"5\" with at most four decimals",
    );
    check(
        "[[instrument]]",
        "bitstamp.cadence_ms = 0\n[[instrument]]",
        "line 1, column 23: expected 10 to 60000 milliseconds",
    );
    check(
        "[[instrument]]",
        "confluencecode.streams_max = 0\n[[instrument]]",
        "line 1, column 30: expected 1 to 65535 streams",
    );
    check(
        "[[instrument]]",
        "server.listen = \"localhost\"\n[[instrument]]",
        "line 1, column 17: invalid socket address syntax",
    );
    check(
        "[[instrument]]",
        "bus = { servers = [\"localhost\"], lease = \"etcd\" }\n[[instrument]]",
        "line 1, column 42: expected \"postgres\" or \"jetstream\"",
    );
    check(
        "[[instrument]]",
        "bus = { servers = [\"localhost\"], lease = \"postgres\" }\n[[instrument]]",
        "line 1, column 42: expected [accounts] with a database as well, where the lease is kept",
    );

    let twice = |second: &str| {
        let text = format!("{SMALL}\n{second}");
        Config::read("it.toml", &text).expect_err(second).to_string()
    };
    assert_eq!(twice(SMALL), "it.toml, line 11, column 1: BTC/USD is listed already");
    assert_eq!(
        twice(&SMALL.replace("USD\"", "EUR\"")),
        "it.toml, line 18, column 24: bitstamp calls BTC/USD \"btcusd\" already"
    );
    let nothing = Config::read("it.toml", "instrument = []").expect_err("nothing to trade");
    assert_eq!(
        nothing.to_string(),
        "it.toml, line 1, column 14: expected between 1 and 65,534 instruments"
    );
}

/// The spot market with a perpetual behind it, of which this is said.
fn with_perpetual(said: &str) -> String {
    let perpetual = SMALL.replace("btcusd", "btcusd-perp");
    let lines = perpetual.lines().filter(|line| !line.starts_with("crowd"));
    format!("{SMALL}{}\nperpetual = {said}\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_perpetual_has_usual_terms_and_those_that_are_said() {
    let contract = |said: &str| {
        let config = Config::read("it.toml", &with_perpetual(said)).expect("it is in order");
        let [contract]: [Contract; 1] = config.contracts.try_into().expect("one of two");
        contract
    };
    // USD is counted to six decimals: prices of two, quantities of four.
    let dollars = |whole: i128| Amount(whole * 1_000_000);
    let usual = Contract {
        instrument: InstrumentId(1),
        payoff: Payoff::Linear,
        size: 1,
        tiers: vec![
            Tier { up_to: dollars(1_000_000), initial_ppm: 10_000, maintenance_ppm: 5_000 },
            Tier { up_to: dollars(10_000_000), initial_ppm: 20_000, maintenance_ppm: 10_000 },
            Tier { up_to: dollars(100_000_000), initial_ppm: 50_000, maintenance_ppm: 25_000 },
        ],
        constituents: vec![Constituent::Book(InstrumentId(0))],
        stale_after: Span::seconds(10),
        outlier_ppm: 50_000,
        basis_ppm_max: 5_000,
        funding_interval: Span::seconds(28_800),
        sample_interval: Span::seconds(60),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 20_000,
        liquidation_fee_ppm: 1_000,
    };
    assert_eq!(contract("{}"), usual);
    assert_eq!(usual.leverage_max(), 100);
    let said = "{ payoff = \"inverse\", size = 100, index = [\"feed\", \"BTC/USD\", \"feed:kraken\"], \
                tiers = [{ up_to = \"2.5\", initial = \"10\", maintenance = \"5\" }], stale_seconds = 1, \
                funding_minutes = 2, sample_seconds = 3, outlier = \"4\", basis_max = \"0.5\", \
                funding_max = \"0.0006\", liquidation_band = \"7\", liquidation_fee = \"0\" }";
    assert_eq!(
        contract(said),
        Contract {
            payoff: Payoff::Inverse,
            size: 100,
            tiers: vec![Tier {
                up_to: Amount(25_000),
                initial_ppm: 100_000,
                maintenance_ppm: 50_000
            }],
            constituents: vec![
                Constituent::Feed(FeedName::USUAL),
                Constituent::Book(InstrumentId(0)),
                Constituent::Feed("kraken".parse().expect("a name"))
            ],
            stale_after: Span::seconds(1),
            funding_interval: Span::seconds(120),
            sample_interval: Span::seconds(3),
            outlier_ppm: 40_000,
            basis_ppm_max: 5_000,
            funding_ppm_max: 6,
            liquidation_band_ppm: 70_000,
            liquidation_fee_ppm: 0,
            ..usual
        }
    );
}

#[test]
fn a_perpetual_that_cannot_be_is_told_with_its_place() {
    let check = |said: &str, told: &str| {
        let error = Config::read("it.toml", &with_perpetual(said)).expect_err(said).to_string();
        assert_eq!(error, format!("it.toml, {told}"), "{said}");
    };
    check(
        "{ index = [\"BTC/EUR\"] }",
        "line 18, column 24: \"BTC/EUR\" is no spot market that is listed: expected one such as \"BTC/USD\", or \"feed:\" and a name",
    );
    check(
        "{ index = [\"feed:Kraken\"] }",
        "line 18, column 24: \"Kraken\" is not the name of a feed: expected 1 to 16 of a to z, 0 to 9 and hyphens",
    );
    check("{ index = [\"feed\", \"feed\"] }", "line 18, column 13: two feeds of one name");
    check("{ size = 0 }", "line 18, column 22: expected 1 to 1000000 units");
    check(
        "{ outlier = \"100.1\" }",
        "line 18, column 25: expected per cents from \"0\" to \"100\" with at most four decimals",
    );
    check(
        "{ tiers = [{ up_to = \"1\", initial = \"1\", maintenance = \"2\" }] }",
        "line 18, column 13: tiers do not rise",
    );
    check(
        "{ payoff = \"inverse\" }",
        "line 18, column 13: expected tiers: what an inverse contract is worth is counted in BTC, for which there are no usual ones",
    );
    let alone = format!("{}perpetual = {{}}\n", SMALL.replace("crowd = ", "# "));
    assert_eq!(
        Config::read("it.toml", &alone).expect_err("no index").to_string(),
        "it.toml, line 10, column 13: there is no spot market BTC/USD to take its index from: expected an index"
    );
    let elsewhere =
        with_perpetual("{}").replace("bitstamp = \"btcusd-perp", "timex = \"btcusd-perp");
    assert_eq!(
        Config::read("it.toml", &elsewhere).expect_err("another tongue").to_string(),
        "it.toml, line 18, column 13: timex does not speak of perpetuals: expected no symbol there"
    );
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_name() {
    let error = Config::load(Some(Path::new("/nowhere/rialto.toml"))).expect_err("no such file");
    assert!(error.to_string().starts_with("/nowhere/rialto.toml: "), "{error}");
}

#[test]
fn tls_has_a_port_of_its_own_beside_the_plain_one() {
    let read =
        |table: &str| Config::read("small.toml", &format!("{table}{SMALL}")).map(|it| it.tls);
    assert_eq!(read(""), Ok(None));
    let files = "[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n";
    let mut plan = TlsPlan {
        files: edge::tls::Files { certificate: "a.pem".into(), key: "b.pem".into() },
        listen: TLS_LISTEN,
        plain: true,
    };
    assert_eq!(read(files), Ok(Some(plan.clone())));
    (plan.listen, plan.plain) = (SocketAddr::from(([0, 0, 0, 0], 443)), false);
    let all = format!("{files}listen = \"0.0.0.0:443\"\nplain = false\n");
    assert_eq!(read(&all), Ok(Some(plan)));
    assert!(read("[tls]\ncertificate = \"a.pem\"\n").is_err(), "without its key it is of no use");
}

#[test]
fn a_market_whose_values_cannot_be_written_is_none() {
    let lot = "lot = \"0.0001\"";
    assert!(SMALL.contains(lot), "{SMALL}");
    let finer = SMALL.replacen(lot, "lot = \"0.00000000000000001\"", 1);
    let alone: Vec<&str> = finer.lines().filter(|line| !line.starts_with("crowd")).collect();
    let mistake = Config::read("small.toml", &alone.join("\n")).expect_err("too fine").to_string();
    assert!(mistake.contains("decimals together"), "{mistake}");
}

#[test]
fn everything_is_kept_unless_it_is_said_otherwise_as_the_demo_does() {
    let kept = |table: &str| {
        let text = format!("{table}{SMALL}");
        Config::read("small.toml", &text).expect("a configuration").retention
    };
    let everything = Policy { bytes_max: u64::MAX, age_max: None };
    assert_eq!(kept(""), everything);
    assert_eq!(kept("[journal]\nimage_every_minutes = 2\n"), everything);
    let month = Some(Span::seconds(30 * 86_400));
    let old = Policy { age_max: month, ..everything };
    assert_eq!(kept("[journal]\nkeep_days = 30\n"), old);
    assert_eq!(kept("[journal]\nkeep_days = 999_999_999\n"), everything, "that is for ever");
    let much = Policy { bytes_max: 7, ..everything };
    assert_eq!(kept("[journal]\nkeep_bytes = 7\n"), much);
    assert_eq!(demo().retention, Policy { bytes_max: 512 << 20, ..everything });
}
