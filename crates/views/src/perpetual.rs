//! What everybody is shown of a perpetual beside its book and trades: mark, index, funding, open interest.
//!
//! Open interest is added up from the positions that are told, so that each account's size is kept; of funding that was
//! exchanged the last [`RATES_MAX`] rates are.

use std::collections::{BTreeMap, VecDeque};

use model::image::{Image, Impossible, Reader, save_all, save_number};
use model::{
    AccountId, Cadence, Contract, FeedQuote, FundingRate, MarkState, OrderId, OrderStep,
    PerpetualEvent, PerpetualState, PositionState, Price, Quantity, Time,
};

use crate::cadence::begins;
use crate::digest::Digest;

/// Rates of funding that are kept; the oldest go first.
pub const RATES_MAX: usize = 1_024;

/// A perpetual.
#[derive(Debug, Default)]
pub(crate) struct Perpetual {
    marks: Option<MarkState>,
    /// What was quoted last for the index, and when, by the place of the constituent.
    quotes: BTreeMap<u16, (Price, Time)>,
    /// Positions that are open, in lots; negative is short.
    sizes: BTreeMap<AccountId, i64>,
    /// Σ of those that are long.
    open_interest: i128,
    /// The oldest first.
    rates: VecDeque<FundingRate>,
    /// What was exchanged since the last mark.
    exchanged: Option<i32>,
    /// When each of [`Cadence::OF_PERPETUALS`] spoke last.
    spoke: [Option<Time>; Cadence::OF_PERPETUALS.len()],
    /// Whether the order that is created next liquidates a position, and the one that did last.
    liquidates_next: bool,
    liquidation: Option<OrderId>,
}

impl Perpetual {
    pub(crate) fn apply(&mut self, event: &PerpetualEvent, time: Time) {
        match event {
            PerpetualEvent::Marked(state) => self.marked(*state),
            PerpetualEvent::Quoted { constituent, price } => {
                self.quotes.insert(*constituent, (*price, time));
            }
            PerpetualEvent::Position(state) => self.position(state),
            PerpetualEvent::Funded { rate_ppm, .. } => self.exchanged = Some(*rate_ppm),
            PerpetualEvent::Liquidating { .. } => self.liquidates_next = true,
            PerpetualEvent::Settled(_)
            | PerpetualEvent::Alerted(_)
            | PerpetualEvent::Reducing { .. }
            | PerpetualEvent::Deleveraged { .. }
            | PerpetualEvent::Insured { .. } => {}
        }
    }

    /// Funding is told by those who exchange it. Where nobody had anything to exchange its rate is the one that was told
    /// last; where somebody had and did not, it was nothing.
    fn marked(&mut self, state: MarkState) {
        let exchanged = self.exchanged.take();
        if let Some(former) = self.marks.replace(state)
            && state.next_funding > former.next_funding
        {
            let nobody = self.sizes.is_empty();
            let rate_ppm = exchanged.unwrap_or(if nobody { former.funding_rate_ppm } else { 0 });
            if self.rates.len() == RATES_MAX {
                self.rates.pop_front();
            }
            self.rates.push_back(FundingRate { time: former.next_funding, rate_ppm });
        }
    }

    fn position(&mut self, state: &PositionState) {
        let before = match state.size {
            0 => self.sizes.remove(&state.account),
            size => self.sizes.insert(state.account, size),
        };
        let long = |size: i64| i128::from(size.max(0));
        self.open_interest += long(state.size) - long(before.unwrap_or(0));
    }

    /// Whether a step is one of an order that liquidates a position.
    pub(crate) fn liquidates(&mut self, order: OrderId, step: OrderStep) -> bool {
        if step == OrderStep::Created && std::mem::take(&mut self.liquidates_next) {
            self.liquidation = Some(order);
        }
        self.liquidation == Some(order)
    }

