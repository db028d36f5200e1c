//! Somebody who trades in one dialect, and knows what it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use testkit::dice::Dice;

use super::tongues::{Own, Told, Tongue, What};
use super::venue::ask;

/// Somebody who trades, and what it knows.
pub struct Trader {
    pub tongue: Tongue,
    pub who: Value,
    dice: Dice,
    count: u64,
    /// Orders that were acknowledged, by their names: their ids, and how much of them was told to be filled.
    pub placed: BTreeMap<String, (String, i128)>,
    /// Trades of theirs that were told in the answer (natively).
    pub filled: BTreeSet<String>,
    /// Orders whose cancelling was acknowledged.
    pub canceled: BTreeSet<String>,
    /// Orders that had ended when they were to be cancelled, as it was said.
    pub gone: BTreeSet<String>,
    /// Those that may still be open.
    open: Vec<String>,
    /// What there is no answer to.
    unanswered: Option<Asked>,
    /// What was answered last, and how: as if the answer had been lost.
    answered: Vec<(Asked, u16, Value)>,
}

/// So many of the last requests are repeated although they were answered.
const AGAIN: usize = 4;

#[derive(Clone, Debug)]
struct Asked {
    request: String,
    what: What,
}

impl Trader {
    pub fn new(tongue: Tongue, who: Value, dice: Dice) -> Self {
        Self {
            tongue,
            who,
            dice,
            count: 0,
            placed: BTreeMap::new(),
            filled: BTreeSet::new(),
            canceled: BTreeSet::new(),
            gone: BTreeSet::new(),
            open: Vec::new(),
            unanswered: None,
            answered: Vec::new(),
        }
    }

    /// What it asks for next.
    fn next(&mut self) -> Asked {
        self.count += 1;
        let nonce = self.nonce();
        let market = self.dice.roll(3) == 0;
        let price = 40_000 + self.dice.roll(10_000);
        if self.dice.roll(3) == 0
            && let Some(id) = self.open.pop()
        {
            if self.tongue == Tongue::Bitstamp && self.dice.roll(2) == 0 {
                let name = format!("{:?}-{}", self.tongue, self.count);
                let request = self.tongue.replace(&self.who, (&id, &name), &nonce, price);
                return Asked { request, what: What::Replace(id, name) };
            }
            let request = self.tongue.cancel(&self.who, &id, &nonce);
            return Asked { request, what: What::Cancel(id) };
        }
        let name = format!("{:?}-{}", self.tongue, self.count);
        let request = self.tongue.place(&self.who, &name, &nonce, (!market).then_some(price));
        Asked { request, what: What::Place(name) }
    }

