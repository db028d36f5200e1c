//! What one account is shown of its positions: those that are open, those that ended, what was settled, what alarmed it.
//!
//! Positions are told as they stand ([`PositionState`]); what was earned and paid for them, and at which prices they were
//! opened and closed, is added up here from what else is told. A position from before its account was followed is met
//! when it changes next: of what was closed, and of funding, before that the size is not known, and told as 0.

use std::collections::{BTreeMap, VecDeque};

use model::{
    Amount, Dealt, Earned, InstrumentId, MarginChoice, MarginMode, OwnAlert, OwnPosition,
    OwnPositions, OwnSettlement, OwnSettlements, PositionId, PositionState, Price, Quantity,
    Settled, SettledBy, SettlementKind, Sort, Time, Which,
};

use super::own::is_among;
use super::{ALERTS_MAX, POSITIONS_MAX, SETTLEMENTS_MAX};
use crate::digest::Digest;

mod image;

/// The positions of one account.
#[derive(Debug, Default)]
pub struct Positions {
    /// The position in each perpetual, open or the one that ended last; with a size of 0 also what is only chosen.
    here: BTreeMap<InstrumentId, OwnPosition>,
    /// In the order in which they ended.
    ended: VecDeque<OwnPosition>,
    /// The oldest first.
    settlements: VecDeque<OwnSettlement>,
    /// The oldest first.
    alerts: VecDeque<OwnAlert>,
}

/// An account's part in a trade that changes its position.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub price: Price,
    pub quantity: Quantity,
    /// How much of it has closed something.
    pub closed: Quantity,
    pub fee: Amount,
}

/// `amount` × `part` / `whole`, rounded up; `part` is not above `whole`.
fn part_up(amount: i128, part: i64, whole: i64) -> i128 {
    let (part, whole) = (i128::from(part), i128::from(whole.max(1)));
    let (times, rest) = (amount.div_euclid(whole), amount.rem_euclid(whole));
    times * part + (rest * part + whole - 1).div_euclid(whole)
}

fn deal(into: &mut Dealt, price: Price, lots: i64) {
    into.quantity = Quantity(into.quantity.0.saturating_add(lots));
    let turnover = i128::from(price.0) * i128::from(lots);
    into.turnover = into.turnover.saturating_add(turnover);
}

impl Positions {
    /// A position, or how it is held, changed: by this part in a trade, if by one. The first that is told of a position
    /// opens it.
    pub fn stands(
        &mut self,
        time: Time,
        instrument: InstrumentId,
        state: &PositionState,
        part: Option<Part>,
    ) {
        let fresh = OwnPosition {
            instrument,
            state: *state,
            is_long: state.size > 0,
            opened_at: time,
            changed_at: time,
            opened: Dealt::default(),
            closed: Dealt::default(),
            entry: 0,
            earned: Earned::default(),
            in_liquidation: false,
        };
        let own = self.here.entry(instrument).or_insert(fresh);
        if state.size != 0 && own.state.id != state.id {
            *own = fresh;
        }
        if let Some(part) = part {
            let opened = (part.quantity - part.closed).0;
            if opened > 0 {
                deal(&mut own.opened, part.price, opened);
                let turnover = i128::from(part.price.0) * i128::from(opened);
                own.entry = own.entry.saturating_add(turnover);
            }
            if part.closed.is_zero() {
                own.earned.fees += part.fee;
            }
        }
        if own.is_open() || state.size != 0 {
            own.changed_at = time;
        }
        own.state = *state;
    }

