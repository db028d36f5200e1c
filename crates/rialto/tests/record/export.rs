//! `rialto export`: the tables hold what the capture holds, counted a second time here from its frames; and what was recorded
//! of a kept market's socket is in the tables of its journal.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use feed::recording::{Entry, Frame, What};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

use super::{Process, Venue, count_texts, entries, fresh, interrupt, text, wait_for};

/// A number in units of its last decimal, and how many decimals.
fn units(number: &str, decimals: usize) -> i128 {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    assert!(fraction.len() <= decimals, "{number}");
    format!("{whole}{fraction:0<decimals$}").parse().expect("digits")
}

/// The rows of a table, each column by its name.
fn rows(folder: &Path, name: &str) -> Vec<BTreeMap<String, Field>> {
    let file = File::open(folder.join(format!("{name}.parquet"))).expect("a table");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let row = |row: Row| row.into_columns().into_iter().collect();
    reader.get_row_iter(None).expect("rows").map(|it| row(it.expect("a row"))).collect()
}

fn decimal(field: &Field) -> (i128, i32) {
    let Field::Decimal(decimal) = field else { panic!("{field:?} is no decimal") };
    let bytes = decimal.data();
    let bytes: [u8; 16] = bytes.try_into().expect("128 bits");
    (i128::from_be_bytes(bytes), decimal.scale())
}

fn word(field: &Field) -> &str {
    let Field::Str(text) = field else { panic!("{field:?} is no text") };
    text
}

fn micros(field: &Field) -> i64 {
    let Field::TimestampMicros(at) = field else { panic!("{field:?} is no moment") };
    *at
}

/// The name in the tables of the market that a channel or a page ends with.
fn market(name: &str) -> &'static str {
    if name.trim_end_matches('/').ends_with("btcusd") { "BTC-USD" } else { "ETH-USD" }
}

/// Books by market and side, by price.
type Books = BTreeMap<(String, String), BTreeMap<i128, i128>>;

fn change(books: &mut Books, market: &str, side: &str, price: i128, quantity: i128) {
    let book = books.entry((market.to_owned(), side.to_owned())).or_default();
    if quantity == 0 {
        book.remove(&price);
    } else {
        book.insert(price, quantity);
    }
}

/// What the frames of a capture say: trades by market (how many, Σ amount), and the books at the end.
fn naive(all: &[Entry]) -> (BTreeMap<String, (u64, i128)>, Books) {
    let (mut trades, mut pages, mut diffs) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for entry in all {
        match &entry.what {
            What::Fetched { path, body, .. } if path.contains("order_book") => {
                pages.insert(market(path), serde_json::from_slice::<Value>(body).expect("JSON"));
            }
            What::Heard(Frame::Text(text)) => {
                let it: Value = serde_json::from_slice(text).expect("JSON");
                let market = market(it["channel"].as_str().unwrap_or_default());
                if it["event"] == "trade" {
                    let of = trades.entry(market.to_owned()).or_insert((0, 0));
                    of.0 += 1;
                    of.1 += units(it["data"]["amount_str"].as_str().expect("text"), 8);
                } else if it["event"] == "data" {
                    diffs.push((market, it["data"].clone()));
                }
            }
            _ => {}
        }
    }
    let stamp = |it: &Value| units(it["microtimestamp"].as_str().expect("text"), 0);
    let mut books = Books::new();
    let later = diffs.iter().filter(|(market, diff)| stamp(diff) > stamp(&pages[market]));
    for (market, it) in pages.iter().chain(later.map(|(market, it)| (market, it))) {
        for (name, side) in [("bids", "bid"), ("asks", "ask")] {
            for level in it[name].as_array().expect("levels") {
                let [price, amount] = [0, 1].map(|at| level[at].as_str().expect("text"));
                change(&mut books, market, side, units(price, 2), units(amount, 8));
            }
        }
    }
    (trades, books)
}

