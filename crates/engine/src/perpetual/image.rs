//! What an image says of perpetuals: prices, positions that are not blank, who is being liquidated, what is owed. What
//! orders reserve, how near somebody is to danger and how far a mark may move are not said: they follow from the rest.

use super::{BASIS_SAMPLES, FIRST_POSITION, Perpetual, Position};
use crate::engine::Engine;
use crate::image::{COUNTER_MAX, Digest, ImageError, take_wide};
use model::contract::VALUE_MAX;
use model::image::{Reader, Sink};
use model::{
    AccountId, Amount, AssetId, Constituent, MarginMode, Payoff, PositionId, Price, Tier, Time,
};

impl Engine {
    /// Nothing at all if there are no perpetuals, so that what was written before there were any is still the same.
    pub(crate) fn walk_perpetuals(&self, sink: &mut impl Sink) {
        let perpetuals = &self.perpetuals;
        if perpetuals.list.is_empty() {
            return;
        }
        for perpetual in &perpetuals.list {
            sink.word(digest_of(perpetual));
            walk_marks(perpetual, sink);
            let mut known: Vec<&Position> =
                perpetual.positions.iter().filter(|it| !is_blank(perpetual, it)).collect();
            known.sort_unstable_by_key(|position| position.account);
            sink.word(known.len() as u64);
            for position in known {
                sink.word(u64::from(position.account.0));
                sink.word(position.id.0);
                sink.word(position.size as u64);
                wide(sink, position.cost);
                wide(sink, position.margin);
                sink.byte(u8::from(position.mode == MarginMode::Cross));
                sink.word(u64::from(position.leverage));
                sink.byte(position.stage);
            }
            sink.word(perpetual.queue.len() as u64);
            for &slot in &perpetual.queue {
                sink.word(u64::from(perpetual.positions[slot as usize].account.0));
            }
        }
        perpetuals.insurance.iter().for_each(|&fund| wide(sink, fund));
        sink.word(perpetuals.next_position);
    }

