//! Who is in the crowd of a market, and the numbers that make them what they are.

use model::{Action, MarginMode, Span};

use super::chance::Chance;
use super::quoter::Quoter;
use super::speculator::Speculator;
use super::taker::{Arbitrageur, Chaser, Taker};
use super::{Activity, Market, Scene};

/// What kind of participant it is.
pub(super) enum Role {
    /// Keeps a ladder of quotes on both sides.
    Quoter(Quoter),
    /// Takes what is there, for reasons of its own.
    Taker(Taker),
    /// Takes what is offered on the wrong side of the fair price.
    Arbitrageur(Arbitrageur),
    /// Waits with stop orders on both sides of the market.
    Chaser(Chaser),
    /// Holds positions on margin in a perpetual.
    Speculator(Speculator),
}

/// The participants of a market. Quoters offer 192 orders a side, of which some meet at one price or wait to
/// be placed again: more than the hundred levels that every market has at all times.
pub(super) fn of(market: &Market) -> Vec<Role> {
    let busy = market.activity == Activity::Busy;
    let touch = if busy { 20 } else { 60 };
    let ticks = |ppm: i64, least: i64| (market.start.0 * ppm / 1_000_000).max(least);
    let mut cast = Vec::new();

    // Those who keep the spread tight and are never still.
    for number in 0..3 {
        cast.push(Role::Quoter(Quoter {
            gap: Span::millis(if busy { 200 } else { 650 } + number * 20),
            orders: 4,
            near: ticks(touch, 1),
            far: ticks(touch * 12, 8),
            power: 2,
            moves: 3,
            restless_percent: 40,
            size_percent: 50,
            deeper_percent: 100,
            round_percent: 0,
            post_only_percent: 100,
            dated_percent: 0,
        }));
    }
    // Those who make the depth: many near the market, few far from it.
    for number in 0..6 {
        cast.push(Role::Quoter(Quoter {
            gap: Span::millis(700 + number * 40),
            orders: 18,
            near: ticks(touch * 3, 3),
            far: ticks(6_000, 500),
            power: 2,
            moves: 4,
            restless_percent: if busy { 60 } else { 45 },
            size_percent: 100,
            deeper_percent: 300,
            round_percent: if number < 2 { 60 } else { 5 },
            post_only_percent: if number % 2 == 0 { 80 } else { 10 },
            dated_percent: if number == 5 { 40 } else { 3 },
        }));
    }
    // Those who can wait: round prices, larger orders, per cents away.
    for number in 0..4 {
        cast.push(Role::Quoter(Quoter {
            gap: Span::millis(800 + number * 60),
            orders: 16,
            near: ticks(2_500, 100),
            far: ticks(90_000, 2_000),
            power: 2,
            moves: 2,
            restless_percent: if busy { 8 } else { 4 },
            size_percent: 200,
            deeper_percent: 250,
            round_percent: 70,
            post_only_percent: 20,
            dated_percent: 10,
        }));
    }
    // The one who hopes for a miracle.
    cast.push(Role::Quoter(Quoter {
        gap: Span::millis(1_000),
        orders: 8,
        near: ticks(100_000, 2_500),
        far: ticks(600_000, 15_000),
        power: 1,
        moves: 1,
        restless_percent: 1,
        size_percent: 300,
        deeper_percent: 300,
        round_percent: 90,
        post_only_percent: 0,
        dated_percent: 0,
    }));
    for number in 0..2 {
        let (gap, burst_percent) =
            if busy { (1_300 + number * 400, 15) } else { (5_000 + number * 2_000, 5) };
        cast.push(Role::Taker(Taker::new(Span::millis(gap), burst_percent)));
    }
    cast.push(Role::Arbitrageur(Arbitrageur {
        gap: Span::millis(if busy { 250 } else { 900 }),
        margin: ticks(touch, 1),
    }));
    if market.contract.is_some() {
        cast.extend(speculators());
        return cast;
    }
    cast.push(Role::Chaser(Chaser {
        gap: Span::millis(if busy { 4_000 } else { 15_000 }),
        near: ticks(300, 5),
        far: ticks(4_000, 100),
    }));
    cast
}

/// Those who hold positions in a perpetual, in which there are no stop orders. A position of the highest leverages lasts
/// until the price has moved by half a per cent.
fn speculators() -> impl Iterator<Item = Role> {
    let few = [3, 5, 5, 10, 10, 20, 20, 25, 25, 50, 50, 50, 75, 75];
    let leverages = few.into_iter().chain([100; 22]);
    leverages.into_iter().zip(0..).map(|(leverage, number)| {
        Role::Speculator(Speculator {
            gap: Span::seconds(18 + number),
            leverage,
            mode: if number % 2 == 0 { MarginMode::Cross } else { MarginMode::Isolated },
        })
    })
}

impl Role {
    /// What it remembers from act to act: only takers do.
    pub const fn memory(&self) -> Option<&Taker> {
        match self {
            Self::Taker(taker) => Some(taker),
            Self::Quoter(_) | Self::Arbitrageur(_) | Self::Chaser(_) | Self::Speculator(_) => None,
        }
    }

    /// The same, to be given it back.
    pub const fn memory_mut(&mut self) -> Option<&mut Taker> {
        match self {
            Self::Taker(taker) => Some(taker),
            Self::Quoter(_) | Self::Arbitrageur(_) | Self::Chaser(_) | Self::Speculator(_) => None,
        }
    }

    /// How long it waits between two acts, about.
    pub fn gap(&self) -> Span {
        match self {
            Self::Quoter(quoter) => quoter.gap,
            Self::Taker(taker) => taker.gap,
            Self::Arbitrageur(arbitrageur) => arbitrageur.gap,
            Self::Chaser(chaser) => chaser.gap,
            Self::Speculator(speculator) => speculator.gap,
        }
    }

    /// How long it waits this time.
    pub fn pause(&mut self, chance: &mut Chance) -> Span {
        match self {
            Self::Quoter(quoter) => chance.steady(quoter.gap),
            Self::Taker(taker) => taker.pause(chance),
            Self::Arbitrageur(arbitrageur) => chance.steady(arbitrageur.gap),
            Self::Chaser(chaser) => chance.restless(chaser.gap),
            Self::Speculator(speculator) => chance.restless(speculator.gap),
        }
    }

    /// Acts: appends what it asks for.
    pub fn act(&mut self, scene: &Scene<'_>, chance: &mut Chance, out: &mut Vec<Action>) {
        match self {
            Self::Quoter(quoter) => quoter.act(scene, chance, out),
            Self::Taker(taker) => taker.act(scene, chance, out),
            Self::Arbitrageur(arbitrageur) => arbitrageur.act(scene, out),
            Self::Chaser(chaser) => chaser.act(scene, chance, out),
            Self::Speculator(speculator) => speculator.act(scene, chance, out),
        }
    }
}
