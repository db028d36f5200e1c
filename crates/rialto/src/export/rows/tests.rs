//! Numbers that are long fit, or are refused in words.

use std::path::PathBuf;

use model::{Minimum, OrderId, Price, Quantity, TradeId};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::*;

/// A market in whole prices, whose quantities have so many decimals.
fn listing(id: u16, base: &str, quantity_decimals: u8) -> Listing {
    Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.to_owned(),
            quote: "USD".to_owned(),
            price_decimals: 0,
            tick_units: 1,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / USD"),
        symbols: Vec::new(),
    }
}

fn trade(quantity: i64) -> Trade {
    Trade {
        time: Time(1),
        id: TradeId(1),
        price: Price(7),
        quantity: Quantity(quantity),
        aggressor: Side::Buy,
        maker: OrderId(1),
        taker: OrderId(2),
        maker_account: None,
        taker_account: None,
    }
}

/// A folder that is not there.
fn fresh(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rialto-rows-{name}-{}", std::process::id()));
    let _gone = std::fs::remove_dir_all(&folder);
    folder
}

#[test]
fn whole_numbers_fit_beside_a_market_of_eighteen_decimals() {
    let folder = fresh("long");
    let listings = [listing(0, "FINE", 18), listing(1, "WHOLE", 0)];
    let mut rows =
        Rows::create(&folder, (&listings, &[]), Interval::Seconds(60), false).expect("new tables");
    let quantity = 5_000_000_000_000_000;
    rows.trade(Time(1), InstrumentId(1), &trade(quantity)).expect("it fits");
    rows.trade(Time(1), InstrumentId(1), &trade(quantity)).expect("it fits");
    rows.finish().expect("whole tables");
    for (table, column, expected) in [("trades", "quantity", 1), ("candles", "volume", 2)] {
        let file = std::fs::File::open(folder.join(format!("{table}.parquet"))).expect("a table");
        let reader = SerializedFileReader::new(file).expect("Parquet");
        let row = reader.get_row_iter(None).expect("rows").next().expect("one").expect("a row");
        let cell = row.into_columns().into_iter().find(|(name, _)| name == column);
        let Some((_, Field::Decimal(decimal))) = cell else { panic!("no decimal: {cell:?}") };
        let bytes: [u8; 16] = decimal.data().try_into().expect("128 bits");
        let expected = expected * i128::from(quantity) * 10_i128.pow(18);
        assert_eq!((i128::from_be_bytes(bytes), decimal.scale()), (expected, 18), "{table}");
    }
    let _gone = std::fs::remove_dir_all(&folder);
}

#[test]
fn a_volume_that_cannot_be_counted_is_refused_in_words() {
    let folder = fresh("volume");
    let mut rows =
        Rows::create(&folder, (&[listing(0, "WHOLE", 0)], &[]), Interval::Seconds(60), false)
            .expect("new tables");
    rows.trade(Time(1), InstrumentId(0), &trade(i64::MAX)).expect("it fits");
    let refused = rows.trade(Time(2), InstrumentId(0), &trade(1)).expect_err("it does not");
    assert!(refused.0.starts_with("the volume of a candle of WHOLE/USD is more"), "{refused}");
    drop(rows);
    let _gone = std::fs::remove_dir_all(&folder);
}
