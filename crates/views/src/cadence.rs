//! Cadence: who is listened to, which cadences speak at a tick, and what happened since they last spoke.

use model::image::{Image, Impossible, Reader, save_all};
use model::{Cadence, Price, Span, Time, TopicKind};

use crate::book::gathered::Gathered;
use crate::book::publish::CADENCES_MAX;

/// The kinds of topics somebody listens to.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub trades: bool,
    pub batches: bool,
    pub orders: bool,
    pub funding: bool,
    /// Kinds that speak at ticks, sorted.
    paced: Vec<Paced>,
}

/// A kind that speaks at ticks.
#[derive(Debug)]
pub(crate) struct Paced {
    pub kind: TopicKind,
    pub cadence: Cadence,
    /// Depths: what was told last.
    pub view: Option<Box<Gathered>>,
}

impl Listeners {
    /// Somebody listens to this kind; of a depth this is `view`.
    pub(crate) fn listen(&mut self, kind: TopicKind, view: Option<Box<Gathered>>) {
        match kind {
            TopicKind::Trades => self.trades = true,
            TopicKind::TradeBatches => self.batches = true,
            TopicKind::Orders => self.orders = true,
            TopicKind::Funding => self.funding = true,
            _ => {
                if let Some(cadence) = cadence_of(kind)
                    && let Err(at) = self.paced.binary_search_by_key(&kind, |paced| paced.kind)
                {
                    self.paced.insert(at, Paced { kind, cadence, view });
                }
            }
        }
    }

    pub(crate) fn unlisten(&mut self, kind: TopicKind) {
        match kind {
            TopicKind::Trades => self.trades = false,
            TopicKind::TradeBatches => self.batches = false,
            TopicKind::Orders => self.orders = false,
            TopicKind::Funding => self.funding = false,
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
}

/// When topics of this kind speak; `None` if they do not wait for a tick.
const fn cadence_of(kind: TopicKind) -> Option<Cadence> {
    match kind {
        TopicKind::Trades
        | TopicKind::TradeBatches
        | TopicKind::Orders
        | TopicKind::Funding
        | TopicKind::OwnOrders
        | TopicKind::OwnTrades
        | TopicKind::SelfTrades
        | TopicKind::Balances
        | TopicKind::Movements
        | TopicKind::Settlements
        | TopicKind::MarginAlerts
        | TopicKind::Holdings { .. } => None,
        TopicKind::Book { cadence, .. }
        | TopicKind::Detail { cadence, .. }
        | TopicKind::Delta { cadence }
        | TopicKind::Depth { cadence, .. }
        | TopicKind::Candles { cadence, .. }
        | TopicKind::SampledCandles { cadence, .. }
        | TopicKind::Ticker { cadence, .. } => Some(cadence),
    }
}

/// Whether a cadence speaks at a tick: at its own ticks, and one that is [counted](Cadence::COUNTED) at the first
/// tenth in each of its periods as well. `former` is when it spoke last.
pub(crate) fn speaks(cadence: Cadence, tick: Cadence, former: Option<Time>, now: Time) -> bool {
    cadence == tick || (Cadence::COUNTED.contains(&cadence) && begins(cadence, tick, former, now))
}

/// Whether a tick is the first tenth in a span of a cadence that spoke last at `former`.
pub(crate) fn begins(cadence: Cadence, tick: Cadence, former: Option<Time>, now: Time) -> bool {
    tick == Cadence::TENTH
        && former.is_none_or(|former| number(former, cadence.0) != number(now, cadence.0))
}

/// The number of the span that a moment lies in, counted from 1970.
const fn number(moment: Time, of: Span) -> i64 {
    moment.0.div_euclid(of.0)
}

/// The cadences and what each of them has to say of statistics. It is kept whether or not somebody listens, so that
/// whoever comes late hears what the others hear.
#[derive(Debug)]
pub(crate) struct Paces {
    /// Those that are counted, and those that ticked.
    paces: Vec<Pace>,
    /// The first trade of all: what a cadence that never ticked has not told.
    first: Option<Time>,
    /// The last tenth before the last tick, and with it.
    tenths: [Option<Time>; 2],
}

#[derive(Debug)]
struct Pace {
    cadence: Cadence,
    /// When it spoke last.
    former: Option<Time>,
    /// The first trade since then.
    traded: Option<Time>,
    /// The best bid and ask at that time.
    best: [Option<Price>; 2],
    /// What it says at the last tick, if it speaks there.
    news: Option<News>,
}

/// What happened since a cadence last spoke.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    /// The first trade since.
    pub traded: Option<Time>,
    /// Whether the best prices are others.
    pub is_quoted: bool,
    /// Whether another minute has begun: then windows have moved on.
    pub is_another_minute: bool,
    /// When it last spoke.
    pub former: Option<Time>,
}

impl Default for Paces {
    fn default() -> Self {
        let paces = Cadence::COUNTED.map(|cadence| Pace::starting(cadence, None)).into();
        Self { paces, first: None, tenths: [None; 2] }
    }
}

impl Paces {
    pub(crate) fn traded(&mut self, time: Time) {
        self.first.get_or_insert(time);
        for pace in &mut self.paces {
            pace.traded.get_or_insert(time);
        }
    }

