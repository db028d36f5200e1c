//! Who listens to which subject. It calls nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Somebody who is called until it is over.
pub(super) struct Listener<Call> {
    pub call: Call,
    is_over: AtomicBool,
}

impl<Call> Listener<Call> {
    pub const fn new(call: Call) -> Self {
        Self { call, is_over: AtomicBool::new(false) }
    }

    /// Nobody calls it from now on.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether it may be called.
    pub fn is_there(&self) -> bool {
        !self.is_over.load(Ordering::Acquire)
    }
}

/// Those on one subject, as they were when somebody looked.
pub(super) type Present<T> = Arc<[Arc<T>]>;

/// Those on each subject, in the order in which they came.
pub(super) struct Roster<T>(BTreeMap<Box<str>, Present<T>>);

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Roster<T> {
    /// One more on a subject.
    pub fn add(&mut self, subject: &str, who: &Arc<T>) {
        let before = self.0.get(subject).into_iter().flat_map(|present| present.iter());
        let present = before.chain([who]).map(Arc::clone).collect();
        self.0.insert(subject.into(), present);
    }

    /// One less. Returns those who were there, so that the last of them is not dropped where it may not be.
    pub fn remove(&mut self, subject: &str, who: &Arc<T>) -> Option<Present<T>> {
        let before = self.0.remove(subject)?;
        let left = before.iter().filter(|other| !Arc::ptr_eq(other, who));
        let left: Present<T> = left.map(Arc::clone).collect();
        if !left.is_empty() {
            self.0.insert(subject.into(), left);
        }
        Some(before)
    }

    /// Those on a subject now; `None` if there is nobody.
    pub fn on(&self, subject: &str) -> Option<Present<T>> {
        self.0.get(subject).map(Arc::clone)
    }
}
