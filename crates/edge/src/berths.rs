//! Berths: places by name that the connections of a dialect share, so many of each name. What a name stands for is the
//! dialect's business: a key and a data set, say.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many berths of each name are taken.
#[derive(Default)]
pub struct Berths(Mutex<HashMap<(&'static str, Box<str>), u32>>);

impl Berths {
    /// One of so many berths of a dialect's name, if one is free. It is free again when it is dropped.
    pub fn take(self: &Arc<Self>, dialect: &'static str, name: &str, of: u32) -> Option<Berth> {
        let name: Box<str> = name.into();
        let mut taken = self.taken();
        let count = taken.entry((dialect, name.clone())).or_insert(0);
        if *count >= of {
            if *count == 0 {
                taken.remove(&(dialect, name));
            }
            return None;
        }
        *count += 1;
        Some(Berth { berths: Arc::clone(self), dialect, name })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<(&'static str, Box<str>), u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A berth that is taken.
pub struct Berth {
    berths: Arc<Berths>,
    dialect: &'static str,
    name: Box<str>,
}

impl Berth {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        let mut taken = self.berths.taken();
        let key = (self.dialect, std::mem::take(&mut self.name));
        if let Some(count) = taken.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&key);
            }
        }
    }
}

/// Tells how many names there are, never which: a name may hold a key.
impl fmt::Debug for Berths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Berths").field("names", &self.taken().len()).finish_non_exhaustive()
    }
}

/// Tells whose kind it is, never its name.
impl fmt::Debug for Berth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Berth").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_of_each_name_and_dialect_and_what_is_left_is_free_again() {
        let berths = Arc::<Berths>::default();
        let take = |dialect, name| berths.take(dialect, name, 2);
        let first = take("plain", "a").expect("the first is free");
        let second = take("plain", "a").expect("and the second");
        assert!(take("plain", "a").is_none(), "there is no third");
        assert!(take("plain", "b").is_some() && take("other", "a").is_some());
        drop(first);
        assert_eq!(take("plain", "a").map(|berth| berth.name().to_owned()).as_deref(), Some("a"));
        drop(second);
        assert!(berths.take("plain", "none", 0).is_none());
        assert_eq!(format!("{berths:?}"), "Berths { names: 0, .. }", "nothing is remembered");
    }
}
