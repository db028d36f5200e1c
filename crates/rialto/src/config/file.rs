//! The configuration as it is written, and its translation into the words of the house.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use edge::limits::{Limits, Rate};
use feed::crowd::{Activity, Asset, Market};
use feed::journal::retention::Policy;
use feed::journal::writer::Pace;
use model::decimal::DECIMALS_MAX;
use model::{Cadence, Decimal, Instrument, InstrumentId, Listing, Minimum, Price, Quantity, Span};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use store::DatabaseUrl;
use toml::Spanned;

use super::perpetual::{self, PerpetualTable};
use super::{AccountsPlan, BusPlan, Config, CrowdPlan, LeasePlan, Mistake, TLS_LISTEN, TlsPlan};

/// The dialects an instrument can have a symbol in.
const DIALECTS: [&str; 5] = ["bitstamp", "xrocket", "timex", "finazon", "confluencecode"];

/// How long a crowd may trade before the doors open: an hour takes about a second of work.
const WARM_UP_SECONDS_MAX: u32 = 3_600;

/// The lowest start price of a crowd, in ticks: below it there is no room for a hundred levels a side.
const START_TICKS_MIN: i64 = 10_000;

/// The largest typical order of a crowd, in units of the written quantity: a hundred times as much still is an
/// order that the engine takes.
const SIZE_UNITS_MAX: i64 = engine::rules::QUANTITY_UNITS_MAX / 100;

/// How far an asset may typically stand from its start, in millionths.
const WANDER_PPM_MAX: i64 = 50_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    server: ServerTable,
    tls: Option<TlsTable>,
    accounts: Option<AccountsTable>,
    #[serde(default)]
    bitstamp: BitstampTable,
    #[serde(default)]
    xrocket: XRocketTable,
    #[serde(default)]
    timex: TimexTable,
    #[serde(default)]
    confluencecode: ConfluenceCodeTable,
    #[serde(default)]
    finazon: FinazonTable,
    #[serde(default)]
    native: NativeTable,
    #[serde(default)]
    journal: JournalTable,
    bus: Option<BusTable>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    crowd: CrowdTable,
    instrument: Spanned<Vec<Spanned<InstrumentTable>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerTable {
    listen: SocketAddr,
    io_uring: bool,
}

impl Default for ServerTable {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), io_uring: true }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountsTable {
    database: Spanned<String>,
    password_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    certificate: PathBuf,
    key: PathBuf,
    #[serde(default = "tls_listen")]
    listen: SocketAddr,
    #[serde(default = "yes")]
    plain: bool,
}

