//! The pane of one's positions, below all else.

use std::time::Duration;

use model::Side;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};

use super::super::lines::clock;
use super::super::positions::{self, Exact, Mode, Page, Position, Positions};
use super::{BOLD, DIM, Look, after, ago, put, row, titled};

/// What was told longer ago is stale: the venue was asked again meanwhile, and had time enough.
const STALE: Duration = Duration::from_secs(7);
/// Letters of an amount, with its sign: more of its decimals are not shown.
const AMOUNT_LETTERS: usize = 10;
/// Decimals of an amount that are shown in any case.
const AMOUNT_DECIMALS: usize = 2;

/// The columns in their order, and whether they stand at the right.
const COLUMNS: [(&str, bool); 9] = [
    ("perpetual", false),
    ("side", false),
    ("size", true),
    ("entry", true),
    ("mark", true),
    ("profit", true),
    ("liquidation", true),
    ("margin", true),
    ("mode", false),
];
/// Where the profit stands in them.
const PROFIT: usize = 5;
/// Those that are left out where there is little room, the first one first.
const LEFT_OUT: [usize; 7] = [8, 3, 4, 2, 7, 6, PROFIT];

/// Draws it, and returns what room it leaves.
pub fn draw(own: &Positions, look: &Look, area: Rect, cells: &mut Buffer) -> Rect {
    let (doubted, why) = doubted(own, look);
    let positions = own.told.as_ref().map_or(&[][..], |(page, _)| &page.positions);
    let above = 1 + usize::from(!why.is_empty());
    let rows = if positions.is_empty() { 0 } else { 1 + positions.len() };
    let high = u16::try_from(above + rows).unwrap_or(u16::MAX).min((area.height / 2).max(1));
    let left = Rect { height: area.height - high, ..area };
    let area = Rect { y: left.bottom(), height: high, ..area };
    let mut title = if doubted.is_empty() { "positions  " } else { "positions?  " }.to_owned();
    match &own.told {
        None => title += "not told yet",
        Some((page, _)) => {
            match positions.len() {
                0 => title += "none open",
                count => title += &format!("{count} open"),
            }
            // Titles of columns are no position.
            match positions.len().saturating_sub(usize::from(high).saturating_sub(above + 1)) {
                0 => {}
                hidden => title += &format!(", {hidden} not shown"),
            }
            title += &format!(" at {}", clock(page.time));
        }
    }
    title += &doubted;
    let (style, fade) = match doubted.is_empty() {
        true => (DIM, Modifier::empty()),
        false => (look.alarm(), Modifier::DIM),
    };
    titled(cells, area, &title, style);
    put(cells, area, 1, &why, style);
    let below = u16::try_from(above).unwrap_or(u16::MAX).min(high);
    if let Some((page, _)) = &own.told {
        let area = Rect { y: area.y + below, height: high - below, ..area };
        table(page, fade, look, area, cells);
    }
    left
}

/// What stands in the title if what is shown cannot be relied on, and why it cannot; nothing if it can.
fn doubted(own: &Positions, look: &Look) -> (String, String) {
    let age = own.told.as_ref().map(|(_, at)| look.now.saturating_duration_since(*at));
    let aged = age.map_or(String::new(), |age| format!(" · STALE, told {} ago", ago(age)));
    match &own.doubt {
        Some(doubt) => {
            let left = doubt.again.saturating_duration_since(look.now).as_millis().div_ceil(1_000);
            let again =
                if left > 0 { format!("again in {left} s") } else { "again now".to_owned() };
            (format!("{aged} · asked {again}"), format!("  {}", doubt.why))
        }
        None if age.is_some_and(|age| age >= STALE) => (aged, "  no answer yet".to_owned()),
        None => (String::new(), String::new()),
    }
}

/// The positions, below titles; nothing if there are none, or no room.
fn table(page: &Page, fade: Modifier, look: &Look, area: Rect, cells: &mut Buffer) {
    if page.positions.is_empty() {
        return;
    }
    let mark = if fade.is_empty() { " " } else { "?" };
    let rows: Vec<_> = page.positions.iter().map(|it| told(page, it)).collect();
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.fold(COLUMNS[at].0.len(), usize::max)
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    // A number that is cut is another number: what has no room is left out, and that is said.
    let room = usize::from(area.width).saturating_sub(1);
    let mut out = LEFT_OUT.into_iter();
    while shown.iter().map(|&at| widths[at] + 1).sum::<usize>() > room
        && let Some(next) = out.next()
    {
        shown.retain(|&at| at != next);
    }
    let padded = |at: usize, text: &str| match COLUMNS[at].1 {
        true => format!(" {text:>width$}", width = widths[at]),
        false => format!(" {text:<width$}", width = widths[at]),
    };
    let mut titles: String = shown.iter().map(|&at| padded(at, COLUMNS[at].0)).collect();
    if shown.len() < COLUMNS.len() {
        titles += " …";
    }
    put(cells, after(area, 1), 0, &titles, DIM);
    for (n, (it, texts)) in (1..area.height).zip(page.positions.iter().zip(&rows)) {
        let mut rest = row(area, n);
        put(cells, rest, 0, mark, BOLD);
        rest = after(rest, 1);
        for &at in &shown {
            let text = padded(at, &texts[at]);
            let style = match at {
                PROFIT => profit_style(it, look),
                _ if it.in_liquidation => look.alarm(),
                _ => Style::new(),
            };
            put(cells, rest, 0, &text, style.add_modifier(fade));
            rest = after(rest, text.chars().count());
        }
    }
}

fn profit_style(it: &Position, look: &Look) -> Style {
    match &it.unrealized_profit {
        Some(profit) if profit.text().starts_with('-') => look.side(Side::Sell),
        Some(_) => look.side(Side::Buy),
        None => Style::new(),
    }
}

/// What is shown of a position, column by column.
fn told(page: &Page, it: &Position) -> [String; COLUMNS.len()] {
    let price = |it: &Option<Exact>| it.as_ref().map_or("-", Exact::text).to_owned();
    let profit = it.unrealized_profit.as_ref().map(|profit| {
        let sign = if profit.text().starts_with('-') { "" } else { "+" };
        format!("{sign}{} {}", short(profit.text()), it.margin_asset)
    });
    let margin = match page.margin_ratio(it) {
        _ if it.in_liquidation => "LIQUIDATING".to_owned(),
        Some(ratio @ ..1_000) => format!("{}.{}%", ratio / 10, ratio % 10),
        Some(_) => "≥100%".to_owned(),
        None => "-".to_owned(),
    };
    let side = match it.side {
        positions::Side::Long => "long",
        positions::Side::Short => "short",
    };
    let mode = match it.mode {
        Mode::Cross => "cross",
        Mode::Isolated => "isolated",
    };
    [
        it.instrument.clone(),
        side.to_owned(),
        it.size.text().to_owned(),
        price(&it.entry_price),
        price(&it.mark_price),
        profit.unwrap_or_else(|| "-".to_owned()),
        price(&it.liquidation_price),
        margin,
        format!("{mode} {}x", it.leverage),
    ]
}

/// An amount with as many decimals as there is room for, without zeros at its end; it is cut, not rounded.
fn short(text: &str) -> &str {
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let room = AMOUNT_LETTERS.saturating_sub(whole.len() + 1).max(AMOUNT_DECIMALS);
    let kept = &fraction[..fraction.len().min(room)];
    let zeros = kept.len() - kept.trim_end_matches('0').len();
    let kept = kept.len().saturating_sub(zeros).max(AMOUNT_DECIMALS.min(kept.len()));
    &text[..whole.len() + 1 + kept]
}
