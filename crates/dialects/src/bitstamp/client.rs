//! The client half: listens to a Bitstamp venue and turns what it says into events by level.
//!
//! For each market it subscribes to the diffs and the trades, fetches the book over HTTP once the stream is
//! proven alive, and joins the two by their stamps. It does no I/O and keeps no time. What cannot be joined
//! beyond doubt is not told: the book is fetched again, and after too many doubts the connection is given up.
//!
//! It keeps the levels of each book, to notice when bids and asks cross; whoever wants to read the book has
//! the events.

mod incoming;
mod listings;
#[cfg(test)]
mod tests;

use model::{EventBody, Instrument, InstrumentId, Level, Listing, Price, Time};

use self::incoming::Diff;
pub use self::listings::{listings, recorded, symbols};
use crate::connector::{Connector, Errand, Heard, Misheard};
use crate::published::{KeyPlace, Published, Tells};

/// How many markets one connection can carry: two channels each, and the venue drops the 1,025th channel.
pub const MARKETS_MAX: usize = 512;
/// How many diffs of one market wait for its book at most. The venue sends at most ten a second.
const WAITING_DIFFS_MAX: usize = 1_024;
/// How many levels of one market wait in such diffs at most.
const WAITING_LEVELS_MAX: usize = 1 << 17;
/// How often in a row a book may fail to join its stream before the connection is given up.
const DOUBTS_MAX: u32 = 5;

/// Where the venue is. Its pings are answered; it wants no others.
pub const PUBLISHED: Published = Published {
    socket: Some("wss://ws.bitstamp.net/"),
    http: Some("https://www.bitstamp.net"),
    directory: Some("/api/v2/trading-pairs-info/"),
    beat: None,
    key: KeyPlace::Nowhere,
    tells: Tells::BooksAndTrades,
};

const DIFFS: &str = "diff_order_book_";
const TRADES: &str = "live_trades_";
const BOOKS: &str = "/api/v2/order_book/";

/// Listens to the markets of a Bitstamp venue.
#[derive(Debug)]
pub struct Client {
    /// Sorted by symbol.
    markets: Vec<Market>,
    /// In the order of the listings: what to subscribe to.
    order: Vec<usize>,
    /// Whether a book that came before any diff is believed without a second one.
    trusting: bool,
}

impl Client {
    /// A client for those of the listings that have a Bitstamp symbol.
    ///
    /// # Panics
    /// If there are more than [`MARKETS_MAX`] of them: one connection cannot carry more.
    #[must_use]
    pub fn new(listings: &[Listing]) -> Self {
        let mut markets: Vec<Market> = listings
            .iter()
            .filter_map(|listing| {
                let symbol = listing.symbol_in(super::NAME)?;
                Some(Market::new(symbol, listing.instrument.clone()))
            })
            .collect();
        assert!(markets.len() <= MARKETS_MAX, "one connection carries at most 512 markets");
        let symbols: Vec<String> = markets.iter().map(|market| market.symbol.clone()).collect();
        markets.sort_by(|one, other| one.symbol.cmp(&other.symbol));
        let place = |symbol: &String| markets.binary_search_by(|market| market.symbol.cmp(symbol));
        let order = symbols.iter().filter_map(|symbol| place(symbol).ok()).collect();
        Self { markets, order, trusting: false }
    }

    /// Believes a book that came before any diff, although the venue may have kept it in a cache while it
    /// changed. For recordings, where nothing can be fetched again; a live connection looks twice.
    #[must_use]
    pub fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }

    fn market(&mut self, symbol: &str) -> Option<&mut Market> {
        let at = self.markets.binary_search_by(|market| market.symbol.as_str().cmp(symbol)).ok()?;
        Some(&mut self.markets[at])
    }
}

