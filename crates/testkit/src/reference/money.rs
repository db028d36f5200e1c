//! Money in the slow market: what is held, paid and moved.

use super::meeting::{price_of, waking_price};
use super::{Market, Possession, Telling};
use model::{
    AccountId, Amount, AssetId, EventBody, Instrument, InstrumentId, Movement, NewOrder, OrderId,
    OrderKind, OrderState, Price, Quantity, Rejection, SelfTradePolicy, Side, TimeInForce,
};

impl Market {
    pub(super) fn base(&self, instrument: InstrumentId) -> AssetId {
        asset_named(&self.instruments, &self.instruments[instrument.index()].base)
    }

    pub(super) fn quote(&self, instrument: InstrumentId) -> AssetId {
        asset_named(&self.instruments, &self.instruments[instrument.index()].quote)
    }

    pub(super) fn held_asset(&self, instrument: InstrumentId, side: Side) -> AssetId {
        match side {
            Side::Buy => self.quote(instrument),
            Side::Sell => self.base(instrument),
        }
    }

    /// So many lots in units of the base asset.
    pub(super) fn lots(&self, instrument: InstrumentId, quantity: Quantity) -> i128 {
        let it = &self.instruments[instrument.index()];
        let finer = decimals_of(&self.instruments, &it.base) - it.quantity_decimals;
        i128::from(it.quantity_units(quantity)) * ten_to(finer)
    }

    /// Price × quantity in units of the quote asset.
    pub(super) fn value(&self, instrument: InstrumentId, price: Price, quantity: Quantity) -> i128 {
        let it = &self.instruments[instrument.index()];
        let product = it.price_decimals + it.quantity_decimals;
        let finer = decimals_of(&self.instruments, &it.quote) - product;
        it.notional(price, quantity) * ten_to(finer)
    }

    /// What maker and taker pay for a trade.
    pub(super) fn fees(
        &self,
        instrument: InstrumentId,
        price: Price,
        quantity: Quantity,
        own: bool,
    ) -> (i128, i128) {
        if own && !self.rules.self_trades_pay {
            return (0, 0);
        }
        let value = self.value(instrument, price, quantity);
        let rules = &self.rules;
        (rounded_up(value, rules.maker_fee_ppm), rounded_up(value, rules.taker_fee_ppm))
    }

    /// What an order at this price has to hold.
    pub(super) fn hold(
        &self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        quantity: Quantity,
    ) -> i128 {
        match side {
            Side::Sell => self.lots(instrument, quantity),
            Side::Buy => {
                // It may be filled lot by lot, each with its own fee.
                let lot = self.value(instrument, price, Quantity(1));
                let highest = u32::max(self.rules.maker_fee_ppm, self.rules.taker_fee_ppm);
                (lot + rounded_up(lot, highest)) * i128::from(quantity.0)
            }
        }
    }

    /// What a new order has to hold, if its account can pay for it.
    pub(super) fn hold_of_new(&self, new: &NewOrder) -> Result<i128, Rejection> {
        let price = match (new.kind, new.trigger) {
            (OrderKind::Limit(price), _) => Some(price),
            (OrderKind::Market, Some(trigger)) => Some(waking_price(trigger, trigger.price)),
            (OrderKind::Market, None) => None,
        };
        let (hold, needed) = match (new.side, price) {
            (Side::Sell, _) => {
                let lots = self.lots(new.instrument, new.quantity);
                (lots, lots)
            }
            (Side::Buy, Some(price)) => {
                let hold = self.hold(new.instrument, Side::Buy, price, new.quantity);
                (hold, hold)
            }
            (Side::Buy, None) => (0, self.cost(new.instrument, &on_trial(new))),
        };
        let asset = self.held_asset(new.instrument, new.side);
        let available = Amount(self.spendable(new.account, asset));
        if needed > available.0 {
            let needed = Amount(needed);
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok(hold)
    }

    /// What a market order would get if it came now: pieces of price, quantity and whether it meets itself.
    pub(super) fn pieces(
        &self,
        instrument: InstrumentId,
        order: &OrderState,
    ) -> Vec<(Price, Quantity, bool)> {
        let mut pieces = Vec::new();
        for at in self.line(instrument, order.side.opposite()) {
            let maker = &self.open[at].order;
            let own = maker.account == order.account;
            if own {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => continue,
                    SelfTradePolicy::CancelArriving | SelfTradePolicy::CancelBoth => break,
                }
            }
            pieces.push((price_of(maker), maker.remaining, own));
        }
        pieces
    }