    /// Whether a tick is the first in a span of this cadence; then it speaks.
    pub(crate) fn begins(&mut self, cadence: Cadence, tick: Cadence, now: Time) -> bool {
        let place = Cadence::OF_PERPETUALS.iter().position(|known| *known == cadence);
        let Some(former) = place.and_then(|place| self.spoke.get_mut(place)) else { return false };
        let begins = begins(cadence, tick, *former, now);
        if begins {
            *former = Some(now);
        }
        begins
    }

    /// As it is shown, once there was a mark.
    pub(crate) fn state(&self, time: Time) -> Option<PerpetualState> {
        let open_interest = Quantity(i64::try_from(self.open_interest).unwrap_or(i64::MAX));
        Some(PerpetualState { time, marks: self.marks?, open_interest })
    }

    /// What was quoted last for the index.
    pub(crate) fn quotes(&self) -> Vec<FeedQuote> {
        let quote = |(&constituent, &(price, time))| FeedQuote { constituent, price, time };
        self.quotes.iter().map(quote).collect()
    }

    /// The newest `limit` rates of this time, the oldest first.
    pub(crate) fn rates(&self, since: Time, until: Time, limit: usize) -> Vec<FundingRate> {
        let of_time = |rate: &&FundingRate| rate.time >= since && rate.time <= until;
        let newest_first = self.rates.iter().rev().filter(of_time).take(limit).copied();
        let mut rates: Vec<_> = newest_first.collect();
        rates.reverse();
        rates
    }

    /// Between two commands: what is said of the order that comes next is not in it.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        let Self {
            marks,
            quotes: _,
            sizes,
            open_interest: _,
            rates,
            exchanged,
            spoke,
            liquidates_next: _,
            liquidation: _,
        } = self;
        marks.save(out);
        save_all(self.quotes().iter(), out);
        save_number(sizes.len() as u64, out);
        for (account, size) in sizes {
            account.save(out);
            size.save(out);
        }
        save_all(rates.iter(), out);
        exchanged.save(out);
        spoke.iter().for_each(|spoke| spoke.save(out));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut loaded = Self { marks: Option::load(from)?, ..Self::default() };
        let quotes: Vec<FeedQuote> =
            from.all(Contract::CONSTITUENTS_MAX, "more quotes than an index has constituents")?;
        for FeedQuote { constituent, price, time } in quotes {
            let follows =
                loaded.quotes.last_key_value().is_none_or(|(last, _)| *last < constituent);
            if price.0 <= 0 || !follows {
                return Err(Impossible("the quotes of an index"));
            }
            loaded.quotes.insert(constituent, (price, time));
        }
        for _ in 0..from.count(usize::MAX, "positions")? {
            let (account, size) = (AccountId::load(from)?, i64::load(from)?);
            let follows = loaded.sizes.last_key_value().is_none_or(|(last, _)| *last < account);
            if size == 0 || !follows {
                return Err(Impossible("the sizes of positions"));
            }
            loaded.open_interest += i128::from(size.max(0));
            loaded.sizes.insert(account, size);
        }
        loaded.rates = from.all(RATES_MAX, "more rates of funding than are kept")?;
        loaded.exchanged = Option::load(from)?;
        for spoke in &mut loaded.spoke {
            *spoke = Option::load(from)?;
        }
        Ok(loaded)
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        if let Some(state) = &self.marks {
            let rate = i64::from(state.funding_rate_ppm);
            for value in [state.mark.0, state.index.0, rate, state.next_funding.0] {
                into.signed(value);
            }
        }
        for (constituent, (price, time)) in &self.quotes {
            into.word(u64::from(*constituent));
            into.signed(price.0);
            into.signed(time.0);
        }
        for (account, size) in &self.sizes {
            into.word(u64::from(account.0));
            into.signed(*size);
        }
        for rate in &self.rates {
            into.signed(rate.time.0);
            into.signed(i64::from(rate.rate_ppm));
        }
        into.signed(i64::from(self.exchanged.unwrap_or(i32::MIN)));
        for spoke in self.spoke {
            into.signed(spoke.map_or(i64::MIN, |spoke| spoke.0));
        }
    }
}
