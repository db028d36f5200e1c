//! What the native API says and takes of perpetuals: their terms, prices and funding; the positions of an account, how it
//! holds them, what came of them, and when they were in danger.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What makes an instrument a perpetual. Rates are shares of one: `"0.01"` is one per cent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Terms {
    /// What it pays in.
    pub payoff: Payoff,
    /// What a quantity of one stands for: of the base asset if linear, whole units of the quote asset if inverse.
    #[schema(example = 1)]
    pub contract_size: i64,
    /// The asset of margin, profit, fees and funding.
    #[schema(example = "USD")]
    pub margin_asset: String,
    /// The highest leverage that may be chosen, with which an account begins.
    #[schema(example = 100)]
    pub leverage_max: u16,
    /// What margin takes, by the value of a position; what of it is in a tier takes that tier's rates.
    pub tiers: Vec<Tier>,
    /// What the index is made of: spot instruments, and the names of feeds that are quoted from outside.
    #[schema(example = json!(["BTC-USD"]))]
    pub index: Vec<String>,
    /// How far the mark may be away from the index, as a share of it.
    #[schema(example = "0.005000")]
    pub basis_max: String,
    /// Funding is exchanged at the multiples of so many seconds, counted from 1970.
    #[schema(example = 28800)]
    pub funding_seconds: i64,
    /// The highest rate of funding, either way.
    #[schema(example = "0.007500")]
    pub funding_rate_max: String,
    /// How far from the mark a liquidation may trade, as a share of it.
    #[schema(example = "0.020000")]
    pub liquidation_band: String,
    /// What a liquidation pays into the insurance fund, of the value that it trades.
    #[schema(example = "0.001000")]
    pub liquidation_fee: String,
}

/// What a perpetual pays in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payoff {
    /// In the quote asset: worth price × quantity.
    Linear,
    /// In the base asset: so much of the quote asset, divided by the price.
    Inverse,
}

/// What the part of a position's value takes that is in this tier.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tier {
    /// It ends at this value, in the margin asset. No position may be worth more than the last one's.
    #[schema(example = "1000000.0000000000")]
    pub up_to: String,
    /// To open.
    #[schema(example = "0.010000")]
    pub initial: String,
    /// To keep.
    #[schema(example = "0.005000")]
    pub maintenance: String,
}

/// What answers for a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarginMode {
    /// All that the account has of the margin asset, together with its other cross positions.
    Cross,
    /// What was set aside for it, and nothing else.
    Isolated,
}

/// What is changed of how positions are held in a perpetual: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarginChange {
    /// Times the margin. Lowered while a position is open, more margin has to be there.
    #[schema(minimum = 1, example = 20)]
    pub leverage: Option<u16>,
    /// What answers for the position, while there is none.
    pub mode: Option<MarginMode>,
    /// So much of the margin asset is set aside for the isolated position besides or, if negative, not any more.
    #[schema(example = "100")]
    pub add: Option<String>,
}

/// How an account holds its position in a perpetual, or the one that it opens next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Margin {
    /// Where.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// What answers for it.
    pub mode: MarginMode,
    /// Times the margin.
    #[schema(example = 20)]
    pub leverage: u16,
}

/// How an account holds its positions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Margins {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// Of each perpetual in which it ever traded or chose something; of others it is cross, with the highest leverage.
    pub margins: Vec<Margin>,
}

/// The prices of a perpetual, as they were taken last.
#[derive(Debug, Serialize, ToSchema)]
pub struct PerpetualState {
    /// Which.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// When, in market time.
    #[schema(format = DateTime)]
    pub time: String,
    /// What margin, profit and liquidations are computed with.
    #[schema(example = "60012")]
    pub mark_price: String,
    /// What other markets say.
    #[schema(example = "60000")]
    pub index_price: String,
    /// What longs would pay to shorts if funding were exchanged now, as a share of a position's value.
    #[schema(example = "0.000190")]
    pub funding_rate: String,
    /// When it is exchanged next.
    #[schema(format = DateTime)]
    pub next_funding_at: String,
    /// How much all longs hold together, which is what all shorts do.
    #[schema(example = "12.50000")]
    pub open_interest: String,
}

/// Funding of a perpetual that was exchanged.
#[derive(Debug, Serialize, ToSchema)]
pub struct FundingRates {
    /// Of which perpetual.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// The oldest first.
    pub rates: Vec<FundingRate>,
}

/// Funding that was exchanged.
#[derive(Debug, Serialize, ToSchema)]
pub struct FundingRate {
    /// When it was due.
    #[schema(format = DateTime)]
    pub time: String,
    /// As a share of a position's value; positive, longs paid.
    #[schema(example = "0.000190")]
    pub rate: String,
}

/// On which side a position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PositionSide {
    /// It gains when the price rises.
    Long,
    /// It gains when the price falls.
    Short,
}

