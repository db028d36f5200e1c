//! What accounts own: of each asset so much available and so much held. Double entry: whatever leaves one purse
//! comes to another in the same call, so that the sum over all purses changes by deposits and withdrawals only.
//!
//! It does not ask whether an account can pay; that has been asked before (`funds`). Accounts are known here by
//! the place of their record.

use crate::terms::Terms;
use model::{Amount, AssetId, Price, Quantity, Side};

/// The record of [`model::AccountId::FEES`], which is there from the beginning.
pub(crate) const FEES: u32 = 0;

/// Its balances are told.
const FOLLOWED: u8 = 1;
/// It may have positions in perpetuals.
const MARGINED: u8 = 2;

/// What an account has of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purse {
    pub available: Amount,
    pub held: Amount,
}

/// All purses.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    assets: usize,
    /// By record, then by asset.
    purses: Vec<Purse>,
    /// What followers know, in the same places; kept for accounts that are followed only.
    told: Vec<Purse>,
    /// By record: whether it is followed, whether it may have positions.
    watched: Vec<u8>,
    /// Of each asset, all that there is.
    supply: Vec<Amount>,
    /// Purses of watched accounts that something was done to since the last look, some of them more than once.
    touched: Vec<(u32, AssetId)>,
}

/// A trade as its maker's account sees it.
pub(crate) struct Deal {
    pub quantity: Quantity,
    /// Price × quantity.
    pub value: Amount,
    pub fee: Amount,
    /// What the maker held for it, if it buys.
    pub released: Amount,
}

/// What an arriving order has traded: its own side of it is settled at once, when it has taken all it can.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    pub lots: Quantity,
    /// The sum of price × quantity.
    pub value: Amount,
    pub maker_fees: Amount,
    pub taker_fees: Amount,
}

impl Ledger {
    pub fn new(assets: usize) -> Self {
        Self {
            assets,
            purses: Vec::new(),
            told: Vec::new(),
            watched: Vec::new(),
            supply: vec![Amount::ZERO; assets],
            touched: Vec::new(),
        }
    }
    /// Makes room for the record that comes next.
    pub fn grow(&mut self) {
        let purses = self.purses.len() + self.assets;
        self.purses.resize(purses, Purse::default());
        self.told.resize(purses, Purse::default());
        self.watched.push(0);
    }
    #[inline]
    const fn place(&self, record: u32, asset: AssetId) -> usize {
        record as usize * self.assets + asset.index()
    }
    /// What an account has of an asset.
    #[inline]
    pub fn purse(&self, record: u32, asset: AssetId) -> Purse {
        self.purses[self.place(record, asset)]
    }
    /// What an account has, by asset.
    pub fn purses(&self, record: u32) -> &[Purse] {
        let from = record as usize * self.assets;
        &self.purses[from..from + self.assets]
    }
    /// All that there is of an asset.
    pub fn supply(&self, asset: AssetId) -> Amount {
        self.supply[asset.index()]
    }
    /// The purse, which is about to change.
    #[inline]
    fn touch(&mut self, record: u32, asset: AssetId) -> &mut Purse {
        if self.watched[record as usize] != 0 {
            self.touched.push((record, asset));
        }
        let place = self.place(record, asset);
        &mut self.purses[place]
    }

