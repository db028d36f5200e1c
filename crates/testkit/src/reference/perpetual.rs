//! Perpetuals in the slow market, from the definitions in `docs/perpetuals.md`: every question is answered by adding up
//! all that there is, and after each command everybody's margin is looked at.

mod liquidation;
mod margin;
mod marks;
mod positions;

use std::collections::BTreeMap;

use super::meeting::{accepts, price_of};
use super::{Going, Market, Open, Telling};
use model::{
    AccountId, Amount, AssetId, CloseReason, Contract, EventBody, Fill, InstrumentId, MarginMode,
    MarkState, NewOrder, OrderState, Payoff, PerpetualAction, PerpetualEvent, PerpetualRejection,
    PositionId, PositionState, Price, Quantity, Rejection, SelfTradePolicy, SettledBy, Side, Time,
    TimeInForce, TradeId,
};

/// A perpetual.
#[derive(Clone, Debug)]
pub(super) struct Perpetual {
    terms: Contract,
    mark: Option<i64>,
    index: i64,
    quotes: BTreeMap<usize, (i64, Time)>,
    /// Twice the basis at each mark there ever was.
    basis: Vec<i128>,
    /// The premiums since funding was exchanged.
    premiums: Vec<i128>,
    minute: Option<i64>,
    interval: Option<i64>,
    /// Who is being liquidated, in turn.
    queue: Vec<AccountId>,
}

/// What an account has in a perpetual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    id: u64,
    size: i64,
    cost: i128,
    margin: i128,
    mode: MarginMode,
    leverage: u16,
    level: u8,
    stage: u8,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Perpetuals {
    pub all: BTreeMap<InstrumentId, Perpetual>,
    pub held: BTreeMap<(AccountId, InstrumentId), Held>,
    pub fund: BTreeMap<AssetId, i128>,
    pub clearing: BTreeMap<AssetId, i128>,
    pub positions: u64,
}

/// How an order in a perpetual is backed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backed {
    pub lots: i64,
    pub rate: u32,
    pub forced: bool,
}

/// One side of a trade.
#[derive(Clone, Copy, Debug)]
struct Leg {
    side: Side,
    price: Price,
    lots: i64,
    worth: i128,
    fee: i128,
    by: SettledBy,
}

pub(super) fn perpetual(why: PerpetualRejection) -> Rejection {
    Rejection::Perpetual(why)
}

/// Rounded up, whatever the sign.
fn divided_up(amount: i128, by: i128) -> i128 {
    let quotient = amount / by;
    if quotient * by < amount { quotient + 1 } else { quotient }
}

impl Market {
    /// A market some of whose instruments are perpetuals.
    #[must_use]
    pub fn with_contracts(mut self, contracts: &[Contract]) -> Self {
        for terms in contracts {
            let it = Perpetual {
                terms: terms.clone(),
                mark: None,
                index: 0,
                quotes: BTreeMap::new(),
                basis: Vec::new(),
                premiums: Vec::new(),
                minute: None,
                interval: None,
                queue: Vec::new(),
            };
            self.perpetuals.all.insert(terms.instrument, it);
        }
        self
    }

    pub(super) fn is_perpetual(&self, instrument: InstrumentId) -> bool {
        self.perpetuals.all.contains_key(&instrument)
    }

    pub(super) fn act_perpetual(&mut self, action: PerpetualAction, telling: &mut Telling<'_>) {
        let refused = match action {
            PerpetualAction::Insure { account, asset, amount } => {
                match self.taking_refused(account, asset, amount) {
                    Some(why) => Some(why),
                    None => {
                        self.give(account, asset, -amount.0);
                        *self.perpetuals.fund.entry(asset).or_default() += amount.0;
                        let amount = Amount(-amount.0);
                        let event = PerpetualEvent::Insured { account, asset, amount };
                        self.tell(telling, InstrumentId::NONE, EventBody::Perpetual(event));
                        None
                    }
                }
            }
            _ => {
                let instrument = action.instrument().expect("all others are of one");
                if !self.exists(instrument) {
                    Some(Rejection::UnknownInstrument)
                } else if !self.is_perpetual(instrument) {
                    Some(perpetual(PerpetualRejection::NotAPerpetual))
                } else {
                    self.act_in(instrument, action, telling)
                }
            }
        };
        if let Some(why) = refused {
            let instrument = action.instrument().unwrap_or(InstrumentId::NONE);
            self.reject(telling, instrument, why);
        }
    }