    /// Takes it back. Purses have been; orders come after.
    pub(crate) fn take_perpetuals(&mut self, reader: &mut Reader<'_>) -> Result<(), ImageError> {
        if self.perpetuals.list.is_empty() {
            return Ok(());
        }
        for at in 0..self.perpetuals.list.len() as u32 {
            if reader.word()? != digest_of(&self.perpetuals.list[at as usize]) {
                return Err(ImageError::OtherInstruments);
            }
            self.take_marks_back(at, reader)?;
            self.take_positions(at, reader)?;
            let perpetual = &self.perpetuals.list[at as usize];
            let staged = perpetual.positions.iter().filter(|it| it.stage > 0).count() as u64;
            let count = reader.below(staged + 1, "who is being liquidated")?;
            if count != staged {
                return Err(ImageError::Impossible("who is being liquidated"));
            }
            for _ in 0..count {
                let account = AccountId(reader.below(1 << 32, "an account")? as u32);
                let perpetual = &mut self.perpetuals.list[at as usize];
                let record = self.accounts.record_of(account);
                let slot = record.and_then(|record| perpetual.find(record));
                let slot = slot.filter(|&slot| {
                    perpetual.positions[slot as usize].stage > 0 && !perpetual.queue.contains(&slot)
                });
                let slot = slot.ok_or(ImageError::Impossible("who is being liquidated"))?;
                perpetual.queue.push_back(slot);
            }
        }
        for asset in 0..self.perpetuals.insurance.len() {
            let fund = take_wide(reader)?;
            if fund.unsigned_abs() > Amount::MAX.0.unsigned_abs() {
                return Err(ImageError::Impossible("an insurance fund"));
            }
            self.perpetuals.insurance[asset] = fund;
            let asset_id = AssetId(asset as u16);
            let costs = self.perpetuals.list.iter().filter(|it| it.value.margin == asset_id);
            let costs = costs.flat_map(|it| &it.positions).map(|position| position.cost);
            self.perpetuals.clearing[asset] = -costs.sum::<i128>();
            self.ledger.owe(asset_id, fund + self.perpetuals.clearing[asset]);
            if !(Amount::ZERO..=Amount::MAX).contains(&self.ledger.supply(asset_id)) {
                return Err(ImageError::Impossible("all that there is of an asset"));
            }
        }
        let next = reader.within(FIRST_POSITION, COUNTER_MAX, "the next position id")?;
        self.perpetuals.next_position = next;
        let positions = self.perpetuals.list.iter().flat_map(|it| &it.positions);
        let mut ids: Vec<u64> = positions.map(|it| it.id.0).filter(|&id| id != 0).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) || ids.last().is_some_and(|&id| id >= next)
        {
            return Err(ImageError::Impossible("a position id"));
        }
        Ok(())
    }

    /// Once orders are back: how everybody stands follows.
    pub(crate) fn settle_restored(&mut self) -> Result<(), ImageError> {
        for at in 0..self.perpetuals.list.len() as u32 {
            for slot in 0..self.perpetuals.list[at as usize].positions.len() as u32 {
                let position = *self.perpetuals.position(at, slot);
                if position.size == 0 {
                    continue;
                }
                let level = match position.stage {
                    0 => self.health(at, slot).level(position.mode),
                    _ => 4,
                };
                if position.stage == 0 && level == 4 {
                    return Err(ImageError::Impossible("a margin that is too small"));
                }
                self.perpetuals.position_mut(at, slot).level = level;
                self.calm_down(at, slot);
            }
        }
        Ok(())
    }

    fn take_marks_back(&mut self, at: u32, reader: &mut Reader<'_>) -> Result<(), ImageError> {
        let instrument = self.perpetuals.list[at as usize].terms.instrument;
        let steps = self.books[instrument.index()].steps;
        let price = |reader: &mut Reader<'_>| {
            let price = Price(reader.word()? as i64);
            match price {
                Price(0) => Ok(None),
                price if steps.counts_price(price) => Ok(Some(price)),
                _ => Err(ImageError::Impossible("a mark")),
            }
        };
        let marks = &mut self.perpetuals.list[at as usize].marks;
        marks.mark = price(reader)?;
        marks.index = price(reader)?.unwrap_or(Price(0));
        if marks.mark.is_some() != (marks.index.0 > 0) {
            return Err(ImageError::Impossible("a mark without an index"));
        }
        for place in 0..marks.quotes.len() {
            let quoted = price(reader)?;
            let time = Time(reader.word()? as i64);
            marks.quotes[place] = quoted.map(|quoted| (quoted, time));
            if quoted.is_none() && time != Time(0) {
                return Err(ImageError::Impossible("a quote"));
            }
        }
        let count = reader.below(BASIS_SAMPLES as u64 + 1, "a basis")?;
        marks.basis.clear();
        for _ in 0..count {
            let basis = reader.word()? as i64;
            if basis.unsigned_abs() > 1 << 56 {
                return Err(ImageError::Impossible("a basis"));
            }
            marks.basis.push_back(basis);
        }
        marks.premiums = take_wide(reader)?;
        marks.samples = reader.below(1 << 32, "samples")? as u32;
        marks.sampled = reader.word()? as i64;
        marks.interval = reader.word()? as i64;
        if marks.premiums.unsigned_abs() > 1 << 120 {
            return Err(ImageError::Impossible("a premium"));
        }
        Ok(())
    }

    fn take_positions(&mut self, at: u32, reader: &mut Reader<'_>) -> Result<(), ImageError> {
        let mut before = None;
        let mut net = 0_i128;
        for _ in 0..reader.below(1 << 32, "positions")? {
            let account = AccountId(reader.below(1 << 32, "an account")? as u32);
            if before >= Some(account) {
                return Err(ImageError::Impossible("the order of positions"));
            }
            before = Some(account);
            let slot = self.open_position(at, account);
            let perpetual = &mut self.perpetuals.list[at as usize];
            let read = Position {
                id: PositionId(reader.word()?),
                size: reader.word()? as i64,
                cost: take_wide(reader)?,
                margin: take_wide(reader)?,
                mode: if reader.flag("a margin mode")? {
                    MarginMode::Cross
                } else {
                    MarginMode::Isolated
                },
                leverage: reader.below(1 << 16, "a leverage")? as u16,
                stage: reader.byte()?,
                ..perpetual.positions[slot as usize]
            };
            let open = read.size != 0;
            let sound = read.size.unsigned_abs() <= perpetual.value.lots_max.unsigned_abs()
                && read.cost.unsigned_abs() <= VALUE_MAX.0.unsigned_abs() << 1
                && (0..=Amount::MAX.0).contains(&read.margin)
                && (1..=perpetual.terms.leverage_max()).contains(&read.leverage)
                && read.stage <= 3
                && (open || read.cost == 0 && read.margin == 0)
                && (read.mode == MarginMode::Isolated || read.margin == 0)
                && (!open || perpetual.marks.mark.is_some() && read.id.0 >= FIRST_POSITION)
                && !is_blank(perpetual, &read);
            if !sound {
                return Err(ImageError::Impossible("a position"));
            }
            net += i128::from(read.size);
            perpetual.positions[slot as usize] = read;
        }
        if net == 0 { Ok(()) } else { Err(ImageError::Impossible("more long than short")) }
    }
}

