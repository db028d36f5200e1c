//! A disk that is only told of, for tests: it tears, loses what was not synced, writes less than it was asked, is
//! full, fails, and at some operation the power goes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use engine::flow::Random;

use super::disk::{Appended, Disk};

/// What disks write at once.
const SECTOR: usize = 512;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// At which operation the power goes.
    pub ends_at: u64,
    /// Of a thousand writes, so many write less than asked.
    pub short: u64,
    /// Of a thousand writes and syncs, so many fail.
    pub failing: u64,
    /// Bytes that there is room for.
    pub room: u64,
}

impl Faults {
    /// Nothing does.
    pub const NONE: Self = Self { ends_at: u64::MAX, short: 0, failing: 0, room: u64::MAX };
}

#[derive(Clone)]
pub struct Simulated(Arc<Mutex<State>>);

struct State {
    random: Random,
    faults: Faults,
    operations: u64,
    is_dead: bool,
    files: Vec<Bytes>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// What was done to `names` since it was durable.
    changes: Vec<Change>,
}

/// A name, of a file that has it from now on or nobody, and the name that the file had.
#[derive(Clone)]
struct Change {
    name: String,
    file: Option<usize>,
    instead_of: Option<String>,
}

/// A file as it reads, and as the disk has it.
#[derive(Clone, Default)]
struct Bytes {
    written: Vec<u8>,
    durable: Vec<u8>,
}

impl Bytes {
    /// Puts bytes where it may have some already.
    fn put(&mut self, at: usize, bytes: &[u8]) {
        let length = self.written.len().max(at + bytes.len());
        self.written.resize(length, 0);
        self.written[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Of all that was not synced, its length too, some is there and some is not.
    fn loses(&mut self, random: &mut Random) {
        let (written, durable) = (self.written.len(), self.durable.len());
        let kept = written.min(durable);
        let kept = kept + random.below((written.max(durable) - kept) as u64 + 1) as usize;
        let before = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
        let was = std::mem::take(&mut self.written);
        self.written = (0..kept).map(|at| before(&was, at)).collect();
        for from in (0..kept).step_by(SECTOR) {
            let sector = from..(from + SECTOR).min(kept);
            let is_new = sector.clone().any(|at| before(&self.durable, at) != before(&was, at));
            if is_new && random.below(4) == 0 {
                sector.for_each(|at| self.written[at] = before(&self.durable, at));
            }
        }
        self.durable = self.written.clone();
    }
}

impl Simulated {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random::new(seed),
            faults: Faults::NONE,
            operations: 0,
            is_dead: false,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with it")
    }

    /// From now on this goes wrong.
    pub fn suffers(&self, faults: Faults) {
        let mut state = self.state();
        state.faults = faults;
        state.operations = 0;
    }

    /// Somebody starts the process again that was killed: what was written is still there to be read.
    pub fn process_restarts(&self) {
        let mut state = self.state();
        state.is_dead = false;
        state.faults = Faults::NONE;
    }

    /// The power comes back: what was not synced is there in parts, or not.
    pub fn power_returns(&self) {
        let mut state = self.state();
        let state = &mut *state;
        // Most systems keep their order, and none promises it.
        let in_order = state.random.below(2) == 0;
        let survivors = state.random.below(state.changes.len() as u64 + 1) as usize;
        for (place, change) in std::mem::take(&mut state.changes).into_iter().enumerate() {
            if if in_order { place < survivors } else { state.random.below(2) == 0 } {
                change.make(&mut state.durable_names);
            }
        }
        state.names = state.durable_names.clone();
        for file in &mut state.files {
            file.loses(&mut state.random);
        }
        state.is_dead = false;
        state.faults = Faults::NONE;
    }

    /// The bytes of a file, to be changed.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let file = state.names[name];
        let file = &mut state.files[file];
        change(&mut file.written);
        file.durable.clone_from(&file.written);
    }

    pub fn lose(&self, name: &str) {
        self.state().names.remove(name);
    }

    /// A copy that nothing is wrong with.
    pub fn copy(&self) -> Self {
        self.copy_with(0)
    }

    /// The same, with other chances.
    pub fn copy_with(&self, seed: u64) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            random: Random::new(seed),
            faults: Faults::NONE,
            operations: 0,
            is_dead: false,
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            changes: Vec::new(),
        })))
    }
}

impl State {
    /// One more operation; whether the power is still there.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        self.is_dead |= self.operations >= self.faults.ends_at;
        if self.is_dead { Err(io::Error::other("there is no power")) } else { Ok(()) }
    }

    fn fails(&mut self) -> bool {
        self.random.below(1_000) < self.faults.failing
    }

    fn change(&mut self, name: &str, file: Option<usize>, instead_of: Option<&str>) {
        let instead_of = instead_of.map(str::to_owned);
        let change = Change { name: name.to_owned(), file, instead_of };
        change.make(&mut self.names);
        self.changes.push(change);
    }
}

impl Change {
    fn make(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(before) = &self.instead_of
            && names.get(before).copied() == self.file
        {
            names.remove(before);
        }
        match self.file {
            Some(file) => names.insert(self.name.clone(), file),
            None => names.remove(&self.name),
        };
    }
}

impl Disk for Simulated {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        let file = state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.files[*file].written.clone())
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        self.read(name).map(|bytes| bytes.len() as u64)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
        let mut state = self.state();
        state.operate()?;
        state.files.push(Bytes::default());
        let file = state.files.len() - 1;
        state.change(name, Some(file), None);
        drop(state);
        Ok(Box::new(Opened { disk: self.clone(), file, end: 0 }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change(to, Some(file), Some(from));
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(name, None, None);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if state.fails() {
            return Err(io::Error::from_raw_os_error(5));
        }
        state.durable_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }
}

struct Opened {
    disk: Simulated,
    file: usize,
    /// Where its next bytes go.
    end: usize,
}

impl Opened {
    /// Writes some of these bytes at a place, and says how many.
    fn put(&mut self, at: usize, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        if let Err(error) = state.operate() {
            // The power may go while it is written.
            let count = state.random.below(bytes.len() as u64 + 1) as usize;
            state.files[self.file].put(at, &bytes[..count]);
            return Err(error);
        }
        if state.fails() {
            return Err(io::Error::from_raw_os_error(5));
        }
        let mut count = bytes.len();
        if state.random.below(1_000) < state.faults.short {
            count = 1 + state.random.below(count as u64) as usize;
        }
        // What it has already needs no room.
        let free = state.files[self.file].written.len().saturating_sub(at);
        let room = usize::try_from(state.faults.room).unwrap_or(usize::MAX);
        count = count.min(free.saturating_add(room));
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.faults.room -= count.saturating_sub(free) as u64;
        state.files[self.file].put(at, &bytes[..count]);
        Ok(count)
    }

    fn make_durable(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        if state.fails() {
            return Err(io::Error::from_raw_os_error(5));
        }
        let file = &mut state.files[self.file];
        file.durable.clone_from(&file.written);
        Ok(())
    }
}

impl Appended for Opened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.put(self.end, bytes)?;
        self.end += count;
        Ok(count)
    }
    fn prepare(&mut self, bytes: u64) -> io::Result<()> {
        let (mut at, end) = (self.end, self.end + bytes as usize);
        while at < end {
            at += self.put(at, &vec![0; end - at])?;
        }
        Ok(())
    }
    fn seal(&mut self) -> io::Result<()> {
        {
            let mut state = self.disk.state();
            state.operate()?;
            state.files[self.file].written.truncate(self.end);
        }
        self.make_durable()
    }
    fn sync(&mut self) -> io::Result<()> {
        self.make_durable()
    }
}
