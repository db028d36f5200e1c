//! What the native API knows of the venue that it speaks for, and how it words what the market says.

use model::{
    Amount, AnswerBody, Asset, Assets, Cadence, Constituent, Contract, Decimal, Instrument,
    InstrumentId, Level, Liquidity, Listing, Minimum, OrderKind, OwnOrder, OwnTrade, Payoff, Price,
    Purpose, Quantity, Side, Standing, Status, Time, TimeInForce, Trade, Trail, TriggerWhen,
};

use super::wire::{self, own, perpetual};
use crate::clock::Speed;

#[cfg(test)]
mod tests;

/// What does not change while a venue is served.
#[derive(Clone, Debug)]
pub struct Venue {
    /// What is served, for people.
    pub name: String,
    /// The instruments, by number.
    pub listings: Vec<Listing>,
    /// What makes some of them perpetuals.
    pub contracts: Vec<Contract>,
    /// What the resting order of a trade pays, in millionths.
    pub maker_fee_ppm: u32,
    /// What the arriving order of a trade pays, in millionths.
    pub taker_fee_ppm: u32,
    /// At which cadence books are published that are answered.
    pub cadence: Cadence,
    /// Market time when doors opened.
    pub opened: Time,
    /// How fast market time runs.
    pub speed: Speed,
    /// What the crowd is seeded with, if there is one.
    pub seed: Option<u64>,
    /// Names of ours besides the address that a client reached, as `Host` has them.
    pub hosts: Vec<String>,
}

/// A venue with what follows from its listings.
pub(crate) struct Words {
    pub venue: Venue,
    pub assets: Assets,
    names: Vec<String>,
}

impl Words {
    pub fn new(venue: Venue) -> Self {
        let instruments: Vec<Instrument> =
            venue.listings.iter().map(|listing| listing.instrument.clone()).collect();
        let names = Contract::names(&instruments, &venue.contracts);
        Self { assets: Assets::of(&instruments), venue, names }
    }

    /// The instrument of this name, in whatever case.
    pub fn instrument(&self, name: &str) -> Option<&Instrument> {
        let at = self.names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        Some(&self.venue.listings[at].instrument)
    }

    /// The name of an instrument.
    pub fn name(&self, id: InstrumentId) -> &str {
        self.names.get(id.index()).map_or("", String::as_str)
    }

    /// What makes an instrument a perpetual.
    pub fn contract(&self, id: InstrumentId) -> Option<&Contract> {
        self.venue.contracts.iter().find(|contract| contract.instrument == id)
    }

    /// A feed of a perpetual's index, by its place there.
    pub fn feed(&self, (id, place): (InstrumentId, u16)) -> Option<own::FeedOfIndex> {
        match self.contract(id)?.constituents.get(usize::from(place))? {
            Constituent::Feed(name) => Some(own::FeedOfIndex {
                instrument: self.name(id).to_owned(),
                constituent: name.to_string(),
            }),
            Constituent::Book(_) => None,
        }
    }

    /// What a perpetual pays in.
    pub fn margin_asset(&self, id: InstrumentId) -> Option<&Asset> {
        let settlement = self.assets.settlement(id)?;
        self.assets.get(match self.contract(id)?.payoff {
            Payoff::Linear => settlement.quote,
            Payoff::Inverse => settlement.base,
        })
    }

    /// What fees of an instrument are paid in.
    pub fn fee_asset(&self, id: InstrumentId) -> Option<&Asset> {
        self.margin_asset(id).or_else(|| self.assets.get(self.assets.settlement(id)?.quote))
    }

