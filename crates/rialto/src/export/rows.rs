//! The tables: what their rows say, in one scale for all instruments, and the candles that the trades make.

use std::path::Path;

use model::{
    Candle, Contract, Instrument, InstrumentId, Interval, Level, Listing, Side, Time, Trade,
};
use parquet::data_type::ByteArray;

use super::table::{Cell, Table};
use crate::run::{Failure, failed};

/// The most digits that a decimal of 128 bits has in Parquet. Those of 64 bits are too few: one scale is that of all
/// instruments, and what is told of one in whole numbers has as many digits more.
const PRECISION: u8 = 38;

/// The three tables.
pub struct Rows {
    trades: Table,
    levels: Table,
    candles: Table,
    /// By number.
    markets: Vec<Market>,
    interval: Interval,
    /// Whether rows say when they were received.
    received: bool,
    /// Words about books so far.
    words: u64,
}

struct Market {
    instrument: Instrument,
    name: ByteArray,
    /// What prices and quantities are multiplied with, so that all have one scale.
    factors: (i128, i128),
    running: Option<Candle>,
    /// The latest trade's time: one that comes late counts where it comes.
    traded: Time,
}

impl Rows {
    /// New tables in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be made.
    pub fn create(
        folder: &Path,
        (listings, contracts): (&[Listing], &[Contract]),
        interval: Interval,
        received: bool,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder)
            .map_err(failed(format_args!("create {}", folder.display())))?;
        let scale = |of: fn(&Instrument) -> u8| {
            listings.iter().map(|it| of(&it.instrument)).max().unwrap_or(0).min(PRECISION)
        };
        let (prices, quantities) =
            (scale(|it| it.price_decimals), scale(|it| it.quantity_decimals));
        let names = Contract::names(listings.iter().map(|it| &it.instrument), contracts);
        let market = |(listing, name): (&Listing, String)| {
            let it = listing.instrument.clone();
            let factor = |scale: u8, own: u8| 10_i128.pow(u32::from(scale.saturating_sub(own)));
            Market {
                name: ByteArray::from(name.into_bytes()),
                factors: (
                    factor(prices, it.price_decimals),
                    factor(quantities, it.quantity_decimals),
                ),
                instrument: it,
                running: None,
                traded: Time(i64::MIN),
            }
        };
        let moment = |name: &str| format!("required int64 {name} (TIMESTAMP(MICROS,true));");
        let decimal = |name: &str, scale: u8| {
            format!("required fixed_len_byte_array(16) {name} (DECIMAL({PRECISION},{scale}));")
        };
        let price = |name: &str| decimal(name, prices);
        let quantity = |name: &str| decimal(name, quantities);
        let text = |name: &str| format!("required binary {name} (STRING);");
        let came = if received { moment("received") } else { String::new() };
        let count = |name: &str| format!("required int64 {name};");
        let trades = [
            came.clone(),
            moment("time"),
            text("instrument"),
            "required int64 trade_id (INTEGER(64,false));".to_owned(),
            text("aggressor"),
            price("price"),
            quantity("quantity"),
        ];
        let levels = [
            came,
            moment("time"),
            text("instrument"),
            count("word"),
            "required boolean snapshot;".to_owned(),
            text("side"),
            price("price"),
            quantity("quantity"),
        ];
        let candles = [
            moment("start"),
            text("instrument"),
            "required int32 seconds;".to_owned(),
            price("open"),
            price("high"),
            price("low"),
            price("close"),
            quantity("volume"),
            count("trades"),
        ];
        let table = |name: &str, columns: &[String]| {
            Table::create(folder, name, &format!("message {name} {{ {} }}", columns.concat()))
        };
        Ok(Self {
            trades: table("trades", &trades)?,
            levels: table("l2", &levels)?,
            candles: table("candles", &candles)?,
            markets: listings.iter().zip(names).map(market).collect(),
            interval,
            received,
            words: 0,
        })
    }

    /// A trade.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written.
    pub fn trade(
        &mut self,
        received: Time,
        instrument: InstrumentId,
        trade: &Trade,
    ) -> Result<(), Failure> {
        let market = &mut self.markets[instrument.index()];
        let level = Level { price: trade.price, quantity: trade.quantity };
        let [price, quantity] = market.cells(level)?;
        let received = self.received.then_some(Cell::Long(received.0));
        self.trades.push(received.into_iter().chain([
            Cell::Long(trade.time.0),
            Cell::Text(market.name.clone()),
            Cell::Long(trade.id.0 as i64),
            Cell::Text(ByteArray::from(match trade.aggressor {
                Side::Buy => "buy",
                Side::Sell => "sell",
            })),
            price,
            quantity,
        ]))?;
        market.traded = market.traded.max(trade.time);
        let start = self.interval.start_of(market.traded);
        match &mut market.running {
            Some(candle) if candle.start == start => {
                if candle.volume.0.checked_add(trade.quantity.0).is_none() {
                    return Err(Failure(format!(
                        "the volume of a candle of {}/{} is more than can be counted, {} lots; export shorter ones with \
                         --candles",
                        market.instrument.base,
                        market.instrument.quote,
                        i64::MAX
                    )));
                }
                candle.add(trade);
            }
            running => {
                let ended = running.replace(Candle::of(start, trade));
                if let Some(ended) = ended {
                    candle(&mut self.candles, market, self.interval, &ended)?;
                }
            }
        }
        Ok(())
    }

    /// Levels that changed, bids and asks, or all of them.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be written.
    pub fn levels(
        &mut self,
        received: Time,
        time: Time,
        instrument: InstrumentId,
        snapshot: bool,
        sides: [impl Iterator<Item = Level>; 2],
    ) -> Result<(), Failure> {
        let market = &self.markets[instrument.index()];
        self.words += 1;
        for (levels, side) in sides.into_iter().zip(["bid", "ask"]) {
            let side = ByteArray::from(side);
            for level in levels {
                let [price, quantity] = market.cells(level)?;
                let received = self.received.then_some(Cell::Long(received.0));
                self.levels.push(received.into_iter().chain([
                    Cell::Long(time.0),
                    Cell::Text(market.name.clone()),
                    Cell::Long(i64::try_from(self.words).unwrap_or(i64::MAX)),
                    Cell::Flag(snapshot),
                    Cell::Text(side.clone()),
                    price,
                    quantity,
                ]))?;
            }
        }
        Ok(())
    }

    /// Ends the tables, and says what is in them.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be written.
    pub fn finish(mut self) -> Result<Vec<String>, Failure> {
        for market in &mut self.markets {
            if let Some(last) = market.running.take() {
                candle(&mut self.candles, market, self.interval, &last)?;
            }
        }
        let (trades, levels) = (self.trades.finish()?, self.levels.finish()?);
        let candles = self.candles.finish()?;
        Ok(vec![format!(
            "{trades} trades, {levels} levels in {} words about books, {candles} candles",
            self.words
        )])
    }
}

