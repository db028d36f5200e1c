//! The view: what is seen, drawn into cells. It is pure: the same state, moment and size give the same picture.
//!
//! Nothing is told by colour alone, so that the picture is whole without it.

use std::time::{Duration, Instant};

use dialects::published::Tells;
use model::{Candle, Level, Price, Quantity, Side};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};

use super::lines::{clock, price, quantity};
use super::seen::{INTERVALS, Market, Seen, Standing};

mod positions;

/// A connection that is silent for so long is called quiet.
const QUIET: Duration = Duration::from_secs(10);
/// How wide the book is: where there is room, and where there is little.
const BOOK_COLUMNS: [u16; 2] = [46, 38];
/// How wide the tape is at least.
const TAPE_COLUMNS: u16 = 40;
/// How high candles are at least.
const CANDLE_ROWS: u16 = 9;

/// How one looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The moment.
    pub now: Instant,
    /// The market's place.
    pub market: usize,
    /// The candles' interval, by its place in [`INTERVALS`].
    pub interval: usize,
    /// Whether there are colours.
    pub colours: bool,
}

impl Look {
    fn styled(&self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn side(&self, side: Side) -> Style {
        self.styled(match side {
            Side::Buy => Color::Green,
            Side::Sell => Color::Red,
        })
    }

    fn alarm(&self) -> Style {
        self.styled(Color::Yellow).add_modifier(Modifier::BOLD)
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// Draws it all.
pub fn draw(seen: &Seen, title: &str, look: &Look, area: Rect, cells: &mut Buffer) {
    let Some(market) = seen.markets.get(look.market) else { return };
    if area.height < 4 || area.width < 20 {
        put(cells, area, 0, "too small", BOLD);
        return;
    }
    let rules = &market.instrument;
    let pair = format!(" {} ", market.symbol);
    put(cells, area, 0, &pair, BOLD.add_modifier(Modifier::REVERSED));
    let about = format!("{}/{}  {title}", rules.base, rules.quote);
    put(cells, after(area, pair.chars().count()), 0, &about, Style::new());
    standing(seen, market, look, row(area, 1), cells);
    footer(seen, look, row(area, area.height - 1), cells);
    let mut body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    if let Some(own) = &seen.positions {
        body = positions::draw(own, look, body, cells);
    }
    match seen.tells {
        Tells::BooksAndTrades => {
            let (left, right) = split(body);
            book(market, look, left, cells);
            prints(market, look, right, cells);
        }
        Tells::Trades => prints(market, look, body, cells),
        Tells::Bars => candles(market, look, body, cells),
    }
}

/// How the connection stands, and whether the book can be relied on.
fn standing(seen: &Seen, market: &Market, look: &Look, area: Rect, cells: &mut Buffer) {
    let age = seen.last.map(|last| look.now.saturating_duration_since(last));
    let aged = age.map_or("no frame yet".to_owned(), |age| format!("last frame {} ago", ago(age)));
    let (text, style) = match &seen.standing {
        Standing::Calling => ("calling the venue".to_owned(), look.alarm()),
        Standing::Lost { why, again } => {
            let left = again.saturating_duration_since(look.now).as_millis().div_ceil(1_000);
            (format!("LOST, again in {left} s · {aged} · {why}"), look.alarm())
        }
        Standing::Open if age.is_some_and(|age| age >= QUIET) => {
            (format!("QUIET · {aged}"), look.alarm())
        }
        Standing::Open => (format!("live · {aged}"), look.styled(Color::Green)),
    };
    let mut area = area;
    put(cells, area, 0, &text, style);
    area = after(area, text.chars().count() + 2);
    if seen.tells == Tells::BooksAndTrades
        && seen.standing == Standing::Open
        && let Some(why) = &market.hole
    {
        put(cells, area, 0, &format!("· THE BOOK HAS A HOLE: {why}"), look.alarm());
    }
}

fn footer(seen: &Seen, look: &Look, area: Rect, cells: &mut Buffer) {
    let mut text = "q quit".to_owned();
    if seen.markets.len() > 1 {
        text += &format!("  Tab market ({} of {})", look.market + 1, seen.markets.len());
    }
    if seen.tells != Tells::Bars {
        text += &format!("  i interval ({})", INTERVALS[look.interval].0);
    }
    put(cells, area, 0, &text, DIM);
}

/// The book: asks above, bids below, the best of both in the middle. Where it has a hole every row is marked.
fn book(market: &Market, look: &Look, area: Rect, cells: &mut Buffer) {
    let mark = if market.is_whole() { "" } else { "?" };
    let [bids, asks] = [Side::Buy, Side::Sell].map(|side| market.side(side));
    let title = format!("book{mark}  {} bids, {} asks", bids.len(), asks.len());
    heading(cells, area, &title);
    let rows = usize::from(area.height.saturating_sub(2)) / 2;
    let shown = |levels: &[Level]| levels.iter().rev().take(rows).copied().collect::<Vec<_>>();
    let (bids, asks) = (shown(bids), shown(asks));
    let most = bids.iter().chain(&asks).map(|level| level.quantity).max();
    let most = most.unwrap_or(Quantity(1));
    let middle = 1 + u16::try_from(rows).unwrap_or(u16::MAX);
    for (n, level) in (1..).zip(&asks) {
        let place = row(area, middle.saturating_sub(n));
        rung(market, level, most, Side::Sell, look, place, cells);
    }
    for (n, level) in (1..).zip(&bids) {
        rung(market, level, most, Side::Buy, look, row(area, middle + n), cells);
    }
    put(cells, area, middle, &spread(market, mark), BOLD);
}

fn spread(market: &Market, mark: &str) -> String {
    let [bid, ask] = [Side::Buy, Side::Sell].map(|side| market.best(side));
    match (bid, ask) {
        (Some(bid), Some(ask)) if bid.price >= ask.price => {
            format!("{mark:1} bids and asks cross, as the venue tells them")
        }
        (Some(bid), Some(ask)) => {
            let spread = Price(ask.price.0 - bid.price.0);
            format!("{mark:1} spread {}", price(&market.instrument, spread))
        }
        _ => format!("{mark:1} one side is empty"),
    }
}

/// One level: price, quantity, and a bar as long as it is large.
fn rung(
    market: &Market,
    level: &Level,
    most: Quantity,
    side: Side,
    look: &Look,
    area: Rect,
    cells: &mut Buffer,
) {
    let rules = &market.instrument;
    let mark = if market.is_whole() { ' ' } else { '?' };
    let fade = if market.is_whole() { Modifier::empty() } else { Modifier::DIM };
    let sign = match side {
        Side::Buy => "bid",
        Side::Sell => "ask",
    };
    let style = look.side(side).add_modifier(fade);
    let at = format!("{mark} {sign} {:>12}", price(rules, level.price));
    put(cells, area, 0, &at, style);
    let much = format!("{:>16}", quantity(rules, level.quantity));
    put(cells, after(area, at.chars().count()), 0, &much, Style::new().add_modifier(fade));
    let area = after(area, at.chars().count() + much.chars().count() + 1);
    put(cells, area, 0, &bar(level.quantity, most, area.width), style);
}

/// A bar of at most `width` cells, in eighths of one.
fn bar(quantity: Quantity, most: Quantity, width: u16) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = i128::from(quantity.0.max(0)) * i128::from(width) * 8 / i128::from(most.0.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(0).min(usize::from(width) * 8);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// Candles above, where there is room for them, and the tape below.
fn prints(market: &Market, look: &Look, area: Rect, cells: &mut Buffer) {
    if area.width == 0 {
        return;
    }
    let high = if area.height >= 2 * CANDLE_ROWS { area.height / 2 } else { 0 };
    candles(market, look, Rect { height: high, ..area }, cells);
    tape(market, look, Rect { y: area.y + high, height: area.height - high, ..area }, cells);
}

fn tape(market: &Market, look: &Look, area: Rect, cells: &mut Buffer) {
    heading(cells, area, "trades");
    let rules = &market.instrument;
    for (n, trade) in (1..area.height).zip(&market.trades) {
        let (sign, style) = match trade.aggressor {
            Side::Buy => ("▲ buy ", look.side(Side::Buy)),
            Side::Sell => ("▼ sell", look.side(Side::Sell)),
        };
        let at = format!("{} {sign} {:>12}", clock(trade.time), price(rules, trade.price));
        put(cells, area, n, &at, style);
        let much = format!("{:>12}", quantity(rules, trade.quantity));
        put(cells, after(area, at.chars().count()), n, &much, Style::new());
    }
}

/// Candles, the newest at the right. One of which something may be missing has a mark below it.
fn candles(market: &Market, look: &Look, area: Rect, cells: &mut Buffer) {
    if area.height < 5 || area.width < 24 {
        return;
    }
    let rules = &market.instrument;
    let name = INTERVALS[look.interval].0;
    let labels = 13.min(area.width / 3);
    let room = usize::from((area.width - labels) / 2);
    let mut shown: Vec<&Candle> = market.candles(look.interval).rev().take(room).collect();
    shown.reverse();
    let Some((last, high, low)) = shown.iter().fold(None, |so_far, candle| {
        let (_, high, low) = so_far.unwrap_or((candle, candle.high, candle.low));
        Some((candle, high.max(candle.high), low.min(candle.low)))
    }) else {
        heading(cells, area, &format!("candles of {name}: no trade was heard yet"));
        return;
    };
    let unsure = |candle: &Candle| !market.is_whole_candle(look.interval, candle.start);
    let note = if shown.iter().any(|it| unsure(it)) { ", ? heard in part" } else { "" };
    let title = format!(
        "candles of {name}{note}  last {}  volume {}",
        price(rules, last.close),
        quantity(rules, last.volume)
    );
    heading(cells, area, &title);
    // A row below for marks, and one for times.
    let rows = area.height - 3;
    let top = area.y + 1;
    // Where a price stands, from the top.
    let place = |at: Price| {
        let (span, from) = (i128::from(high.0) - i128::from(low.0), i128::from(high.0 - at.0));
        if span == 0 {
            rows / 2
        } else {
            u16::try_from(from * i128::from(rows - 1) / span).unwrap_or(0)
        }
    };
    for (n, candle) in (0..).zip(&shown) {
        let x = area.x + 2 * n;
        let is_up = candle.close >= candle.open;
        let style = look.side(if is_up { Side::Buy } else { Side::Sell });
        let body = if is_up { "█" } else { "▒" };
        let (upper, lower) = (candle.open.max(candle.close), candle.open.min(candle.close));
        for y in place(candle.high)..=place(candle.low) {
            let is_body = (place(upper)..=place(lower)).contains(&y);
            cells.set_stringn(x, top + y, if is_body { body } else { "│" }, 1, style);
        }
        if unsure(candle) {
            cells.set_stringn(x, top + rows, "?", 1, look.alarm());
        }
    }
    let right = after(area, usize::from(area.width - labels));
    put(cells, right, 1, &format!(" {}", price(rules, high)), DIM);
    if rows > 2 {
        put(cells, right, rows, &format!(" {}", price(rules, low)), DIM);
    }
    let from = clock(shown[0].start);
    put(cells, area, area.height - 1, &format!("{from} to {}", clock(last.start)), DIM);
}

/// A title with a rule to its right.
fn heading(cells: &mut Buffer, area: Rect, title: &str) {
    titled(cells, area, title, DIM);
}

fn titled(cells: &mut Buffer, area: Rect, title: &str, style: Style) {
    let rule = usize::from(area.width).saturating_sub(title.chars().count() + 2);
    put(cells, area, 0, &format!("{title} {}", "─".repeat(rule)), style);
}

/// Puts a text at the beginning of a row, as far as it fits.
fn put(cells: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    if y < area.height && area.width > 0 {
        cells.set_stringn(area.x, area.y + y, text, usize::from(area.width), style);
    }
}

const fn row(area: Rect, y: u16) -> Rect {
    Rect {
        x: area.x,
        y: area.y + y,
        width: area.width,
        height: if y < area.height { 1 } else { 0 },
    }
}

/// What is right of so many columns.
fn after(area: Rect, columns: usize) -> Rect {
    let columns = u16::try_from(columns).unwrap_or(u16::MAX).min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}

/// Left and right, or left alone if there is no room for both.
fn split(area: Rect) -> (Rect, Rect) {
    let fits = |left: &u16| area.width >= left + 2 + TAPE_COLUMNS;
    let Some(left) = BOOK_COLUMNS.into_iter().find(fits) else {
        return (area, Rect { width: 0, ..area });
    };
    let right = Rect { x: area.x + left + 2, width: area.width - left - 2, ..area };
    (Rect { width: left, ..area }, right)
}

/// How long ago, for people.
fn ago(age: Duration) -> String {
    match age.as_secs() {
        0..10 => format!("{}.{} s", age.as_secs(), age.subsec_millis() / 100),
        10..120 => format!("{} s", age.as_secs()),
        _ => format!("{} min", age.as_secs() / 60),
    }
}
