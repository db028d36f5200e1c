//! What accounts are shown, as a part of an image.

use model::image::{Image, Impossible, Reader, save_all, save_number};
use model::{AccountId, Assets, InstrumentId};

use super::{Accounts, Holdings, Own};

impl Accounts {
    /// Appends its bytes. Between two commands: nothing waits to be told then.
    pub fn save(&self, out: &mut Vec<u8>) {
        let Self {
            assets: _,
            all,
            labels,
            holdings,
            perpetuals,
            purpose: _,
            waiting: _,
            waiting_of: _,
            unpriced: _,
            held: _,
            insured_opening: _,
        } = self;
        save_number(all.len() as u64, out);
        for (account, own) in all {
            account.save(out);
            own.save(out);
        }
        save_all(labels.iter(), out);
        for Holdings { untold, former } in holdings {
            former.save(out);
            save_all(untold.iter(), out);
        }
        save_number(perpetuals.len() as u64, out);
        perpetuals.iter().for_each(|instrument| instrument.save(out));
    }

    /// Reads what [`Accounts::save`] wrote in a market with these assets.
    ///
    /// # Errors
    /// [`Impossible`] if no such accounts can be.
    pub fn load(assets: Assets, from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut loaded = Self::new(assets);
        for _ in 0..from.count(usize::MAX, "accounts")? {
            let account = AccountId::load(from)?;
            if loaded.all.last_key_value().is_some_and(|(last, _)| *last >= account) {
                return Err(Impossible("the order of accounts"));
            }
            let own = Own::load(account, &loaded.assets, from)?;
            loaded.all.insert(account, own);
        }
        loaded.labels = from.all(usize::MAX, "labels")?;
        if !loaded.labels.iter().is_sorted_by(|(one, _), (next, _)| one <= next) {
            return Err(Impossible("the order of labels"));
        }
        for (place, holdings) in loaded.holdings.iter_mut().enumerate() {
            holdings.former = Option::load(from)?;
            holdings.untold = Vec::load(from)?;
            for account in &holdings.untold {
                let own = loaded.all.get_mut(account).filter(|own| own.untold & (1 << place) == 0);
                own.ok_or(Impossible("balances that wait to be told"))?.untold |= 1 << place;
            }
        }
        for _ in 0..from.count(usize::from(u16::MAX), "perpetuals")? {
            let instrument = InstrumentId::load(from)?;
            if loaded.perpetuals.last().is_some_and(|last| *last >= instrument) {
                return Err(Impossible("the order of perpetuals"));
            }
            loaded.perpetuals.insert(instrument);
        }
        Ok(loaded)
    }
}
