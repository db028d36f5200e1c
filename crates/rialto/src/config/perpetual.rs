//! What a configuration says of perpetuals: the terms of a contract, each of which has a usual value but the index, where
//! there is no spot market of the same pair.

use std::collections::BTreeMap;

use model::{
    Amount, Assets, Constituent, Contract, FeedName, Instrument, InstrumentId, Listing, Payoff,
    Span, Tier, Valuation,
};
use serde::Deserialize;
use toml::Spanned;

use super::Mistake;
use super::file::{Number, at, positive, within};

/// What a constituent is called that is quoted from outside; behind a colon comes its name, if it is not the only one.
const FEED: &str = "feed";

/// The usual tiers of a linear contract: up to so many whole units of the quote asset, to open and to keep, in millionths.
const TIERS: [(i64, u32, u32); 3] =
    [(1_000_000, 10_000, 5_000), (10_000_000, 20_000, 10_000), (100_000_000, 50_000, 25_000)];

/// What is left out is as it usually is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PerpetualTable {
    payoff: PayoffName,
    size: Spanned<u32>,
    index: Option<Vec<Spanned<String>>>,
    tiers: Option<Vec<Spanned<TierTable>>>,
    stale_seconds: Spanned<u32>,
    funding_minutes: Spanned<u32>,
    sample_seconds: Spanned<u32>,
    outlier: Option<Spanned<Number>>,
    basis_max: Option<Spanned<Number>>,
    funding_max: Option<Spanned<Number>>,
    liquidation_band: Option<Spanned<Number>>,
    liquidation_fee: Option<Spanned<Number>>,
}

