//! What is listed: markets and currencies. Sections B8.8 and B8.9.

use model::{Minimum, Quantity, Status};

use super::{price, quantity};
use crate::text::shortest;
use crate::timex::Options;
use crate::timex::convert::{Market, Token};

/// By how many decimals amounts are scaled where they are whole numbers.
pub const TRADE_DECIMALS: u8 = 20;
/// How many decimals a currency has, and is shown with.
const DECIMALS: u8 = 8;

/// A market. Nothing can be paid in an alternative currency here. B8.8.
///
/// ```json
/// {"symbol":"EOSUSDT","name":"EOS/USDT","baseCurrency":"EOS",…,"takerFee":"0.005","makerFee":"0.0025",
///  "tickSize":"0.0001","baseMinSize":"1","quoteMinSize":"10","locked":false,…}
/// ```
pub fn write_market(
    out: &mut Vec<u8>,
    market: &Market,
    options: &Options,
    status: Status,
    place: usize,
) {
    let rules = &market.instrument;
    let (base, quote) = (&market.base, &market.quote);
    out.extend_from_slice(
        format!(
            r#"{{"symbol":"{}","name":"{}/{}","baseCurrency":"{}","baseTokenAddress":"{}","quoteCurrency":"{}","quoteTokenAddress":"{}","feeCurrency":"{}","feeTokenAddress":"{}","quantityIncrement":""#,
            market.symbol,
            base.symbol(),
            quote.symbol(),
            base.symbol(),
            base.address,
            quote.symbol(),
            quote.address,
            quote.symbol(),
            quote.address,
        )
        .as_bytes(),
    );
    quantity(out, market, Quantity(1));
    out.extend_from_slice(br#"","takerFee":""#);
    shortest(out, i128::from(options.taker_fee_ppm), 6);
    out.extend_from_slice(br#"","makerFee":""#);
    shortest(out, i128::from(options.maker_fee_ppm), 6);
    out.extend_from_slice(br#"","tickSize":""#);
    price(out, market, model::Price(1));
    let (base_min, quote_min) = match rules.minimum {
        Minimum::Quantity(least) => (least, 0),
        Minimum::Notional(worth) => (Quantity(1), worth),
    };
    out.extend_from_slice(br#"","baseMinSize":""#);
    quantity(out, market, base_min);
    out.extend_from_slice(br#"","quoteMinSize":""#);
    shortest(out, quote_min, rules.price_decimals + rules.quantity_decimals);
    let locked = !matches!(status, Status::Trading | Status::PostOnly);
    out.extend_from_slice(
        format!(
            r#"","locked":{locked},"promotional":false,"showOnLanding":true,"sortOrder":{place},"alternativeCurrency":null,"alternativeTokenAddress":null,"makerAltFee":null,"takerAltFee":null,"defaultSlippage":null}}"#
        )
        .as_bytes(),
    );
}

/// Moneys, as they are no tokens of their own chain.
const MONEYS: [&str; 4] = ["USD", "EUR", "GBP", "JPY"];

/// A currency. It has no other name than its symbol and no icon, and nothing comes to it from a chain or goes there. B8.9.
///
/// ```json
/// {"symbol":"BTC","name":"BTC","address":"0x8370…487c","icon":"","background":"transparent","fiatSymbol":"BTC",
///  "decimals":8,"tradeDecimals":20,"displayDecimals":8,"crypto":true,"depositEnabled":false,…,"active":true,
///  "withdrawalFee":"0","purchaseCommissions":[]}
/// ```
pub fn write_currency(out: &mut Vec<u8>, token: &Token) {
    let (symbol, address) = (token.symbol(), token.address);
    let crypto = !MONEYS.contains(&symbol);
    out.extend_from_slice(
        format!(
            r#"{{"symbol":"{symbol}","name":"{symbol}","address":"{address}","icon":"","background":"transparent","fiatSymbol":"{symbol}","decimals":{DECIMALS},"tradeDecimals":{TRADE_DECIMALS},"displayDecimals":{DECIMALS},"crypto":{crypto},"depositEnabled":false,"withdrawalEnabled":false,"transferEnabled":false,"buyEnabled":false,"purchaseEnabled":false,"redeemEnabled":false,"active":true,"withdrawalFee":"0","purchaseCommissions":[]}}"#
        )
        .as_bytes(),
    );
}