    fn act_in(
        &mut self,
        instrument: InstrumentId,
        action: PerpetualAction,
        telling: &mut Telling<'_>,
    ) -> Option<Rejection> {
        match action {
            PerpetualAction::Reduce(new) => {
                self.place_in_perpetual(new, true, telling);
                None
            }
            PerpetualAction::SetLeverage { account, leverage, .. } => {
                self.set_leverage(account, instrument, leverage, telling)
            }
            PerpetualAction::SetMarginMode { account, mode, .. } => {
                let mut held = self.held(account, instrument);
                if held.size != 0 && held.mode != mode {
                    return Some(perpetual(PerpetualRejection::BadMarginMode));
                }
                held.mode = mode;
                self.perpetuals.held.insert((account, instrument), held);
                self.tell_position(account, instrument, telling);
                None
            }
            PerpetualAction::AddMargin { account, amount, .. } => {
                self.add_margin(account, instrument, amount, telling)
            }
            PerpetualAction::Quote { constituent, price, .. } => {
                self.take_quote(instrument, usize::from(constituent), price, telling)
            }
            PerpetualAction::Mark(_) => {
                self.pass_mark(instrument, telling);
                None
            }
            PerpetualAction::Insure { .. } => None,
        }
    }

    // What there is.

    pub(super) fn held(&self, account: AccountId, instrument: InstrumentId) -> Held {
        let most = 1_000_000 / self.terms(instrument).tiers[0].initial_ppm.max(1);
        let blank = Held {
            id: 0,
            size: 0,
            cost: 0,
            margin: 0,
            mode: MarginMode::Cross,
            leverage: u32::min(most, 65_535).max(1) as u16,
            level: 0,
            stage: 0,
        };
        self.perpetuals.held.get(&(account, instrument)).copied().unwrap_or(blank)
    }

    fn change(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        change: impl FnOnce(&mut Held),
    ) {
        let mut held = self.held(account, instrument);
        change(&mut held);
        self.perpetuals.held.insert((account, instrument), held);
    }

    fn terms(&self, instrument: InstrumentId) -> &Contract {
        &self.perpetuals.all[&instrument].terms
    }

    pub(super) fn margin_asset(&self, instrument: InstrumentId) -> AssetId {
        match self.terms(instrument).payoff {
            Payoff::Linear => self.quote(instrument),
            Payoff::Inverse => self.base(instrument),
        }
    }

    /// What lots are worth at a price.
    fn worth(&self, instrument: InstrumentId, price: Price, lots: i64) -> i128 {
        let terms = self.terms(instrument);
        let it = &self.instruments[instrument.index()];
        match terms.payoff {
            Payoff::Linear => {
                self.value(instrument, price, Quantity(lots)) * i128::from(terms.size)
            }
            Payoff::Inverse => {
                let finest = super::money::decimals_of(&self.instruments, &it.base);
                let scale = finest + it.price_decimals - it.quantity_decimals;
                let dollars = i128::from(lots) * i128::from(it.lot_units) * i128::from(terms.size);
                let price = i128::from(price.0) * i128::from(it.tick_units);
                dollars * super::money::ten_to(scale) / price
            }
        }
    }

    /// The same with a sign: what the position gains when it rises.
    fn signed_worth(&self, instrument: InstrumentId, price: Price, size: i64) -> i128 {
        let worth = self.worth(instrument, price, size.abs());
        let gains = (size > 0) == (self.terms(instrument).payoff == Payoff::Linear);
        if gains { worth } else { -worth }
    }

    fn mark(&self, instrument: InstrumentId) -> Price {
        Price(self.perpetuals.all[&instrument].mark.expect("there is a mark"))
    }

    pub(super) fn tell_perpetual(
        &mut self,
        telling: &mut Telling<'_>,
        instrument: InstrumentId,
        event: PerpetualEvent,
    ) {
        self.tell(telling, instrument, EventBody::Perpetual(event));
    }

    fn state(&self, account: AccountId, instrument: InstrumentId) -> PositionState {
        let held = self.held(account, instrument);
        PositionState {
            id: PositionId(held.id),
            account,
            size: held.size,
            cost: Amount(held.cost),
            margin: Amount(held.margin),
            mode: held.mode,
            leverage: held.leverage,
        }
    }

    fn tell_position(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        telling: &mut Telling<'_>,
    ) {
        let event = PerpetualEvent::Position(self.state(account, instrument));
        self.tell_perpetual(telling, instrument, event);
    }

