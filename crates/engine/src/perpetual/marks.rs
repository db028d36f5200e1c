//! Index and mark price, taken anew with each `Mark` command: pure functions of the books, of what was quoted and of the
//! commands before, so that a journal that is run again has the same.

use super::{BASIS_SAMPLES, refused};
use crate::engine::{Engine, Teller};
use crate::resting::Rail;
use model::{
    BookScale, Constituent, Contract, Instrument, InstrumentId, MarkState, PerpetualEvent,
    PerpetualRejection, Price, Rejection, Side, Time, index::index_of,
};
use std::collections::VecDeque;

/// What a perpetual's prices are made of.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    pub mark: Option<Price>,
    pub index: Price,
    /// What was quoted last, by constituent.
    pub quotes: Vec<Option<(Price, Time)>>,
    /// Twice the distance of the middle of the book from the index, at the last marks.
    pub basis: VecDeque<i64>,
    /// Premiums since funding was exchanged, in billionths of the index: their sum and number.
    pub premiums: i128,
    pub samples: u32,
    /// The last sample interval in which one was taken.
    pub sampled: i64,
    /// The interval of funding that is running, counted from 1970.
    pub interval: i64,
    /// How the constituents are counted in ticks of this instrument; those that are quoted are anyway.
    scales: Vec<Option<BookScale>>,
    interval_micros: i64,
    funding_ppm_max: i128,
}

impl Marks {
    pub fn of(contract: &Contract, instruments: &[Instrument]) -> Self {
        let own = &instruments[contract.instrument.index()];
        let scale = |constituent: &Constituent| match constituent {
            Constituent::Feed(_) => None,
            Constituent::Book(book) => {
                let other = instruments.get(book.index()).expect("a book of the index is there");
                Some(BookScale::of(other, own))
            }
        };
        Self {
            mark: None,
            index: Price(0),
            quotes: vec![None; contract.constituents.len()],
            basis: VecDeque::with_capacity(BASIS_SAMPLES),
            premiums: 0,
            samples: 0,
            sampled: i64::MIN,
            interval: i64::MIN,
            scales: contract.constituents.iter().map(scale).collect(),
            interval_micros: contract.funding_interval.0,
            funding_ppm_max: i128::from(contract.funding_ppm_max),
        }
    }

    /// What longs would pay now, in millionths: the mean premium, cut towards zero to the millionth and to the clamp.
    pub fn rate_ppm(&self) -> i32 {
        if self.samples == 0 {
            return 0;
        }
        let mean = self.premiums / i128::from(self.samples) / 1_000;
        mean.clamp(-self.funding_ppm_max, self.funding_ppm_max) as i32
    }

    pub fn state(&self) -> Option<MarkState> {
        Some(MarkState {
            mark: self.mark?,
            index: self.index,
            funding_rate_ppm: self.rate_ppm(),
            next_funding: Time(
                self.interval.saturating_add(1).saturating_mul(self.interval_micros),
            ),
        })
    }
}

impl Engine {
    pub(super) fn quote(
        &mut self,
        instrument: InstrumentId,
        constituent: u16,
        price: Price,
        teller: &mut Teller<'_>,
    ) -> Result<(), Rejection> {
        let at = self.contract(instrument)?;
        if !self.books[instrument.index()].steps.counts_price(price) {
            return Err(Rejection::BadPrice);
        }
        let perpetual = &mut self.perpetuals.list[at as usize];
        let place = usize::from(constituent);
        if !matches!(perpetual.terms.constituents.get(place), Some(Constituent::Feed(_))) {
            return Err(refused(PerpetualRejection::NotAPerpetual));
        }
        perpetual.marks.quotes[place] = Some((price, self.now));
        self.tell_of(at, PerpetualEvent::Quoted { constituent, price }, teller);
        Ok(())
    }

    /// One `Mark`: prices, funding, liquidations; then whoever is not calm about the new price is looked at.
    pub(super) fn pass_mark(&mut self, at: u32, teller: &mut Teller<'_>) {
        self.take_marks(at);
        self.pass_funding_time(at, teller);
        if let Some(state) = self.perpetuals.list[at as usize].marks.state() {
            self.tell_of(at, PerpetualEvent::Marked(state), teller);
        }
        self.go_on_liquidating(at, teller);
        self.stir(at);
    }

    /// Both sides' best prices added: twice the middle.
    fn middle_twice(&self, instrument: InstrumentId) -> Option<i128> {
        let book = &self.books[instrument.index()];
        let best = |side| book.best(Rail::resting(side)).map(|(price, _)| i128::from(price.0));
        Some(best(Side::Buy)? + best(Side::Sell)?)
    }

    /// The index as the constituents say it now, without those that are stale or far from the others.
    fn index_price(&self, at: u32) -> Option<i64> {
        let perpetual = &self.perpetuals.list[at as usize];
        let (terms, marks) = (&perpetual.terms, &perpetual.marks);
        let mut prices = Vec::with_capacity(Contract::CONSTITUENTS_MAX);
        for (place, constituent) in terms.constituents.iter().enumerate() {
            let price = match *constituent {
                Constituent::Feed(_) => marks.quotes[place]
                    .filter(|&(_, time)| self.now.0.saturating_sub(time.0) <= terms.stale_after.0)
                    .map(|(price, _)| price.0),
                Constituent::Book(book) => {
                    let twice = self.middle_twice(book);
                    twice.zip(marks.scales[place]).map(|(twice, scale)| scale.middle(twice).0)
                }
            };
            let counted = |&price: &i64| {
                self.books[terms.instrument.index()].steps.counts_price(Price(price))
            };
            prices.extend(price.filter(counted));
        }
        index_of(&mut prices, terms.outlier_ppm)
    }

    /// Takes index and mark anew, and a sample of the premium if it is time. Without an index all stays as it was.
    fn take_marks(&mut self, at: u32) {
        let Some(index) = self.index_price(at) else { return };
        let instrument = self.perpetuals.list[at as usize].terms.instrument;
        let twice = self.middle_twice(instrument).map(|twice| twice - 2 * i128::from(index));
        let price_max = self.books[instrument.index()].steps.price_max.0;
        let perpetual = &mut self.perpetuals.list[at as usize];
        let (terms, marks) = (&perpetual.terms, &mut perpetual.marks);
        marks.index = Price(index);
        if let Some(twice) = twice {
            if marks.basis.len() == BASIS_SAMPLES {
                marks.basis.pop_front();
            }
            marks.basis.push_back(twice as i64);
            let minute = self.now.0.div_euclid(terms.sample_interval.0);
            if minute != marks.sampled {
                marks.sampled = minute;
                marks.premiums += (twice * 1_000_000_000).div_euclid(2 * i128::from(index));
                marks.samples += 1;
            }
        }
        let sum: i128 = marks.basis.iter().map(|&basis| i128::from(basis)).sum();
        let mean = sum.div_euclid(2 * marks.basis.len().max(1) as i128);
        let most = i128::from(index) * i128::from(terms.basis_ppm_max) / 1_000_000;
        let mark = i128::from(index) + mean.clamp(-most, most);
        marks.mark = Some(Price(mark.clamp(1, i128::from(price_max)) as i64));
    }
}
