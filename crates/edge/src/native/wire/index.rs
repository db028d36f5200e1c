//! What the native API says and takes of indexes: their constituents, and prices that are quoted from outside.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the index of a perpetual is made of, as a mark taken now would have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// Of which perpetual.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// The index as it was taken last; `null` before there is one.
    #[schema(required, example = "60000")]
    pub index_price: Option<String>,
    /// For so many seconds a quote from outside is good.
    #[schema(example = 10)]
    pub stale_seconds: i64,
    /// How far from the median of all a constituent may be and still count, as a share of it.
    #[schema(example = "0.050000")]
    pub outlier: String,
    /// In the order of the configuration.
    pub constituents: Vec<Constituent>,
}

/// One of those of which an index is made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IndexConstituent)]
pub struct Constituent {
    /// A spot instrument, or the name of a feed.
    #[schema(example = "kraken")]
    pub name: String,
    /// Where its price is from.
    pub kind: Kind,
    /// Of a book its middle, rounded down to a tick of the perpetual; of a feed what it quoted last. `null` if there is none.
    #[schema(required, example = "60000")]
    pub price: Option<String>,
    /// When it was quoted, in market time; `null` of a book, and of a feed that never was.
    #[schema(required, format = DateTime)]
    pub quoted_at: Option<String>,
    /// How long ago that was, in milliseconds of market time.
    #[schema(required, example = 420)]
    pub age_ms: Option<i64>,
    /// Whether it counts.
    pub counts: bool,
    /// Why it does not; `null` if it does.
    #[schema(required)]
    pub left_out: Option<LeftOut>,
}

/// Where the price of a constituent is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IndexConstituentKind)]
pub enum Kind {
    /// A book of ours.
    Book,
    /// It is quoted from outside.
    Feed,
}

/// Why a constituent does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IndexLeftOut)]
pub enum LeftOut {
    /// The book has not both sides, or the feed was never quoted, or the price is none that the perpetual can have.
    Silent,
    /// It was quoted too long ago.
    Stale,
    /// It is too far from the median of all.
    Outlier,
}

/// A price for a feed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewQuote)]
pub struct NewQuote {
    /// A multiple of the perpetual's tick size.
    #[schema(example = "60000")]
    pub price: String,
}

/// A price that was taken for a feed. It is in the index from the next mark on, at the next whole second.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quote {
    /// Of which perpetual.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// The feed.
    #[schema(example = "kraken")]
    pub constituent: String,
    /// The price.
    #[schema(example = "60000")]
    pub price: String,
    /// When it was taken, in market time.
    #[schema(format = DateTime)]
    pub quoted_at: String,
    /// The number of the command that it became.
    #[schema(example = "81234")]
    pub sequence: String,
}
