//! The signed endpoints: who asks is found out first, then what is asked for. Sections 8.4 to 8.9.
//!
//! What an account may do is decided in the engine and watched over by whoever takes the steps; here it is
//! worded.

mod account;
mod closing;
mod derivatives;
mod errors;
mod form;
mod gap;
mod history;
mod manage;
mod orders;
pub mod positions;
mod shown;
mod sign;
mod wanted;

use std::sync::Arc;

use model::{AccountId, Assets, Instrument, InstrumentId, Listing, Payoff, Side};

use super::server::Market;
use super::{Markets, Options};
use crate::http::{HttpRequest, HttpResponse};
use crate::step::{Credential, Step};

use form::Form;
use wanted::Style;

/// What the signed endpoints need to know; shared with the steps that wait for answers.
pub struct Ground {
    markets: Arc<Markets>,
    assets: Assets,
    /// By asset: as balances name it, and with how many decimals.
    currencies: Vec<Currency>,
    options: Options,
}

/// An asset as balances show it.
struct Currency {
    /// `usd`
    lower: String,
    decimals: u8,
}

impl Ground {
    /// For all instruments of a venue, of which the dialect lists some.
    pub fn new(listings: &[Listing], markets: Arc<Markets>, options: Options) -> Self {
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        let assets = Assets::of(&instruments);
        let payoff = |id| {
            let its = options.contracts.iter().find(|contract| contract.instrument == id);
            its.map_or(Payoff::Linear, |contract| contract.payoff)
        };
        let paying = || instruments.iter().map(|it| (it, payoff(it.id)));
        let currencies = assets.all().iter().map(|asset| Currency {
            lower: asset.code.to_ascii_lowercase(),
            decimals: super::http::currency_decimals(&asset.code, paying()),
        });
        let currencies = currencies.collect();
        Self { markets, currencies, assets, options }
    }

    fn of(&self, instrument: InstrumentId) -> Option<&Market> {
        self.markets.of(instrument)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Token,
    Balances,
    LegacyBalance,
    Fees,
    Place(Side, Style),
    Cancel,
    CancelAll,
    Replace,
    Status,
    Open,
    Transactions,
    MyMarkets,
    OrderData,
    OwnOrderData,
    RevokeKeys,
    OpenPositions,
    PositionStatus,
    PositionHistory,
    Settlements,
    MarginInfo,
    Leverage,
    SetLeverage,
    Collateral,
    ClosePosition,
    ClosePositions,
    AdjustCollateral,
}

impl Endpoint {
    /// The endpoint of a path below `/api/v2/`, without the slash at its end, and what the path names there: a
    /// market or a currency.
    fn find<'a>(method: &str, path: &'a str) -> Option<(Self, Option<&'a str>)> {
        let side = |word| if word == "buy" { Side::Buy } else { Side::Sell };
        let parts: Vec<&str> = path.split('/').collect();
        Some(match *parts.as_slice() {
            ["websockets_token"] => (Self::Token, None),
            ["account_balances"] => (Self::Balances, None),
            ["account_balances", currency] => (Self::Balances, Some(currency)),
            ["balance"] => (Self::LegacyBalance, None),
            ["balance", pair] => (Self::LegacyBalance, Some(pair)),
            ["fees", "trading"] => (Self::Fees, None),
            ["fees", "trading", pair] => (Self::Fees, Some(pair)),
            [word @ ("buy" | "sell"), pair] => (Self::Place(side(word), Style::Limit), Some(pair)),
            [word @ ("buy" | "sell"), "market", pair] => {
                (Self::Place(side(word), Style::Market), Some(pair))
            }
            [word @ ("buy" | "sell"), "instant", pair] => {
                (Self::Place(side(word), Style::Instant), Some(pair))
            }
            ["cancel_order"] => (Self::Cancel, None),
            ["cancel_all_orders"] => (Self::CancelAll, None),
            ["cancel_all_orders", pair] => (Self::CancelAll, Some(pair)),
            ["replace_order"] => (Self::Replace, None),
            ["order_status"] => (Self::Status, None),
            ["open_orders"] | ["open_orders", "all"] => (Self::Open, None),
            ["open_orders", pair] => (Self::Open, Some(pair)),
            ["user_transactions"] => (Self::Transactions, None),
            ["user_transactions", pair] => (Self::Transactions, Some(pair)),
            ["my_markets"] => (Self::MyMarkets, None),
            ["order_data"] => (Self::OrderData, None),
            ["account_order_data"] => (Self::OwnOrderData, None),
            ["revoke_all_api_keys"] => (Self::RevokeKeys, None),
            ["open_positions"] => (Self::OpenPositions, None),
            ["open_positions", market] => (Self::OpenPositions, Some(market)),
            ["position_status", id] => (Self::PositionStatus, Some(id)),
            ["position_history"] => (Self::PositionHistory, None),
            ["position_history", market] => (Self::PositionHistory, Some(market)),
            ["position_settlement_transactions"] => (Self::Settlements, None),
            ["position_settlement_transactions", id] => (Self::Settlements, Some(id)),
            ["margin_info"] => (Self::MarginInfo, None),
            ["leverage_settings"] if method == "POST" => (Self::SetLeverage, None),
            ["leverage_settings"] => (Self::Leverage, None),
            ["collateral_currencies"] => (Self::Collateral, None),
            ["close_position"] => (Self::ClosePosition, None),
            ["close_positions"] => (Self::ClosePositions, None),
            ["adjust_position_collateral"] => (Self::AdjustCollateral, None),
            _ => return None,
        })
    }

