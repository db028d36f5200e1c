//! A disk in memory: for what is measured or tested of journals without one. It keeps nothing.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Appended, Disk};

/// A folder in memory. A copy of it is the same folder.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Files>>);

type Files = BTreeMap<String, Arc<Mutex<Vec<u8>>>>;

impl Memory {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the bytes of a file, if it is there.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(file) = self.files().get(name) {
            change(&mut file.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Disk for Memory {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let files = self.files();
        let file = files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        self.read(name).map(|bytes| bytes.len() as u64)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
        let file = Arc::default();
        self.files().insert(name.to_owned(), Arc::clone(&file));
        Ok(Box::new(Open(file)))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Open(Arc<Mutex<Vec<u8>>>);

impl Appended for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
