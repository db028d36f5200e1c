//! What accounts own: of each asset so much available and so much held. Double entry: whatever leaves one purse
//! comes to another in the same call, so that the sum over all purses changes by deposits and withdrawals only.
//!
//! It does not ask whether an account can pay; that has been asked before (`funds`). Accounts are known here by
//! the place of their record.

use crate::terms::{Fees, Terms};
use model::{Amount, AssetId, Price, Quantity};

/// The record of [`model::AccountId::FEES`], which is there from the beginning.
pub(crate) const FEES: u32 = 0;

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
    /// By record.
    followed: Vec<bool>,
    /// Of each asset, all that there is.
    supply: Vec<Amount>,
    /// Purses of followed accounts that something was done to since the last look, some of them more than once.
    touched: Vec<(u32, AssetId)>,
}

/// A trade as the ledger sees it.
pub(crate) struct Deal {
    pub buyer: u32,
    pub seller: u32,
    pub quantity: Quantity,
    /// Price × quantity.
    pub value: Amount,
    /// The price at which the buyer holds, if it holds.
    pub held_at: Option<Price>,
    pub buyer_fee: Amount,
    pub seller_fee: Amount,
}

impl Deal {
    /// The fees in the order of buyer and seller.
    pub const fn sides(fees: Fees, taker_buys: bool) -> (Amount, Amount) {
        if taker_buys { (fees.taker, fees.maker) } else { (fees.maker, fees.taker) }
    }
}

impl Ledger {
    pub fn new(assets: usize) -> Self {
        Self {
            assets,
            purses: Vec::new(),
            told: Vec::new(),
            followed: Vec::new(),
            supply: vec![Amount::ZERO; assets],
            touched: Vec::new(),
        }
    }
    /// Makes room for the record that comes next.
    pub fn grow(&mut self) {
        let purses = self.purses.len() + self.assets;
        self.purses.resize(purses, Purse::default());
        self.told.resize(purses, Purse::default());
        self.followed.push(false);
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
        if self.followed[record as usize] {
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
    /// Moves what a trade moves. What the buyer held for it and did not pay is available to it at once.
    #[inline]
    pub fn settle(&mut self, terms: &Terms, deal: &Deal) {
        let (base, quote) = (terms.settlement.base, terms.settlement.quote);
        let lots = terms.settlement.base(deal.quantity);
        let released = deal.held_at.map_or(Amount::ZERO, |at| terms.buy_hold(at, deal.quantity));

        // Who trades with itself gets before it pays.
        self.touch(deal.seller, base).held -= lots;
        self.touch(deal.seller, quote).available += deal.value - deal.seller_fee;
        self.touch(deal.buyer, base).available += lots;
        let payer = self.touch(deal.buyer, quote);
        payer.held -= released;
        payer.available += released - deal.value - deal.buyer_fee;
        debug_assert!(payer.available >= Amount::ZERO, "a trade is paid for");
        self.touch(FEES, quote).available += deal.buyer_fee + deal.seller_fee;
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
        self.followed[record as usize]
    }
    /// From now on the account's balances are told when they change; those of this moment are known.
    pub fn follow(&mut self, record: u32) {
        self.followed[record as usize] = true;
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
        if self.told[place] == purse {
            return None;
        }
        self.told[place] = purse;
        Some(purse)
    }
}
