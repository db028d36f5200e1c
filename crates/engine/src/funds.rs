//! Whether an account can pay, asked before anything changes; and the commands that move money without a trade.
//!
//! What an order takes:
//! - a sell holds its base quantity; its fee comes out of the proceeds;
//! - a limit buy, also a stop-limit, holds price × quantity and the highest fee it could pay at that price;
//! - a market buy holds nothing: it is accepted only if all that it will meet in the book as it stands, fees
//!   included, can be paid for;
//! - an armed market buy holds as a limit buy at its trigger price would, a trailing one at its first, which is never
//!   lower than the one that wakes it in the end. When it is woken that is released and
//!   it is judged as a market buy, by what is then available: if it cannot be paid it is closed as unfunded.

use crate::engine::{Engine, Teller};
use crate::ledger::Purse;
use crate::orders::{Arrival, NONE, Order};
use crate::resting::{Book, Rail};
use model::{
    AccountId, Amount, AssetId, Balance, EventBody, InstrumentId, Movement, NewOrder, OrderKind,
    Price, Quantity, Rejection, SelfTradePolicy, Side, TimeInForce, Trigger,
};

/// An order that can be paid for: where its account is, and what it is going to hold. An account that never had
/// anything and places an order that takes nothing has no record ([`NONE`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backing {
    pub owner: u32,
    pub hold: Amount,
}

/// An order that a taker will meet.
struct Met {
    price: Price,
    quantity: Quantity,
    own: bool,
}

impl Engine {
    /// The account's record, made if there is none.
    pub(crate) fn open_account(&mut self, account: AccountId) -> u32 {
        if let Some(record) = self.accounts.record_of(account) {
            return record;
        }
        self.ledger.grow();
        self.accounts.remember(account)
    }

    /// What an account may spend: what is available, less what its positions and orders in perpetuals take of it.
    #[inline(always)]
    fn spendable(&self, record: u32, asset: AssetId) -> Amount {
        if record == NONE {
            return Amount::ZERO;
        }
        if self.ledger.is_margined(record) {
            return self.free_of(record, asset);
        }
        self.ledger.purse(record, asset).available
    }

    /// Whether the account can pay for an order that is sound in itself.
    #[inline(always)]
    pub(crate) fn check_funds(&self, new: &NewOrder) -> Result<Backing, Rejection> {
        let owner = self.accounts.record_of(new.account).unwrap_or(NONE);
        let book = &self.books[new.instrument.index()];
        let price = new.kind.limit().or(new.trigger.map(Trigger::level));
        let hold = book.terms.hold(new.side, price, new.quantity);
        let needed = match (new.side, price) {
            (Side::Buy, None) => self.cost(book, new.account, new.quantity),
            _ => hold,
        };
        let asset = book.held_asset(new.side);
        let available = self.spendable(owner, asset);
        if needed > available {
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok(Backing { owner, hold })
    }

    /// Whether the account can pay for giving its order another price and quantity. What the old order holds
    /// counts as free.
    pub(crate) fn check_replace_funds(
        &self,
        old: &Order,
        price: Price,
        quantity: Quantity,
    ) -> Result<(), Rejection> {
        let book = &self.books[old.instrument.index()];
        let side = old.flags.side();
        let asset = book.held_asset(side);
        let needed = book.terms.hold(side, Some(price), quantity);
        let available = self.spendable(old.owner, asset) + self.hold_of(old);
        if needed > available {
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok(())
    }

    /// Whether a woken market buy, which holds nothing any more, can be paid for.
    pub(crate) fn can_pay(&self, arrival: &Arrival<'_>) -> bool {
        let book = &self.books[arrival.new.instrument.index()];
        let cost = self.cost(book, arrival.new.account, arrival.remaining);
        cost <= self.spendable(arrival.owner, book.terms.settlement.quote)
    }

    /// What an order holds for what of it is open.
    #[inline(always)]
    pub(crate) fn hold_of(&self, order: &Order) -> Amount {
        let terms = &self.books[order.instrument.index()].terms;
        // A market order that waits is a stop order: it holds at its trigger price.
        let price = match self.orders.extra(order) {
            Some(extra) if order.flags.is_market() => extra.trigger.map(Trigger::level),
            _ => Some(order.price),
        };
        terms.hold(order.flags.side(), price, order.remaining)
    }

    /// Makes available what an open order that ends holds.
    #[inline]
    pub(crate) fn release(&mut self, order: &Order) {
        let hold = self.hold_of(order);
        let asset = self.books[order.instrument.index()].held_asset(order.flags.side());
        self.ledger.release(order.owner, asset, hold);
    }

    /// Makes available what an arriving order that ends still holds.
    pub(crate) fn release_rest(&mut self, arrival: &Arrival<'_>) {
        let new = arrival.new;
        let book = &self.books[new.instrument.index()];
        let hold = book.terms.hold(new.side, new.kind.limit(), arrival.remaining);
        if hold > Amount::ZERO {
            self.ledger.release(arrival.owner, book.held_asset(new.side), hold);
        }
    }

    /// What a market buy of so many lots will cost, as the book stands.
    fn cost(&self, book: &Book, account: AccountId, quantity: Quantity) -> Amount {
        let (mut cost, mut missing) = (Amount::ZERO, quantity);
        for met in self.line(book, account, Side::Buy) {
            let quantity = met.quantity.min(missing);
            cost += book.terms.taker_cost(met.price, quantity, met.own);
            missing -= quantity;
            if missing.is_zero() {
                break;
            }
        }
        cost
    }

    /// The market order that an amount of the quote asset makes, as the book stands.
    pub(crate) fn size_worth(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        worth: Amount,
    ) -> Result<NewOrder, Rejection> {
        let book = self.books.get(instrument.index()).ok_or(Rejection::UnknownInstrument)?;
        if !(Amount(1)..=Amount::MAX).contains(&worth) {
            return Err(Rejection::BadAmount);
        }
        let (mut lots, mut left) = (Quantity::ZERO, worth);
        for met in self.line(book, account, side) {
            let total = |lots| book.terms.taker_total(side, met.price, Quantity(lots), met.own);
            let most = met.quantity.min(book.steps.quantity_max - lots).0;
            // The most lots of this order that are not worth more than what is left.
            let (mut fits, mut beyond) = (0, most + 1);
            if total(most) <= left {
                fits = most;
            } else {
                while beyond - fits > 1 {
                    let middle = fits + (beyond - fits) / 2;
                    if total(middle) <= left {
                        fits = middle;
                    } else {
                        beyond = middle;
                    }
                }
            }
            lots += Quantity(fits);
            left -= total(fits);
            if fits < met.quantity.0 {
                break;
            }
        }
        if lots.is_zero() {
            // Nobody is there, or not one lot can be had for so little.
            return Err(Rejection::BelowMinimum);
        }
        Ok(NewOrder {
            account,
            instrument,
            side,
            kind: OrderKind::Market,
            quantity: lots,
            time_in_force: TimeInForce::ImmediateOrCancel,
            post_only: false,
            trigger: None,
        })
    }

    /// The resting orders that a market order would meet, in order, as its account's self-trade policy lets it.
    fn line<'a>(
        &'a self,
        book: &'a Book,
        account: AccountId,
        side: Side,
    ) -> impl Iterator<Item = Met> + 'a {
        let policy = self.accounts.policy(account);
        book.queue(Rail::resting(side.opposite()), &self.orders)
            .map(move |slot| {
                let maker = &self.orders[slot];
                let own = maker.account == account;
                Met { price: maker.price, quantity: maker.remaining, own }
            })
            .filter(move |met| !met.own || policy != SelfTradePolicy::CancelResting)
            .take_while(move |met| !met.own || policy == SelfTradePolicy::Allow)
    }
}

