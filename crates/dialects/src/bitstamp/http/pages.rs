//! The pages that never change while the server runs: markets, trading pairs, currencies. Section 8.2.

use std::collections::BTreeMap;

use model::decimal::pow10;
use model::instrument::{PRICE_UNITS_MAX, QUANTITY_UNITS_MAX};
use model::{Amount, Decimal, Instrument, Minimum, Payoff};
use serde::Serialize;

use super::super::Markets;
use super::super::money::{fixed, shortest as shortest_of, signed_shortest};
use super::super::object::{Object, list};
use super::super::server::Market;

/// The bodies, written once.
pub struct Pages {
    /// `markets/`
    pub markets: Vec<u8>,
    /// `trading-pairs-info/`
    pub trading_pairs: Vec<u8>,
    /// `currencies/`
    pub currencies: Vec<u8>,
    /// `margin_tiers/`
    pub margin_tiers: Vec<u8>,
}

/// `{"name":"BTC/USD","market_symbol":"btcusd","base_currency":"BTC","base_decimals":8,…}`, section 8.2.1.
#[derive(Serialize)]
struct MarketRow<'a> {
    name: &'a str,
    market_symbol: &'a str,
    base_currency: &'a str,
    base_decimals: u8,
    counter_currency: &'a str,
    counter_decimals: u8,
    minimum_order_value: String,
    maximum_order_value: String,
    minimum_order_amount: String,
    maximum_order_amount: String,
    trading: &'static str,
    instant_order_counter_decimals: u8,
    instant_and_market_orders: &'static str,
    description: &'a str,
    market_type: &'static str,
    #[serde(flatten)]
    perpetual: Option<PerpetualPart<'a>>,
}

/// What the row of a perpetual has beside.
#[derive(Serialize)]
struct PerpetualPart<'a> {
    underlying_asset: &'a str,
    payoff_type: &'static str,
    contract_size: String,
    isin: &'static str,
    max_leverage: String,
    asset_class: &'static str,
    has_market_hours: bool,
}

/// `{"name":"BTC/USD","url_symbol":"btcusd","base_decimals":8,…,"minimum_order":"10.0 USD",…}`, section 8.2.2.
#[derive(Serialize)]
struct PairRow<'a> {
    name: &'a str,
    url_symbol: &'a str,
    base_decimals: u8,
    counter_decimals: u8,
    instant_order_counter_decimals: u8,
    minimum_order: String,
    trading: &'static str,
    instant_and_market_orders: &'static str,
    description: &'a str,
}

/// `{"name":"Bitcoin","currency":"BTC","type":"crypto","symbol":"BTC","decimals":8,…}`, section 8.2.
#[derive(Serialize)]
struct CurrencyRow<'a> {
    name: &'a str,
    currency: &'a str,
    r#type: &'static str,
    symbol: &'a str,
    decimals: u8,
    logo: &'static str,
    available_supply: &'static str,
    deposit: &'static str,
    withdrawal: &'static str,
    networks: [(); 0],
}

