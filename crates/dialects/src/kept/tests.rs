//! What is kept never shows: every frame is byte for byte what is written anew, whatever was written before. The slow
//! twin is the same dialect with nothing kept.

use model::{BookUpdate, DepthUpdate, DetailUpdate, OrderId, Sequence, Time, TopicKind, Update};

use super::*;
use crate::dialect::{Dialect, Subject};
use crate::frame::FrameBuilder;

/// Numbers that look random.
pub struct Dice(pub u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// A side of a book, order by order, the best last.
fn change(side: Side, orders: &mut Vec<OrderEntry>, dice: &mut Dice, next: &mut u64) {
    let key = |order: &OrderEntry| match side {
        Side::Buy => order.price.0,
        Side::Sell => -order.price.0,
    };
    match dice.below(16) {
        // Somebody comes: the last in the line of a price, which stands first in memory.
        0..6 => {
            *next += 1;
            let away = dice.below(40) as i64;
            let price = Price(if side == Side::Buy { 10_000 - away } else { 10_001 + away });
            let digits = dice.below(31);
            let quantity = Quantity(1 + dice.below(1 << digits) as i64);
            let (order, time) = (OrderId(*next), Time(1_700_000_000_000_000 + *next as i64));
            let expires = (dice.below(4) == 0).then_some(time);
            let order = OrderEntry { price, quantity, order, time, expires };
            let at = orders.partition_point(|it| key(it) < key(&order));
            orders.insert(at, order);
        }
        _ if orders.is_empty() => {}
        6..10 => {
            let at = dice.below(orders.len());
            orders[at].quantity = Quantity(1 + dice.below(1_000_000) as i64);
        }
        10..13 => {
            orders.remove(dice.below(orders.len()));
        }
        // The best is met.
        13 => {
            orders.pop();
        }
        // Somebody takes somebody's place.
        14 => {
            *next += 1;
            let at = dice.below(orders.len());
            orders[at].order = OrderId(*next);
        }
        _ if dice.below(8) == 0 => orders.clear(),
        _ => {}
    }
}

fn levels(orders: &[OrderEntry]) -> Vec<Level> {
    let lines = orders.chunk_by(|one, other| one.price == other.price);
    let level = |line: &[OrderEntry]| Level {
        price: line[0].price,
        quantity: Quantity(line.iter().map(|order| order.quantity.0).sum()),
    };
    lines.map(level).collect()
}

/// Random books through a dialect, once with what was kept and once with nothing. `subjects` are those whose frames have
/// rows: books, orders or depths.
pub fn nobody_sees_what_is_kept(dialect: &dyn Dialect, subjects: &[Subject]) {
    for seed in 0..40 {
        let (mut dice, mut next) = (Dice(seed), 0);
        let mut kept: Vec<Kept> = subjects.iter().map(|_| Kept::default()).collect();
        let mut sides = [Vec::new(), Vec::new()];
        for step in 0..200_u64 {
            for _ in 0..dice.below(6) {
                let side = [Side::Buy, Side::Sell][dice.below(2)];
                change(side, &mut sides[side as usize], &mut dice, &mut next);
            }
            let levels = [levels(&sides[0]), levels(&sides[1])];
            let time = Time(1_795_348_800_000_000 + step as i64);
            for (subject, kept) in subjects.iter().zip(&mut kept) {
                // Not each of them is told each time.
                if dice.below(4) == 0 {
                    continue;
                }
                let depth = 1 + dice.below(60);
                let [bids, asks] =
                    [&levels[0], &levels[1]].map(|side| BookSide::new(side).top(depth));
                let update = match subject.topic.kind {
                    TopicKind::Book { .. } => Update::Book(BookUpdate { time, bids, asks }),
                    TopicKind::Detail { .. } => {
                        let [bids, asks] =
                            [&sides[0], &sides[1]].map(|side| BookSide::new(side).top(depth));
                        Update::Detail(DetailUpdate { time, bids, asks })
                    }
                    TopicKind::Depth { .. } => Update::Depth(DepthUpdate {
                        time,
                        sequence: step,
                        snapshot: dice.below(3) > 0,
                        bids,
                        asks,
                        bids_total: Quantity(step as i64),
                        asks_total: Quantity(1),
                    }),
                    _ => panic!("frames of {subject:?} have no rows"),
                };
                let (mut fast, mut slow) = (FrameBuilder::new(), FrameBuilder::new());
                fast.swap_kept(kept);
                let told = dialect.encode(subject, &update, Sequence(step), &mut fast);
                fast.swap_kept(kept);
                assert!(dialect.encode(subject, &update, Sequence(step), &mut slow) && told);
                assert!(
                    fast.text() == slow.text(),
                    "seed {seed}, step {step}, {subject:?}:\n{}\nanew:\n{}",
                    String::from_utf8_lossy(fast.text()),
                    String::from_utf8_lossy(slow.text())
                );
            }
        }
    }
}

/// Appends the price and the quantity.
fn write(out: &mut Vec<u8>, level: &Level) {
    out.extend_from_slice(format!("{}x{}", level.quantity.0, level.price.0).as_bytes());
}

/// What is listed, and how many of it were written anew.
fn listed(kept: &mut Kept, side: Side, levels: &[(i64, i64)]) -> (String, usize) {
    let level = |&(price, quantity)| Level { price: Price(price), quantity: Quantity(quantity) };
    let mut levels: Vec<Level> = levels.iter().map(level).collect();
    levels.reverse();
    let (mut out, mut anew) = (b"[".to_vec(), 0);
    kept.list(&mut out, side, BookSide::new(&levels), |out, level| {
        anew += 1;
        write(out, level);
    });
    (String::from_utf8(out).expect("text"), anew)
}

#[test]
fn only_what_changed_is_written_anew() {
    let mut kept = Kept::default();
    let mut check = |side, levels: &[(i64, i64)], text: &str, anew| {
        assert_eq!(listed(&mut kept, side, levels), (text.to_owned(), anew));
    };
    check(Side::Buy, &[], "[", 0);
    check(Side::Buy, &[(9, 1), (8, 2), (7, 3)], "[1x9,2x8,3x7", 3);
    check(Side::Buy, &[(9, 1), (8, 2), (7, 3)], "[1x9,2x8,3x7", 0);
    // The sides know nothing of each other.
    check(Side::Sell, &[(7, 3), (8, 2)], "[3x7,2x8", 2);
    check(Side::Buy, &[(9, 1), (8, 20_000), (7, 3)], "[1x9,20000x8,3x7", 1);
    check(Side::Buy, &[(10, 5), (9, 1), (8, 20_000), (6, 1)], "[5x10,1x9,20000x8,1x6", 2);
    check(Side::Buy, &[(8, 20_000), (6, 1)], "[20000x8,1x6", 0);
    check(Side::Buy, &[(9, 1), (6, 1)], "[1x9,1x6", 1);
    check(Side::Sell, &[(6, 1), (7, 3), (8, 2), (9, 9)], "[1x6,3x7,2x8,9x9", 2);
    check(Side::Sell, &[(8, 2), (9, 9)], "[2x8,9x9", 0);
    check(Side::Sell, &[], "[", 0);
    check(Side::Sell, &[(8, 2)], "[2x8", 1);
}

#[test]
fn ten_of_two_hundred_are_ten() {
    let mut levels: Vec<(i64, i64)> = (0..200).map(|at| (1_000 - at, at + 1)).collect();
    let mut kept = Kept::default();
    assert_eq!(listed(&mut kept, Side::Buy, &levels).1, 200);
    for round in 1..50 {
        for at in 0..10 {
            levels[(at * 19 + round) % 200].1 += 1_000;
        }
        assert_eq!(listed(&mut kept, Side::Buy, &levels).1, 10);
    }
}

#[test]
fn levels_that_add_up_are_kept_up_to_the_first_change() {
    let mut kept = Kept::default();
    let mut check = |middle, quantities: [i64; 3], text: &str, anew| {
        let level = |(at, quantity): (i64, i64)| Level {
            price: Price(3 - at),
            quantity: Quantity(quantity),
        };
        let mut levels: Vec<Level> = (0..).zip(quantities).map(level).collect();
        levels.reverse();
        let (mut out, mut written) = (Vec::new(), 0);
        kept.list_summed(&mut out, Side::Buy, BookSide::new(&levels), Price(middle), |out, it| {
            written += 1;
            let Summed { level, middle, quantity, turnover } = it;
            let text = format!("{}:{}:{turnover}", middle.0 - level.price.0, quantity.0);
            out.extend_from_slice(text.as_bytes());
        });
        assert_eq!((String::from_utf8(out).expect("text").as_str(), written), (text, anew));
    };
    check(4, [1, 1, 1], "1:1:3,2:2:5,3:3:6", 3);
    check(4, [1, 1, 2], "1:1:3,2:2:5,3:4:7", 1);
    check(4, [1, 2, 1], "1:1:3,2:3:7,3:4:8", 2);
    check(5, [1, 2, 1], "2:1:3,3:3:7,4:4:8", 3);
}