impl Default for PerpetualTable {
    fn default() -> Self {
        let usual = |number| Spanned::new(0..0, number);
        Self {
            payoff: PayoffName::Linear,
            size: usual(1),
            index: None,
            tiers: None,
            stale_seconds: usual(10),
            funding_minutes: usual(480),
            sample_seconds: usual(60),
            outlier: None,
            basis_max: None,
            funding_max: None,
            liquidation_band: None,
            liquidation_fee: None,
        }
    }
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum PayoffName {
    Linear,
    Inverse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierTable {
    up_to: Spanned<Number>,
    initial: Spanned<Number>,
    maintenance: Spanned<Number>,
}

/// The contracts of all instruments that have one.
pub(super) fn contracts(
    perpetuals: &[(InstrumentId, &Spanned<PerpetualTable>)],
    listings: &[Listing],
) -> Result<Vec<Contract>, Mistake> {
    let instruments: Vec<Instrument> = listings.iter().map(|it| it.instrument.clone()).collect();
    let assets = Assets::of(&instruments);
    // Only spot markets are constituents, and no two of them have one pair.
    let is_spot = |it: &&Instrument| perpetuals.iter().all(|&(id, _)| id != it.id);
    let spot: BTreeMap<String, InstrumentId> = instruments
        .iter()
        .filter(is_spot)
        .map(|it| (format!("{}/{}", it.base, it.quote), it.id))
        .collect();
    let mut contracts = Vec::new();
    for &(id, table) in perpetuals {
        let instrument = &instruments[id.index()];
        let contract = contract(instrument, table, &spot, &assets)?;
        contract.check().map_err(|why| at(table.span(), why))?;
        Valuation::of(&contract, instrument, &assets).map_err(|why| at(table.span(), why))?;
        if let Some((dialect, _)) =
            listings[id.index()].symbols.iter().find(|(name, _)| name != dialects::bitstamp::NAME)
        {
            let message =
                format!("{dialect} does not speak of perpetuals: expected no symbol there");
            return Err(at(table.span(), message));
        }
        contracts.push(contract);
    }
    Ok(contracts)
}

fn contract(
    instrument: &Instrument,
    table: &Spanned<PerpetualTable>,
    spot: &BTreeMap<String, InstrumentId>,
    assets: &Assets,
) -> Result<Contract, Mistake> {
    let (span, table) = (table.span(), table.get_ref());
    let payoff = match table.payoff {
        PayoffName::Linear => Payoff::Linear,
        PayoffName::Inverse => Payoff::Inverse,
    };
    let constituents = match &table.index {
        Some(names) => {
            names.iter().map(|name| constituent(name, spot)).collect::<Result<_, _>>()?
        }
        None => {
            let pair = format!("{}/{}", instrument.base, instrument.quote);
            let book = spot.get(&pair).copied().ok_or_else(|| {
                let message = format!(
                    "there is no spot market {pair} to take its index from: expected an index"
                );
                at(span.clone(), message)
            })?;
            vec![Constituent::Book(book)]
        }
    };
    let share = |said: &Option<Spanned<Number>>, usual: u32| said.as_ref().map_or(Ok(usual), ppm);
    Ok(Contract {
        instrument: instrument.id,
        payoff,
        size: i64::from(within(&table.size, 1..=1_000_000, "units")?),
        tiers: tiers(instrument, (span, table), assets)?,
        constituents,
        stale_after: Span::seconds(within(&table.stale_seconds, 1..=86_400, "seconds")?.into()),
        outlier_ppm: share(&table.outlier, 50_000)?,
        basis_ppm_max: share(&table.basis_max, 5_000)?,
        funding_interval: Span::seconds(
            60 * i64::from(within(&table.funding_minutes, 1..=10_080, "minutes")?),
        ),
        sample_interval: Span::seconds(
            within(&table.sample_seconds, 1..=86_400, "seconds")?.into(),
        ),
        funding_ppm_max: share(&table.funding_max, 7_500)?,
        liquidation_band_ppm: share(&table.liquidation_band, 20_000)?,
        liquidation_fee_ppm: share(&table.liquidation_fee, 1_000)?,
    })
}

fn constituent(
    name: &Spanned<String>,
    spot: &BTreeMap<String, InstrumentId>,
) -> Result<Constituent, Mistake> {
    if let Some(feed) = name.get_ref().strip_prefix(FEED) {
        let feed = match feed.strip_prefix(':') {
            Some(feed) => feed.parse().map_err(|why: String| at(name.span(), why))?,
            None => FeedName::USUAL,
        };
        return Ok(Constituent::Feed(feed));
    }
    spot.get(name.get_ref()).copied().map(Constituent::Book).ok_or_else(|| {
        let message = format!(
            "{:?} is no spot market that is listed: expected one such as \"BTC/USD\", or \"{FEED}:\" and a name",
            name.get_ref()
        );
        at(name.span(), message)
    })
}

fn tiers(
    instrument: &Instrument,
    (span, table): (std::ops::Range<usize>, &PerpetualTable),
    assets: &Assets,
) -> Result<Vec<Tier>, Mistake> {
    let settlement = assets.settlement(instrument.id).expect("every instrument settles");
    let margin = match table.payoff {
        PayoffName::Linear => settlement.quote,
        PayoffName::Inverse => settlement.base,
    };
    let margin = assets.get(margin).expect("an asset of an instrument");
    let whole = |units| margin.amount_of_units(units, 0).expect("no asset is coarser than one");
    let Some(tiers) = &table.tiers else {
        if table.payoff == PayoffName::Inverse {
            let message = format!(
                "expected tiers: what an inverse contract is worth is counted in {}, for which there are no usual ones",
                margin.code
            );
            return Err(at(span, message));
        }
        let usual = |(up_to, initial_ppm, maintenance_ppm)| Tier {
            up_to: whole(up_to),
            initial_ppm,
            maintenance_ppm,
        };
        return Ok(TIERS.map(usual).into());
    };
    let tier = |tier: &Spanned<TierTable>| {
        let TierTable { up_to, initial, maintenance } = tier.get_ref();
        let units = positive(up_to)?;
        let amount = margin.amount_of_units(units, up_to.get_ref().0.decimals);
        let up_to: Amount = amount.ok_or_else(|| {
            let message = format!(
                "expected a value in {} with at most {} decimals",
                margin.code, margin.decimals
            );
            at(up_to.span(), message)
        })?;
        Ok(Tier { up_to, initial_ppm: ppm(initial)?, maintenance_ppm: ppm(maintenance)? })
    };
    tiers.iter().map(tier).collect()
}

/// Per cents as millionths.
fn ppm(percent: &Spanned<Number>) -> Result<u32, Mistake> {
    let ppm = percent.get_ref().0.units_at(4).ok();
    let ppm = ppm.and_then(|ppm| u32::try_from(ppm).ok()).filter(|&ppm| ppm <= 1_000_000);
    ppm.ok_or_else(|| {
        at(percent.span(), "expected per cents from \"0\" to \"100\" with at most four decimals")
    })
}
