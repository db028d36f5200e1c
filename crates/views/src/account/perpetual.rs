//! What happens to accounts in perpetuals, told to them: what waits until all of it is known, and in which order it goes.

use model::{
    AccountId, Amount, Event, EventBody, InstrumentId, MarginMode, OrderState, OwnAlert,
    OwnOrderUpdate, OwnSettlement, OwnStep, PerpetualEvent, PositionId, PositionState, Price,
    Purpose, SettledBy, SettlementKind, Time, Topic, TopicKind, Update,
};

use super::positions::{Part, settlement_of};
use super::{Accounts, TellOwn, tell_both, tell_step};

/// One account's part in a trade in a perpetual, until its position is told.
#[derive(Debug)]
pub(super) struct Waiting {
    pub account: AccountId,
    pub instrument: InstrumentId,
    /// The trade's number among the account's.
    pub number: u64,
    pub part: Part,
    /// Whether the trade is told, and not only the step.
    pub is_told: bool,
    pub update: OwnOrderUpdate,
}

/// A settlement that has not been told, because the insurance fund may pay of it.
#[derive(Debug)]
pub(super) struct Held {
    settlement: OwnSettlement,
    /// Of a draw: whether its position was told, which comes before what the fund pays.
    stands: bool,
}

impl Accounts {
    /// Tells the settlement that is held back, unless this event may be followed by what the fund pays of it. Something
    /// comes behind each in its command, so that nothing is held between commands.
    pub(super) fn tell_held(&mut self, event: &Event, tell: TellOwn<'_>) {
        let Some(held) = &mut self.held else { return };
        let settlement = &held.settlement;
        match &event.body {
            EventBody::Perpetual(PerpetualEvent::Insured { account, .. })
                if *account == settlement.account => {}
            EventBody::Perpetual(PerpetualEvent::Position(state))
                if settlement.kind == SettlementKind::Draw
                    && (state.account, event.instrument)
                        == (settlement.account, settlement.instrument)
                    && !held.stands =>
            {
                held.stands = true;
            }
            _ => {
                let settlement = *settlement;
                self.held = None;
                self.tell_settlement(settlement, tell);
            }
        }
    }

    /// The insurance fund paid of what was settled last; or somebody paid into it, which is of no position.
    fn insured(&mut self, account: AccountId, amount: Amount) {
        if amount <= Amount::ZERO {
            return;
        }
        let held = self.held.as_mut().map(|held| &mut held.settlement);
        let unpriced = self.unpriced.iter_mut().rev();
        let last = held.into_iter().chain(unpriced).find(|it| it.account == account);
        let Some(settlement) = last else {
            // Of the fee of what is opened, which is no settlement. The position is told next.
            self.insured_opening = Some((account, amount));
            return;
        };
        settlement.insured += amount;
        let (instrument, position) = (settlement.instrument, settlement.position);
        if let Some(own) = self.all.get_mut(&account) {
            own.positions_mut().insured(instrument, position, amount);
        }
    }

    /// What is known of an order when it is created.
    pub(super) fn purpose_of(&mut self, order: &OrderState, step: OwnStep) -> Purpose {
        if step != OwnStep::Created {
            return Purpose::Any;
        }
        let purpose = self.purpose.take().filter(|(whose, _)| *whose == order.account);
        purpose.map_or(Purpose::Any, |(_, purpose)| purpose)
    }