impl Market {
    fn cells(&self, level: Level) -> Result<[Cell; 2], Failure> {
        let (price, quantity) = self.factors;
        let scaled = |number: i64, step: i64, factor: i128| {
            let number = (i128::from(number) * i128::from(step)).checked_mul(factor);
            let number =
                number.filter(|number| number.unsigned_abs() < 10_u128.pow(u32::from(PRECISION)));
            number.map(Cell::Decimal).ok_or_else(|| {
                Failure(format!(
                    "a price or a quantity of {}/{} has more than {PRECISION} digits in the scale of this table",
                    self.instrument.base, self.instrument.quote
                ))
            })
        };
        Ok([
            scaled(level.price.0, self.instrument.tick_units, price)?,
            scaled(level.quantity.0, self.instrument.lot_units, quantity)?,
        ])
    }
}

fn candle(
    table: &mut Table,
    market: &Market,
    interval: Interval,
    candle: &Candle,
) -> Result<(), Failure> {
    let price = |price| market.cells(Level { price, quantity: candle.volume });
    let [open, volume] = price(candle.open)?;
    let [high, _] = price(candle.high)?;
    let [low, _] = price(candle.low)?;
    let [close, _] = price(candle.close)?;
    let seconds = interval.length_max().0 / 1_000_000;
    table.push([
        Cell::Long(candle.start.0),
        Cell::Text(market.name.clone()),
        Cell::Int(i32::try_from(seconds).unwrap_or(i32::MAX)),
        open,
        high,
        low,
        close,
        volume,
        Cell::Long(i64::try_from(candle.trades).unwrap_or(i64::MAX)),
    ])
}

#[cfg(test)]
mod tests;
