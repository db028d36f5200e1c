use dialects::bitstamp::*;
use dialects::*;
use model::*;
use std::hint::black_box;
use std::time::Instant;
fn main() {
    let l = Listing {
        instrument: Instrument {
            id: InstrumentId(0),
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: "Bitcoin / U.S. dollar".into(),
        symbols: vec![("bitstamp".into(), "btcusd".into())],
    };
    let b = Bitstamp::new(&[l], Options::default()).unwrap();
    let d: &dyn Dialect = &b;
    let t = Trade {
        id: TradeId(650885871),
        time: Time(1791403680349123),
        price: Price(8346308),
        quantity: Quantity(274133),
        aggressor: Side::Sell,
        maker: OrderId(2058521371389952),
        taker: OrderId(2058521418514434),
    };
    let mut f = FrameBuilder::new();
    let topic = Topic::of(InstrumentId(0), TopicKind::Trades);
    for _ in 0..4000 { let n = 1_000;
        let s = Instant::now();
        for i in 0..n {
            f.clear();
            let mut t = t;
            t.id.0 += i;
            t.quantity.0 += i as i64 * 97 % 1000000;
            t.price.0 += (i % 1000) as i64;
            black_box(d.encode(&topic, &Update::Trade(black_box(&t)), &mut f));
        }
        println!("trade {:?} ns", s.elapsed().as_nanos() as f64 / n as f64);
    }
    println!("{}", String::from_utf8_lossy(f.text()));
    let mk = |side: i64| -> Vec<Level> {
        (0..100)
            .map(|i| Level {
                price: Price(8346308 + side * (100 - i) * 7),
                quantity: Quantity(1000 + i * i * 98765 * 13),
            })
            .collect()
    };
    let bids = mk(-1);
    let asks = mk(1);
    let u = BookUpdate {
        time: Time(1791403680349123),
        bids: BookSide::new(&bids),
        asks: BookSide::new(&asks),
    };
    let topic = Topic::of(InstrumentId(0), TopicKind::Book { depth: 100, cadence: Cadence::TENTH });
    for _ in 0..2000 { let n = 20;
        let s = Instant::now();
        for _ in 0..n {
            f.clear();
            black_box(d.encode(&topic, &Update::Book(black_box(u)), &mut f));
        }
        println!("book {:?} ns {}", s.elapsed().as_nanos() as f64 / n as f64, f.text().len());
    }
}
