//! Patterns: which event paths there are and what each stands for. Section B5.2.

use model::{Interval, Span, Window};

/// The span that statistics or a candle are of, as the venue names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// `D1`
    pub name: &'static str,
    /// Of candles.
    pub interval: Interval,
    /// Its length in seconds.
    pub seconds: i64,
}

const fn seconds(name: &'static str, seconds: u32) -> Period {
    Period { name, interval: Interval::Seconds(seconds), seconds: seconds as i64 }
}

/// All of them, the shortest first.
pub const PERIODS: [Period; 11] = [
    seconds("I1", 60),
    seconds("I5", 300),
    seconds("I15", 900),
    seconds("I30", 1_800),
    seconds("H1", 3_600),
    seconds("H2", 7_200),
    seconds("H4", 14_400),
    seconds("H6", 21_600),
    seconds("H12", 43_200),
    seconds("D1", 86_400),
    Period { name: "W1", interval: Interval::Week, seconds: 7 * 86_400 },
];

impl Period {
    /// A day.
    pub const DAY: Self = PERIODS[9];

    /// That of this name, whose case counts.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        PERIODS.into_iter().find(|known| known.name == name)
    }
    /// That of statistics that look back so far.
    #[must_use]
    pub fn of_window(window: Window) -> Option<Self> {
        PERIODS.into_iter().find(|known| known.window() == window)
    }
    /// How far statistics of it look back.
    #[must_use]
    pub const fn window(self) -> Window {
        Window(Span::seconds(self.seconds))
    }
}

/// Whether this has the form of a market's or a token's symbol: upper-case letters and digits.
#[must_use]
pub fn is_symbol(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
