//! Captures of ours, for whoever reads them: which folder is one, in which tongue it is, and what people should know of it.

use std::path::{Path, PathBuf};

use feed::hearing::Hearing;
use feed::journal::disk::Folder;
use feed::recording::{Head, Reader, segment_number};
use model::Time;

use crate::run::{Failure, failed};
use crate::tongues::{self, Tongue};

/// Whether this folder holds a capture of ours.
pub fn is_ours(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|it| it.file_name().to_str().and_then(segment_number).is_some())
}

/// A folder with a capture.
pub struct Opened {
    path: PathBuf,
    disk: Folder,
}

impl Opened {
    /// The capture in this folder.
    ///
    /// # Errors
    /// [`Failure`] if there is no such folder.
    pub fn at(path: &Path) -> Result<Self, Failure> {
        if !path.is_dir() {
            return Err(Failure(format!("there is no folder {}", path.display())));
        }
        Ok(Self { path: path.to_owned(), disk: Folder::at(path) })
    }

    /// Reads it from the beginning.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub fn reader(&self) -> Result<Reader<'_>, Failure> {
        let here = self.path.display();
        Reader::open(&self.disk)
            .map_err(failed(format_args!("read the capture in {here}")))?
            .ok_or_else(|| Failure(format!("there is no capture in {here}")))
    }
}

/// The tongue of a capture.
///
/// # Errors
/// [`Failure`] if nobody speaks it.
pub fn tongue(head: &Head) -> Result<&'static Tongue, Failure> {
    tongues::called(&head.dialect).ok_or_else(|| {
        Failure(format!(
            "nobody here speaks {:?}, which is captured; these are spoken: {}",
            head.dialect,
            tongues::names()
        ))
    })
}

/// What people should know of a capture that was heard to its end.
pub fn notes(reader: &Reader<'_>, hearing: &Hearing) -> Vec<String> {
    let mut notes: Vec<String> =
        reader.notes().iter().map(|note| format!("note: {note}")).collect();
    if !reader.has_ended() {
        notes.push(
            "note: the recorder was not ended as asked; it is whole as far as it goes".to_owned(),
        );
    }
    if hearing.gaps() > 0 {
        notes.push(format!(
            "note: {} times something may be missing, until the next connection",
            hearing.gaps()
        ));
    }
    if let Some((count, first)) = hearing.misheard() {
        notes.push(format!(
            "note: {count} times the venue was not understood, and nothing was taken until the next connection; first, {first}"
        ));
    }
    notes
}

/// A moment that people read.
pub fn moment(at: Time) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}
