//! Fair prices: what the crowd believes an instrument is worth. Each asset wanders around its start and is
//! drawn back to it; an instrument's fair price is the ratio of its two assets, so that related markets agree. That of a
//! perpetual stands away from it by a premium, which wanders as well.
//!
//! Visitors do not move them: who pushes a market away from its fair price pays the crowd for it.

use model::{Price, Span, Time};

use super::chance::Chance;
use super::{Asset, Market};

/// How many times its typical distance an asset may stand away from its start.
pub const WANDER_MAX: i64 = 5;

/// How often fair prices move.
const STEP: Span = Span::millis(200);

/// After how many steps an asset's distance has faded to a third: about four hours.
const MEMORY: i64 = 72_000;

/// The square root of `MEMORY / 2`. A step of so much less than the typical distance makes it typical.
const STEPS_ROOT: i64 = 190;

/// Shares are counted in billionths.
const ONE: i128 = 1_000_000_000;

/// How restless an asset may be, in hundredths of the usual.
pub(super) const MOODS: std::ops::RangeInclusive<i64> = 50..=150;

/// How far the fair price of a perpetual typically stands from that of its pair, in millionths.
const PREMIUM_PPM: u32 = 300;

/// The fair prices of all markets.
pub(super) struct FairPrices {
    /// Assets, and behind them the premiums of perpetuals.
    pub(super) assets: Vec<Wanderer>,
    markets: Vec<Pair>,
    pub(super) next: Time,
}

pub(super) struct Wanderer {
    pub(super) chance: Chance,
    /// Its typical distance, in billionths.
    pub(super) wander: i64,
    /// How far it stands from its start now, in billionths.
    pub(super) away: i64,
    /// How restless it is now, in hundredths of the usual.
    pub(super) mood: i64,
}

/// A market's start price and the places of its assets; an asset that stands still has none.
struct Pair {
    start: Price,
    base: Option<usize>,
    quote: Option<usize>,
    premium: Option<usize>,
}

impl FairPrices {
    pub fn new(seed: u64, assets: &[Asset], markets: &[Market], begin: Time) -> Self {
        let place = |code: &str| assets.iter().position(|asset| asset.code == code);
        let mut wanderers: Vec<_> = assets
            .iter()
            .enumerate()
            .map(|(at, asset)| Wanderer::new(seed, at, asset.wander_ppm))
            .collect();
        let pairs = markets.iter().map(|market| Pair {
            start: market.start,
            base: place(&market.instrument.base),
            quote: place(&market.instrument.quote),
            premium: market.contract.is_some().then(|| {
                wanderers.push(Wanderer::new(seed, wanderers.len(), PREMIUM_PPM));
                wanderers.len() - 1
            }),
        });
        Self { markets: pairs.collect(), assets: wanderers, next: begin + STEP }
    }

    /// Moves all assets up to this moment.
    pub fn advance(&mut self, now: Time) {
        while self.next <= now {
            self.assets.iter_mut().for_each(Wanderer::step);
            self.next = self.next + STEP;
        }
    }

    /// So long nothing moved.
    pub fn put_off(&mut self, late: Span) {
        self.next = self.next + late;
    }

    /// The fair price of a market; at least one tick.
    pub fn price(&self, market: usize) -> Price {
        let pair = &self.markets[market];
        let worth = |asset: Option<usize>| {
            ONE + asset.map_or(0, |place| i128::from(self.assets[place].away))
        };
        let ticks = i128::from(pair.start.0) * worth(pair.base) / worth(pair.quote);
        let ticks = pair.premium.map_or(ticks, |_| ticks * worth(pair.premium) / ONE);
        Price(i64::try_from(ticks).expect("a price near its start").max(1))
    }
}

impl Wanderer {
    fn new(seed: u64, place: usize, wander_ppm: u32) -> Self {
        // Streams of assets are counted from the top, those of participants from 0.
        let chance = Chance::new(seed, u64::MAX / 2 - place as u64);
        // Nothing loses half of its worth, so that no ratio can run away.
        let wander = i64::from(wander_ppm).min(500_000 / WANDER_MAX) * 1_000;
        Self { chance, wander, away: 0, mood: 100 }
    }

    fn step(&mut self) {
        // Calm and restless minutes follow each other, and now and then there is news.
        if self.chance.below(300) == 0 {
            self.mood = self.chance.between(*MOODS.start(), *MOODS.end());
        }
        let news = if self.chance.below(900) == 0 { 6 } else { 1 };
        let stride =
            self.wander * self.chance.bell() / 1_000 * self.mood * news / (100 * STEPS_ROOT);
        let bound = self.wander * WANDER_MAX;
        self.away = (self.away - self.away / MEMORY + stride).clamp(-bound, bound);
    }
}