    /// Whether it changes anything.
    const fn trades(self) -> bool {
        matches!(
            self,
            Self::Place(..)
                | Self::Cancel
                | Self::CancelAll
                | Self::Replace
                | Self::RevokeKeys
                | Self::SetLeverage
                | Self::ClosePosition
                | Self::ClosePositions
                | Self::AdjustCollateral
        )
    }

    /// Whether it is asked by GET.
    const fn is_read(self) -> bool {
        matches!(
            self,
            Self::OpenPositions
                | Self::PositionStatus
                | Self::PositionHistory
                | Self::Settlements
                | Self::MarginInfo
                | Self::Leverage
                | Self::Collateral
        )
    }
}

/// A request whose sender is known.
struct Call {
    ground: Arc<Ground>,
    account: AccountId,
    /// The instruments that the key is good for; `None` is all.
    instruments: Option<Vec<InstrumentId>>,
    form: Form,
}

impl Call {
    fn sees(&self, instrument: InstrumentId) -> bool {
        self.instruments.as_ref().is_none_or(|all| all.contains(&instrument))
    }

    /// The listed markets that the key is good for.
    fn markets(&self) -> impl Iterator<Item = &Arc<Market>> {
        self.ground.markets.listed.iter().filter(|market| self.sees(market.instrument.id))
    }
}

/// Answers a request to a signed endpoint; `None` if there is none at this path below `/api/v2/`.
pub fn reply(request: &HttpRequest<'_>, path: &str, ground: &Arc<Ground>) -> Option<Step> {
    let (endpoint, name) = Endpoint::find(request.method, path)?;
    let method_is_right = match request.method {
        "POST" => !endpoint.is_read(),
        "GET" => endpoint.is_read() || endpoint == Endpoint::MyMarkets,
        _ => false,
    };
    if !method_is_right {
        return Some(Step::Reply(HttpResponse::empty(405)));
    }
    let (name, ground) = (name.map(str::to_ascii_lowercase), Arc::clone(ground));
    if endpoint == Endpoint::Collateral && request.header("x-auth").is_none() {
        // It is nobody's own; some clients sign it all the same.
        return Some(Step::Reply(derivatives::collateral(&ground)));
    }
    let form = match endpoint.is_read() {
        true => Form::read(request.query.unwrap_or_default().as_bytes()),
        false => Form::read(request.body),
    };
    let options = Arc::clone(&ground);
    Some(sign::identify(request, &options.options.hosts, move |holder| {
        if endpoint.trades() && !holder.may_trade {
            return Step::Reply(errors::NO_PERMISSION.response());
        }
        let &Credential { account, ref instruments, .. } = holder;
        let call = Call { ground, account, instruments: instruments.clone(), form };
        answer(call, endpoint, name.as_deref())
    }))
}

fn answer(call: Call, endpoint: Endpoint, name: Option<&str>) -> Step {
    if endpoint == Endpoint::Balances {
        return account::balances(call, name);
    }
    match (endpoint, name) {
        (Endpoint::OpenPositions, market) => return derivatives::open(call, market),
        (Endpoint::PositionStatus, Some(id)) => return derivatives::status(call, id),
        (Endpoint::PositionHistory, market) => return derivatives::history(call, market),
        (Endpoint::Settlements, id) => return derivatives::settlements(call, id),
        _ => {}
    }
    let market = match name {
        None => None,
        Some(name) => match call.ground.markets.called(name) {
            None => return errors::PAIR_NOT_FOUND.step(),
            Some(market) if !call.sees(market.instrument.id) => {
                return Step::Reply(errors::NO_PERMISSION.response());
            }
            Some(market) => Some(Arc::clone(market)),
        },
    };
    match (endpoint, market) {
        (Endpoint::Place(side, style), Some(market)) => orders::place(call, market, side, style),
        (Endpoint::Token, _) => account::token(&call),
        (Endpoint::LegacyBalance, market) => account::legacy_balance(call, market),
        (Endpoint::Fees, market) => account::fees(&call, market),
        (Endpoint::Cancel, _) => manage::cancel(call),
        (Endpoint::CancelAll, market) => manage::cancel_all(call, market),
        (Endpoint::Replace, _) => manage::replace(call),
        (Endpoint::Status, _) => shown::status(call),
        (Endpoint::Open, market) => shown::open(call, market),
        (Endpoint::Transactions, market) => history::transactions(call, market),
        (Endpoint::MyMarkets, _) => account::my_markets(&call),
        (Endpoint::OrderData, _) => gap::order_data(&call),
        (Endpoint::OwnOrderData, _) => gap::own_order_data(&call),
        (Endpoint::RevokeKeys, _) => account::revoke_keys(),
        (Endpoint::MarginInfo, _) => derivatives::margin_info(call),
        (Endpoint::Leverage, _) => derivatives::leverage(call),
        (Endpoint::SetLeverage, _) => closing::set_leverage(call),
        (Endpoint::Collateral, _) => Step::Reply(derivatives::collateral(&call.ground)),
        (Endpoint::ClosePosition, _) => closing::close(call),
        (Endpoint::ClosePositions, _) => closing::close_all(call),
        (Endpoint::AdjustCollateral, _) => closing::adjust(call),
        // Their paths name one.
        (Endpoint::Place(..), None) => errors::PAIR_NOT_FOUND.step(),
        (Endpoint::OpenPositions | Endpoint::PositionStatus, _)
        | (Endpoint::PositionHistory | Endpoint::Settlements, _) => errors::NO_POSITION.step(),
        (Endpoint::Balances, _) => account::balances(call, name),
    }
}

#[cfg(test)]
mod tests;
