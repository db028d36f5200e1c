//! Funding: at its times longs pay shorts, or shorts longs, in one step. Payers pay rounded up, receivers receive rounded
//! down, and the difference is the insurance fund's, so that it sums to nothing.
//!
//! This is the one thing that walks over all positions of an instrument, once in each interval.

use crate::engine::{Engine, Teller};
use crate::terms::share;
use model::{Amount, MarginMode, PerpetualEvent};

impl Engine {
    /// Exchanges funding if its time has come. Without a mark nobody has a position.
    pub(super) fn pass_funding_time(&mut self, at: u32, teller: &mut Teller<'_>) {
        let now = self.now;
        let perpetual = &mut self.perpetuals.list[at as usize];
        let marks = &mut perpetual.marks;
        if marks.mark.is_none() {
            return;
        }
        let interval = now.0.div_euclid(perpetual.terms.funding_interval.0);
        if marks.interval == i64::MIN {
            marks.interval = interval;
        }
        if interval == marks.interval {
            return;
        }
        let rate_ppm = marks.rate_ppm();
        marks.interval = interval;
        marks.premiums = 0;
        marks.samples = 0;
        if rate_ppm != 0 {
            self.exchange_funding(at, rate_ppm, teller);
        }
    }

    #[cold]
    fn exchange_funding(&mut self, at: u32, rate_ppm: i32, teller: &mut Teller<'_>) {
        let perpetual = &self.perpetuals.list[at as usize];
        let (asset, mark) = (perpetual.value.margin, perpetual.mark());
        let mut open: Vec<_> = perpetual
            .positions
            .iter()
            .zip(0..)
            .filter(|(position, _)| position.size != 0)
            .map(|(position, slot)| (position.account, slot))
            .collect();
        open.sort_unstable();
        for (account, slot) in open {
            let perpetual = &mut self.perpetuals.list[at as usize];
            let position = &mut perpetual.positions[slot as usize];
            let value = perpetual.value.value(mark, position.size.abs());
            let pays = (position.size > 0) == (rate_ppm > 0);
            let ppm = rate_ppm.unsigned_abs();
            let up = share(Amount(value), ppm).0;
            let exact = value % 1_000_000 * i128::from(ppm) % 1_000_000 == 0;
            let amount = match (pays, exact) {
                (true, _) => -up,
                (false, true) => up,
                (false, false) => up - 1,
            };
            let (position_id, record) = (position.id, position.record);
            let mut short = 0;
            match position.mode {
                MarginMode::Cross => self.ledger.adjust(record, asset, amount, 0),
                MarginMode::Isolated => {
                    short = (-amount - position.margin).max(0);
                    let change = amount + short;
                    position.margin += change;
                    self.ledger.adjust(record, asset, 0, change);
                }
            }
            self.perpetuals.insurance[asset.index()] -= amount;
            let event = PerpetualEvent::Funded {
                position: position_id,
                account,
                amount: Amount(amount),
                rate_ppm,
            };
            self.tell_of(at, event, teller);
            if short > 0 {
                self.pay_from_fund(account, asset, short, teller);
            }
            self.make_good(record, account, asset, teller);
            self.tell_position(at, slot, teller);
        }
    }
}