    /// How much poorer in the quote asset a market buy would be afterwards.
    pub(super) fn cost(&self, instrument: InstrumentId, order: &OrderState) -> i128 {
        let mut cost = 0;
        let mut missing = order.remaining.0;
        for (price, quantity, own) in self.pieces(instrument, order) {
            let quantity = Quantity(i64::min(quantity.0, missing));
            if quantity.is_zero() {
                break;
            }
            missing -= quantity.0;
            let (maker_fee, taker_fee) = self.fees(instrument, price, quantity, own);
            if own {
                // It pays itself, and perhaps the fees of both.
                cost += maker_fee + taker_fee;
            } else {
                cost += self.value(instrument, price, quantity) + taker_fee;
            }
        }
        cost
    }

    pub(super) fn place_worth(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        worth: Amount,
        telling: &mut Telling<'_>,
    ) {
        if !self.exists(instrument) {
            return self.reject(telling, instrument, Rejection::UnknownInstrument);
        }
        if worth.0 <= 0 || worth.0 > 1 << 120 {
            return self.reject(telling, instrument, Rejection::BadAmount);
        }
        let mut new = NewOrder {
            account,
            instrument,
            side,
            kind: OrderKind::Market,
            quantity: Quantity(1),
            time_in_force: TimeInForce::ImmediateOrCancel,
            post_only: false,
            trigger: None,
        };
        let mut lots = 0;
        let mut left = worth.0;
        for (price, quantity, own) in self.pieces(instrument, &on_trial(&new)) {
            // Piece by piece, each in halves, quarters and so on down to the lot: what fits is taken. A part is
            // judged together with what was taken of its piece, since fees are rounded once a piece.
            let total = |taken: i64| {
                let fee = self.fees(instrument, price, Quantity(taken), own).1;
                match side {
                    Side::Buy => self.value(instrument, price, Quantity(taken)) + fee,
                    Side::Sell => self.value(instrument, price, Quantity(taken)) - fee,
                }
            };
            let mut taken = 0;
            for bit in (0..62).rev() {
                let more = taken + (1 << bit);
                if more <= quantity.0
                    && self.quantity_counts(instrument, Quantity(lots + more))
                    && total(more) <= left
                {
                    taken = more;
                }
            }
            lots += taken;
            left -= total(taken);
            if taken < quantity.0 {
                break;
            }
        }
        if lots == 0 {
            return self.reject(telling, instrument, Rejection::BelowMinimum);
        }
        new.quantity = Quantity(lots);
        self.place(new, telling);
    }

    /// Adds to what is available; also takes away.
    pub(super) fn give(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        self.possession(account, asset).available += amount;
    }

    pub(super) fn set_aside(&mut self, instrument: InstrumentId, order: &OrderState, amount: i128) {
        let asset = self.held_asset(instrument, order.side);
        let possession = self.possession(order.account, asset);
        possession.available -= amount;
        possession.held += amount;
    }

    pub(super) fn release(&mut self, instrument: InstrumentId, order: &OrderState, amount: i128) {
        self.set_aside(instrument, order, -amount);
    }

    /// A possession that is about to change.
    pub(super) fn possession(&mut self, account: AccountId, asset: AssetId) -> &mut Possession {
        let possession = self.possessions.entry((account, asset)).or_default();
        self.before.entry((account, asset)).or_insert(*possession);
        possession
    }