/// Money that moves without a trade.
impl Engine {
    pub(crate) fn check_movement(&self, asset: AssetId, amount: Amount) -> Result<(), Rejection> {
        if self.assets.get(asset).is_none() {
            return Err(Rejection::UnknownAsset);
        }
        if !(Amount(1)..=Amount::MAX).contains(&amount) {
            return Err(Rejection::BadAmount);
        }
        Ok(())
    }

    pub(crate) fn check_available(
        &self,
        account: AccountId,
        asset: AssetId,
        needed: Amount,
    ) -> Result<u32, Rejection> {
        let record = self.accounts.record_of(account).unwrap_or(NONE);
        let available = self.spendable(record, asset);
        if needed > available {
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok(record)
    }

    pub(crate) fn deposit(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<EventBody, Rejection> {
        self.check_movement(asset, amount)?;
        if self.ledger.supply(asset) + amount > Amount::MAX {
            return Err(Rejection::BadAmount);
        }
        let record = self.open_account(account);
        self.ledger.deposit(record, asset, amount);
        Ok(EventBody::Deposited(Movement { account, asset, amount }))
    }

    pub(crate) fn withdraw(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<EventBody, Rejection> {
        self.check_movement(asset, amount)?;
        let record = self.check_available(account, asset, amount)?;
        self.ledger.withdraw(record, asset, amount);
        Ok(EventBody::Withdrawn(Movement { account, asset, amount }))
    }

    pub(crate) fn transfer(
        &mut self,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<EventBody, Rejection> {
        self.check_movement(asset, amount)?;
        let giver = self.check_available(from, asset, amount)?;
        let taker = self.open_account(to);
        self.ledger.transfer(giver, taker, asset, amount);
        Ok(EventBody::Transferred { from: Movement { account: from, asset, amount }, to })
    }

    pub(crate) fn follow(&mut self, account: AccountId, teller: &mut Teller<'_>) {
        let record = self.open_account(account);
        self.ledger.follow(record);
        for (asset, &purse) in self.assets.all().iter().zip(self.ledger.purses(record)) {
            tell_balance(account, asset.id, purse, teller);
        }
    }

    /// Tells the balances of followed accounts that are not what they were before the command.
    #[cold]
    pub(crate) fn tell_balances(&mut self, teller: &mut Teller<'_>) {
        let mut touched = self.ledger.take_touched();
        let accounts = self.accounts.all();
        touched.sort_unstable_by_key(|&(record, asset)| (accounts[record as usize].id, asset));
        for &(record, asset) in &touched {
            if let Some(purse) = self.ledger.news(record, asset) {
                tell_balance(accounts[record as usize].id, asset, purse, teller);
            }
        }
        self.ledger.put_back(touched);
    }
}

fn tell_balance(account: AccountId, asset: AssetId, purse: Purse, teller: &mut Teller<'_>) {
    let Purse { available, held } = purse;
    let balance = Balance { account, asset, available, held };
    teller.tell(InstrumentId::NONE, || EventBody::Balance(balance));
}
