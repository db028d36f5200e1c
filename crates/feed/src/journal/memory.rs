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
        Ok(Box::new(Open(file, 0)))
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

/// A file, and where its next bytes go: behind that there may be zeros.
struct Open(Arc<Mutex<Vec<u8>>>, usize);

impl Open {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Appended for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.1 + bytes.len();
        {
            let mut file = self.bytes();
            let over = file.len().clamp(self.1, end) - self.1;
            file[self.1..self.1 + over].copy_from_slice(&bytes[..over]);
            file.extend_from_slice(&bytes[over..]);
        }
        self.1 = end;
        Ok(bytes.len())
    }
    fn prepare(&mut self, bytes: u64) -> io::Result<()> {
        let mut file = self.bytes();
        let length = file.len().max(self.1 + bytes as usize);
        file.resize(length, 0);
        Ok(())
    }
    fn seal(&mut self) -> io::Result<()> {
        self.bytes().truncate(self.1);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
