//! Amounts, numbers and moments as the signed side of the venue spells them. Sections 5.8 and 8.4.

use model::decimal::pow10;
use model::{Amount, Asset, Decimal, Instrument, Price, Quantity, Time};

use super::server::FEE_DECIMALS_MIN;
use crate::text;

/// Decimals of what a trade moved, unless its currency has more.
const VALUE_DECIMALS: u8 = 8;

/// Where an amount goes that is finer than what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    Down,
    Up,
}

/// An amount of an asset with exactly so many decimals. It is not negative.
pub fn amount(amount: Amount, asset: &Asset, decimals: u8, round: Round) -> String {
    let mut units = amount.0;
    if decimals >= asset.decimals {
        units *= power(decimals - asset.decimals);
    } else {
        let scale = power(asset.decimals - decimals);
        let lifted = match round {
            Round::Down => 0,
            Round::Up => scale - 1,
        };
        units = (units + lifted) / scale;
    }
    fixed(units, decimals)
}

/// `units × 10^-decimals` with exactly so many decimals. It is not negative.
pub fn fixed(units: i128, decimals: u8) -> String {
    let digits = format!("{units:0>width$}", width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// What was paid for a trade in this market, as its owner is told it there.
pub fn fee(paid: Amount, asset: &Asset, rules: &Instrument) -> String {
    amount(paid, asset, rules.price_decimals.max(FEE_DECIMALS_MIN), Round::Down)
}

/// What a trade moved of an asset.
pub fn value(moved: Amount, asset: &Asset, currency_decimals: u8) -> String {
    amount(moved, asset, VALUE_DECIMALS.max(currency_decimals), Round::Down)
}

/// The price of a trade, where it is listed among an order's transactions.
pub fn long_price(rules: &Instrument, price: Price) -> String {
    let decimals = VALUE_DECIMALS.max(rules.price_decimals);
    let units = i128::from(rules.price_units(price)) * power(decimals - rules.price_decimals);
    fixed(units, decimals)
}

/// The smallest amount that is shown with so many decimals, in the asset's units.
pub fn step(asset: &Asset, decimals: u8) -> i128 {
    power(asset.decimals.saturating_sub(decimals))
}

/// An amount of an asset with as few decimals as it has, and a sign if it is negative.
pub fn shortest(amount: Amount, asset: &Asset) -> String {
    signed_shortest(amount.0, asset.decimals)
}

/// The same, rounded towards zero to so many decimals at most.
pub fn cut(amount: Amount, asset: &Asset, decimals: u8) -> String {
    let spare = asset.decimals.saturating_sub(decimals);
    signed_shortest(amount.0 / power(spare), asset.decimals - spare)
}

/// `units × 10^-decimals` without zeros at its end.
pub fn signed_shortest(units: i128, decimals: u8) -> String {
    let mut text = fixed(units.abs(), decimals);
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if units < 0 { format!("-{text}") } else { text }
}

/// How often one amount is in another: four decimals at most, cut; 0 where there is nothing to be divided by.
pub fn ratio(amount: Amount, by: Amount) -> String {
    const DECIMALS: u8 = 4;
    if by.0 <= 0 {
        return "0".to_owned();
    }
    let (of, by) = (amount.0.unsigned_abs(), by.0.unsigned_abs());
    let (whole, mut rest) = (of / by, of % by);
    let mut text = format!("{whole}.");
    for _ in 0..DECIMALS {
        let (digit, left) = tenfold(rest, by);
        text.push(char::from(b'0' + digit));
        rest = left;
    }
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    if amount.0 < 0 && text != "0" { format!("-{text}") } else { text }
}

/// How often a number is in ten times a smaller one, and what is left: by adding, so that nothing overflows.
const fn tenfold(smaller: u128, number: u128) -> (u8, u128) {
    let (mut times, mut sum, mut added) = (0, 0, 0);
    while added < 10 {
        let room = number - sum;
        sum = if smaller >= room {
            times += 1;
            smaller - room
        } else {
            sum + smaller
        };
        added += 1;
    }
    (times, sum)
}

fn power(decimals: u8) -> i128 {
    let half = decimals / 2;
    i128::from(pow10(half)) * i128::from(pow10(decimals - half))
}

/// A price with exactly the market's decimals.
pub fn price(rules: &Instrument, price: Price) -> String {
    Decimal { units: rules.price_units(price), decimals: rules.price_decimals }.to_string()
}

/// A quantity with exactly the market's decimals.
pub fn quantity(rules: &Instrument, quantity: Quantity) -> String {
    Decimal { units: rules.quantity_units(quantity), decimals: rules.quantity_decimals }.to_string()
}

/// A price as the shortest JSON number.
pub fn price_number(rules: &Instrument, price: Price) -> String {
    number(rules.price_units(price), rules.price_decimals)
}

/// A quantity as the shortest JSON number.
pub fn quantity_number(rules: &Instrument, quantity: Quantity) -> String {
    number(rules.quantity_units(quantity), rules.quantity_decimals)
}

fn number(units: i64, decimals: u8) -> String {
    let mut out = Vec::new();
    text::number(&mut out, units, decimals);
    String::from_utf8(out).expect("digits are text")
}

/// `2022-01-31 14:43:15.796000`, in whole milliseconds.
pub fn datetime(time: Time) -> String {
    format!("{}.{:03}000", seconds(time), time.millis().rem_euclid(1_000))
}

/// `2022-01-31 14:43:15`
pub fn seconds(time: Time) -> String {
    let (date, clock) = parts(time);
    format!("{date} {clock}")
}

/// `2025-10-17T14:23:01.725000Z`, in whole milliseconds.
pub fn iso(time: Time) -> String {
    let (date, clock) = parts(time);
    format!("{date}T{clock}.{:03}000Z", time.millis().rem_euclid(1_000))
}

fn parts(time: Time) -> (String, String) {
    let (year, month, day) = time.civil();
    let second = time.seconds().rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AssetId;

    #[test]
    fn ratios_are_exact_to_four_decimals_however_large_both_are() {
        let said = |amount, by| ratio(Amount(amount), Amount(by));
        assert_eq!(said(1, 3), "0.3333");
        assert_eq!(said(-2, 3), "-0.6666");
        assert_eq!(said(-1, 100_000), "0");
        assert_eq!(said(25, 10), "2.5");
        assert_eq!(said(70, 7), "10");
        assert_eq!(said(1, 0), "0");
        assert_eq!(said(1, -1), "0");
        assert_eq!(said(i128::MIN, 1), i128::MIN.to_string());
        let mut all = vec![1, 2, 3, 9_999, 10_000, 10_001, 1 << 64, (1 << 100) - 1, 1 << 100];
        all.extend([i128::MAX / 10_000, i128::MAX / 10_000 + 1, i128::MAX - 1, i128::MAX]);
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for shift in 0..127 {
            random = random.wrapping_mul(0xd128_9e25_8a6f_1d3b).rotate_left(23) ^ 0x5555;
            all.push(i128::MAX >> shift ^ (i128::from(random) >> (shift / 2)));
        }
        all.retain(|it| *it > 0);
        // A product with a small number in two parts, the lower one of 64 bits.
        let times = |number: i128, by: u128| {
            let low = (number.unsigned_abs() & u128::from(u64::MAX)) * by;
            ((number.unsigned_abs() >> 64) * by + (low >> 64), low & u128::from(u64::MAX))
        };
        for &amount in &all {
            for &by in &all {
                let text = said(amount, by);
                let (whole, digits) = text.split_once('.').unwrap_or((&text, ""));
                assert_eq!(whole.parse(), Ok(amount / by), "{amount} by {by}");
                assert!(digits.len() <= 4 && !digits.ends_with('0'), "{amount} by {by}: {text}");
                let digits: u128 = format!("{digits:0<4}").parse().expect("digits");
                let rest = times(amount % by, 10_000);
                let is_cut = times(by, digits) <= rest && rest < times(by, digits + 1);
                assert!(is_cut, "{amount} by {by}: {text}");
                assert_eq!(said(-amount, by), if text == "0" { text } else { format!("-{text}") });
            }
        }
    }

    #[test]
    fn amounts_are_rounded_as_asked() {
        let dollar = Asset { id: AssetId(0), code: "USD".into(), decimals: 10 };
        let shown = |units, round| amount(Amount(units), &dollar, 2, round);
        for (units, down, up) in [
            (0, "0.00", "0.00"),
            (1, "0.00", "0.01"),
            (99_999_999, "0.00", "0.01"),
            (100_000_000, "0.01", "0.01"),
            (1_234_567_890_123, "123.45", "123.46"),
        ] {
            assert_eq!(shown(units, Round::Down), down, "{units}");
            assert_eq!(shown(units, Round::Up), up, "{units}");
        }
        let yen = Asset { id: AssetId(1), code: "JPY".into(), decimals: 0 };
        assert_eq!(
            amount(Amount(i128::from(i64::MAX) * 10), &yen, 0, Round::Up),
            "92233720368547758070"
        );
        assert_eq!(amount(Amount(7), &yen, 2, Round::Down), "7.00");
        assert_eq!(value(Amount(222_562_500_000), &dollar, 2), "22.25625000");
    }

    #[test]
    fn moments_are_whole_milliseconds() {
        let time = Time(1_643_640_195_796_999);
        assert_eq!(datetime(time), "2022-01-31 14:43:15.796000");
        assert_eq!(seconds(time), "2022-01-31 14:43:15");
        assert_eq!(iso(Time(1_760_710_981_725_000)), "2025-10-17T14:23:01.725000Z");
    }
}