    /// Sets so much aside, or, if it is negative, makes it available again.
    #[inline]
    pub fn hold(&mut self, record: u32, asset: AssetId, amount: Amount) {
        let purse = self.touch(record, asset);
        purse.available -= amount;
        purse.held += amount;
        debug_assert!(purse.available >= Amount::ZERO, "what is held was there");
        debug_assert!(purse.held >= Amount::ZERO, "what is released was held");
    }
    /// Makes so much available again.
    #[inline]
    pub fn release(&mut self, record: u32, asset: AssetId, amount: Amount) {
        self.hold(record, asset, Amount::ZERO - amount);
    }
    /// Moves what a resting order's account gets and pays for a trade of this value. What a buyer held for it
    /// and did not pay is available to it at once.
    #[inline]
    pub fn settle_maker(&mut self, terms: &Terms, maker: u32, side: Side, trade: &Deal) {
        let (base, quote) = (terms.settlement.base, terms.settlement.quote);
        let lots = terms.settlement.base(trade.quantity);
        match side {
            Side::Sell => {
                self.touch(maker, base).held -= lots;
                self.touch(maker, quote).available += trade.value - trade.fee;
            }
            Side::Buy => {
                self.touch(maker, base).available += lots;
                let payer = self.touch(maker, quote);
                payer.held -= trade.released;
                payer.available += trade.released - trade.value - trade.fee;
            }
        }
    }
    /// Moves what an arriving order's account gets and pays for all that it has taken, and what both sides pay
    /// in fees. `held_at` is the price at which it holds, if it buys and holds.
    #[inline]
    pub fn settle_taker(
        &mut self,
        terms: &Terms,
        taker: u32,
        side: Side,
        held_at: Option<Price>,
        bill: &Bill,
    ) {
        let (base, quote) = (terms.settlement.base, terms.settlement.quote);
        let lots = terms.settlement.base(bill.lots);
        match side {
            Side::Sell => {
                self.touch(taker, base).held -= lots;
                self.touch(taker, quote).available += bill.value - bill.taker_fees;
            }
            Side::Buy => {
                let released = held_at.map_or(Amount::ZERO, |at| terms.buy_hold(at, bill.lots));
                self.touch(taker, base).available += lots;
                let payer = self.touch(taker, quote);
                payer.held -= released;
                payer.available += released - bill.value - bill.taker_fees;
                debug_assert!(payer.available >= Amount::ZERO, "a trade is paid for");
            }
        }
        self.touch(FEES, quote).available += bill.maker_fees + bill.taker_fees;
    }
    /// Something comes in from outside.
    pub fn deposit(&mut self, record: u32, asset: AssetId, amount: Amount) {
        self.supply[asset.index()] += amount;
        self.touch(record, asset).available += amount;
    }
    /// Something goes out.
    pub fn withdraw(&mut self, record: u32, asset: AssetId, amount: Amount) {
        self.supply[asset.index()] -= amount;
        self.touch(record, asset).available -= amount;
    }
    /// Something goes from one to another.
    pub fn transfer(&mut self, from: u32, to: u32, asset: AssetId, amount: Amount) {
        self.touch(from, asset).available -= amount;
        self.touch(to, asset).available += amount;
    }
    /// Puts a purse back as an image has it.
    pub fn restore(&mut self, record: u32, asset: AssetId, purse: Purse) {
        let place = self.place(record, asset);
        self.purses[place] = purse;
        self.supply[asset.index()] += purse.available + purse.held;
    }

    /// Whether the account's balances are told.
    pub fn is_followed(&self, record: u32) -> bool {
        self.watched[record as usize] & FOLLOWED != 0
    }
    /// Whether the account may have positions in perpetuals.
    #[inline(always)]
    pub fn is_margined(&self, record: u32) -> bool {
        self.watched[record as usize] & MARGINED != 0
    }
    /// From now on the account may have positions: it is looked at whenever its money changes.
    pub fn set_margined(&mut self, record: u32) {
        self.watched[record as usize] |= MARGINED;
    }
    /// Adds to what is available and what is held, as trades in perpetuals do; also takes away.
    pub fn adjust(&mut self, record: u32, asset: AssetId, available: i128, held: i128) {
        let purse = self.touch(record, asset);
        purse.available += Amount(available);
        purse.held += Amount(held);
        debug_assert!(purse.held >= Amount::ZERO, "what is released was held");
    }
    /// The account is looked at again, although its money did not change.
    pub fn look_again(&mut self, record: u32, asset: AssetId) {
        self.touched.push((record, asset));
    }
    /// Accounts that may have positions and that something was done to, some more than once.
    pub fn margined_touched(&self) -> Vec<u32> {
        let touched = self.touched.iter().map(|&(record, _)| record);
        touched.filter(|&record| self.is_margined(record)).collect()
    }
    /// There is so much more, or less, of an asset than the purses have.
    pub fn owe(&mut self, asset: AssetId, amount: i128) {
        self.supply[asset.index()] += Amount(amount);
    }
    /// From now on the account's balances are told when they change; those of this moment are known.
    pub fn follow(&mut self, record: u32) {
        self.watched[record as usize] |= FOLLOWED;
        let from = record as usize * self.assets;
        self.told[from..from + self.assets].copy_from_slice(&self.purses[from..from + self.assets]);
    }
    /// Whether something may have to be told.
    #[inline]
    pub const fn has_news(&self) -> bool {
        !self.touched.is_empty()
    }
    /// Takes what may have to be told; to be given back empty to [`Ledger::put_back`].
    pub fn take_touched(&mut self) -> Vec<(u32, AssetId)> {
        core::mem::take(&mut self.touched)
    }
    pub fn put_back(&mut self, mut room: Vec<(u32, AssetId)>) {
        room.clear();
        self.touched = room;
    }
    /// What a purse of a followed account has now, if that is not what its followers know; now they do.
    pub fn news(&mut self, record: u32, asset: AssetId) -> Option<Purse> {
        let place = self.place(record, asset);
        let purse = self.purses[place];
        if !self.is_followed(record) || self.told[place] == purse {
            return None;
        }
        self.told[place] = purse;
        Some(purse)
    }
}