    /// A tick. Says which cadences speak at it, and what they have to say.
    pub(crate) fn tick(&mut self, tick: Cadence, now: Time, best: [Option<Price>; 2]) {
        let [_, former] = self.tenths;
        self.tenths = [former, if tick == Cadence::TENTH { Some(now) } else { former }];
        let is_known = self.paces.iter().any(|pace| pace.cadence == tick);
        if !is_known && self.paces.len() < CADENCES_MAX {
            self.paces.push(Pace::starting(tick, self.first));
        }
        for pace in &mut self.paces {
            pace.news = None;
            if speaks(pace.cadence, tick, pace.former, now) {
                pace.news = Some(pace.speak(now, best));
            }
        }
    }

    /// When a span of a cadence ended, if the last tick is the first tenth since then.
    pub(crate) fn ended(&self, cadence: Cadence) -> Option<Time> {
        let [former, Some(now)] = self.tenths else { return None };
        let number_now = number(now, cadence.0);
        let is_new = former.is_none_or(|former| number(former, cadence.0) != number_now);
        is_new.then_some(Time(number_now.saturating_mul(cadence.0.0)))
    }

    /// What a cadence says at the last tick, if it speaks there.
    pub(crate) fn news(&self, cadence: Cadence) -> Option<News> {
        self.paces.iter().find(|pace| pace.cadence == cadence)?.news
    }
}

impl Paces {
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        save_all(self.paces.iter(), out);
        self.first.save(out);
        self.tenths.iter().for_each(|tenth| tenth.save(out));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let paces: Vec<Pace> = from.all(CADENCES_MAX, "more cadences than there may be")?;
        let known = |cadence: &Cadence| paces.iter().any(|pace| pace.cadence == *cadence);
        let is_sound = Cadence::COUNTED.iter().all(known)
            && (0..paces.len()).all(|at| {
                let cadence = paces[at].cadence;
                cadence.0.0 > 0 && paces[..at].iter().all(|pace| pace.cadence != cadence)
            });
        let first = Option::load(from)?;
        let tenths = [Option::load(from)?, Option::load(from)?];
        if is_sound { Ok(Self { paces, first, tenths }) } else { Err(Impossible("cadences")) }
    }
}

/// Without its news: those are of a tick that has been told of.
impl Image for Pace {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { cadence, former, traded, best, news: _ } = self;
        cadence.save(out);
        former.save(out);
        traded.save(out);
        best.iter().for_each(|best| best.save(out));
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let cadence = Cadence::load(from)?;
        let (former, traded) = (Option::load(from)?, Option::load(from)?);
        let best = [Option::load(from)?, Option::load(from)?];
        Ok(Self { cadence, former, traded, best, news: None })
    }
}

impl Pace {
    const fn starting(cadence: Cadence, traded: Option<Time>) -> Self {
        Self { cadence, former: None, traded, best: [None; 2], news: None }
    }

    fn speak(&mut self, now: Time, best: [Option<Price>; 2]) -> News {
        const MINUTE: Span = Span::seconds(60);
        let former = self.former.replace(now);
        News {
            traded: self.traded.take(),
            is_quoted: core::mem::replace(&mut self.best, best) != best,
            is_another_minute: former
                .is_none_or(|former| number(former, MINUTE) != number(now, MINUTE)),
            former,
        }
    }
}