    fn terms(&self, id: InstrumentId) -> Option<perpetual::Terms> {
        let (contract, asset) = (self.contract(id)?, self.margin_asset(id)?);
        let tier = |tier: &model::Tier| perpetual::Tier {
            up_to: amount(asset, tier.up_to),
            initial: rate(tier.initial_ppm.into()),
            maintenance: rate(tier.maintenance_ppm.into()),
        };
        let constituent = |it: &Constituent| match *it {
            Constituent::Book(book) => self.name(book).to_owned(),
            Constituent::Feed(name) => name.to_string(),
        };
        Some(perpetual::Terms {
            payoff: match contract.payoff {
                Payoff::Linear => perpetual::Payoff::Linear,
                Payoff::Inverse => perpetual::Payoff::Inverse,
            },
            contract_size: contract.size,
            margin_asset: asset.code.clone(),
            leverage_max: contract.leverage_max(),
            tiers: contract.tiers.iter().map(tier).collect(),
            index: contract.constituents.iter().map(constituent).collect(),
            basis_max: rate(contract.basis_ppm_max.into()),
            funding_seconds: contract.funding_interval.0 / 1_000_000,
            funding_rate_max: rate(contract.funding_ppm_max.into()),
            liquidation_band: rate(contract.liquidation_band_ppm.into()),
            liquidation_fee: rate(contract.liquidation_fee_ppm.into()),
        })
    }

    /// The instrument with this number.
    pub fn listed(&self, id: InstrumentId) -> &Instrument {
        &self.venue.listings[id.index()].instrument
    }

    pub fn listing(&self, listing: &Listing, status: Status) -> wire::Instrument {
        let it = &listing.instrument;
        let minimum = match it.minimum {
            Minimum::Notional(value) => {
                let text = scaled(value, it.price_decimals + it.quantity_decimals);
                wire::Minimum { value: Some(trimmed(&text)), quantity: None }
            }
            Minimum::Quantity(least) => {
                wire::Minimum { value: None, quantity: Some(quantity(it, least)) }
            }
        };
        wire::Instrument {
            instrument: self.name(it.id).to_owned(),
            description: listing.description.clone(),
            base: it.base.clone(),
            quote: it.quote.clone(),
            tick_size: price(it, Price(1)),
            lot_size: quantity(it, Quantity(1)),
            minimum,
            status: match status {
                Status::Trading => wire::InstrumentStatus::Trading,
                Status::PostOnly => wire::InstrumentStatus::PostOnly,
                Status::CancelOnly => wire::InstrumentStatus::CancelOnly,
                Status::Halted => wire::InstrumentStatus::Halted,
            },
            fees: wire::Fees {
                maker: rate(self.venue.maker_fee_ppm.into()),
                taker: rate(self.venue.taker_fee_ppm.into()),
            },
            perpetual: self.terms(it.id),
            symbols: listing.symbols.iter().cloned().collect(),
        }
    }

    /// A book; `None` if the answer is none.
    pub fn book(&self, it: &Instrument, depth: usize, body: AnswerBody) -> Option<wire::Book> {
        let AnswerBody::Book { time: stamp, bids, asks } = body else { return None };
        let levels = |levels: Vec<Level>| {
            let word = |level: Level| wire::Level {
                price: price(it, level.price),
                quantity: quantity(it, level.quantity),
            };
            levels.into_iter().take(depth).map(word).collect()
        };
        let instrument = self.name(it.id).to_owned();
        Some(wire::Book { instrument, time: time(stamp), bids: levels(bids), asks: levels(asks) })
    }

    pub fn trade(it: &Instrument, trade: &Trade) -> wire::PublicTrade {
        wire::PublicTrade {
            id: trade.id.to_string(),
            time: time(trade.time),
            price: price(it, trade.price),
            quantity: quantity(it, trade.quantity),
            aggressor: side(trade.aggressor),
        }
    }

    pub fn candle(it: &Instrument, candle: &model::Candle) -> wire::Candle {
        wire::Candle {
            start: time(candle.start),
            open: price(it, candle.open),
            high: price(it, candle.high),
            low: price(it, candle.low),
            close: price(it, candle.close),
            volume: quantity(it, candle.volume),
            trades: candle.trades,
        }
    }

