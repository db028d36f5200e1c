//! What is told of every instrument at once, on one topic: the tickers that have changed.
//!
//! It keeps nothing but who listens; what there is to tell the boards say. Nothing of an account is told here.

use model::{Event, EventBody, InstrumentId, Ticker, TopicKind, Update};

use crate::board::{Board, Tell};

/// What is told of every instrument at once.
#[derive(Debug, Default)]
pub struct Market {
    /// The kinds somebody listens to, sorted.
    kinds: Vec<TopicKind>,
    /// Room for what is told.
    tickers: Vec<(InstrumentId, Ticker)>,
}

impl Market {
    /// Nobody listens yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { kinds: Vec::new(), tickers: Vec::new() }
    }

    /// Somebody listens to topics of this kind. Listening twice is listening once: the caller counts.
    pub fn listen(&mut self, kind: TopicKind) {
        if let Err(at) = self.kinds.binary_search(&kind) {
            self.kinds.insert(at, kind);
        }
    }

    /// Nobody listens to topics of this kind any more.
    pub fn unlisten(&mut self, kind: TopicKind) {
        self.kinds.retain(|known| *known != kind);
    }

    /// Tells what an event means for the kinds that are listened to, after all boards have taken it in. The boards
    /// come in the directory's order.
    pub fn apply<'a>(
        &mut self,
        event: &Event,
        boards: impl Iterator<Item = &'a Board> + Clone,
        tell: Tell<'_>,
    ) {
        let EventBody::Ticked(_) = event.body else { return };
        for &kind in &self.kinds {
            let TopicKind::Ticker { window, cadence, quotes } = kind else { continue };
            let news = |board: &Board| {
                let ticker = board.ticker_news(window, cadence, quotes)?;
                Some((board.instrument(), ticker))
            };
            self.tickers.clear();
            self.tickers.extend(boards.clone().filter_map(news));
            if !self.tickers.is_empty() {
                tell(kind, &Update::Tickers(&self.tickers));
            }
        }
    }

    /// Tells the state now, of every instrument, for dialects that send one at subscription.
    pub fn snapshot<'a>(
        &self,
        kind: TopicKind,
        boards: impl Iterator<Item = &'a Board>,
        tell: Tell<'_>,
    ) {
        let TopicKind::Ticker { window, .. } = kind else { return };
        let of = |board: &Board| (board.instrument(), board.ticker(window, board.now()));
        let all: Vec<_> = boards.map(of).collect();
        if !all.is_empty() {
            tell(kind, &Update::Tickers(&all));
        }
    }
}