/// A position in a perpetual: open, or as it ended. Amounts are in the margin asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct Position {
    /// Its id; an account's next position there has another.
    #[schema(example = "1000001")]
    pub id: String,
    /// Where.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// On which side it is or was.
    pub side: PositionSide,
    /// How much is open; nothing of one that has ended.
    #[schema(example = "0.50000")]
    pub size: String,
    /// The average price at which what is open was opened, rounded down to four decimals more than a price has.
    #[schema(required, example = "60000.0000")]
    pub entry_price: Option<String>,
    /// The mark by which the rest is computed.
    #[schema(required, example = "60012")]
    pub mark_price: Option<String>,
    /// What it is worth at the mark.
    #[schema(required)]
    pub value: Option<String>,
    /// Profit at the mark that is not money yet, or loss if negative.
    #[schema(required, example = "6.0000000000")]
    pub unrealized_profit: Option<String>,
    /// The mark at which it would begin to be liquidated if nothing else changed: of a cross position, no other position, no
    /// price and no balance. `null` if no price would do it, or if its `equity` is not told.
    #[schema(required, example = "57323")]
    pub liquidation_price: Option<String>,
    /// Profit that became money, or loss if negative, before fees.
    pub realized_profit: String,
    /// What was paid for its trades.
    pub fees_paid: String,
    /// What was paid into the insurance fund for its liquidations.
    pub liquidation_fees_paid: String,
    /// Funding received, or paid if negative.
    pub funding: String,
    /// What the insurance fund paid of its losses and costs, where the account had not so much.
    pub insured: String,
    /// What answers for it.
    pub mode: MarginMode,
    /// Times the margin.
    #[schema(example = 20)]
    pub leverage: u16,
    /// What is set aside for it, if it is isolated.
    pub margin: String,
    /// What it takes to open it at the mark.
    #[schema(required)]
    pub initial_margin: Option<String>,
    /// What it takes to keep it at the mark. It is liquidated when the equity is below that; cross positions together, when
    /// it is below that of all of them.
    #[schema(required)]
    pub maintenance_margin: Option<String>,
    /// What answers for it now: isolated, its margin with its profit; cross, what is available with the profit of all cross
    /// positions of that asset. `null` of a cross position to a key that does not see all of them.
    #[schema(required)]
    pub equity: Option<String>,
    /// Whether it is being liquidated.
    pub in_liquidation: bool,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// When it changed last.
    #[schema(format = DateTime)]
    pub changed_at: String,
}

/// Positions of the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Positions {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// Those that were opened last come first.
    pub positions: Vec<Position>,
}

/// Why money came of a position, or went into it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementKind {
    /// Its owner traded against it.
    Trade,
    /// It was liquidated through the book.
    Liquidation,
    /// It was closed to deleverage somebody, or its owner was.
    Deleveraging,
    /// It stays open, but its profit at the mark was needed to pay for something else.
    Draw,
    /// Funding was exchanged.
    Funding,
}

/// Money that came of a position, or went into it. Amounts are in the margin asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settlement {
    /// Its id.
    #[schema(example = "20417")]
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// Where.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// Of which position.
    #[schema(example = "1000001")]
    pub position_id: String,
    /// Why.
    pub kind: SettlementKind,
    /// On which side the position was; `null` where that is not known: of what was settled of a position before anything else
    /// was told of it, as its account was not followed when it was opened.
    #[schema(required)]
    pub side: Option<PositionSide>,
    /// How much was closed or, if nothing was, is open; `null` as the side is.
    #[schema(required, example = "0.50000")]
    pub quantity: Option<String>,
    /// At which price: of the trade, else the mark.
    #[schema(example = "60012")]
    pub price: String,
    /// Profit, or loss if negative, before fees.
    pub profit: String,
    /// What was paid for the trade.
    pub fee: String,
    /// What was paid into the insurance fund for a liquidation.
    pub liquidation_fee: String,
    /// Funding received, or paid if negative.
    pub funding: String,
    /// What the insurance fund paid of this, where the account had not so much.
    pub insured: String,
    /// What came in all, or went if negative: by so much the account's balance changed.
    pub total: String,
}

/// Settlements of the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settlements {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// As they were asked for.
    pub settlements: Vec<Settlement>,
}

/// How far a margin has come into danger.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Nine tenths of the equity are not more than the initial margin.
    InitialWarning,
    /// The equity is below the initial margin.
    InitialBreach,
    /// Nine tenths of the equity are not more than the maintenance margin.
    MaintenanceWarning,
    /// The equity is below the maintenance margin: it is being liquidated.
    LiquidationStart,
    /// The liquidation ended.
    LiquidationConcluded,
}

/// A margin came into danger, or its liquidation ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alert {
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// Where.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// For which position.
    #[schema(example = "1000001")]
    pub position_id: String,
    /// How far it has come.
    pub kind: AlertKind,
    /// What answers for the position.
    pub mode: MarginMode,
    /// What answered for it then.
    pub equity: String,
    /// What it took to open what was open; of cross positions, all of them.
    pub initial_margin: String,
    /// What it took to keep it.
    pub maintenance_margin: String,
}

/// The last alerts of the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alerts {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// The newest first.
    pub alerts: Vec<Alert>,
}
