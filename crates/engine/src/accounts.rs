//! What the engine keeps of an account beside its balances: its self-trade policy, and its open orders in line
//! by id.
//!
//! Records are in the order in which accounts came; what accounts own is in the ledger, in the same order.

use crate::orders::{Links, NONE, Orders};
use model::{AccountId, SelfTradePolicy};

/// One account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub id: AccountId,
    pub policy: SelfTradePolicy,
    /// Its open order with the lowest id.
    pub oldest: u32,
    /// Its open order with the highest id.
    pub youngest: u32,
}

/// All accounts that ever had something, a policy or a follower.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    records: Vec<Account>,
    /// An open hash table of ids and records + 1; 0 is a free place. At most half full.
    places: Vec<(u32, u32)>,
}

/// Spreads ids that are given in sequence evenly over the table.
const fn place_of(id: AccountId, places: usize) -> usize {
    (id.0.wrapping_mul(0x9e37_79b1) >> (32 - places.trailing_zeros())) as usize
}

impl Accounts {
    pub fn new() -> Self {
        Self { records: Vec::new(), places: vec![(0, 0); 64] }
    }
    /// Where the account is, if it is known.
    #[inline]
    pub fn record_of(&self, id: AccountId) -> Option<u32> {
        let mut place = place_of(id, self.places.len());
        loop {
            let (here, record) = self.places[place];
            if record == 0 {
                return None;
            }
            if here == id.0 {
                return Some(record - 1);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }
    /// The account, if it is known.
    #[inline]
    pub fn find(&self, id: AccountId) -> Option<&Account> {
        self.record_of(id).map(|record| &self.records[record as usize])
    }
    /// All of them, in the order of their records.
    pub fn all(&self) -> &[Account] {
        &self.records
    }
    /// The account's self-trade policy.
    #[inline]
    pub fn policy(&self, id: AccountId) -> SelfTradePolicy {
        self.find(id).map_or(SelfTradePolicy::default(), |account| account.policy)
    }
    /// Sets the policy of a known account.
    pub fn set_policy(&mut self, record: u32, policy: SelfTradePolicy) {
        self.records[record as usize].policy = policy;
    }
    /// Remembers an account that is not known yet.
    pub fn remember(&mut self, id: AccountId) -> u32 {
        if (self.records.len() + 1) * 2 > self.places.len() {
            let places = vec![(0, 0); self.places.len() * 2];
            for (here, record) in core::mem::replace(&mut self.places, places) {
                if record != 0 {
                    self.enter(AccountId(here), record);
                }
            }
        }
        let policy = SelfTradePolicy::default();
        self.records.push(Account { id, policy, oldest: NONE, youngest: NONE });
        let number = self.records.len() as u32;
        self.enter(id, number);
        number - 1
    }
    fn enter(&mut self, id: AccountId, number: u32) {
        let mut place = place_of(id, self.places.len());
        while self.places[place].1 != 0 {
            place = (place + 1) & (self.places.len() - 1);
        }
        self.places[place] = (id.0, number);
    }
    /// Puts an order at the end of its account's line; its id is the highest there.
    #[inline(always)]
    pub fn link(&mut self, slot: u32, owner: u32, orders: &mut Orders) {
        let account = &mut self.records[owner as usize];
        let last = account.youngest;
        account.youngest = slot;
        if last == NONE {
            account.oldest = slot;
        } else {
            orders.links[last as usize].younger = slot;
        }
        let links = &mut orders.links[slot as usize];
        links.older = last;
        links.younger = NONE;
    }
    /// Takes an order with these links out of its account's line.
    #[inline(always)]
    pub fn unlink(&mut self, owner: u32, links: Links) {
        if links.older == NONE {
            self.records[owner as usize].oldest = links.younger;
        }
        if links.younger == NONE {
            self.records[owner as usize].youngest = links.older;
        }
    }
}
