//! Marks and funding in the slow market.

use super::super::money::{rounded_up, ten_to};
use super::super::{Market, Telling};
use super::perpetual;
use model::{
    AccountId, Amount, Constituent, InstrumentId, MarginMode, MarkState, PerpetualEvent,
    PerpetualRejection, PositionId, Price, Rejection, Side, Time,
};

impl Market {
    pub(super) fn take_quote(
        &mut self,
        instrument: InstrumentId,
        place: usize,
        price: Price,
        telling: &mut Telling<'_>,
    ) -> Option<Rejection> {
        if !self.price_counts(instrument, price) {
            return Some(Rejection::BadPrice);
        }
        let Some(Constituent::Feed(_)) = self.terms(instrument).constituents.get(place) else {
            return Some(perpetual(PerpetualRejection::NotAPerpetual));
        };
        let it = self.perpetuals.all.get_mut(&instrument).expect("a perpetual");
        it.quotes.insert(place, (price.0, self.now));
        let event = PerpetualEvent::Quoted { constituent: place as u16, price };
        self.tell_perpetual(telling, instrument, event);
        None
    }

    pub(super) fn pass_mark(&mut self, instrument: InstrumentId, telling: &mut Telling<'_>) {
        self.take_marks(instrument);
        if self.perpetuals.all[&instrument].mark.is_some() {
            let now = self.now.0.div_euclid(self.terms(instrument).funding_interval.0);
            let rate = self.funding_rate(instrument);
            let it = self.perpetuals.all.get_mut(&instrument).expect("a perpetual");
            let is_time = it.interval.is_some_and(|interval| interval != now);
            it.interval = Some(now);
            if is_time {
                it.premiums.clear();
                if rate != 0 {
                    self.exchange_funding(instrument, rate, telling);
                }
            }
            let state = self.mark_state(instrument);
            self.tell_perpetual(telling, instrument, PerpetualEvent::Marked(state));
        }
        self.go_on_liquidating(instrument, telling);
    }

    pub(super) fn mark_state(&self, instrument: InstrumentId) -> MarkState {
        let it = &self.perpetuals.all[&instrument];
        let interval = it.interval.expect("the first mark begins one");
        MarkState {
            mark: self.mark(instrument),
            index: Price(it.index),
            funding_rate_ppm: self.funding_rate(instrument),
            next_funding: Time((interval + 1) * it.terms.funding_interval.0),
        }
    }

    fn funding_rate(&self, instrument: InstrumentId) -> i32 {
        let it = &self.perpetuals.all[&instrument];
        if it.premiums.is_empty() {
            return 0;
        }
        let sum: i128 = it.premiums.iter().sum();
        let mean = sum / it.premiums.len() as i128 / 1_000;
        let most = i128::from(it.terms.funding_ppm_max);
        i128::max(-most, i128::min(most, mean)) as i32
    }

    fn middle_twice(&self, instrument: InstrumentId) -> Option<i128> {
        let bid = self.best(instrument, Side::Buy)?;
        let ask = self.best(instrument, Side::Sell)?;
        Some(i128::from(bid.0) + i128::from(ask.0))
    }

    fn index_price(&self, instrument: InstrumentId) -> Option<i128> {
        let it = &self.perpetuals.all[&instrument];
        let own = &self.instruments[instrument.index()];
        let mut prices: Vec<i128> = Vec::new();
        for (place, constituent) in it.terms.constituents.iter().enumerate() {
            match *constituent {
                Constituent::Feed(_) => {
                    if let Some(&(price, time)) = it.quotes.get(&place)
                        && i128::from(self.now.0) - i128::from(time.0)
                            <= i128::from(it.terms.stale_after.0)
                    {
                        prices.push(i128::from(price));
                    }
                }
                Constituent::Book(book) => {
                    let other = &self.instruments[book.index()];
                    if let Some(twice) = self.middle_twice(book) {
                        // In units of the quote asset with both instruments' decimals, then in ticks, rounded down.
                        let units =
                            twice * i128::from(other.tick_units) * ten_to(own.price_decimals);
                        let tick = i128::from(own.tick_units) * ten_to(other.price_decimals);
                        prices.push(units.div_euclid(2 * tick));
                    }
                }
            }
        }
        prices.retain(|&price| self.price_counts(instrument, Price(price as i64)));
        let middle = median(&mut prices)?;
        let far = |price: i128| {
            i128::abs(price - middle) * 1_000_000 > middle * i128::from(it.terms.outlier_ppm)
        };
        prices.retain(|&price| !far(price));
        median(&mut prices)
    }

    fn take_marks(&mut self, instrument: InstrumentId) {
        let Some(index) = self.index_price(instrument) else { return };
        let middle = self.middle_twice(instrument);
        let price_max = (1 << 53) / i128::from(self.instruments[instrument.index()].tick_units);
        let now = self.now;
        let it = self.perpetuals.all.get_mut(&instrument).expect("a perpetual");
        it.index = index as i64;
        if let Some(middle) = middle {
            let basis = middle - 2 * index;
            it.basis.push(basis);
            let minute = now.0.div_euclid(it.terms.sample_interval.0);
            if it.minute != Some(minute) {
                it.minute = Some(minute);
                it.premiums.push((basis * 1_000_000_000).div_euclid(2 * index));
            }
        }
        let last = &it.basis[it.basis.len().saturating_sub(30)..];
        let count = i128::max(1, last.len() as i128);
        let mean = last.iter().sum::<i128>().div_euclid(2 * count);
        let most = index * i128::from(it.terms.basis_ppm_max) / 1_000_000;
        let mark = index + i128::max(-most, i128::min(most, mean));
        it.mark = Some(i128::max(1, i128::min(price_max, mark)) as i64);
    }

    fn exchange_funding(&mut self, instrument: InstrumentId, rate: i32, telling: &mut Telling<'_>) {
        let asset = self.margin_asset(instrument);
        let mark = self.mark(instrument);
        let everybody: Vec<AccountId> = self
            .perpetuals
            .held
            .iter()
            .filter(|((_, here), held)| *here == instrument && held.size != 0)
            .map(|((account, _), _)| *account)
            .collect();
        for account in everybody {
            let mut held = self.held(account, instrument);
            let worth = self.worth(instrument, mark, held.size.abs());
            let ppm = rate.unsigned_abs();
            let amount = if (held.size > 0) == (rate > 0) {
                -rounded_up(worth, ppm)
            } else {
                worth * i128::from(ppm) / 1_000_000
            };
            *self.perpetuals.fund.entry(asset).or_default() -= amount;
            let mut missing = 0;
            match held.mode {
                MarginMode::Cross => self.give(account, asset, amount),
                MarginMode::Isolated => {
                    let then = i128::max(0, held.margin + amount);
                    missing = then - (held.margin + amount);
                    self.possession(account, asset).held += then - held.margin;
                    held.margin = then;
                }
            }
            self.perpetuals.held.insert((account, instrument), held);
            let event = PerpetualEvent::Funded {
                position: PositionId(held.id),
                account,
                amount: Amount(amount),
                rate_ppm: rate,
            };
            self.tell_perpetual(telling, instrument, event);
            if missing > 0 {
                self.pay_from_fund(account, asset, missing, telling);
            }
            self.make_good(account, asset, telling);
            self.tell_position(account, instrument, telling);
        }
    }
}

fn median(prices: &mut [i128]) -> Option<i128> {
    prices.sort_unstable();
    let count = prices.len();
    if count == 0 {
        None
    } else if count % 2 == 1 {
        Some(prices[count / 2])
    } else {
        Some((prices[count / 2] + prices[count / 2 - 1]).div_euclid(2))
    }
}
