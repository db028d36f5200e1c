//! What can go wrong in a store: whose fault it was, and what to do.

use std::fmt;
use std::path::PathBuf;

use crate::CredentialId;

/// Why the store did not do what it was asked. Reads well after "failed to …: ". Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Another process kept the store for itself for too long. Trying again may help.
    Busy,
    /// The database, or the disk below it, failed.
    Database(String),
    /// The database's server cannot be reached, or did not answer in time. It is tried anew whenever it is needed.
    /// Whether something that was being written was is not known then; [`refresh`](crate::Store::refresh) tells.
    Unreachable(String),
    /// The database knows of fewer changes than were read from it before: it is an older copy.
    WentBack {
        /// The last change that it has.
        found: u64,
        /// The last that was read.
        known: u64,
    },
    /// A file or folder could not be used.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// The file is a database of something else.
    NotAStore(PathBuf),
    /// The schema of the database is used for something else.
    SchemaTaken,
    /// It is another store than the one that is meant: whose that is, and what to do.
    AnotherStore(String),
    /// What was given is no address of a database that we can use.
    AddressBad {
        /// The address, without its password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// What was given is no password.
    PasswordBad {
        /// The file in which it was looked for.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// Accounts are in PostgreSQL, and this program was built without it.
    WithoutPostgres,
    /// A later version of this program has written it.
    TooNew {
        /// The version of its tables.
        found: i64,
        /// The last that we know.
        known: i64,
    },
    /// It holds, or should hold, sealed secrets, and no master key was given.
    MasterKeyMissing,
    /// Its secrets were sealed with another master key.
    MasterKeyWrong,
    /// What was given is not a master key.
    MasterKeyBad {
        /// Where it was read: a file's name or a variable's.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// The sealed secret of this credential is not what we sealed for it.
    Tampered(CredentialId),
    /// A row holds what we never write.
    Malformed(CredentialId),
    /// No account is named so.
    BadName(String),
    /// There is an account of this name already.
    NameTaken(String),
    /// The name of a demo account.
    NameOfDemo(String),
    /// The credential belongs to the demo and cannot be changed.
    OfDemo,
    /// There is no such account.
    UnknownAccount,
    /// There is no such credential.
    UnknownCredential,
    /// No credentials are made for a dialect of this name.
    UnknownDialect(String),
    /// All account numbers are taken.
    Full,
    /// The system has no randomness.
    NoRandomness(String),
}

impl StoreError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Busy | Self::Unreachable(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("another process is writing to the store; try again"),
            Self::Database(error) => write!(f, "the database of accounts failed: {error}"),
            Self::Unreachable(why) => {
                write!(f, "the database of accounts cannot be reached (it is tried again): {why}")
            }
            Self::WentBack { found, known } => write!(
                f,
                "the database of accounts has {found} changes and {known} were read from it before: it is an older \
                 copy; start this program again, or restore the newer one"
            ),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NotAStore(path) => {
                write!(f, "{} is not a store of accounts; name another folder", path.display())
            }
            Self::AnotherStore(why) => f.write_str(why),
            Self::SchemaTaken => f.write_str(
                "the schema rialto of the database is not a store of accounts; name another database",
            ),
            Self::AddressBad { address, why } => {
                write!(f, "{address} is no address of a database of accounts: {why}")
            }
            Self::PasswordBad { from, why } => write!(f, "no password in {from}: {why}"),
            Self::WithoutPostgres => f.write_str(
                "accounts are configured to be in PostgreSQL and this program was built without it; build it with \
                 `--features postgres`, or take [accounts] out of the configuration",
            ),
            Self::TooNew { found, known } => write!(
                f,
                "the store has tables of version {found} and this program knows {known}; use the newer program"
            ),
            Self::MasterKeyMissing => f.write_str(
                "signing secrets are sealed with a master key and none was given; set RIALTO_MASTER_KEY or give \
                 --master-key FILE (`rialto keys master-key FILE` makes a new one)",
            ),
            Self::MasterKeyWrong => f.write_str(
                "this is not the master key with which the store's secrets were sealed; give that one",
            ),
            Self::MasterKeyBad { from, why } => write!(f, "no master key in {from}: {why}"),
            Self::Tampered(credential) => write!(
                f,
                "the sealed secret of credential {credential} was changed by somebody else; revoke it \
                 (`rialto keys revoke {credential}`) and issue another"
            ),
            Self::Malformed(credential) => write!(
                f,
                "the row of credential {credential} holds what this program never writes; restore the store"
            ),
            Self::BadName(name) => write!(
                f,
                "{name:?} is no name for an account: a letter, then at most 63 of a-z, 0-9, '.', '_', '-'"
            ),
            Self::NameTaken(name) => write!(f, "there is an account named {name} already"),
            Self::NameOfDemo(name) => write!(
                f,
                "{name} is an account of the demo (`rialto keys demo` shows it); choose another name"
            ),
            Self::OfDemo => f.write_str(
                "this belongs to the demo, whose credentials are public and only good on loopback",
            ),
            Self::UnknownAccount => f.write_str("there is no such account"),
            Self::UnknownCredential => f.write_str("nobody holds this credential"),
            Self::UnknownDialect(name) => write!(f, "no credentials are made for {name:?}"),
            Self::Full => f.write_str("all account numbers are taken"),
            Self::NoRandomness(error) => write!(f, "the system gives no random bytes: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}