/// Currencies of states, and the sign of those that have one of their own; everything else is a coin.
const FIAT: [(&str, &str); 20] = [
    ("AUD", "AUD"),
    ("BRL", "BRL"),
    ("CAD", "CAD"),
    ("CHF", "CHF"),
    ("CNY", "CNY"),
    ("CZK", "CZK"),
    ("DKK", "DKK"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("HKD", "HKD"),
    ("INR", "INR"),
    ("JPY", "¥"),
    ("KRW", "KRW"),
    ("MXN", "MXN"),
    ("NOK", "NOK"),
    ("NZD", "NZD"),
    ("PLN", "PLN"),
    ("SEK", "SEK"),
    ("SGD", "SGD"),
    ("USD", "$"),
];
/// Those that have no smaller unit; the others have hundredths.
const UNDIVIDED: [&str; 2] = ["JPY", "KRW"];

impl Pages {
    /// The pages of these markets.
    pub fn new(markets: &Markets) -> Self {
        let listed = || markets.listed.iter().map(|market| &**market);
        Self {
            markets: json(&listed().map(market_row).collect::<Vec<_>>()),
            trading_pairs: {
                let spot = listed().filter(|market| market.perpetual.is_none());
                json(&spot.map(pair_row).collect::<Vec<_>>())
            },
            margin_tiers: list(listed().filter_map(tiers_row)).into_bytes(),
            currencies: json(&currencies(listed())),
        }
    }
}

fn json(rows: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(rows).expect("texts and numbers can be written")
}

fn market_row(market: &Market) -> MarketRow<'_> {
    let rules = &market.instrument;
    let amount = |lots: i64| {
        let units = lots.saturating_mul(rules.lot_units);
        Decimal { units, decimals: rules.quantity_decimals }.to_string()
    };
    let (value, lots) = match rules.minimum {
        Minimum::Notional(value) => (value, 1),
        Minimum::Quantity(quantity) => (0, quantity.0),
    };
    MarketRow {
        name: &market.name,
        market_symbol: &market.symbol,
        base_currency: &rules.base,
        base_decimals: rules.quantity_decimals,
        counter_currency: &rules.quote,
        counter_decimals: rules.price_decimals,
        minimum_order_value: shortest(value, rules.price_decimals + rules.quantity_decimals),
        maximum_order_value: fixed(value_max(rules), rules.price_decimals),
        minimum_order_amount: amount(lots),
        maximum_order_amount: amount(QUANTITY_UNITS_MAX / rules.lot_units),
        trading: "Enabled",
        instant_order_counter_decimals: rules.price_decimals,
        instant_and_market_orders: instant_and_market_orders(market),
        description: &market.description,
        market_type: market_type(market),
        perpetual: market.perpetual.as_ref().map(|perpetual| PerpetualPart {
            underlying_asset: &rules.base,
            payoff_type: match perpetual.terms.payoff {
                Payoff::Linear => "Linear",
                Payoff::Inverse => "Inverse",
            },
            contract_size: fixed(i128::from(perpetual.terms.size) * 100_000_000, 8),
            isin: "",
            max_leverage: format!("{}.00", perpetual.terms.leverage_max()),
            asset_class: "CRYPTO",
            has_market_hours: false,
        }),
    }
}

/// `SPOT` or `PERPETUAL`
pub const fn market_type(market: &Market) -> &'static str {
    if market.perpetual.is_some() { "PERPETUAL" } else { "SPOT" }
}

/// How much margin each part of a position takes: `{"market":"BTC/USD-PERP","tiers":[{"tier":"1",…}]}`. Sizes are values in
/// the margin currency; what is closed out is what cannot be kept.
fn tiers_row(market: &Market) -> Option<String> {
    let perpetual = market.perpetual.as_ref()?;
    let percent = |ppm: u32| signed_shortest(i128::from(ppm), 6);
    let money = |amount| shortest_of(amount, &market.quote);
    let mut from = Amount::ZERO;
    let rows = perpetual.terms.tiers.iter().zip(1_u32..).map(|(tier, number)| {
        // The highest leverage takes no more than the tiers do.
        let most = perpetual.terms.leverage_max();
        let (initial, maintenance) = perpetual.terms.margins(from.0, most);
        let (initial, maintenance) = (Amount(initial), Amount(maintenance));
        let row = Object::new()
            .text("tier", &number.to_string())
            .text("size_limit_low", &money(from))
            .text("size_limit_high", &money(tier.up_to))
            .text("max_leverage", &(1_000_000 / tier.initial_ppm.max(1)).to_string())
            .text("initial_margin_rate", &percent(tier.initial_ppm))
            .text("maintenance_margin_rate", &percent(tier.maintenance_ppm))
            .text("close_out_margin_rate", &percent(tier.maintenance_ppm))
            .text("initial_margin_previous_level_max", &money(initial))
            .text("maintenance_margin_previous_level_max", &money(maintenance))
            .text("close_out_margin_previous_level_max", &money(maintenance));
        from = tier.up_to;
        row.end()
    });
    let tiers = list(rows);
    Some(Object::new().text("market", &market.name).raw("tiers", tiers).end())
}