    fn nonce(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.count)
    }

    /// Asks; `None` if there is no answer.
    fn ask(address: &str, request: &str) -> Option<(u16, Value)> {
        loop {
            match ask(address, request) {
                // Too many requests of one key in a second: this one was not looked at.
                Some((429, _)) => std::thread::sleep(Duration::from_millis(20)),
                answer => return answer,
            }
        }
    }

    /// Trades until it is told to stop, or nobody answers.
    pub fn trade(&mut self, address: &str, stops: &AtomicBool) {
        while !stops.load(Ordering::Relaxed) {
            let asked = self.next();
            let Some((status, body)) = Self::ask(address, &asked.request) else {
                self.unanswered = Some(asked);
                return;
            };
            match self.tongue.told(&asked.what, status, &body) {
                Told::Known => panic!("{:?}: no such name was used before: {body}", asked.what),
                told => self.learn(&asked.what, told),
            }
            if self.answers_again(&asked.what) {
                self.answered.truncate(AGAIN - 1);
                self.answered.insert(0, (asked, status, body));
            }
        }
    }

    /// Sees to what there is no answer to, as a client of its dialect does; whether there is any.
    pub fn repeat(&mut self, address: &str) -> bool {
        let Some(asked) = self.unanswered.take() else { return false };
        if self.tongue == Tongue::TimeX
            && let What::Place(name) = &asked.what
            && let Some(own) = self.look_up(address, name)
        {
            self.learn(&asked.what, Told::Placed(own));
            return true;
        }
        let (status, body) = Self::ask(address, &asked.request).expect("an answer");
        let told = match (self.tongue.told(&asked.what, status, &body), &asked.what) {
            (Told::Known, What::Place(name)) => {
                Told::Placed(self.look_up(address, name).expect("it is said to be there"))
            }
            (told, _) => told,
        };
        self.learn(&asked.what, told);
        true
    }

    /// Whether the same request is answered as before.
    fn answers_again(&self, what: &What) -> bool {
        match self.tongue {
            Tongue::Bitstamp => true,
            Tongue::Native => matches!(what, What::Place(_)),
            Tongue::XRocket | Tongue::TimeX => false,
        }
    }

    /// Sends again what was answered last before the process was killed, where that promises the same answer; how
    /// much there was.
    pub fn insist(&mut self, address: &str, case: &str) -> usize {
        let answered = std::mem::take(&mut self.answered);
        for (asked, status, body) in &answered {
            let again = Self::ask(address, &asked.request).expect("an answer");
            assert_eq!(again, (*status, body.clone()), "{case}: {:?} asked again", asked.what);
        }
        answered.len()
    }

    fn look_up(&self, address: &str, name: &str) -> Option<Own> {
        let request = self.tongue.look_up(&self.who, name);
        let (status, body) = Self::ask(address, &request).expect("an answer");
        assert_eq!(status, 200, "{name}: {body}");
        let order = match self.tongue {
            Tongue::TimeX => body["orders"].get(0)?,
            _ => &body,
        };
        Some(self.tongue.own(order))
    }

    fn learn(&mut self, what: &What, told: Told) {
        match (what, told) {
            (What::Place(name), Told::Placed(own)) => {
                self.filled.extend(own.trades);
                let known = self.placed.insert(name.clone(), (own.id.clone(), own.filled));
                assert_eq!(known, None, "it is placed once");
                self.open.push(own.id);
            }
            (What::Cancel(id), Told::Canceled) => {
                self.canceled.insert(id.clone());
            }
            (What::Replace(old, name), Told::Placed(own)) => {
                self.canceled.insert(old.clone());
                self.learn(&What::Place(name.clone()), Told::Placed(own));
            }
            (What::Cancel(id) | What::Replace(id, _), Told::Gone) => {
                self.gone.insert(id.clone());
            }
            (what, told) => panic!("{what:?} came to {told:?}"),
        }
    }

    /// All of its orders, as its own dialect tells them.
    pub fn own_orders(&self, address: &str) -> Vec<Own> {
        let mut all = Vec::new();
        for page in 0.. {
            let request = self.tongue.list(&self.who, page);
            let (status, body) = Self::ask(address, &request).expect("an answer");
            assert_eq!(status, 200, "{body}");
            let orders = body["orders"].as_array().expect("a list");
            all.extend(orders.iter().map(|order| self.tongue.own(order)));
            if orders.is_empty() && page > 0 {
                break;
            }
        }
        let prefix = format!("{:?}-", self.tongue);
        all.retain(|own| own.name.starts_with(&prefix));
        all
    }

    /// What its account holds of an asset, as its own dialect tells it.
    pub fn total(&mut self, address: &str, asset: &str) -> Value {
        self.count += 1;
        let request = self.tongue.balance(&self.who, asset, &self.nonce());
        let (status, body) = Self::ask(address, &request).expect("an answer");
        assert_eq!(status, 200, "{body}");
        self.tongue.total(asset, &body).clone()
    }

    /// Whether a list of all its orders says exactly what it knows. `with_ids` says whether the ids in it are those
    /// of its own dialect.
    pub fn audit(&self, orders: &[Own], with_ids: bool, case: &str) {
        let mut by_name = BTreeMap::new();
        for own in orders {
            let doubled = by_name.insert(&own.name, own);
            assert!(doubled.is_none(), "{case}: {} is there twice", own.name);
        }
        for (name, (id, filled)) in &self.placed {
            let own = by_name.get(name).unwrap_or_else(|| panic!("{case}: {name} is missing"));
            if with_ids {
                assert_eq!(&own.id, id, "{case}: {name}");
            }
            assert!(own.filled >= *filled, "{case}: {name} was filled by {filled}: {own:?}");
            if self.canceled.contains(id) {
                assert!(own.canceled, "{case}: {name} was cancelled: {own:?}");
            }
            // Where a repeat is answered as before, nobody is told that what it cancelled had ended by itself.
            if self.tongue == Tongue::Bitstamp && self.gone.contains(id) {
                assert!(!own.canceled, "{case}: {name} was said not to be found: {own:?}");
            }
        }
        let known: BTreeSet<&String> = self.placed.keys().collect();
        let there: BTreeSet<&String> = by_name.into_keys().collect();
        assert_eq!(there, known, "{case}: orders that nobody was told of");
    }
}