    /// Profit or loss became money. Returns what is told of it, which is kept by [`Positions::keep`].
    pub fn settled(
        &mut self,
        time: Time,
        instrument: InstrumentId,
        settled: &Settled,
        settlement: OwnSettlement,
    ) -> OwnSettlement {
        let lots = settled.quantity.0;
        let known = self.here.get_mut(&instrument);
        let Some(own) = known.filter(|own| own.state.id == settled.position && own.is_open())
        else {
            return settlement;
        };
        own.earned.profit += settled.profit;
        own.earned.fees += settled.fee;
        own.earned.liquidation_fees += settled.liquidation_fee;
        own.changed_at = time;
        let (size, mode) = (own.state.size, own.state.mode);
        if settled.by == SettledBy::Draw {
            let cost = own.state.cost;
            own.state.cost += settled.profit;
            return OwnSettlement { size, cost, mode, ..settlement };
        }
        let whole = i64::try_from(size.unsigned_abs()).unwrap_or(i64::MAX);
        let lots = lots.clamp(0, whole);
        let cost = Amount(part_up(own.state.cost.0, lots, whole));
        own.state.cost -= cost;
        own.entry -= part_up(own.entry, lots, whole);
        own.state.size -= size.signum() * lots;
        deal(&mut own.closed, settled.price, lots);
        if !own.is_open() {
            own.state.margin = Amount::ZERO;
            // Of its liquidation the end is told when it has ended.
            own.in_liquidation = false;
            let own = *own;
            if self.ended.len() == POSITIONS_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back(own);
        }
        OwnSettlement { size: size.signum() * lots, cost, mode, ..settlement }
    }

    /// What was drawn of a position that was not known then is told with what is known of it now.
    pub fn drawn_unmet(&mut self, state: &PositionState, drawn: &mut OwnSettlement) {
        drawn.size = state.size;
        drawn.cost = Amount(state.cost.0 - drawn.profit.0);
        drawn.mode = state.mode;
        if let Some(own) = self.here.get_mut(&drawn.instrument) {
            own.earned.profit += drawn.profit;
        }
    }

    /// Funding was exchanged. Returns what is told of it, once its price is known.
    pub fn funded(
        &mut self,
        instrument: InstrumentId,
        amount: Amount,
        settlement: OwnSettlement,
    ) -> OwnSettlement {
        let known = self.here.get_mut(&instrument);
        let Some(own) = known.filter(|own| own.state.id == settlement.position) else {
            return settlement;
        };
        own.earned.funding += amount;
        let PositionState { size, cost, mode, .. } = own.state;
        OwnSettlement { size, cost, mode, ..settlement }
    }

    /// The insurance fund paid so much of what was settled last of this position.
    pub fn insured(&mut self, instrument: InstrumentId, position: PositionId, amount: Amount) {
        let its = |own: &&mut OwnPosition| own.state.id == position;
        if let Some(own) = self.here.get_mut(&instrument).filter(|own| own.state.id == position) {
            own.earned.insured += amount;
        }
        if let Some(own) = self.ended.iter_mut().rev().find(its) {
            own.earned.insured += amount;
        }
    }

    /// What is told of money that came or went is kept.
    pub fn keep(&mut self, settlement: OwnSettlement) {
        if self.settlements.len() == SETTLEMENTS_MAX {
            self.settlements.pop_front();
        }
        self.settlements.push_back(settlement);
    }

    /// A margin came into danger, or its liquidation ended.
    pub fn alerted(&mut self, alert: OwnAlert) {
        use model::AlertKind::{LiquidationConcluded, LiquidationStart};
        let known = self.here.get_mut(&alert.instrument);
        if let Some(own) = known.filter(|own| own.state.id == alert.alert.position) {
            match alert.alert.kind {
                LiquidationStart => own.in_liquidation = true,
                LiquidationConcluded => own.in_liquidation = false,
                _ => {}
            }
        }
        if self.alerts.len() == ALERTS_MAX {
            self.alerts.pop_front();
        }
        self.alerts.push_back(alert);
    }

    /// The positions asked for that are remembered.
    pub fn positions(&self, which: &OwnPositions) -> Vec<OwnPosition> {
        let open = self.here.values().filter(|own| own.is_open() && which.which != Which::Ended);
        let ended = self.ended.iter().filter(|_| which.which != Which::Open);
        let wanted = |own: &&OwnPosition| {
            which.instrument.is_none_or(|only| only == own.instrument)
                && is_among(which.among.as_deref(), own.instrument)
                && which.position.is_none_or(|only| only == own.state.id)
                && which.from.is_none_or(|from| own.state.id >= from)
        };
        let mut all: Vec<OwnPosition> = ended.chain(open).filter(wanted).copied().collect();
        all.sort_by_key(|own| own.state.id);
        if which.sort == Sort::NewestFirst {
            all.reverse();
        }
        all.into_iter().skip(which.offset).take(which.limit).collect()
    }

