//! Between our words and the venue's: markets and tokens with their names and addresses. Sections B5 and B8.

pub mod entity;

use model::{Address, Asset, Instrument, Settlement};

/// A token: an asset and its contract's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is, and in which units it is counted. Its code is its symbol.
    pub asset: Asset,
    /// Its contract.
    pub address: Address,
}

impl Token {
    /// That of an asset.
    pub fn new(asset: &Asset) -> Self {
        Self { asset: asset.clone(), address: Address::of_asset(&asset.code) }
    }
    /// `BTC`
    pub fn symbol(&self) -> &str {
        &self.asset.code
    }
}

/// A market with its rules. Fees are taken in the quote token.
#[derive(Debug)]
pub struct Market {
    /// Its place among the listed markets.
    pub place: u16,
    /// The rules.
    pub instrument: Instrument,
    /// How a trade moves tokens.
    pub settlement: Settlement,
    /// `ETHAUDT`
    pub symbol: Box<str>,
    /// What is bought.
    pub base: Token,
    /// What it is paid with; fees too.
    pub quote: Token,
}
