//! A folder for what a bench writes, which it removes again.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that is gone when dropped.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// One of the bench with this name: in this folder, or in ./target if that is there, else here.
    pub fn new(bench: &str, within: Option<&Path>) -> Result<Self, String> {
        let target = Path::new("target");
        let here = if target.is_dir() { target } else { Path::new(".") };
        let name = format!("rialto-bench-{bench}-{}", std::process::id());
        let path = within.unwrap_or(here).join(name);
        fs::create_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        Ok(Self(fs::canonicalize(&path).unwrap_or(path)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is told by its being there.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// That something there cannot be written, and what to do.
pub fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("failed to write {}: {error}; name another folder with --dir", path.display())
}