    pub(super) fn movement_refused(&self, asset: AssetId, amount: Amount) -> Option<Rejection> {
        if asset.index() >= self.brought_in.len() {
            Some(Rejection::UnknownAsset)
        } else if amount.0 <= 0 || amount.0 > 1 << 120 {
            Some(Rejection::BadAmount)
        } else {
            None
        }
    }

    pub(super) fn deposit(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) {
        let mut why = self.movement_refused(asset, amount);
        if why.is_none() && self.brought_in[asset.index()] + amount.0 > 1 << 120 {
            why = Some(Rejection::BadAmount);
        }
        if let Some(why) = why {
            return self.reject(telling, InstrumentId::NONE, why);
        }
        self.brought_in[asset.index()] += amount.0;
        self.give(account, asset, amount.0);
        let body = EventBody::Deposited(Movement { account, asset, amount });
        self.tell(telling, InstrumentId::NONE, body);
    }

    /// Whether so much can be taken from an account.
    pub(super) fn taking_refused(
        &self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Option<Rejection> {
        if let Some(why) = self.movement_refused(asset, amount) {
            return Some(why);
        }
        let available = Amount(self.spendable(account, asset));
        if amount > available {
            return Some(Rejection::InsufficientFunds { asset, needed: amount, available });
        }
        None
    }

    pub(super) fn withdraw(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) {
        if let Some(why) = self.taking_refused(account, asset, amount) {
            return self.reject(telling, InstrumentId::NONE, why);
        }
        self.brought_in[asset.index()] -= amount.0;
        self.give(account, asset, -amount.0);
        let body = EventBody::Withdrawn(Movement { account, asset, amount });
        self.tell(telling, InstrumentId::NONE, body);
    }

    pub(super) fn transfer(
        &mut self,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) {
        if let Some(why) = self.taking_refused(from, asset, amount) {
            return self.reject(telling, InstrumentId::NONE, why);
        }
        self.give(from, asset, -amount.0);
        self.give(to, asset, amount.0);
        let from = Movement { account: from, asset, amount };
        self.tell(telling, InstrumentId::NONE, EventBody::Transferred { from, to });
    }
}

/// The codes of all assets, base before quote, as they first appear.
pub(super) fn assets_of(instruments: &[Instrument]) -> Vec<&str> {
    let mut codes: Vec<&str> = Vec::new();
    for instrument in instruments {
        for code in [&instrument.base, &instrument.quote] {
            if !codes.contains(&code.as_str()) {
                codes.push(code);
            }
        }
    }
    codes
}

pub(super) fn asset_named(instruments: &[Instrument], code: &str) -> AssetId {
    let at = assets_of(instruments).iter().position(|&known| known == code);
    AssetId(at.expect("an asset of one of the instruments") as u16)
}

/// As many decimals as an amount of this asset can ever need.
pub(super) fn decimals_of(instruments: &[Instrument], code: &str) -> u8 {
    let mut decimals = 0;
    for it in instruments {
        if it.base == code {
            decimals = u8::max(decimals, it.quantity_decimals);
        }
        if it.quote == code {
            decimals = u8::max(decimals, it.price_decimals + it.quantity_decimals);
        }
    }
    decimals
}

pub(super) fn ten_to(power: u8) -> i128 {
    (0..power).fold(1, |product, _| product * 10)
}

/// So many millionths of an amount.
pub(super) fn rounded_up(amount: i128, ppm: u32) -> i128 {
    let product = amount * i128::from(ppm);
    if product % 1_000_000 == 0 { product / 1_000_000 } else { product / 1_000_000 + 1 }
}

/// A new order as if it had been accepted.
pub(super) fn on_trial(new: &NewOrder) -> OrderState {
    OrderState {
        id: OrderId(0),
        account: new.account,
        side: new.side,
        post_only: new.post_only,
        kind: new.kind,
        time_in_force: new.time_in_force,
        trigger: new.trigger,
        original: new.quantity,
        remaining: new.quantity,
    }
}
