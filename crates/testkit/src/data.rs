//! Captures of real venues, which are not part of the project: tests that want them skip where they are
//! absent, and say so.

use std::path::{Path, PathBuf};

/// The folder of a capture, in the folder that the environment variable `RIALTO_DATA` names, else in
/// `../shared/data` beside the workspace. `None`, with a word on the output, where it is absent.
///
/// # Panics
/// If `RIALTO_DATA` is set and the capture is not in it: who names a folder wants it used.
#[must_use]
pub fn capture(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("RIALTO_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = named.clone().unwrap_or_else(beside).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(named.is_none(), "RIALTO_DATA is set, but there is no {}", folder.display());
    println!("skipped: {} absent", folder.display());
    None
}
