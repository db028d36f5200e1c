//! Books as parts of images. Of a book by order the orders are written, and what was published of the lines that were
//! touched since: levels, marks and what is published of all other lines follow from that.

use model::image::{Image, Impossible, MAGNITUDE_MAX, Reader, save_number};
use model::{Level, OrderEntry, OrderId, Quantity, Time};

use super::{
    ByLevel, ByOrder, CADENCES_MAX, L3, Ladder, Publisher, Resting, SIDES, Side, Touched, key_of,
    offset, price_at,
};
use crate::image::COUNT_MAX;

impl ByOrder {
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        let Self { book, publishers, all: _, start, stamp, touched, stale } = self;
        [start, stamp, touched].iter().for_each(|moment| moment.save(out));
        stale.save(out);
        for side in SIDES {
            save_number(book.lines(side).len() as u64, out);
            for line in book.lines(side) {
                line.key.save(out);
                save_number(u64::from(line.orders), out);
                book.orders(side, line).for_each(|order| save_order(&order, out));
            }
        }
        save_number(publishers.len() as u64, out);
        publishers.iter().for_each(|publisher| publisher.save(out));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut loaded = Self::new(Time::load(from)?);
        (loaded.stamp, loaded.touched) = (Time::load(from)?, Time::load(from)?);
        loaded.stale = bool::load(from)?;
        for side in SIDES {
            let mut before = None;
            let mut total = 0;
            for _ in 0..from.count(usize::MAX, "lines of a book")? {
                let key = next_key(&mut before, from)?;
                let (at, _) = loaded.book.open(side, price_at(side, key));
                let orders = from.count(usize::MAX, "orders of a line")?;
                if orders == 0 {
                    return Err(Impossible("a line without orders"));
                }
                for _ in 0..orders {
                    let order = load_order(&mut total, from)?;
                    if loaded.book.slot(order.id).is_some() {
                        return Err(Impossible("an order that rests twice"));
                    }
                    loaded.book.append(side, at, order);
                }
            }
        }
        for bit in 0..from.count(CADENCES_MAX, "more cadences than there may be")? {
            let publisher = Publisher::load(&mut loaded.book, 1 << bit, from)?;
            if loaded.publisher(publisher.cadence).is_some() {
                return Err(Impossible("a cadence that speaks twice"));
            }
            loaded.publishers.push(publisher);
            loaded.all |= 1 << bit;
        }
        Ok(loaded)
    }
}

impl Publisher {
    fn save(&self, out: &mut Vec<u8>) {
        // Its levels follow from the orders, its delta was told.
        let Self { cadence, stamp, states, ladders: _, touched, saved, delta: _ } = self;
        cadence.save(out);
        stamp.save(out);
        states.save(out);
        for lines in touched {
            save_number(lines.len() as u64, out);
            for line in lines {
                let orders = line.orders(saved);
                line.key.save(out);
                save_number(orders.len() as u64, out);
                orders.iter().for_each(|order| save_order(order, out));
            }
        }
    }

    /// Reads one whose mark is this, and marks the lines that it has noted.
    fn load(book: &mut L3, mark: u32, from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut loaded = Self::new(Image::load(from)?, Image::load(from)?);
        loaded.states = u64::load(from)?;
        if loaded.states >= COUNT_MAX {
            return Err(Impossible("the number of published states"));
        }
        for side in SIDES {
            let mut before = None;
            let mut total = 0;
            for _ in 0..from.count(usize::MAX, "lines of a published book")? {
                let key = next_key(&mut before, from)?;
                let first = offset(loaded.saved.len());
                let mut quantity = Quantity::ZERO;
                for _ in 0..from.count(usize::MAX, "orders of a published line")? {
                    let Resting { id: order, quantity: open, time, expires } =
                        load_order(&mut total, from)?;
                    let price = price_at(side, key);
                    quantity += open;
                    loaded.saved.push(OrderEntry { price, quantity: open, order, time, expires });
                }
                let till = offset(loaded.saved.len());
                if let Ok(at) = book.find(side, key) {
                    book.lines_mut(side)[at].marks |= mark;
                } else if first == till {
                    return Err(Impossible("a line that neither is nor was"));
                }
                let line = Touched { key, quantity, from: first, till };
                loaded.touched[side as usize].push(line);
            }
            loaded.publish(book, side, mark);
        }
        Ok(loaded)
    }

    /// What it has published of a side: of the lines that it has noted what it noted, of all others what they are.
    fn publish(&mut self, book: &L3, side: Side, mark: u32) {
        let noted = self.touched[side as usize].iter().map(|line| (line.key, line.quantity));
        let others = book.lines(side).iter().filter(|line| line.marks & mark == 0);
        let mut levels: Vec<_> =
            noted.chain(others.map(|line| (line.key, line.quantity))).collect();
        levels.sort_unstable_by_key(|&(key, _)| key);
        for (key, quantity) in levels {
            self.ladders[side as usize].set(Level { price: price_at(side, key), quantity });
        }
    }
}

impl ByLevel {
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        let Self { stamp, states, ladders, delta: _ } = self;
        stamp.save(out);
        states.save(out);
        ladders.iter().for_each(|ladder| model::image::save_all(ladder.best_last().iter(), out));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let stamp = Option::load(from)?;
        let mut loaded = Self { stamp, ..Self::after(u64::load(from)?) };
        if loaded.states >= COUNT_MAX {
            return Err(Impossible("the number of published states"));
        }
        for side in SIDES {
            let ladder: &mut Ladder = &mut loaded.ladders[side as usize];
            let mut total = 0;
            for _ in 0..from.count(usize::MAX, "levels of a book")? {
                let level = Level::load(from)?;
                add(&mut total, level.quantity)?;
                let last = ladder.best_last().last();
                if last.is_some_and(|last| key_of(side, last.price) >= key_of(side, level.price)) {
                    return Err(Impossible("the order of levels"));
                }
                ladder.set(level);
            }
        }
        Ok(loaded)
    }
}

/// Reads the key of the next line; lines stand best last.
fn next_key(before: &mut Option<i64>, from: &mut Reader<'_>) -> Result<i64, Impossible> {
    let key = i64::load(from)?;
    match before.replace(key) {
        Some(before) if before >= key => Err(Impossible("the order of lines")),
        _ => Ok(key),
    }
}

/// An order of a line whose price is known.
fn save_order(order: &OrderEntry, out: &mut Vec<u8>) {
    let OrderEntry { price: _, quantity, order, time, expires } = order;
    order.save(out);
    quantity.save(out);
    time.save(out);
    // Whatever its owner asked for: it is only ever compared.
    expires.map(|till| till.0).save(out);
}

fn load_order(total: &mut i64, from: &mut Reader<'_>) -> Result<Resting, Impossible> {
    let (id, quantity) = (OrderId::load(from)?, Quantity::load(from)?);
    let (time, expires) = (Time::load(from)?, Option::<i64>::load(from)?.map(Time));
    add(total, quantity)?;
    Ok(Resting { id, quantity, time, expires })
}

/// Something rests on a side beside all else there.
fn add(total: &mut i64, quantity: Quantity) -> Result<(), Impossible> {
    let sum = total.checked_add(quantity.0).filter(|&sum| quantity.0 > 0 && sum <= MAGNITUDE_MAX);
    *total = sum.ok_or(Impossible("what rests on a side"))?;
    Ok(())
}