fn tls_listen() -> SocketAddr {
    TLS_LISTEN
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BitstampTable {
    cadence_ms: Spanned<u32>,
    strict_markets: bool,
    null_reconnect_data: bool,
    hosts: Vec<String>,
    compression: bool,
}

impl Default for BitstampTable {
    fn default() -> Self {
        Self {
            cadence_ms: Spanned::new(0..0, 100),
            strict_markets: false,
            null_reconnect_data: false,
            hosts: Vec::new(),
            compression: false,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct XRocketTable {
    compression: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimexTable {
    public_accounts: bool,
    compression: bool,
}

impl Default for TimexTable {
    fn default() -> Self {
        let public_accounts = dialects::timex::Options::default().public_accounts;
        Self { public_accounts, compression: false }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfluenceCodeTable {
    authenticate_within_seconds: Spanned<u32>,
    streams_max: Spanned<u32>,
    compression: bool,
}

impl Default for ConfluenceCodeTable {
    fn default() -> Self {
        Self {
            authenticate_within_seconds: Spanned::new(0..0, 30),
            streams_max: Spanned::new(0..0, 10_000),
            compression: false,
        }
    }
}

/// What is left out is as the dialect has it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FinazonTable {
    aggr_literal_seed: bool,
    tickers_max: Option<NonZeroU32>,
    mics: Option<Vec<String>>,
    datasets: Option<BTreeMap<String, String>>,
    feeds: Option<BTreeMap<String, String>>,
    compression: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NativeTable {
    hosts: Vec<String>,
}

/// What is left out is as the journal has it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct JournalTable {
    image_every_commands: Option<NonZeroU32>,
    image_every_minutes: Option<NonZeroU32>,
    keep_bytes: Option<u64>,
    keep_days: Option<NonZeroU32>,
}

impl JournalTable {
    fn retention(&self) -> Policy {
        // So many that they cannot be counted in microseconds are for ever.
        let days = |days: NonZeroU32| i64::from(days.get()).checked_mul(86_400_000_000).map(Span);
        Policy {
            bytes_max: self.keep_bytes.unwrap_or(Policy::default().bytes_max),
            age_max: self.keep_days.and_then(days),
        }
    }

    fn pace(&self) -> Pace {
        let pace = Pace::default();
        let minutes = |minutes: NonZeroU32| Span::seconds(i64::from(minutes.get()) * 60);
        Pace {
            commands: self.image_every_commands.map_or(pace.commands, |it| u64::from(it.get())),
            age: self.image_every_minutes.map_or(pace.age, minutes),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BusTable {
    #[serde(default = "main_market")]
    market: Spanned<String>,
    servers: Spanned<Vec<String>>,
    user: Option<Spanned<String>>,
    secret_file: Option<PathBuf>,
    nkey_file: Option<Spanned<PathBuf>>,
    credentials: Option<Spanned<PathBuf>>,
    #[serde(default)]
    tls: bool,
    #[serde(default)]
    authorities: Vec<PathBuf>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    lease: Option<Spanned<String>>,
    patience_seconds: Option<NonZeroU32>,
}

fn main_market() -> Spanned<String> {
    Spanned::new(0..0, "main".to_owned())
}

/// After so long without a word of the core an edge lets its clients go, unless another time is said.
const PATIENCE: Duration = Duration::from_secs(15);

impl BusTable {
    fn plan(self, has_database: bool) -> Result<BusPlan, Mistake> {
        let (market, servers) = (self.market.get_ref(), self.servers.get_ref());
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if market.is_empty() || market.len() > 64 || !market.bytes().all(is_part) {
            let message = "expected one word of at most 64 letters, digits, - and _";
            return Err(at(self.market.span(), message));
        }
        if servers.is_empty() {
            let message = "expected at least one address, such as \"nats://127.0.0.1:4222\"";
            return Err(at(self.servers.span(), message));
        }
        if let Some(user) = self.user.as_ref().filter(|_| self.secret_file.is_none()) {
            return Err(at(user.span(), "expected secret_file as well, with the password"));
        }
        // There is one way to show who one is.
        let also = match (&self.nkey_file, &self.credentials) {
            (Some(_), Some(also)) => Some(also),
            (Some(it), None) | (None, Some(it)) => Some(it).filter(|_| self.secret_file.is_some()),
            (None, None) => None,
        };
        if let Some(also) = also {
            let message = "expected no more than one of secret_file, nkey_file and credentials";
            return Err(at(also.span(), message));
        }
        let certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate.into_inner(), key.into_inner())),
            (None, None) => None,
            (Some(alone), None) | (None, Some(alone)) => {
                return Err(at(alone.span(), "expected certificate and key, or neither"));
            }
        };
        let lease = match self.lease.as_ref().map(|lease| (lease.get_ref().as_str(), lease.span()))
        {
            None => None,
            Some(("jetstream", _)) => Some(LeasePlan::JetStream),
            Some(("postgres", _)) if has_database => Some(LeasePlan::Postgres),
            Some(("postgres", span)) => {
                return Err(at(
                    span,
                    "expected [accounts] with a database as well, where the lease is kept",
                ));
            }
            Some((_, span)) => return Err(at(span, "expected \"postgres\" or \"jetstream\"")),
        };
        let seconds = |seconds: NonZeroU32| Duration::from_secs(seconds.get().into());
        Ok(BusPlan {
            lease,
            market: market.clone(),
            servers: servers.clone(),
            user: self.user.map(Spanned::into_inner),
            secret_file: self.secret_file,
            nkey_file: self.nkey_file.map(Spanned::into_inner),
            credentials: self.credentials.map(Spanned::into_inner),
            tls: self.tls,
            authorities: self.authorities,
            certificate,
            patience: self.patience_seconds.map_or(PATIENCE, seconds),
        })
    }
}

/// What is left out is as the listener has it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    connections: Option<NonZeroU32>,
    connections_per_address: Option<NonZeroU32>,
    connections_per_second: Option<NonZeroU32>,
    connections_per_address_in_ten_seconds: Option<NonZeroU32>,
    connections_per_key: Option<NonZeroU32>,
    silence_seconds: Option<NonZeroU32>,
    head_seconds: Option<NonZeroU32>,
    body_seconds: Option<NonZeroU32>,
    loopback_exempt: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CrowdTable {
    warm_up_seconds: Spanned<u32>,
    wander: BTreeMap<Spanned<String>, Spanned<Number>>,
}

impl Default for CrowdTable {
    fn default() -> Self {
        Self { warm_up_seconds: Spanned::new(0..0, 600), wander: BTreeMap::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstrumentTable {
    base: Spanned<String>,
    quote: Spanned<String>,
    description: Spanned<String>,
    tick: Spanned<Number>,
    lot: Spanned<Number>,
    minimum: Spanned<String>,
    #[serde(default)]
    symbols: BTreeMap<Spanned<String>, Spanned<String>>,
    crowd: Option<MarketTable>,
    perpetual: Option<Spanned<PerpetualTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarketTable {
    activity: ActivityName,
    start: Spanned<Number>,
    size: Spanned<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActivityName {
    Busy,
    Quiet,
}

/// An exact number: a text, because a TOML float is not exact.
#[derive(Clone, Copy)]
pub(super) struct Number(pub Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number in quotes, such as \"0.01\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let number = Decimal::parse(text);
                number.map(Number).map_err(|why| E::custom(format!("{text:?} is {why}")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Reads a configuration.
pub(super) fn read(name: &str, text: &str) -> Result<Config, Mistake> {
    let file: File = toml::from_str(text).map_err(|error| Mistake {
        span: error.span().unwrap_or(0..0),
        message: error.message().to_owned(),
    })?;
    let tables = file.instrument.get_ref();
    if tables.is_empty() || tables.len() >= InstrumentId::NONE.index() {
        return Err(at(file.instrument.span(), "expected between 1 and 65,534 instruments"));
    }
    let mut listings = Vec::new();
    let mut markets = Vec::new();
    let mut perpetuals = Vec::new();
    for table in tables {
        let id = InstrumentId(u16::try_from(listings.len()).expect("there are fewer than 65,535"));
        let listing = listing(id, table, &listings, &perpetuals)?;
        if let Some(crowd) = &table.get_ref().crowd {
            markets.push(market(crowd, &listing.instrument)?);
        }
        if let Some(perpetual) = &table.get_ref().perpetual {
            perpetuals.push((id, perpetual));
        }
        listings.push(listing);
    }
    let contracts = perpetual::contracts(&perpetuals, &listings)?;
    for market in &mut markets {
        let mut contracts = contracts.iter();
        let of_it = contracts.find(|contract| contract.instrument == market.instrument.id);
        market.contract = of_it.cloned();
    }
    let cadence_ms = within(&file.bitstamp.cadence_ms, 10..=60_000, "milliseconds")?;
    let warm_up = within(&file.crowd.warm_up_seconds, 0..=WARM_UP_SECONDS_MAX, "seconds")?;
    let ConfluenceCodeTable { authenticate_within_seconds, streams_max, .. } = &file.confluencecode;
    let authenticate_within = match within(authenticate_within_seconds, 0..=86_400, "seconds")? {
        0 => None,
        seconds => Some(Duration::from_secs(u64::from(seconds))),
    };
    let compressing = compressing(&file);
    let has_database = file.accounts.is_some();
    let streams_max = within(streams_max, 1..=65_535, "streams")? as usize;
    Ok(Config {
        name: name.to_owned(),
        listen: file.server.listen,
        io_uring: file.server.io_uring,
        tls: file.tls.map(|TlsTable { certificate, key, listen, plain }| TlsPlan {
            files: edge::tls::Files { certificate, key },
            listen,
            plain,
        }),
        accounts: file.accounts.map(accounts).transpose()?,
        crowd: CrowdPlan {
            assets: assets(&file.crowd.wander, &listings)?,
            markets,
            warm_up: Span::seconds(i64::from(warm_up)),
        },
        listings,
        contracts,
        images: file.journal.pace(),
        retention: file.journal.retention(),
        bus: file.bus.map(|bus| bus.plan(has_database)).transpose()?,
        native_hosts: file.native.hosts,
        limits: limits(&file.limits),
        compressing,
        confluencecode: dialects::confluencecode::Options { authenticate_within, streams_max },
        bitstamp: dialects::bitstamp::Options {
            cadence: Cadence(Span::millis(i64::from(cadence_ms))),
            strict_markets: file.bitstamp.strict_markets,
            null_reconnect_data: file.bitstamp.null_reconnect_data,
            hosts: file.bitstamp.hosts,
            ..dialects::bitstamp::Options::default()
        },
        finazon: finazon(file.finazon),
        timex: dialects::timex::Options {
            public_accounts: file.timex.public_accounts,
            ..dialects::timex::Options::default()
        },
    })
}

/// The database with the accounts.
fn accounts(table: AccountsTable) -> Result<AccountsPlan, Mistake> {
    let address = table.database;
    let database = DatabaseUrl::parse(address.get_ref());
    let database = database.map_err(|why| at(address.span(), why))?;
    Ok(AccountsPlan { database, password_file: table.password_file })
}

/// The dialects whose sockets may be compressed.
fn compressing(file: &File) -> Vec<&'static str> {
    let said = [
        file.bitstamp.compression,
        file.xrocket.compression,
        file.timex.compression,
        file.finazon.compression,
        file.confluencecode.compression,
    ];
    DIALECTS.into_iter().zip(said).filter_map(|(name, said)| said.then_some(name)).collect()
}

fn limits(table: &LimitsTable) -> Limits {
    let usual = Limits::default();
    let count =
        |said: Option<NonZeroU32>, usual: usize| said.map_or(usual, |count| count.get() as usize);
    let seconds = |said: Option<NonZeroU32>, usual: Duration| {
        said.map_or(usual, |seconds| Duration::from_secs(seconds.get().into()))
    };
    let per_second = table.connections_per_second;
    let of_address = table.connections_per_address_in_ten_seconds;
    Limits {
        connections_max: count(table.connections, usual.connections_max),
        connections_per_address_max: count(
            table.connections_per_address,
            usual.connections_per_address_max,
        ),
        connections_per_key_max: table
            .connections_per_key
            .map_or(usual.connections_per_key_max, NonZeroU32::get),
        connections_per_second_max: per_second
            .map_or(usual.connections_per_second_max, NonZeroU32::get),
        connections_of_address: Rate {
            count: of_address.map_or(usual.connections_of_address.count, NonZeroU32::get),
            ..usual.connections_of_address
        },
        silence_max: seconds(table.silence_seconds, usual.silence_max),
        head_time_max: seconds(table.head_seconds, usual.head_time_max),
        body_time_max: seconds(table.body_seconds, usual.body_time_max),
        loopback_exempt: table.loopback_exempt.unwrap_or(usual.loopback_exempt),
        ..usual
    }
}

fn finazon(table: FinazonTable) -> dialects::finazon::Options {
    let usual = dialects::finazon::Options::default();
    let pairs = |table: Option<BTreeMap<String, String>>, usual| {
        table.map_or(usual, |table| table.into_iter().collect())
    };
    dialects::finazon::Options {
        aggr_literal_seed: table.aggr_literal_seed,
        tickers_max: table.tickers_max.map(NonZeroU32::get),
        mics: table.mics.unwrap_or(usual.mics),
        datasets: pairs(table.datasets, usual.datasets),
        feeds: pairs(table.feeds, usual.feeds),
    }
}

fn listing(
    id: InstrumentId,
    table: &Spanned<InstrumentTable>,
    before: &[Listing],
    perpetuals: &[(InstrumentId, &Spanned<PerpetualTable>)],
) -> Result<Listing, Mistake> {
    let span = table.span();
    let table = table.get_ref();
    for code in [&table.base, &table.quote] {
        let good = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !(1..=12).contains(&code.get_ref().len()) || !code.get_ref().bytes().all(good) {
            let message = format!(
                "{:?} is not an asset's code: expected 1 to 12 upper-case letters and digits",
                code.get_ref()
            );
            return Err(at(code.span(), message));
        }
    }
    if table.base.get_ref() == table.quote.get_ref() {
        return Err(at(table.quote.span(), "expected another asset than the base"));
    }
    let is_perpetual = table.perpetual.is_some();
    let known = |listing: &Listing| {
        &listing.instrument.base == table.base.get_ref()
            && &listing.instrument.quote == table.quote.get_ref()
            && perpetuals.iter().any(|&(id, _)| id == listing.instrument.id) == is_perpetual
    };
    if before.iter().any(known) {
        let (base, quote) = (table.base.get_ref(), table.quote.get_ref());
        let what = if is_perpetual { "'s perpetual" } else { "" };
        return Err(at(span, format!("{base}/{quote}{what} is listed already")));
    }
    if table.description.get_ref().split(" / ").count() != 2 {
        let message = "expected a description with exactly one \" / \", such as \
                       \"Bitcoin / U.S. dollar\"";
        return Err(at(table.description.span(), message));
    }
    let mut instrument = Instrument {
        id,
        base: table.base.get_ref().clone(),
        quote: table.quote.get_ref().clone(),
        price_decimals: table.tick.get_ref().0.decimals,
        tick_units: positive(&table.tick)?,
        quantity_decimals: table.lot.get_ref().0.decimals,
        lot_units: positive(&table.lot)?,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    if instrument.value_decimals() > DECIMALS_MAX {
        let message = format!(
            "tick and lot have {} decimals together; a price times a quantity may have {DECIMALS_MAX}",
            instrument.value_decimals()
        );
        return Err(at(table.lot.span(), message));
    }
    instrument.minimum = minimum(&table.minimum, &instrument)?;
    Ok(Listing {
        description: table.description.get_ref().clone(),
        symbols: symbols(&table.symbols, before)?,
        instrument,
    })
}

/// Reads `10 USD` or `1 AAPL`.
fn minimum(text: &Spanned<String>, instrument: &Instrument) -> Result<Minimum, Mistake> {
    let Instrument { base, quote, .. } = instrument;
    let wrong = |why: &dyn Display| {
        let message = format!(
            "{:?} is not the minimum of an order: {why}; expected a value such as \"10 {quote}\" or a \
             quantity such as \"1 {base}\"",
            text.get_ref()
        );
        at(text.span(), message)
    };
    let Some((number, code)) = text.get_ref().split_once(' ') else {
        return Err(wrong(&"there is no blank in it"));
    };
    let number = Decimal::parse(number).map_err(|why| wrong(&why))?;
    if number.units <= 0 {
        return Err(wrong(&"it is not above 0"));
    }
    if code == base {
        let units = number.units_at(instrument.quantity_decimals).map_err(|why| wrong(&why))?;
        let quantity = instrument.quantity_of_units(units);
        let quantity = quantity.ok_or_else(|| wrong(&"it is not a whole number of lots"))?;
        Ok(Minimum::Quantity(quantity))
    } else if code == quote {
        if number.decimals > instrument.price_decimals + instrument.quantity_decimals {
            return Err(wrong(&"it is finer than price times quantity"));
        }
        Ok(Minimum::Notional(instrument.notional_of_units(number.units, number.decimals)))
    } else {
        Err(wrong(&"its asset is neither base nor quote"))
    }
}

fn symbols(
    table: &BTreeMap<Spanned<String>, Spanned<String>>,
    before: &[Listing],
) -> Result<Vec<(String, String)>, Mistake> {
    let mut symbols = Vec::new();
    for (dialect, symbol) in table {
        let name = dialect.get_ref().as_str();
        if !DIALECTS.contains(&name) {
            let message =
                format!("there is no dialect {name:?}: expected one of {}", DIALECTS.join(", "));
            return Err(at(dialect.span(), message));
        }
        if symbol.get_ref().is_empty() || symbol.get_ref().contains(char::is_whitespace) {
            return Err(at(symbol.span(), "expected a symbol without blanks"));
        }
        let taken = |listing: &&Listing| listing.symbol_in(name) == Some(symbol.get_ref());
        if let Some(other) = before.iter().find(taken) {
            let Instrument { base, quote, .. } = &other.instrument;
            let message = format!("{name} calls {base}/{quote} {:?} already", symbol.get_ref());
            return Err(at(symbol.span(), message));
        }
        symbols.push((name.to_owned(), symbol.get_ref().clone()));
    }
    Ok(symbols)
}

fn market(table: &MarketTable, instrument: &Instrument) -> Result<Market, Mistake> {
    let start = units(&table.start, instrument.price_decimals, "price")?;
    let start = instrument.price_of_units(start);
    let Some(start @ Price(START_TICKS_MIN..)) = start else {
        let message = format!(
            "expected a whole number of ticks, and at least {START_TICKS_MIN} of them: a crowd needs \
             room for a hundred levels a side"
        );
        return Err(at(table.start.span(), message));
    };
    if start.0 > engine::rules::PRICE_UNITS_MAX / instrument.tick_units / 4 {
        return Err(at(table.start.span(), "expected a price that can grow fourfold"));
    }
    let size = units(&table.size, instrument.quantity_decimals, "quantity")?;
    if size > SIZE_UNITS_MAX {
        return Err(at(table.size.span(), "expected a smaller order"));
    }
    let size = instrument.quantity_of_units(size);
    let size = size.ok_or_else(|| at(table.size.span(), "expected a whole number of lots"))?;
    let activity = match table.activity {
        ActivityName::Busy => Activity::Busy,
        ActivityName::Quiet => Activity::Quiet,
    };
    Ok(Market { instrument: instrument.clone(), start, activity, size, contract: None })
}

fn assets(
    wander: &BTreeMap<Spanned<String>, Spanned<Number>>,
    listings: &[Listing],
) -> Result<Vec<Asset>, Mistake> {
    let mut assets = Vec::new();
    for (code, percent) in wander {
        let known = |listing: &Listing| {
            let Instrument { base, quote, .. } = &listing.instrument;
            code.get_ref() == base || code.get_ref() == quote
        };
        if !listings.iter().any(known) {
            let message = format!("no instrument trades {:?}", code.get_ref());
            return Err(at(code.span(), message));
        }
        let ppm = percent.get_ref().0.units_at(4).ok();
        let ppm = ppm.filter(|ppm| (0..=WANDER_PPM_MAX).contains(ppm)).ok_or_else(|| {
            let message = format!(
                "expected per cents from \"0\" to \"{}\" with at most four decimals",
                WANDER_PPM_MAX / 10_000
            );
            at(percent.span(), message)
        })?;
        let wander_ppm = u32::try_from(ppm).expect("it is within its bounds");
        assets.push(Asset { code: code.get_ref().clone(), wander_ppm });
    }
    Ok(assets)
}

/// The number without its decimal point, which must be above 0.
pub(super) fn positive(number: &Spanned<Number>) -> Result<i64, Mistake> {
    match number.get_ref().0.units {
        units @ 1.. => Ok(units),
        _ => Err(at(number.span(), "expected a number above 0")),
    }
}

/// The number in units of so many decimals, which must be above 0.
fn units(number: &Spanned<Number>, decimals: u8, what: &str) -> Result<i64, Mistake> {
    positive(number)?;
    number.get_ref().0.units_at(decimals).map_err(|why| {
        let message = format!("{why}; expected a {what} with at most {decimals} decimals");
        at(number.span(), message)
    })
}

pub(super) fn within(
    number: &Spanned<u32>,
    bounds: std::ops::RangeInclusive<u32>,
    unit: &str,
) -> Result<u32, Mistake> {
    if bounds.contains(number.get_ref()) {
        return Ok(*number.get_ref());
    }
    let message = format!("expected {} to {} {unit}", bounds.start(), bounds.end());
    Err(at(number.span(), message))
}

pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Mistake {
    Mistake { span, message: message.into() }
}
