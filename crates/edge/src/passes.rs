//! Passes: short-lived words by which a socket shows whose private topics it may be told.
//!
//! A pass is good for its time however often it is shown, and for its own account alone. It does not end what it
//! began: a subscription outlives its pass. Time is session time and passed in.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::AccountId;

use crate::identity::Grant;

#[cfg(test)]
mod tests;

/// Letters and digits in a pass.
pub const LENGTH: usize = 32;
/// Passes of one account that are good at once; one more ends the oldest.
pub const PER_ACCOUNT_MAX: usize = 256;
/// Passes that are good at once, in all; one more is made, and good for nothing.
pub const IN_ALL_MAX: usize = 65_536;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The passes that were issued.
#[derive(Default)]
pub struct Passes(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    by_account: HashMap<(&'static str, AccountId), VecDeque<Pass>>,
    in_all: usize,
}

struct Pass {
    text: [u8; LENGTH],
    until: Duration,
    grant: Arc<Grant>,
}

/// Tells how many, never which.
impl fmt::Debug for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passes").field("in_all", &self.issued().in_all).finish_non_exhaustive()
    }
}

impl Passes {
    /// Issues a pass that is good until then. `random` fills what it is given with bytes that nobody can guess.
    pub fn issue(
        &self,
        grant: Grant,
        now: Duration,
        until: Duration,
        random: impl FnMut(&mut [u8]),
    ) -> String {
        let text = letters(random);
        let mut issued = self.issued();
        if issued.in_all >= IN_ALL_MAX {
            issued.forget(|pass| pass.until <= now);
        }
        if issued.in_all < IN_ALL_MAX {
            let grant = Arc::new(grant);
            let own = issued.by_account.entry((grant.dialect, grant.account)).or_default();
            let before = own.len();
            own.retain(|pass| pass.until > now);
            if own.len() >= PER_ACCOUNT_MAX {
                own.pop_front();
            }
            own.push_back(Pass { text, until, grant });
            let after = own.len();
            issued.in_all = issued.in_all + after - before;
        }
        String::from_utf8(text.to_vec()).expect("letters and digits")
    }

    /// What this pass of a dialect stands for, if it is good now and this account's. It takes as long for a pass
    /// that is nearly right as for any other.
    #[must_use]
    pub fn shown(
        &self,
        dialect: &'static str,
        account: AccountId,
        pass: &str,
        now: Duration,
    ) -> Option<Arc<Grant>> {
        let issued = self.issued();
        let own = issued.by_account.get(&(dialect, account))?;
        let mut found = None;
        for known in own {
            if equal(&known.text, pass.as_bytes()) && known.until > now {
                found = Some(&known.grant);
            }
        }
        found.map(Arc::clone)
    }

    /// This key is good no longer, nor are the passes that were issued for it.
    pub fn revoke(&self, dialect: &str, key: &str) {
        self.issued().forget(|pass| pass.grant.dialect == dialect && *pass.grant.key == *key);
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    fn forget(&mut self, mut is_over: impl FnMut(&Pass) -> bool) {
        self.by_account.retain(|_, own| {
            own.retain(|pass| !is_over(pass));
            !own.is_empty()
        });
        self.in_all = self.by_account.values().map(VecDeque::len).sum();
    }
}

/// Letters and digits, each as likely as any other.
fn letters(mut random: impl FnMut(&mut [u8])) -> [u8; LENGTH] {
    /// The largest multiple of 62 that fits in a byte: what lies above would favour the first letters.
    const FAIR: u8 = 248;
    let mut text = [0; LENGTH];
    let mut filled = 0;
    while filled < LENGTH {
        let mut bytes = [0; LENGTH];
        random(&mut bytes);
        for byte in bytes.into_iter().filter(|&byte| byte < FAIR).take(LENGTH - filled) {
            text[filled] = ALPHABET[usize::from(byte % 62)];
            filled += 1;
        }
    }
    text
}

/// Whether these are equal, in a time that does not tell where they differ.
fn equal(known: &[u8; LENGTH], shown: &[u8]) -> bool {
    let Ok(shown) = <&[u8; LENGTH]>::try_from(shown) else { return false };
    let differs = known.iter().zip(shown).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    black_box(differs) == 0
}