    pub(super) fn in_perpetual(
        &mut self,
        event: &Event,
        happened: &PerpetualEvent,
        tell: TellOwn<'_>,
    ) {
        let (time, instrument) = (event.time, event.instrument);
        let place = (event.sequence, time, instrument);
        match happened {
            PerpetualEvent::Marked(state) => {
                self.perpetuals.insert(instrument);
                for mut settlement in std::mem::take(&mut self.unpriced) {
                    if settlement.kind == SettlementKind::Funding {
                        settlement.price = state.mark;
                    }
                    self.tell_settlement(settlement, tell);
                }
            }
            PerpetualEvent::Reducing { account, .. } => {
                self.purpose = Some((*account, Purpose::Reduce));
            }
            PerpetualEvent::Liquidating { account, .. } => {
                self.purpose = Some((*account, Purpose::Liquidate));
            }
            PerpetualEvent::Position(state) => self.position(time, instrument, state, tell),
            PerpetualEvent::Settled(settled) => {
                let its = |it: &&mut Waiting| {
                    it.account == settled.account && it.instrument == instrument
                };
                let by_trade = matches!(settled.by, SettledBy::Trade | SettledBy::Liquidation);
                if let Some(waiting) = self.waiting.iter_mut().find(its).filter(|_| by_trade) {
                    waiting.part.closed += settled.quantity;
                }
                let Some(own) = self.all.get_mut(&settled.account) else { return };
                let settlement = settlement_of(settled, place);
                let positions = own.positions_mut();
                let settlement = positions.settled(time, instrument, settled, settlement);
                // What funding made necessary is told behind it.
                match self.unpriced.is_empty() {
                    true => self.held = Some(Held { settlement, stands: false }),
                    false => self.unpriced.push(settlement),
                }
            }
            &PerpetualEvent::Funded { position, account, amount, .. } => {
                let Some(own) = self.all.get_mut(&account) else { return };
                let settlement = OwnSettlement {
                    sequence: event.sequence,
                    time,
                    account,
                    instrument,
                    position,
                    kind: SettlementKind::Funding,
                    size: 0,
                    price: Price(0),
                    cost: Amount::ZERO,
                    profit: Amount::ZERO,
                    fee: Amount::ZERO,
                    liquidation_fee: Amount::ZERO,
                    funding: amount,
                    insured: Amount::ZERO,
                    mode: MarginMode::Cross,
                };
                let funded = own.positions_mut().funded(instrument, amount, settlement);
                self.unpriced.push(funded);
            }
            PerpetualEvent::Alerted(alert) => {
                let Some(own) = self.all.get_mut(&alert.account) else { return };
                let told = OwnAlert { time, instrument, alert: *alert };
                own.positions_mut().alerted(told);
                let topic = Topic::all_own(alert.account, TopicKind::MarginAlerts);
                tell(&topic, &Update::Alert(&told));
            }
            &PerpetualEvent::Insured { account, amount, .. } => self.insured(account, amount),
            PerpetualEvent::Deleveraged { .. } => {}
            PerpetualEvent::Quoted { .. } => {}
        }
    }

    fn tell_settlement(&mut self, settlement: OwnSettlement, tell: TellOwn<'_>) {
        let Some(own) = self.all.get_mut(&settlement.account) else { return };
        own.positions_mut().keep(settlement);
        let topic = Topic::all_own(settlement.account, TopicKind::Settlements);
        tell(&topic, &Update::Settlement(&settlement));
    }

    /// A position is told: so is the trade that changed it, if one did.
    fn position(
        &mut self,
        time: Time,
        instrument: InstrumentId,
        state: &PositionState,
        tell: TellOwn<'_>,
    ) {
        let its = |it: &Waiting| it.account == state.account && it.instrument == instrument;
        let waits = self.waiting.iter().position(its);
        let part = waits.map(|at| self.waiting[at].part);
        let Some(own) = self.all.get_mut(&state.account) else { return };
        own.positions_mut().stands(time, instrument, state, part);
        // What was drawn of it came before it was told first: a trade that opened it, or what happened before its account
        // was followed, made that necessary.
        let drawn = self.held.as_mut().map(|held| &mut held.settlement).into_iter();
        let drawn = drawn.chain(self.unpriced.last_mut()).find(|it| {
            (it.account, it.instrument, it.position) == (state.account, instrument, state.id)
                && it.kind == SettlementKind::Draw
                && it.size == 0
        });
        if let Some(drawn) = drawn {
            own.positions_mut().drawn_unmet(state, drawn);
        }
        let insured = self.insured_opening.take_if(|(account, _)| *account == state.account);
        if let Some((_, amount)) = insured {
            own.positions_mut().insured(instrument, state.id, amount);
        }
        if let Some(at) = waits {
            self.tell_at(at, Some(state.id), tell);
        }
    }

    /// Tells a trade that waited, with the position that it changed if that is known, and then the step of its order.
    pub(super) fn tell_at(&mut self, at: usize, position: Option<PositionId>, tell: TellOwn<'_>) {
        let Some(waiting) = self.waiting.remove(at) else { return };
        let Waiting { account, instrument, number, is_told, update, .. } = waiting;
        let Some(own) = self.all.get_mut(&account) else { return };
        let trade = own.trade_of_position(number, position);
        if let Some(trade) = trade.filter(|_| is_told) {
            tell_both(account, instrument, TopicKind::OwnTrades, &Update::OwnTrade(trade), tell);
        }
        tell_step(&update, tell);
    }

    /// No position was told of what waits, nor will be.
    pub(super) fn tell_waiting(&mut self, tell: TellOwn<'_>) {
        while !self.waiting.is_empty() {
            self.tell_at(0, None, tell);
        }
    }
}
