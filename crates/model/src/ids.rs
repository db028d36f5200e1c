//! Identifiers and sequence numbers. All are pure functions of the log: nothing here is random.

use core::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The place of an instrument in the directory, dense from 0.
    InstrumentId(u16)
}
number! {
    /// Whose order, balance or position it is. 0 is nobody (a source by level has no accounts).
    AccountId(u32)
}
number! {
    /// The place of an asset among the assets of the directory, dense from 0.
    AssetId(u16)
}
number! {
    /// An order's id, unique over all instruments. The engine counts from `2^50`, so that ids have the
    /// sixteen digits that clients of real venues are used to and stay below `2^53`.
    OrderId(u64)
}
number! {
    /// A trade's id, unique over all instruments. The engine counts from 100,000,001.
    TradeId(u64)
}
number! {
    /// A position's id, unique over all perpetuals. The engine counts from 1,000,001.
    PositionId(u64)
}
number! {
    /// The place of a command or an event in its stream, from 1 without gaps.
    Sequence(u64)
}
number! {
    /// Which life of a stream a sequence belongs to.
    Epoch(u32)
}

/// By what a repeat of a request is known: half a SHA-256 of who asked and what made the request unique. Nobody
/// learns a key from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 16]);

impl AccountId {
    /// The venue's own account, to which all fees go. Nobody trades with it; it is an account like any other.
    pub const FEES: Self = Self(u32::MAX);
}

impl InstrumentId {
    /// Stands where an event concerns no single instrument.
    pub const NONE: Self = Self(u16::MAX);

    /// The id as an index into tables that are dense by instrument.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl AssetId {
    /// The id as an index into tables that are dense by asset.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Sequence {
    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