    pub fn ticker(&self, it: &Instrument, ticker: &model::Ticker) -> wire::Ticker {
        let price = |of: Option<Price>| of.map(|it_is| price(it, it_is));
        wire::Ticker {
            instrument: self.name(it.id).to_owned(),
            time: time(ticker.time),
            last: price(ticker.last),
            bid: price(ticker.bid),
            ask: price(ticker.ask),
            open: price(ticker.open),
            high: price(ticker.high),
            low: price(ticker.low),
            volume: quantity(it, ticker.volume),
            trades: ticker.trades,
        }
    }

    pub fn balance(&self, balance: &model::Balance) -> Option<own::Balance> {
        let asset = self.assets.get(balance.asset)?;
        Some(own::Balance {
            asset: asset.code.clone(),
            available: amount(asset, balance.available),
            held: amount(asset, balance.held),
            total: amount(asset, balance.available + balance.held),
        })
    }

    pub fn order(&self, own: &OwnOrder) -> own::Order {
        let (it, order) = (self.listed(own.instrument), &own.order);
        let kind = match (order.kind, order.trigger) {
            (OrderKind::Limit(_), None) => own::OrderType::Limit,
            (OrderKind::Market, None) => own::OrderType::Market,
            (OrderKind::Limit(_), Some(_)) => own::OrderType::StopLimit,
            (OrderKind::Market, Some(_)) => own::OrderType::Stop,
        };
        let (time_in_force, expires_at) = match order.time_in_force {
            TimeInForce::GoodTillCanceled => (own::TimeInForce::Gtc, None),
            TimeInForce::ImmediateOrCancel => (own::TimeInForce::Ioc, None),
            TimeInForce::FillOrKill => (own::TimeInForce::Fok, None),
            TimeInForce::GoodTillDate(at) => (own::TimeInForce::Gtd, Some(time(at))),
        };
        let replaced_by = match own.standing {
            Standing::Replaced(by) => Some(by.to_string()),
            _ => None,
        };
        own::Order {
            id: order.id.to_string(),
            client_order_id: own.label.as_deref().map(str::to_owned),
            instrument: self.name(own.instrument).to_owned(),
            side: side(order.side),
            kind,
            time_in_force,
            expires_at,
            post_only: order.post_only,
            reduce_only: own.purpose == Purpose::Reduce,
            price: order.kind.limit().map(|limit| price(it, limit)),
            stop_price: order.trigger.map(|trigger| price(it, trigger.level())),
            trail_basis_points: order.trigger.and_then(|it| it.trail).map(Trail::basis_points),
            stop_when: order.trigger.map(|trigger| match trigger.when {
                TriggerWhen::AtOrAbove => own::TriggerWhen::AtOrAbove,
                TriggerWhen::AtOrBelow => own::TriggerWhen::AtOrBelow,
            }),
            quantity: quantity(it, order.original),
            remaining: quantity(it, order.remaining),
            filled: quantity(it, own.filled.quantity),
            filled_value: self.value(own.instrument, own.filled.turnover),
            fees_paid: self.fee(own.instrument, own.filled.fee),
            status: status(own.standing),
            created_at: time(own.created),
            changed_at: time(own.changed),
            replaces: own.replaces.map(|old| old.to_string()),
            replaced_by,
        }
    }

    /// Σ price × quantity in the quote asset; `turnover` is in ticks × lots.
    fn value(&self, id: InstrumentId, turnover: i128) -> String {
        let per = self.assets.settlement(id).map_or(0, |it| it.quote_per_tick_lot);
        self.quote(id, Amount(turnover * per))
    }

    /// An amount of an instrument's quote asset.
    fn quote(&self, id: InstrumentId, of: Amount) -> String {
        let asset = self.assets.settlement(id).and_then(|it| self.assets.get(it.quote));
        asset.map(|asset| amount(asset, of)).unwrap_or_default()
    }

