//! The subjects on the bus that are a market's.

/// The subjects of one market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// What the market is called on the bus.
    pub name: String,
    /// On which the core publishes its journal as it comes.
    pub pieces: String,
    /// On which it is asked for what is missing, and for images.
    pub ask: String,
    /// On which it is asked for the rest: how time runs, what is submitted.
    pub market: String,
}

impl Subjects {
    /// Those of the market of this name, which is one word of letters, digits, `-` and `_`.
    pub fn of(market: &str) -> Self {
        let subject = |word: &str| format!("rialto.{market}.{word}");
        let (pieces, ask) = (subject("pieces"), subject("ask"));
        Self { name: market.to_owned(), pieces, ask, market: subject("market") }
    }

    /// On which a standby of this name is asked whether it is there.
    pub fn standby(&self, machine: &str) -> String {
        format!("rialto.{}.standby.{machine}", self.name)
    }
}