    /// What is chosen in each perpetual.
    pub fn choices(&self) -> Vec<MarginChoice> {
        let choice = |(&instrument, own): (&InstrumentId, &OwnPosition)| MarginChoice {
            instrument,
            mode: own.state.mode,
            leverage: own.state.leverage,
        };
        self.here.iter().map(choice).collect()
    }

    /// The settlements asked for that are remembered.
    pub fn settlements(&self, which: &OwnSettlements) -> Vec<OwnSettlement> {
        let wanted = |it: &&OwnSettlement| {
            which.only.is_none_or(|only| only == it.sequence)
                && is_among(which.among.as_deref(), it.instrument)
                && which.from.is_none_or(|from| it.sequence >= from)
                && which.since.is_none_or(|since| it.time >= since)
                && which.until.is_none_or(|until| it.time <= until)
        };
        let cut = |all: &mut dyn Iterator<Item = &OwnSettlement>| {
            all.skip(which.offset).take(which.limit).copied().collect()
        };
        match which.sort {
            Sort::OldestFirst => cut(&mut self.settlements.iter().filter(wanted)),
            Sort::NewestFirst => cut(&mut self.settlements.iter().rev().filter(wanted)),
        }
    }

    /// The last alerts, the newest first.
    pub fn alerts(&self, among: Option<&[InstrumentId]>, limit: usize) -> Vec<OwnAlert> {
        let newest_first = self.alerts.iter().rev();
        newest_first.filter(|it| is_among(among, it.instrument)).take(limit).copied().collect()
    }

    pub fn digest(&self, into: &mut Digest) {
        for own in self.here.values().chain(&self.ended) {
            into.word(own.state.id.0);
            into.signed(own.state.size);
            into.word(u64::from(own.state.leverage) << 8 | own.state.mode as u64);
            into.signed(own.changed_at.0);
            into.word(u64::from(own.in_liquidation));
            let Earned { profit, fees, liquidation_fees, funding, insured } = own.earned;
            let turnovers = [own.entry, own.opened.turnover, own.closed.turnover];
            let earned = [profit, fees, liquidation_fees, funding, insured];
            let money = [own.state.cost, own.state.margin].into_iter().chain(earned);
            money.map(|it| it.0).chain(turnovers).for_each(|it| into.wide(it));
        }
        for it in &self.settlements {
            into.word(it.sequence.0);
            into.signed(it.size);
            into.signed(it.price.0);
            into.wide(it.total().0);
        }
        for it in &self.alerts {
            into.signed(it.time.0);
            into.word(it.alert.kind as u64);
        }
    }
}

/// Why it was settled, as its owner is told it.
pub const fn kind_of(by: SettledBy) -> SettlementKind {
    match by {
        SettledBy::Trade => SettlementKind::Trade,
        SettledBy::Liquidation => SettlementKind::Liquidation,
        SettledBy::Deleveraging => SettlementKind::Deleveraging,
        SettledBy::Draw => SettlementKind::Draw,
    }
}

/// What is told of an account's profit or loss before its position is looked at.
pub const fn settlement_of(
    settled: &Settled,
    (sequence, time, instrument): (model::Sequence, Time, InstrumentId),
) -> OwnSettlement {
    OwnSettlement {
        sequence,
        time,
        account: settled.account,
        instrument,
        position: settled.position,
        kind: kind_of(settled.by),
        size: 0,
        price: settled.price,
        cost: Amount::ZERO,
        profit: settled.profit,
        fee: settled.fee,
        liquidation_fee: settled.liquidation_fee,
        funding: Amount::ZERO,
        insured: Amount::ZERO,
        mode: MarginMode::Cross,
    }
}