impl Connector for Client {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        for market in &mut self.markets {
            market.forget();
        }
        for prefix in [DIFFS, TRADES] {
            for &at in &self.order {
                let symbol = &self.markets[at].symbol;
                let say = format!(
                    r#"{{"event":"bts:subscribe","data":{{"channel":"{prefix}{symbol}"}}}}"#
                );
                errands.push(Errand::Say(say.into_bytes()));
            }
        }
    }

    fn message(
        &mut self,
        text: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let message = incoming::message(text)?;
        let channel = &*message.channel;
        let trusting = self.trusting;
        match &*message.event {
            "data" => {
                let Some(market) = channel.strip_prefix(DIFFS).and_then(|it| self.market(it))
                else {
                    return Ok(());
                };
                let diff = incoming::diff(&message, &market.instrument)?;
                market.diff(diff, trusting, heard, errands)
            }
            "trade" => {
                let Some(market) = channel.strip_prefix(TRADES).and_then(|it| self.market(it))
                else {
                    return Ok(());
                };
                let trade = incoming::trade(&message, &market.instrument)?;
                heard.push(market.heard(trade.time, EventBody::Printed(trade)));
                Ok(())
            }
            "bts:subscription_succeeded" => {
                if let Some(market) = channel.strip_prefix(DIFFS).and_then(|it| self.market(it)) {
                    market.alive(errands);
                }
                Ok(())
            }
            "bts:unsubscription_succeeded" => {
                Err(Misheard::new(format_args!("it stopped telling {channel}, which nobody asked")))
            }
            "bts:error" => Err(Misheard::new(format_args!("it refuses: {}", message.data))),
            "bts:request_reconnect" => {
                errands.push(Errand::Reconnect);
                Ok(())
            }
            // Heartbeats, and events of channels that we did not ask for.
            _ => Ok(()),
        }
    }

    fn fetched(
        &mut self,
        path: &str,
        body: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let Some(market) = market_of(path).and_then(|symbol| self.market(symbol)) else {
            return Ok(());
        };
        let book = incoming::book(body, &market.instrument)?;
        market.snapshot(book, heard, errands)
    }

    fn unjoined(&self, instruments: &mut Vec<InstrumentId>) {
        let waits = |market: &&Market| matches!(market.stage, Stage::Waiting(_));
        instruments.extend(self.markets.iter().filter(waits).map(|it| it.instrument.id));
    }
}

/// One market: how far its book and its stream have been joined.
#[derive(Debug)]
struct Market {
    symbol: String,
    instrument: Instrument,
    stage: Stage,
    /// Whether a fetch is under way.
    asked: bool,
    /// The stamps of the first and the last diff of the unbroken stream.
    stream: Option<(Time, Time)>,
    /// The stamp that was told last; a book older than it is of no use.
    told: Option<Time>,
    /// How often in a row book and stream failed to join.
    doubts: u32,
    /// The book as told: ascending, and descending, so that the best is last.
    bids: Vec<Level>,
    asks: Vec<Level>,
}

#[derive(Debug)]
enum Stage {
    /// The book is not known; these diffs wait for it.
    Waiting(Vec<Diff>),
    /// The book is known as of `stamp`. It is joined once a diff of its stamp or an earlier one has been
    /// heard: only then is it certain that no diff lies between the book and the stream.
    Shown { stamp: Time, joined: bool },
}

