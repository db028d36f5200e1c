//! Where accounts are kept: in a file beside the market's state, or in a database that the configuration names. The same
//! for a venue and for `rialto keys`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{Opening, SqliteStore, Store, StoreError};

use crate::config::AccountsPlan;

/// Where accounts are kept.
#[derive(Debug)]
pub enum Place {
    /// In a file in this folder.
    Folder(PathBuf),
    /// In a database.
    Database(AccountsPlan),
}

impl Place {
    /// In the database that is configured, else in this folder.
    pub fn of(configured: Option<&AccountsPlan>, folder: &Path) -> Self {
        match configured {
            Some(plan) => Self::Database(plan.clone()),
            None => Self::Folder(folder.to_owned()),
        }
    }

    /// Whether there is a store. In a database there always is: whoever comes first makes its tables.
    pub fn is_there(&self) -> bool {
        match self {
            Self::Folder(folder) => folder.join(store::FILE).exists(),
            Self::Database(_) => true,
        }
    }

    /// Opens the store; makes it if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened.
    pub fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::Folder(folder) => Ok(Arc::new(SqliteStore::open(folder, opening)?)),
            Self::Database(plan) => plan.database.open(plan.password_file.as_deref(), opening),
        }
    }
}

/// For people; without the password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Database(plan) => write!(f, "{}", plan.database),
        }
    }
}
