//! What a journal stands on: a folder of files that are only appended to. So little of a file system that a
//! simulated one, which tears and loses and fails, can stand beneath all of it.

use std::fs;
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// A folder.
pub trait Disk: Send + Sync {
    /// The names of its files.
    ///
    /// # Errors
    /// The system's.
    fn names(&self) -> io::Result<Vec<String>>;
    /// All that is in a file.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Some of what is in a file: from this offset on, as much as there is and no more than this.
    ///
    /// # Errors
    /// The system's.
    fn read_part(&self, name: &str, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let all = self.read(name)?;
        let from = usize::try_from(offset).map_or(all.len(), |from| from.min(all.len()));
        Ok(all[from..][..bytes_max.min(all.len() - from)].to_vec())
    }
    /// How many bytes are in it.
    ///
    /// # Errors
    /// The system's.
    fn bytes(&self, name: &str) -> io::Result<u64>;
    /// A new and empty file; what one of this name had in it is gone.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>>;
    /// Gives a file another name; one that had it is gone.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a file away.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes durable which files there are.
    ///
    /// # Errors
    /// The system's.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is appended to.
pub trait Appended: Send {
    /// Appends some of these bytes, and says how many. They take the place of zeros that were [put](Self::prepare) there.
    ///
    /// # Errors
    /// The system's.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Puts so many zeros behind what was appended, for the next bytes to be written over: to make those durable, a
    /// file system need not note that the file has grown.
    ///
    /// # Errors
    /// The system's; some zeros may be there. What is appended afterwards stands where it would have without them.
    fn prepare(&mut self, bytes: u64) -> io::Result<()>;
    /// Takes away the zeros that are left, and makes all of the file durable, its length too.
    ///
    /// # Errors
    /// The system's. Nobody knows then what is durable.
    fn seal(&mut self) -> io::Result<()>;
    /// Makes durable what was appended. If it fails, nobody knows what is.
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;
}

/// Appends all of these bytes.
///
/// # Errors
/// The system's; some bytes may have been appended.
pub fn write_all(file: &mut dyn Appended, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A folder of the real file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// This folder; it and those above it are made if they are not there, and are durable then: also those that
    /// somebody made just before, or a process that was killed.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        sync_above(&fs::canonicalize(path)?, |folder| fs::File::open(folder)?.sync_all())?;
        Ok(Self { path: path.to_owned() })
    }

    /// This folder, which is there already.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

/// Makes durable that a folder is there, and each above it.
fn sync_above(path: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    for above in path.ancestors().skip(1) {
        match sync(above) {
            // What we may not read we have not made anything in; and some systems (of memory, of other machines) do not
            // sync folders.
            Err(error) if matches!(error.kind(), DENIED | NOT_KNOWN) => {}
            synced => synced?,
        }
    }
    Ok(())
}

const DENIED: io::ErrorKind = io::ErrorKind::PermissionDenied;
const NOT_KNOWN: io::ErrorKind = io::ErrorKind::InvalidInput;

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string()));
        // What is no text is not ours.
        names.filter_map(|name: io::Result<_>| name.map(Result::ok).transpose()).collect()
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }
    fn read_part(&self, name: &str, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(self.path.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(bytes_max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path.join(name))?.len())
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
        let path = self.path.join(name);
        Ok(Box::new(fs::File::create(path)?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }
    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }
}

impl Appended for fs::File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }
    fn prepare(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.stream_position()?;
        let written = write_zeros(self, bytes);
        // What comes next belongs here, also if there was no room for all of them.
        self.seek(SeekFrom::Start(end))?;
        written
    }
    fn seal(&mut self) -> io::Result<()> {
        let end = self.stream_position()?;
        self.set_len(end)?;
        self.sync_all()
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

fn write_zeros(file: &mut fs::File, mut bytes: u64) -> io::Result<()> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    while bytes > 0 {
        let count = bytes.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..count as usize])?;
        bytes -= count;
    }
    Ok(())
}
