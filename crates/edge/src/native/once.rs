//! Idempotency keys: what a client asks for twice under one key happens once, and both are answered the same.
//!
//! Kept in memory, for each account [`KEYS_MAX`] keys at most, for [`KEPT_FOR`]: the oldest that is answered goes
//! first. A key is not taken by what was never done: a request that was refused before the market saw it, or that
//! the market had no room for, may be repeated under the same key.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dialects::Submission;
use model::AccountId;
use tokio::sync::watch;

use super::reply::Reply;

#[cfg(test)]
mod tests;

/// Keys that are remembered of each account.
pub(crate) const KEYS_MAX: usize = 1_000;
/// For how long they are, in session time.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// The letters of the longest key.
pub(crate) const KEY_LENGTH_MAX: usize = 255;

/// What is told of something that is being done: nothing yet, and then its answer.
type News = watch::Receiver<Option<Reply>>;

/// What was asked under which key.
#[derive(Default)]
pub(crate) struct Once(Mutex<HashMap<AccountId, Kept>>);

/// The keys of one account.
#[derive(Default)]
struct Kept {
    by_key: HashMap<Box<str>, u64>,
    /// In the order in which they came.
    asked: BTreeMap<u64, Asked>,
    next: u64,
}

struct Asked {
    key: Box<str>,
    submission: Submission,
    at: Duration,
    news: News,
}

/// What is to be done with a request under a key.
pub(crate) enum Turn {
    /// It is the first: do it.
    First(Claim, News),
    /// It was asked before: this is its answer, now or soon.
    Again(News),
    /// Something else was asked under this key.
    Other,
    /// Too many are under way.
    Full,
}

/// A key while what was asked under it is being done. Dropped before that, the key is free again and whoever waits
/// for the answer is told that there is none.
pub(crate) struct Claim {
    once: Arc<Once>,
    account: AccountId,
    number: u64,
    tell: watch::Sender<Option<Reply>>,
}

impl Once {
    /// Whose turn it is with this key.
    pub fn turn(
        self: &Arc<Self>,
        account: AccountId,
        key: &str,
        submission: &Submission,
        now: Duration,
    ) -> Turn {
        let mut all = self.all();
        let kept = all.entry(account).or_default();
        kept.forget_old(now);
        if let Some(asked) = kept.by_key.get(key).and_then(|number| kept.asked.get(number)) {
            return match asked.submission == *submission {
                true => Turn::Again(asked.news.clone()),
                false => Turn::Other,
            };
        }
        if !kept.make_room() {
            return Turn::Full;
        }
        let (tell, news) = watch::channel(None);
        let number = kept.next;
        kept.next += 1;
        kept.by_key.insert(key.into(), number);
        let asked =
            Asked { key: key.into(), submission: submission.clone(), at: now, news: news.clone() };
        kept.asked.insert(number, asked);
        Turn::First(Claim { once: Arc::clone(self), account, number, tell }, news)
    }

    /// What was asked under this key, if that is remembered.
    pub fn asked(&self, account: AccountId, key: &str, now: Duration) -> Option<Submission> {
        let mut all = self.all();
        let kept = all.get_mut(&account)?;
        kept.forget_old(now);
        let asked = kept.asked.get(kept.by_key.get(key)?)?;
        Some(asked.submission.clone())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<AccountId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Forgets what was answered too long ago.
    fn forget_old(&mut self, now: Duration) {
        while let Some((&number, asked)) = self.asked.first_key_value()
            && asked.at + KEPT_FOR <= now
            && asked.is_answered()
        {
            self.forget(number);
        }
    }

    /// Makes room for one more, if something is answered that can be forgotten.
    fn make_room(&mut self) -> bool {
        if self.asked.len() < KEYS_MAX {
            return true;
        }
        let oldest = self.asked.iter().find(|(_, asked)| asked.is_answered());
        let Some((&number, _)) = oldest else { return false };
        self.forget(number);
        true
    }

    fn forget(&mut self, number: u64) {
        if let Some(asked) = self.asked.remove(&number) {
            self.by_key.remove(&asked.key);
        }
    }
}

impl Asked {
    fn is_answered(&self) -> bool {
        self.news.borrow().is_some()
    }
}

impl Claim {
    /// It was done, and this is the answer, now and to whoever asks again.
    pub fn answer(self, reply: Reply) {
        self.tell.send_replace(Some(reply));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.tell.borrow().is_none()
            && let Some(kept) = self.once.all().get_mut(&self.account)
        {
            kept.forget(self.number);
        }
    }
}

/// Waits for the answer; `None` if there is none, because nothing was done.
pub(crate) async fn answer_of(mut news: News) -> Option<Reply> {
    // Who dropped the claim after answering has answered.
    let _ended = news.wait_for(Option::is_some).await.is_err();
    news.borrow().clone()
}
