//! The pages that never change while the server runs: markets, trading pairs, currencies. Section 8.2.

use std::collections::BTreeMap;

use model::{Decimal, Minimum};
use serde::Serialize;

use super::super::Markets;
use super::super::server::Market;

/// The bodies, written once.
pub struct Pages {
    /// `markets/`
    pub markets: Vec<u8>,
    /// `trading-pairs-info/`
    pub trading_pairs: Vec<u8>,
    /// `currencies/`
    pub currencies: Vec<u8>,
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

/// The money of states that the venue trades, and its sign; everything else is a coin.
const FIAT: [(&str, &str); 3] = [("USD", "$"), ("EUR", "€"), ("GBP", "£")];

impl Pages {
    /// The pages of these markets.
    pub fn new(markets: &Markets) -> Self {
        let listed = || markets.listed.iter().map(|market| &**market);
        Self {
            markets: json(&listed().map(market_row).collect::<Vec<_>>()),
            trading_pairs: json(&listed().map(pair_row).collect::<Vec<_>>()),
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
        maximum_order_value: Decimal { units: i64::MAX, decimals: rules.price_decimals }
            .to_string(),
        minimum_order_amount: amount(lots),
        maximum_order_amount: amount(i64::MAX / rules.lot_units),
        trading: "Enabled",
        instant_order_counter_decimals: rules.price_decimals,
        instant_and_market_orders: "Enabled",
        description: &market.description,
        market_type: "SPOT",
    }
}

fn pair_row(market: &Market) -> PairRow<'_> {
    let rules = &market.instrument;
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
    PairRow {
        name: &market.name,
        url_symbol: &market.symbol,
        base_decimals: rules.quantity_decimals,
        counter_decimals: rules.price_decimals,
        instant_order_counter_decimals: rules.price_decimals,
        minimum_order: format!("{minimum} {currency}"),
        trading: "Enabled",
        instant_and_market_orders: "Enabled",
        description: &market.description,
    }
}

/// Every asset that some market trades, by code, named as the markets' descriptions name it and counted with
/// the most decimals that a market counts it with.
fn currencies<'a>(markets: impl Iterator<Item = &'a Market>) -> Vec<CurrencyRow<'a>> {
    let mut found: BTreeMap<&str, (&str, u8)> = BTreeMap::new();
    for market in markets {
        let rules = &market.instrument;
        let names = market.description.split_once(" / ").unwrap_or((&rules.base, &rules.quote));
        let sides = [
            (&rules.base, names.0, rules.quantity_decimals),
            (&rules.quote, names.1, rules.price_decimals),
        ];
        for (code, name, decimals) in sides {
            let entry = found.entry(code).or_insert((name, decimals));
            entry.1 = entry.1.max(decimals);
        }
    }
    let row = |(code, (name, decimals)): (&'a str, (&'a str, u8))| {
        let sign = FIAT.iter().find(|(fiat, _)| *fiat == code).map(|(_, sign)| *sign);
        CurrencyRow {
            name,
            currency: code,
            r#type: if sign.is_some() { "fiat" } else { "crypto" },
            symbol: sign.unwrap_or(code),
            decimals,
            logo: "",
            available_supply: "0",
            deposit: "Disabled",
            withdrawal: "Disabled",
            networks: [],
        }
    };
    found.into_iter().map(row).collect()
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