#[test]
fn the_tables_of_a_capture_hold_what_its_frames_say() {
    let (folder, out) = (fresh("exported"), fresh("tables"));
    let venue = Venue::demo("127.0.0.1:0");
    let url = venue.url("/bitstamp");
    let recorder = Process::rialto(&["record", &url, "btcusd", "ethusd", "--out", text(&folder)]);
    wait_for(&folder, "trades", |entries| count_texts(entries, r#""event":"trade""#) > 15);
    interrupt(recorder);
    let export =
        ["export", text(&folder), "--out", text(&out), "--format", "parquet", "--candles", "1"];
    let (status, said) = Process::rialto(&export).end();
    assert!(status.success(), "{said}");
    let (expected, books) = naive(&entries(&folder).0);

    let mut trades = BTreeMap::new();
    let table = rows(&out, "trades");
    for row in &table {
        let of = trades.entry(word(&row["instrument"]).to_owned()).or_insert((0, 0));
        let (quantity, scale) = decimal(&row["quantity"]);
        assert_eq!((scale, decimal(&row["price"]).1), (8, 2));
        assert!(matches!(word(&row["aggressor"]), "buy" | "sell"));
        // The venue's clock stands in January, the recorder's does not.
        assert!(micros(&row["received"]) > micros(&row["time"]));
        of.0 += 1;
        of.1 += quantity;
    }
    assert_eq!(trades, expected);
    assert!(said.contains(&format!("{} trades, ", table.len())), "{said}");

    let mut folded = Books::new();
    let levels = rows(&out, "l2");
    let mut last = 0;
    for row in &levels {
        let (market, side) = (word(&row["instrument"]), word(&row["side"]));
        let Field::Long(number) = row["word"] else { panic!("a number") };
        if row["snapshot"] == Field::Bool(true) && number > last {
            folded.retain(|(of, _), _| of != market);
        }
        last = number;
        change(&mut folded, market, side, decimal(&row["price"]).0, decimal(&row["quantity"]).0);
    }
    assert!(folded == books && books.len() == 4, "the books at the end");

    let candles = rows(&out, "candles");
    let volume: i128 = candles.iter().map(|row| decimal(&row["volume"]).0).sum();
    assert_eq!(volume, expected.values().map(|(_, quantity)| quantity).sum());
    let in_them: i64 = candles
        .iter()
        .map(|row| if let Field::Long(count) = row["trades"] { count } else { 0 })
        .sum();
    assert_eq!(in_them, table.len() as i64);
    for row in &candles {
        let [open, high, low, close] =
            ["open", "high", "low", "close"].map(|it| decimal(&row[it]).0);
        assert!(low <= open.min(close) && open.max(close) <= high, "{row:?}");
        assert!(micros(&row["start"]) % 1_000_000 == 0 && row["seconds"] == Field::Int(1));
    }
    // What is there is not written over.
    let (status, said) = Process::rialto(&export).end();
    assert!(!status.success() && said.contains("is there already"), "{said}");
}

#[test]
fn the_tables_of_a_journal_hold_what_was_told_while_it_was_written() {
    let (data, folder, out) = (fresh("data"), fresh("of-data"), fresh("data-tables"));
    let venue =
        Venue::start(&["serve", "--data", text(&data), "--seed", "7", "--listen", "127.0.0.1:0"]);
    let url = venue.url("/bitstamp");
    let recorder = Process::rialto(&["record", &url, "btcusd", "ethusd", "--out", text(&folder)]);
    wait_for(&folder, "trades", |entries| count_texts(entries, r#""event":"trade""#) > 10);
    interrupt(recorder);
    drop(venue);
    let (status, said) = Process::rialto(&["export", text(&data), "--out", text(&out)]).end();
    assert!(status.success(), "{said}");
    let exported: BTreeMap<(String, String), (i64, i128, i128)> = rows(&out, "trades")
        .iter()
        .map(|row| {
            let Field::ULong(id) = row["trade_id"] else { panic!("{:?}", row["trade_id"]) };
            // Quantities are in the finest scale of all markets, prices in six decimals.
            let (price, quantity) = (decimal(&row["price"]), decimal(&row["quantity"]));
            assert_eq!((price.1, quantity.1), (6, 8));
            let key = (word(&row["instrument"]).to_owned(), id.to_string());
            // The venue tells the times of trades in whole milliseconds.
            (key, (micros(&row["time"]) / 1_000 * 1_000, price.0, quantity.0))
        })
        .collect();
    let mut compared = 0;
    for entry in entries(&folder).0 {
        let What::Heard(Frame::Text(text)) = &entry.what else { continue };
        let it: Value = serde_json::from_slice(text).expect("JSON");
        if it["event"] == "trade" {
            let (data, market) = (&it["data"], market(it["channel"].as_str().expect("text")));
            let member = |name: &str| data[name].as_str().expect("text").to_owned();
            let told = (
                member("microtimestamp").parse::<i64>().expect("digits"),
                units(&member("price_str"), 6),
                units(&member("amount_str"), 8),
            );
            let key = (market.to_owned(), data["id"].to_string());
            assert_eq!(exported.get(&key), Some(&told), "{key:?}");
            compared += 1;
        }
    }
    assert!(compared > 10);
    assert!(rows(&out, "l2").len() > 1_000);
}

#[test]
fn what_cannot_be_exported_is_refused_in_words() {
    let (nothing, out) = (fresh("no-capture"), fresh("no-tables"));
    std::fs::create_dir_all(&nothing).expect("made");
    let (status, said) = Process::rialto(&["export", text(&nothing), "--out", text(&out)]).end();
    assert!(!status.success() && said.contains("neither a capture nor a journal"), "{said}");
}