/// Whether a position is what any account has that never did anything here.
fn is_blank(perpetual: &Perpetual, position: &Position) -> bool {
    position.id == PositionId(0)
        && position.mode == MarginMode::default()
        && position.leverage == perpetual.terms.leverage_max()
        && position.stage == 0
}

fn walk_marks(perpetual: &Perpetual, sink: &mut impl Sink) {
    let marks = &perpetual.marks;
    // Prices are positive.
    sink.word(marks.mark.map_or(0, |mark| mark.0 as u64));
    sink.word(marks.index.0 as u64);
    for quote in &marks.quotes {
        let (price, time) = quote.unwrap_or((Price(0), Time(0)));
        sink.word(price.0 as u64);
        sink.word(time.0 as u64);
    }
    sink.word(marks.basis.len() as u64);
    marks.basis.iter().for_each(|&basis| sink.word(basis as u64));
    wide(sink, marks.premiums);
    sink.word(u64::from(marks.samples));
    sink.word(marks.sampled as u64);
    sink.word(marks.interval as u64);
}

fn wide(sink: &mut impl Sink, value: i128) {
    sink.word(value as u64);
    sink.word((value >> 64) as u64);
}

/// What must be the same for an image to fit a contract.
fn digest_of(perpetual: &Perpetual) -> u64 {
    let terms = &perpetual.terms;
    let mut digest = Digest::new();
    digest.word(u64::from(terms.instrument.0));
    digest.byte(match terms.payoff {
        Payoff::Linear => 0,
        Payoff::Inverse => 1,
    });
    digest.word(terms.size as u64);
    for Tier { up_to, initial_ppm, maintenance_ppm } in &terms.tiers {
        wide(&mut digest, up_to.0);
        digest.word(u64::from(*initial_ppm));
        digest.word(u64::from(*maintenance_ppm));
    }
    for constituent in &terms.constituents {
        digest.word(match constituent {
            Constituent::Feed(_) => u64::MAX,
            Constituent::Book(book) => u64::from(book.0),
        });
    }
    for word in [terms.stale_after.0, terms.funding_interval.0, terms.sample_interval.0] {
        digest.word(word as u64);
    }
    for ppm in [
        terms.outlier_ppm,
        terms.basis_ppm_max,
        terms.funding_ppm_max,
        terms.liquidation_band_ppm,
        terms.liquidation_fee_ppm,
    ] {
        digest.word(u64::from(ppm));
    }
    digest.0
}
