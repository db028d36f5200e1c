//! What the engine keeps of an account: its self-trade policy, and its open orders in line by id.
//!
//! Balances and holds will stand beside these; nothing here knows money.

use crate::orders::{NONE, Orders};
use model::{AccountId, SelfTradePolicy};
use std::collections::BTreeMap;

/// Ids below this are looked up in a plain table, others in a sorted map.
const DENSE: u32 = 1 << 16;

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

/// All accounts that ever had an order or a policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    records: Vec<Account>,
    /// Record + 1, by id.
    dense: Vec<u32>,
    sparse: BTreeMap<u32, u32>,
}

impl Accounts {
    #[inline]
    fn record_of(&self, id: AccountId) -> Option<usize> {
        let record = if id.0 < DENSE {
            self.dense.get(id.0 as usize).copied().unwrap_or(0)
        } else {
            self.sparse.get(&id.0).copied().unwrap_or(0)
        };
        record.checked_sub(1).map(|record| record as usize)
    }
    /// The account, if it ever had an order or a policy.
    #[inline]
    pub fn find(&self, id: AccountId) -> Option<&Account> {
        self.record_of(id).map(|record| &self.records[record])
    }
    /// The account's self-trade policy.
    #[inline]
    pub fn policy(&self, id: AccountId) -> SelfTradePolicy {
        self.find(id).map_or(SelfTradePolicy::default(), |account| account.policy)
    }
    /// The account, remembered from now on.
    #[inline]
    pub fn of(&mut self, id: AccountId) -> &mut Account {
        let record = match self.record_of(id) {
            Some(record) => record,
            None => self.remember(id),
        };
        &mut self.records[record]
    }
    #[cold]
    fn remember(&mut self, id: AccountId) -> usize {
        let policy = SelfTradePolicy::default();
        self.records.push(Account { id, policy, oldest: NONE, youngest: NONE });
        let number = self.records.len() as u32;
        if id.0 < DENSE {
            let needed = id.0 as usize + 1;
            if self.dense.len() < needed {
                self.dense.resize(needed, 0);
            }
            self.dense[id.0 as usize] = number;
        } else {
            self.sparse.insert(id.0, number);
        }
        number as usize - 1
    }
    /// Accounts whose policy is not the default, by id.
    pub fn policies(&self) -> impl Iterator<Item = (AccountId, SelfTradePolicy)> + '_ {
        let dense = self.dense.iter().filter_map(|number| number.checked_sub(1));
        let sparse = self.sparse.values().filter_map(|number| number.checked_sub(1));
        dense
            .chain(sparse)
            .map(|record| &self.records[record as usize])
            .filter(|account| account.policy != SelfTradePolicy::default())
            .map(|account| (account.id, account.policy))
    }
    /// Puts an order at the end of its account's line; its id is the highest there.
    #[inline]
    pub fn link(&mut self, slot: u32, orders: &mut Orders) {
        let account = self.of(orders[slot].account);
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
    /// Takes an order out of its account's line.
    #[inline]
    pub fn unlink(&mut self, slot: u32, orders: &mut Orders) {
        let links = orders.links[slot as usize];
        if links.older != NONE {
            orders.links[links.older as usize].younger = links.younger;
        }
        if links.younger != NONE {
            orders.links[links.younger as usize].older = links.older;
        }
        if links.older == NONE || links.younger == NONE {
            let account = self.of(orders[slot].account);
            if links.older == NONE {
                account.oldest = links.younger;
            }
            if links.younger == NONE {
                account.youngest = links.older;
            }
        }
    }
}