    // Orders.

    pub(super) fn place_in_perpetual(
        &mut self,
        new: NewOrder,
        only_reduces: bool,
        telling: &mut Telling<'_>,
    ) {
        let backed = match self.backing(&new, only_reduces) {
            Ok(backed) => backed,
            Err(why) => return self.reject(telling, new.instrument, why),
        };
        let id = self.next_order();
        let order = OrderState { id, ..super::money::on_trial(&new) };
        let held = self.held(new.account, new.instrument);
        self.perpetuals.held.insert((new.account, new.instrument), held);
        if only_reduces {
            let event = PerpetualEvent::Reducing { account: new.account, order: id };
            self.tell_perpetual(telling, new.instrument, event);
        }
        self.tell(telling, new.instrument, EventBody::Created(order));
        let going = Going { instrument: new.instrument, order, held: 0, backed };
        self.enter_perpetual(going, telling);
    }

    /// How an order would be backed, if it is accepted.
    fn backing(&self, new: &NewOrder, only_reduces: bool) -> Result<Backed, Rejection> {
        if let Some(why) = self.refusal(new) {
            return Err(why);
        }
        let (account, instrument) = (new.account, new.instrument);
        if new.trigger.is_some() {
            return Err(perpetual(PerpetualRejection::NotForPerpetuals));
        }
        let Some(mark) = self.perpetuals.all[&instrument].mark.map(Price) else {
            return Err(perpetual(PerpetualRejection::NoMarkPrice));
        };
        let asset = self.margin_asset(instrument);
        for (&(whose, other), held) in &self.perpetuals.held {
            if whose == account && self.margin_asset(other) == asset && held.stage > 0 {
                return Err(perpetual(PerpetualRejection::InLiquidation));
            }
        }
        let held = self.held(account, instrument);
        let closable = closable(&held, new.side);
        if only_reduces && closable == 0 {
            return Err(perpetual(PerpetualRejection::NothingToReduce));
        }
        let opens =
            if only_reduces || new.quantity.0 < closable { 0 } else { new.quantity.0 - closable };
        let then = if closable > 0 { opens } else { held.size.abs() + new.quantity.0 };
        let largest = self.lots_max(instrument);
        let most = self.terms(instrument).tiers.last().expect("there are tiers").up_to.0;
        if then > largest
            || new.quantity.0 / 2 > largest
            || opens > 0 && self.worth(instrument, mark, then) > most
        {
            return Err(perpetual(PerpetualRejection::PositionLimit));
        }
        let rate = self.rate(instrument, self.worth(instrument, mark, then), held.leverage);
        let at = new.kind.limit().unwrap_or(mark);
        let margin = super::money::rounded_up(self.worth(instrument, at, opens), rate);
        let needed = margin + self.cost_of_trading(new, mark);
        let available = if opens > 0 {
            self.spendable(account, asset)
        } else {
            i128::max(0, self.health(account, instrument).0)
        };
        if needed > available {
            let (needed, available) = (Amount(needed), Amount(available));
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok(Backed { lots: opens, rate, forced: false })
    }

    /// The most lots of a position: at any price worth no more than 2^100 units.
    fn lots_max(&self, instrument: InstrumentId) -> i64 {
        let tick_units = self.instruments[instrument.index()].tick_units;
        let price = match self.terms(instrument).payoff {
            Payoff::Linear => Price((1 << 53) / tick_units),
            Payoff::Inverse => Price(1),
        };
        let lot = match self.terms(instrument).payoff {
            Payoff::Linear => self.worth(instrument, price, 1),
            // At a price of one unit, below one tick.
            Payoff::Inverse => self.worth(instrument, price, tick_units),
        };
        i128::min((1 << 100) / lot, 1 << 60) as i64
    }

    /// Fees, and what is lost against the mark.
    fn cost_of_trading(&self, new: &NewOrder, mark: Price) -> i128 {
        let instrument = new.instrument;
        let order = super::money::on_trial(new);
        let mut cost = 0;
        let mut left = new.quantity.0;
        let sign = if new.side == Side::Buy { 1 } else { -1 };
        let lost = |price: Price, lots: i64| {
            let size = sign * lots;
            let paid = self.signed_worth(instrument, price, size);
            i128::max(0, paid - self.signed_worth(instrument, mark, size))
        };
        for (price, lots, own) in self.meets(instrument, &order) {
            if !accepts(&order, price) {
                break;
            }
            let lots = i64::min(lots, left);
            if lots == 0 && left == 0 {
                break;
            }
            let worth = self.worth(instrument, price, lots);
            cost += self.fees_of(worth, own).1 + lost(price, lots);
            left -= lots;
        }
        if let Some(limit) = new.kind.limit()
            && left > 0
        {
            let (maker, taker) = self.fees_of(self.worth(instrument, limit, left), false);
            cost += i128::max(maker, taker) + lost(limit, left);
        }
        cost
    }

    fn fees_of(&self, worth: i128, own: bool) -> (i128, i128) {
        if own && !self.rules.self_trades_pay {
            return (0, 0);
        }
        let up = super::money::rounded_up;
        (up(worth, self.rules.maker_fee_ppm), up(worth, self.rules.taker_fee_ppm))
    }

    /// What an order would meet: prices, lots that can trade as positions stand, whether it meets itself.
    fn meets(&self, instrument: InstrumentId, order: &OrderState) -> Vec<(Price, i64, bool)> {
        let mut pieces = Vec::new();
        let mut rooms: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
        for at in self.line(instrument, order.side.opposite()) {
            let open = &self.open[at];
            let maker = &open.order;
            let held = self.held(maker.account, instrument);
            let closes = closable(&held, maker.side);
            let same = if closes > 0 { 0 } else { held.size.abs() };
            let room =
                rooms.entry(maker.account).or_insert((closes, self.lots_max(instrument) - same));
            let closing = i64::min(room.0, maker.remaining.0);
            let opening = (maker.remaining.0 - closing).min(open.backed.lots).min(room.1);
            room.0 -= closing;
            room.1 -= opening;
            let own = maker.account == order.account;
            if own {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => continue,
                    SelfTradePolicy::CancelArriving | SelfTradePolicy::CancelBoth => break,
                }
            }
            pieces.push((price_of(maker), closing + opening, own));
        }
        pieces
    }