impl Market {
    fn new(symbol: &str, instrument: Instrument) -> Self {
        Self {
            symbol: symbol.to_owned(),
            instrument,
            stage: Stage::Waiting(Vec::new()),
            asked: false,
            stream: None,
            told: None,
            doubts: 0,
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    fn forget(&mut self) {
        *self = Self::new(&self.symbol, self.instrument.clone());
    }

    fn heard(&self, time: Time, body: EventBody) -> Heard {
        Heard { instrument: self.instrument.id, time, body }
    }

    /// The stream has begun: a book fetched from now on cannot miss what comes.
    fn alive(&mut self, errands: &mut Vec<Errand>) {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.ask(errands);
        }
    }

    fn ask(&mut self, errands: &mut Vec<Errand>) {
        if !self.asked {
            self.asked = true;
            errands.push(Errand::Fetch(format!("{BOOKS}{}/", self.symbol)));
        }
    }

    fn diff(
        &mut self,
        diff: Diff,
        trusting: bool,
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let time = diff.time;
        let unbroken = self.stream.is_none_or(|(_, last)| last < time);
        if !unbroken {
            self.stream = None;
            self.stage = Stage::Waiting(Vec::new());
            self.doubt("its stamps do not increase")?;
        }
        let first = self.stream.map_or(time, |(first, _)| first);
        self.stream = Some((first, time));
        match &mut self.stage {
            Stage::Waiting(_) => self.wait(diff, errands),
            Stage::Shown { stamp, joined } if time <= *stamp => {
                *joined = true;
                Ok(())
            }
            Stage::Shown { joined, .. } if *joined || trusting => {
                *joined = true;
                self.tell(diff, heard, errands)
            }
            // Nothing was heard between the book and this diff, but the book may be older than the stream.
            Stage::Shown { .. } => {
                self.stage = Stage::Waiting(Vec::new());
                self.wait(diff, errands)
            }
        }
    }

    /// Keeps a diff until the book comes.
    fn wait(&mut self, diff: Diff, errands: &mut Vec<Errand>) -> Result<(), Misheard> {
        if let Stage::Waiting(waiting) = &mut self.stage {
            let levels: usize = waiting.iter().map(Diff::levels).sum();
            if waiting.len() >= WAITING_DIFFS_MAX || levels + diff.levels() > WAITING_LEVELS_MAX {
                let (count, symbol) = (waiting.len(), &self.symbol);
                return Err(Misheard::new(format_args!(
                    "{count} diffs of {symbol} came while its book did not"
                )));
            }
            waiting.push(diff);
        }
        self.ask(errands);
        Ok(())
    }

    /// Tells a diff that follows the book, unless it makes no sense there.
    fn tell(
        &mut self,
        diff: Diff,
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        for &level in &diff.book.bids {
            set(&mut self.bids, level, |price| price);
        }
        for &level in &diff.book.asks {
            set(&mut self.asks, level, core::cmp::Reverse);
        }
        if self.is_crossed() {
            self.stream = Some((diff.time, diff.time));
            self.stage = Stage::Waiting(Vec::new());
            self.doubt("its bids and asks cross")?;
            return self.wait(diff, errands);
        }
        self.stage = Stage::Shown { stamp: diff.time, joined: true };
        self.doubts = 0;
        if diff.levels() > 0 {
            self.told = Some(diff.time);
            heard.push(self.heard(diff.time, EventBody::BookDelta(diff.book)));
        }
        Ok(())
    }

    fn snapshot(
        &mut self,
        book: Diff,
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        self.asked = false;
        let Stage::Waiting(waiting) = &mut self.stage else {
            return Ok(());
        };
        let (stamp, joined) = (book.time, self.stream.is_some_and(|(first, _)| first <= book.time));
        let stale = (self.stream.is_some() && !joined) || self.told > Some(stamp);
        if stale {
            self.ask(errands);
            return self.doubt("its book is older than its diffs");
        }
        let waiting = core::mem::take(waiting);
        self.bids.clear();
        self.bids.extend(book.book.bids.iter().rev());
        self.asks.clear();
        self.asks.extend(book.book.asks.iter().rev());
        if self.is_crossed() {
            self.stage = Stage::Waiting(waiting);
            self.ask(errands);
            return self.doubt("the bids and asks of its book cross");
        }
        self.told = Some(stamp);
        heard.push(self.heard(stamp, EventBody::BookSnapshot(book.book)));
        self.stage = Stage::Shown { stamp, joined };
        for diff in waiting.into_iter().filter(|diff| diff.time > stamp) {
            match self.stage {
                Stage::Shown { .. } => self.tell(diff, heard, errands)?,
                Stage::Waiting(_) => {
                    self.stream = self.stream.map(|(first, _)| (first, diff.time));
                    self.wait(diff, errands)?;
                }
            }
        }
        Ok(())
    }

    fn is_crossed(&self) -> bool {
        let (bid, ask) = (self.bids.last(), self.asks.last());
        bid.zip(ask).is_some_and(|(bid, ask)| bid.price >= ask.price)
    }

    /// Counts a failure to join book and stream.
    fn doubt(&mut self, why: &str) -> Result<(), Misheard> {
        self.doubts += 1;
        if self.doubts > DOUBTS_MAX {
            return Err(Misheard::new(format_args!("{}: {why}, again and again", self.symbol)));
        }
        Ok(())
    }
}

/// The symbol of the market whose book is fetched at this path.
fn market_of(path: &str) -> Option<&str> {
    path.strip_prefix(BOOKS).map(|rest| rest.strip_suffix('/').unwrap_or(rest))
}

/// Sets one level of a side that is sorted by `key`; quantity 0 removes it.
fn set<K: Ord>(side: &mut Vec<Level>, level: Level, key: impl Fn(Price) -> K) {
    let place = side.binary_search_by(|it| key(it.price).cmp(&key(level.price)));
    match (place, level.quantity.is_zero()) {
        (Ok(at), true) => {
            side.remove(at);
        }
        (Ok(at), false) => side[at] = level,
        (Err(at), false) => side.insert(at, level),
        (Err(_), true) => {}
    }
}