    /// An amount of what an instrument's fees are paid in.
    fn fee(&self, id: InstrumentId, of: Amount) -> String {
        self.fee_asset(id).map(|asset| amount(asset, of)).unwrap_or_default()
    }

    pub fn own_trade(&self, trade: &OwnTrade) -> own::OwnTrade {
        let it = self.listed(trade.instrument);
        let asset = self.fee_asset(trade.instrument);
        own::OwnTrade {
            id: trade.id.to_string(),
            time: time(trade.time),
            instrument: self.name(trade.instrument).to_owned(),
            order_id: trade.order.to_string(),
            client_order_id: trade.label.as_deref().map(str::to_owned),
            side: side(trade.side),
            price: price(it, trade.price),
            quantity: quantity(it, trade.quantity),
            fee: asset.map(|asset| amount(asset, trade.fee)).unwrap_or_default(),
            fee_asset: asset.map(|asset| asset.code.clone()).unwrap_or_default(),
            liquidity: match trade.liquidity {
                Liquidity::Maker => own::Liquidity::Maker,
                Liquidity::Taker => own::Liquidity::Taker,
            },
            self_trade_with: trade.self_trade.map(|other| other.to_string()),
        }
    }

    pub fn story(&self, story: &model::OrderStory) -> own::OrderStory {
        own::OrderStory {
            order: self.order(&story.order),
            trades: story.trades.iter().map(|trade| self.own_trade(trade)).collect(),
        }
    }
}

const fn side(side: Side) -> wire::Side {
    match side {
        Side::Buy => wire::Side::Buy,
        Side::Sell => wire::Side::Sell,
    }
}

const fn status(standing: Standing) -> own::OrderStatus {
    use model::CloseReason;
    match standing {
        Standing::Armed => own::OrderStatus::Armed,
        Standing::Triggered => own::OrderStatus::Triggered,
        Standing::Open => own::OrderStatus::Open,
        Standing::Filled => own::OrderStatus::Filled,
        Standing::Replaced(_) => own::OrderStatus::Replaced,
        Standing::Closed(reason) => match reason {
            CloseReason::Canceled | CloseReason::NothingToReduce | CloseReason::Liquidation => {
                own::OrderStatus::Canceled
            }
            CloseReason::Expired => own::OrderStatus::Expired,
            CloseReason::NotFilled => own::OrderStatus::NotFilled,
            CloseReason::Killed => own::OrderStatus::Killed,
            CloseReason::WouldMatch => own::OrderStatus::WouldMatch,
            CloseReason::SelfTrade => own::OrderStatus::SelfTrade,
            CloseReason::Unfunded => own::OrderStatus::Unfunded,
        },
    }
}

/// Millionths as a share of one.
pub(crate) fn rate(ppm: i64) -> String {
    Decimal { units: ppm, decimals: 6 }.to_string()
}

/// RFC 3339 in UTC with microseconds. Moments beyond the years that it can say are told as the last of them.
pub(crate) fn time(at: Time) -> String {
    let stamp = jiff::Timestamp::from_microsecond(at.micros());
    let end = if at.micros() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    format!("{:.6}", stamp.unwrap_or(end))
}

/// A price with the decimals of its instrument.
pub(crate) fn price(it: &Instrument, price: Price) -> String {
    Decimal { units: it.price_units(price), decimals: it.price_decimals }.to_string()
}

/// A quantity with the decimals of its instrument.
pub(crate) fn quantity(it: &Instrument, quantity: Quantity) -> String {
    Decimal { units: it.quantity_units(quantity), decimals: it.quantity_decimals }.to_string()
}

/// An amount with all decimals of its asset: exact.
pub(crate) fn amount(asset: &Asset, amount: Amount) -> String {
    scaled(amount.0, asset.decimals)
}

/// A number counted in `10^-decimals`.
pub(crate) fn scaled(number: i128, decimals: u8) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let decimals = usize::from(decimals);
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A decimal without the zeros that say nothing.
fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}