/// The value of the largest order at the highest price, in `10^-price_decimals`.
fn value_max(rules: &Instrument) -> i128 {
    let value = i128::from(PRICE_UNITS_MAX) * i128::from(QUANTITY_UNITS_MAX);
    value / i128::from(pow10(rules.quantity_decimals))
}

/// The smallest order: `10.0 USD`.
pub fn minimum_order(rules: &Instrument) -> String {
    let (value, decimals, currency) = match rules.minimum {
        Minimum::Notional(value) => {
            (value, rules.price_decimals + rules.quantity_decimals, &rules.quote)
        }
        Minimum::Quantity(quantity) => {
            (rules.quantity_units(quantity).into(), rules.quantity_decimals, &rules.base)
        }
    };
    let mut minimum = shortest(value, decimals);
    if !minimum.contains('.') {
        minimum.push_str(".0");
    }
    format!("{minimum} {currency}")
}

/// Whether both are taken. In perpetuals the instant ones, which are by worth, are not.
const fn instant_and_market_orders(market: &Market) -> &'static str {
    if market.perpetual.is_some() { "Disabled" } else { "Enabled" }
}

fn pair_row(market: &Market) -> PairRow<'_> {
    let rules = &market.instrument;
    PairRow {
        name: &market.name,
        url_symbol: &market.symbol,
        base_decimals: rules.quantity_decimals,
        counter_decimals: rules.price_decimals,
        instant_order_counter_decimals: rules.price_decimals,
        minimum_order: minimum_order(rules),
        trading: "Enabled",
        instant_and_market_orders: instant_and_market_orders(market),
        description: &market.description,
    }
}

/// Every asset that some market trades, by code, named as the first description names it.
fn currencies<'a>(markets: impl Iterator<Item = &'a Market>) -> Vec<CurrencyRow<'a>> {
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    let mut instruments = Vec::new();
    for market in markets {
        let rules = &market.instrument;
        let names = market.description.split_once(" / ").unwrap_or((&rules.base, &rules.quote));
        found.entry(&rules.base).or_insert(names.0);
        found.entry(&rules.quote).or_insert(names.1);
        let perpetual = market.perpetual.as_ref();
        let payoff = perpetual.map_or(Payoff::Linear, |perpetual| perpetual.terms.payoff);
        instruments.push((rules, payoff));
    }
    let row = |(code, name): (&'a str, &'a str)| {
        let sign = sign_of(code);
        CurrencyRow {
            name,
            currency: code,
            r#type: if sign.is_some() { "fiat" } else { "crypto" },
            symbol: sign.unwrap_or(code),
            decimals: currency_decimals(code, instruments.iter().copied()),
            logo: "",
            available_supply: "0",
            deposit: "Disabled",
            withdrawal: "Disabled",
            networks: [],
        }
    };
    found.into_iter().map(row).collect()
}

fn sign_of(code: &str) -> Option<&'static str> {
    FIAT.iter().find(|(fiat, _)| *fiat == code).map(|(_, sign)| *sign)
}

/// With how many decimals an asset is counted: hundredths where it is a state's money, else the most with which one
/// of these instruments trades it, or prices in it where it is never traded itself. Quantities of what pays inversely count
/// contracts, and not the asset.
pub fn currency_decimals<'a>(
    code: &str,
    instruments: impl IntoIterator<Item = (&'a Instrument, Payoff)>,
) -> u8 {
    if sign_of(code).is_some() {
        return if UNDIVIDED.contains(&code) { 0 } else { 2 };
    }
    let (mut traded, mut priced) = (None, None);
    for (rules, payoff) in instruments {
        if rules.base == code && payoff == Payoff::Linear {
            traded = traded.max(Some(rules.quantity_decimals));
        }
        if rules.quote == code {
            priced = priced.max(Some(rules.price_decimals));
        }
    }
    traded.or(priced).unwrap_or(0)
}

/// `units × 10^-decimals` without trailing zeros.
fn shortest(units: i128, decimals: u8) -> String {
    let digits = format!("{units:0>width$}", width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}