    /// How many lots of an order can trade now.
    fn room(&self, instrument: InstrumentId, order: &OrderState, backed: Backed) -> i64 {
        let held = self.held(order.account, instrument);
        let closes = closable(&held, order.side);
        let same = if closes > 0 { 0 } else { held.size.abs() };
        closes + i64::min(backed.lots, self.lots_max(instrument) - same)
    }

    pub(super) fn enter_perpetual(&mut self, mut going: Going, telling: &mut Telling<'_>) {
        let Going { instrument, order, .. } = going;
        let would_match =
            self.best(instrument, order.side.opposite()).is_some_and(|best| accepts(&order, best));
        if order.post_only && would_match {
            return self.give_up(going, CloseReason::WouldMatch, telling);
        }
        if order.time_in_force == TimeInForce::FillOrKill {
            let mut reachable = 0;
            for (price, lots, _) in self.meets(instrument, &order) {
                if accepts(&order, price) {
                    reachable += i128::from(lots);
                }
            }
            if reachable < i128::from(order.remaining.0) {
                return self.give_up(going, CloseReason::Killed, telling);
            }
        }
        while !going.order.remaining.is_zero() {
            let Some(at) = self.first_in_line(instrument, order.side.opposite()) else { break };
            let Open { order: maker, backed, .. } = self.open[at];
            if !accepts(&order, price_of(&maker)) {
                break;
            }
            if maker.account == order.account {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        continue;
                    }
                    SelfTradePolicy::CancelArriving => {
                        return self.give_up(going, CloseReason::SelfTrade, telling);
                    }
                    SelfTradePolicy::CancelBoth => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        return self.give_up(going, CloseReason::SelfTrade, telling);
                    }
                }
            }
            let maker_room = self.room(instrument, &maker, backed);
            if maker_room == 0 {
                self.close(maker.id, CloseReason::NothingToReduce, telling);
                continue;
            }
            let taker_room = self.room(instrument, &going.order, going.backed);
            if taker_room == 0 {
                return self.give_up(going, CloseReason::NothingToReduce, telling);
            }
            let lots = [maker.remaining.0, going.order.remaining.0, maker_room, taker_room];
            let lots = lots.into_iter().min().expect("there are four");
            self.trade_perpetual(at, &mut going, lots, telling);
        }
        if going.order.remaining.is_zero() {
            return;
        }
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                self.give_up(going, CloseReason::NotFilled, telling);
            }
            TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => {
                let closes = closable(&self.held(order.account, instrument), order.side);
                if closes + going.backed.lots == 0 {
                    return self.give_up(going, CloseReason::NothingToReduce, telling);
                }
                self.places += 1;
                let (place, order, best) = (self.places, going.order, Price(0));
                let mut backed = going.backed;
                backed.lots = i64::min(backed.lots, order.remaining.0);
                self.open.push(Open {
                    instrument,
                    order,
                    armed: None,
                    place,
                    held: 0,
                    best,
                    backed,
                });
                self.tell(telling, instrument, EventBody::Rested(order));
            }
        }
    }

    fn trade_perpetual(
        &mut self,
        at: usize,
        going: &mut Going,
        lots: i64,
        telling: &mut Telling<'_>,
    ) {
        let instrument = going.instrument;
        let quantity = Quantity(lots);
        let before = self.open[at].order;
        let price = price_of(&before);
        let closes = closable(&self.held(before.account, instrument), before.side);
        let open = &mut self.open[at];
        open.backed.lots -= i64::max(0, lots - closes);
        open.order.remaining -= quantity;
        open.backed.lots = i64::min(open.backed.lots, open.order.remaining.0);
        let maker = open.order;
        if maker.remaining.is_zero() {
            self.open.remove(at);
        }
        going.order.remaining -= quantity;
        let taker = going.order;
        let worth = self.worth(instrument, price, lots);
        let (maker_fee, taker_fee) = self.fees_of(worth, maker.account == taker.account);
        self.trades += 1;
        let id = TradeId(100_000_000 + self.trades);
        let fees = (Amount(maker_fee), Amount(taker_fee));
        let fill = Fill { id, price, quantity, maker, taker, maker_fee: fees.0, taker_fee: fees.1 };
        self.tell(telling, instrument, EventBody::Filled(fill));
        self.last_trades[instrument.index()] = Some(price);
        let by = SettledBy::Trade;
        let leg = Leg { side: maker.side, price, lots, worth, fee: maker_fee, by };
        self.fill_position(maker.account, instrument, leg, telling);
        let closes = closable(&self.held(taker.account, instrument), taker.side);
        going.backed.lots -= i64::max(0, lots - closes);
        going.backed.lots = i64::min(going.backed.lots, taker.remaining.0);
        let by = if going.backed.forced { SettledBy::Liquidation } else { SettledBy::Trade };
        let leg = Leg { side: taker.side, fee: taker_fee, by, ..leg };
        self.fill_position(taker.account, instrument, leg, telling);
    }

    /// Ends orders that can do nothing any more: by account, instrument and id.
    pub(super) fn end_useless_orders(&mut self, telling: &mut Telling<'_>) {
        let mut useless: Vec<_> = self
            .open
            .iter()
            .filter(|open| {
                self.is_perpetual(open.instrument)
                    && self.room(open.instrument, &open.order, open.backed) == 0
            })
            .map(|open| (open.order.account, open.instrument, open.order.id))
            .collect();
        useless.sort();
        for (_, _, id) in useless {
            self.close(id, CloseReason::NothingToReduce, telling);
        }
    }
}

fn closable(held: &Held, side: Side) -> i64 {
    match side {
        Side::Buy => i64::max(0, -held.size),
        Side::Sell => i64::max(0, held.size),
    }
}

/// What may be read between commands.
impl Market {
    /// An account's position, blank if it never had one.
    #[must_use]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> PositionState {
        self.state(account, instrument)
    }
    /// The prices of a perpetual.
    #[must_use]
    pub fn marks(&self, instrument: InstrumentId) -> Option<MarkState> {
        let it = &self.perpetuals.all[&instrument];
        it.mark?;
        Some(self.mark_state(instrument))
    }
    /// What an account may spend of an asset.
    #[must_use]
    pub fn free(&self, account: AccountId, asset: AssetId) -> Amount {
        Amount(self.spendable(account, asset))
    }
    /// What the insurance fund has.
    #[must_use]
    pub fn insurance(&self, asset: AssetId) -> Amount {
        Amount(self.perpetuals.fund.get(&asset).copied().unwrap_or(0))
    }
    /// What the clearing house has.
    #[must_use]
    pub fn clearing(&self, asset: AssetId) -> Amount {
        Amount(self.perpetuals.clearing.get(&asset).copied().unwrap_or(0))
    }
}
