//! Cadence: who is listened to, and what happened since a cadence last spoke.

use model::{Cadence, Ticker, Time, TopicKind};

use crate::book::gathered::Gathered;

/// The kinds of topics somebody listens to.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub trades: bool,
    pub orders: bool,
    /// Kinds that speak at ticks, sorted.
    paced: Vec<Paced>,
}

/// A kind that speaks at ticks.
#[derive(Debug)]
pub(crate) struct Paced {
    pub kind: TopicKind,
    pub cadence: Cadence,
    /// Tickers: what was told last since somebody listens.
    pub told: Option<Ticker>,
    /// Depths: what was told last.
    pub view: Option<Box<Gathered>>,
}

impl Listeners {
    /// Somebody listens to this kind; of a depth this is `view`.
    pub(crate) fn listen(&mut self, kind: TopicKind, view: Option<Box<Gathered>>) {
        match kind {
            TopicKind::Trades => self.trades = true,
            TopicKind::Orders => self.orders = true,
            _ => {
                if let Some(cadence) = cadence_of(kind)
                    && let Err(at) = self.paced.binary_search_by_key(&kind, |paced| paced.kind)
                {
                    self.paced.insert(at, Paced { kind, cadence, told: None, view });
                }
            }
        }
    }

    pub(crate) fn unlisten(&mut self, kind: TopicKind) {
        match kind {
            TopicKind::Trades => self.trades = false,
            TopicKind::Orders => self.orders = false,
            _ => self.paced.retain(|paced| paced.kind != kind),
        }
    }

    /// What speaks at ticks of whichever cadence.
    pub(crate) fn paced(&mut self) -> &mut [Paced] {
        &mut self.paced
    }

    /// What a depth that is listened to was told last.
    pub(crate) fn view(&self, kind: TopicKind) -> Option<&Gathered> {
        let at = self.paced.binary_search_by_key(&kind, |paced| paced.kind).ok()?;
        self.paced[at].view.as_deref()
    }

    /// What speaks at ticks of this cadence.
    pub(crate) fn at(&mut self, cadence: Cadence) -> impl Iterator<Item = &mut Paced> {
        self.paced.iter_mut().filter(move |paced| paced.cadence == cadence)
    }
}

/// When topics of this kind speak; `None` if they do not wait for a tick.
const fn cadence_of(kind: TopicKind) -> Option<Cadence> {
    match kind {
        TopicKind::Trades
        | TopicKind::Orders
        | TopicKind::Funding
        | TopicKind::OwnOrders
        | TopicKind::OwnTrades
        | TopicKind::SelfTrades => None,
        TopicKind::Book { cadence, .. }
        | TopicKind::Detail { cadence, .. }
        | TopicKind::Delta { cadence }
        | TopicKind::Depth { cadence, .. }
        | TopicKind::Candles { cadence, .. }
        | TopicKind::Ticker { cadence, .. } => Some(cadence),
    }
}

/// Since when there are trades that a cadence has not told of. It is kept whether or not somebody listens,
/// so that whoever comes late hears what the others hear.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// Cadences that ticked, each with its first untold trade.
    since: Vec<(Cadence, Option<Time>)>,
    /// The first trade of all: what a cadence that never ticked has not told.
    first: Option<Time>,
}

impl Untold {
    pub(crate) fn traded(&mut self, time: Time) {
        self.first.get_or_insert(time);
        for (_, since) in &mut self.since {
            since.get_or_insert(time);
        }
    }

    /// A cadence speaks: since when it has something to tell of trades.
    pub(crate) fn take(&mut self, cadence: Cadence) -> Option<Time> {
        if let Some((_, since)) = self.since.iter_mut().find(|(known, _)| *known == cadence) {
            return since.take();
        }
        if self.since.len() < crate::book::publish::CADENCES_MAX {
            self.since.push((cadence, None));
        }
        self.first
    }
}
