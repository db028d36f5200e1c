//! The boards of all instruments, who listens to what, and the one encoding of each frame.
//!
//! Pure: events go in, frames come out, whoever calls brings them to sockets. A frame is encoded once for each
//! dialect and subject that somebody listens to, and handed once to each loop with listeners, however many those
//! have; for a topic that nobody listens to nothing is computed. What is an account's own is told by its own topics;
//! whoever subscribes to those has shown a pass (see [`crate::session`]).

use std::collections::HashMap;
use std::sync::Arc;

use dialects::{Dialect, FrameBuilder, FramePool, Kept, Subject};
use model::image::{Image, Impossible, Reader, save_number};
use model::{
    Answer, AnswerBody, Class, Event, InstrumentId, Label, Query, Scope, Sequence, Time, Topic,
    TopicKind, Update,
};
use views::{Accounts, Board, Market};

use crate::outbox::{Slot, Told};
use crate::ws::{Opcode, encode};

#[cfg(test)]
mod tests;

/// The dialects that are served; a dialect is known by its index in here.
pub type Dialects = Arc<[Box<dyn Dialect>]>;

/// Frames whose memory is remembered for being used again.
const FRAMES_REMEMBERED_MAX: usize = 4_096;

/// Where frames go. A loop is known by its index.
pub trait Outlet {
    /// Tell this to everybody on this loop who listens to its slot.
    fn tell(&mut self, of_loop: usize, told: Told);
}

/// What a new listener is told first.
#[derive(Debug)]
pub struct Opening {
    /// The slot by which the topic's frames will come.
    pub slot: Slot,
    /// Its state as it is, for dialects that begin so: for this listener alone.
    pub state: Option<Told>,
}

/// The boards of all instruments and who listens to them.
pub struct Boards {
    dialects: Dialects,
    boards: Vec<Shown>,
    accounts: Accounts,
    market: Market,
    slots: Vec<Heed>,
    free: Vec<Slot>,
    /// Few each: a slot for each dialect and wording that somebody listens to.
    by_topic: HashMap<Topic, Vec<Slot>>,
    press: Press,
    /// Whole frames of topics that can restart, as they were told last to who begins anew: good until their slot is
    /// told something else.
    restarts: Vec<Told>,
    loops: usize,
    /// The last event.
    sequence: Sequence,
}

/// A board and the slots that its topics have.
struct Shown {
    board: Board,
    /// Few: every kind that is listened to, with a slot for each dialect that listens.
    kinds: Vec<(TopicKind, Vec<Slot>)>,
}

/// Who listens to a slot.
struct Heed {
    dialect: usize,
    subject: Subject,
    class: Class,
    /// How many, by loop.
    listeners: Vec<u32>,
    listeners_in_all: u32,
}

/// Where frames are made.
struct Press {
    pool: FramePool,
    /// A builder that was not used after all.
    spare: Option<FrameBuilder>,
    /// By slot: what its last frame has left for its next.
    kept: Vec<Kept>,
    frames: u64,
}

impl Boards {
    /// Over these boards, which are dense by instrument, for so many loops.
    #[must_use]
    pub fn new(boards: Vec<Board>, dialects: Dialects, loops: usize) -> Self {
        Self {
            dialects,
            boards: boards.into_iter().map(|board| Shown { board, kinds: Vec::new() }).collect(),
            accounts: Accounts::default(),
            market: Market::new(),
            slots: Vec::new(),
            free: Vec::new(),
            by_topic: HashMap::new(),
            press: Press {
                pool: FramePool::new(FRAMES_REMEMBERED_MAX),
                spare: None,
                kept: Vec::new(),
                frames: 0,
            },
            restarts: Vec::new(),
            loops,
            sequence: Sequence::default(),
        }
    }

    /// The same, and of these accounts what is their own.
    #[must_use]
    pub fn with_accounts(mut self, accounts: Accounts) -> Self {
        self.accounts = accounts;
        self
    }

    /// Appends the bytes of all that is shown, for an image. Who listens is not in them.
    pub fn save(&self, out: &mut Vec<u8>) {
        self.sequence.save(out);
        save_number(self.boards.len() as u64, out);
        self.boards.iter().for_each(|shown| shown.board.save(out));
        self.accounts.save(out);
    }

    /// Shows what [`Boards::save`] wrote of boards of the same market, instead of what was shown. Before anybody
    /// listens. If it fails, nothing has changed.
    ///
    /// # Errors
    /// [`Impossible`] if nothing can be shown so.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), Impossible> {
        debug_assert!(self.by_topic.is_empty(), "listeners would be told nothing of it");
        let mut from = Reader::new(bytes);
        let sequence = Sequence::load(&mut from)?;
        if from.number()? != self.boards.len() as u64 {
            return Err(Impossible("another number of instruments"));
        }
        let boards: Result<Vec<Board>, _> = self
            .boards
            .iter()
            .map(|shown| Board::load(shown.board.instrument(), &mut from))
            .collect();
        let boards = boards?;
        let accounts = Accounts::load(self.accounts.assets().clone(), &mut from)?;
        from.end()?;
        for (shown, board) in self.boards.iter_mut().zip(boards) {
            shown.board = board;
        }
        (self.accounts, self.sequence) = (accounts, sequence);
        Ok(())
    }

    /// The order that this command places is called so by its owner. To be said before its events are applied;
    /// commands come in order.
    pub fn label(&mut self, command: Sequence, label: Label) {
        self.accounts.label(command, label);
    }

    /// Takes in what happened and tells it to those who listen.
    pub fn apply(&mut self, events: &[Event], out: &mut impl Outlet) {
        for (place, event) in events.iter().enumerate() {
            self.sequence = event.sequence;
            let next = events.get(place + 1);
            let is_last = next.is_none_or(|next| next.cause != event.cause);
            let concerned = if event.instrument == InstrumentId::NONE {
                &mut self.boards[..]
            } else {
                let index = event.instrument.index();
                self.boards.get_mut(index..=index).unwrap_or_default()
            };
            for Shown { board, kinds } in concerned {
                let (dialects, slots, press) = (&self.dialects, &self.slots, &mut self.press);
                let restarts = &mut self.restarts;
                let mut tell = |kind, update: &Update<'_>| {
                    let Some((_, heeded)) = kinds.iter().find(|(known, _)| *known == kind) else {
                        return;
                    };
                    for &slot in heeded {
                        let heed = &slots[slot.index()];
                        if heed.class == Class::Restart {
                            restarts.retain(|told| told.slot != slot);
                        }
                        let dialect = &*dialects[heed.dialect];
                        if let Some(told) = press.word(dialect, slot, heed, event.sequence, update)
                        {
                            hand_out(heed, &told, out);
                        }
                    }
                };
                board.apply(event, &mut tell);
                if is_last {
                    board.settle(&mut tell);
                }
            }
            self.tell_market(event, out);
            self.tell_owners(event, out);
        }
    }

    /// Tells what is told of every instrument at once.
    fn tell_market(&mut self, event: &Event, out: &mut impl Outlet) {
        let boards = self.boards.iter().map(|shown| &shown.board);
        let (dialects, slots, press) = (&self.dialects, &self.slots, &mut self.press);
        let by_topic = &self.by_topic;
        self.market.apply(event, boards, &mut |kind, update| {
            let topic = Topic { kind, scope: Scope::All };
            for &slot in by_topic.get(&topic).into_iter().flatten() {
                let heed = &slots[slot.index()];
                let dialect = &*dialects[heed.dialect];
                if let Some(told) = press.word(dialect, slot, heed, event.sequence, update) {
                    hand_out(heed, &told, out);
                }
            }
        });
    }

    /// Tells each account concerned what is its own: by the slots of its own topics, and no others.
    fn tell_owners(&mut self, event: &Event, out: &mut impl Outlet) {
        let places = self.boards.get(event.instrument.index()).map(|shown| shown.board.places());
        let (dialects, slots, press) = (&self.dialects, &self.slots, &mut self.press);
        let by_topic = &self.by_topic;
        self.accounts.apply(event, places.unwrap_or_default(), &mut |topic, update| {
            for &slot in by_topic.get(topic).into_iter().flatten() {
                let heed = &slots[slot.index()];
                let dialect = &*dialects[heed.dialect];
                if let Some(told) = press.word(dialect, slot, heed, event.sequence, update) {
                    hand_out(heed, &told, out);
                }
            }
        });
    }

    /// One more listener of a subject on a loop. Everything that happens from now on comes by the slot.
    pub fn subscribe(&mut self, of_loop: usize, dialect: usize, subject: Subject) -> Opening {
        let slot = self.slot(dialect, &subject).unwrap_or_else(|| self.begin(dialect, subject));
        let heed = &mut self.slots[slot.index()];
        heed.listeners[of_loop] += 1;
        heed.listeners_in_all += 1;
        Opening { slot, state: self.state(slot) }
    }

    /// A subject that is listened to and can restart, whole, for one listener that begins anew. All that was told of it
    /// before is in it, and all that is told of it from now on goes on from there. Encoded once, however many begin
    /// anew between two frames of it. None if there is nothing to tell yet: then its next frame will be whole.
    pub fn restart(&mut self, dialect: usize, subject: &Subject) -> Option<Told> {
        let slot = self.slot(dialect, subject)?;
        if let Some(told) = self.restarts.iter().find(|told| told.slot == slot) {
            return Some(told.clone());
        }
        let told = self.whole(slot).filter(|told| told.is_whole)?;
        self.restarts.push(told.clone());
        Some(told)
    }

    /// One listener less.
    ///
    /// # Panics
    /// If there was none.
    pub fn unsubscribe(&mut self, of_loop: usize, dialect: usize, subject: Subject) {
        let slot = self.slot(dialect, &subject).expect("only who has subscribed can unsubscribe");
        let heed = &mut self.slots[slot.index()];
        heed.listeners[of_loop] = heed.listeners[of_loop]
            .checked_sub(1)
            .expect("only who has subscribed can unsubscribe");
        heed.listeners_in_all -= 1;
        if heed.listeners_in_all == 0 {
            self.end(slot);
        }
    }

    fn slot(&self, dialect: usize, subject: &Subject) -> Option<Slot> {
        let mut slots = self.by_topic.get(&subject.topic)?.iter();
        let is_it = |heed: &Heed| heed.dialect == dialect && heed.subject == *subject;
        slots.find(|slot| is_it(&self.slots[slot.index()])).copied()
    }

    /// Gives a subject that nobody listened to a slot.
    fn begin(&mut self, dialect: usize, subject: Subject) -> Slot {
        let heed = Heed {
            dialect,
            subject,
            class: subject.topic.class(),
            listeners: vec![0; self.loops],
            listeners_in_all: 0,
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot.index()] = heed;
            slot
        } else {
            self.slots.push(heed);
            self.press.kept.push(Kept::default());
            Slot(u32::try_from(self.slots.len() - 1).expect("fewer subjects than 2^31"))
        };
        if let Some(shown) = shown_mut(&mut self.boards, &subject.topic) {
            shown.listen(subject.topic.kind, slot, &self.slots);
        } else if subject.topic.scope == Scope::All {
            self.market.listen(subject.topic.kind);
        }
        let slots = self.by_topic.entry(subject.topic).or_default();
        insert(slots, &self.slots, slot);
        slot
    }

    /// Takes the slot from a subject that nobody listens to any more.
    fn end(&mut self, slot: Slot) {
        let topic = self.slots[slot.index()].subject.topic;
        self.restarts.retain(|told| told.slot != slot);
        if let Some(slots) = self.by_topic.get_mut(&topic) {
            slots.retain(|known| *known != slot);
            if slots.is_empty() {
                self.by_topic.remove(&topic);
                if topic.scope == Scope::All {
                    self.market.unlisten(topic.kind);
                }
            }
        }
        self.press.kept[slot.index()] = Kept::default();
        self.free.push(slot);
        if let Some(shown) = shown_mut(&mut self.boards, &topic) {
            shown.unlisten(topic.kind, slot);
        }
    }

    /// Answers a question about state now.
    #[must_use]
    pub fn query(&self, query: &Query, now: Time) -> Answer {
        let of = |instrument: InstrumentId| {
            self.boards
                .get(instrument.index())
                .map_or(AnswerBody::Unavailable, |shown| shown.board.answer(query, now))
        };
        let body = match *query {
            Query::Accounts { .. }
            | Query::Balances { .. }
            | Query::OpenOrders { .. }
            | Query::OwnOrders(_)
            | Query::Order { .. }
            | Query::OwnTrades(_)
            | Query::OwnRecords(_)
            | Query::Positions(_)
            | Query::MarginChoices { .. }
            | Query::Settlements(_)
            | Query::MarginAlerts { .. }
            | Query::OwnSteps { .. } => self.accounts.answer(query, now),
            Query::Now => AnswerBody::Now,
            Query::Statuses => {
                let statuses = self.boards.iter().zip(0..);
                let statuses =
                    statuses.map(|(shown, index)| (InstrumentId(index), shown.board.status()));
                AnswerBody::Statuses(statuses.collect())
            }
            Query::Tickers { window } => AnswerBody::Tickers(
                self.boards
                    .iter()
                    .zip(0..)
                    .map(|(shown, index)| (InstrumentId(index), shown.board.ticker(window, now)))
                    .collect(),
            ),
            Query::Book { instrument, .. }
            | Query::Detail { instrument, .. }
            | Query::Depth { instrument, .. }
            | Query::Trades { instrument, .. }
            | Query::OrderSteps { instrument, .. }
            | Query::Candles { instrument, .. }
            | Query::Perpetual { instrument }
            | Query::Quotes { instrument }
            | Query::FundingRates { instrument, .. }
            | Query::Ticker { instrument, .. } => of(instrument),
        };
        Answer { now, body }
    }

    /// Frames encoded since the start.
    #[must_use]
    pub const fn frames_encoded(&self) -> u64 {
        self.press.frames
    }

    /// Subjects, counted for each dialect, that somebody listens to.
    #[must_use]
    pub const fn subjects_heeded(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The last event that was taken in.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The state of a slot's subject, if its dialect begins with it and there is one.
    fn state(&mut self, slot: Slot) -> Option<Told> {
        let heed = &self.slots[slot.index()];
        let tells_first = self.dialects[heed.dialect].tells_state_first(&heed.subject);
        if tells_first { self.whole(slot) } else { None }
    }

    /// The state of a slot's subject, if there is one.
    fn whole(&mut self, slot: Slot) -> Option<Told> {
        let heed = &self.slots[slot.index()];
        let dialect = &*self.dialects[heed.dialect];
        let (press, sequence) = (&mut self.press, self.sequence);
        let mut state = None;
        let kind = heed.subject.topic.kind;
        let word = &mut |_, update: &Update<'_>| {
            state = press.word(dialect, slot, heed, sequence, update).or(state.take());
        };
        match shown_mut(&mut self.boards, &heed.subject.topic) {
            Some(shown) => shown.board.snapshot(kind, word),
            None if heed.subject.topic.scope == Scope::All => {
                let boards = self.boards.iter().map(|shown| &shown.board);
                self.market.snapshot(kind, boards, word);
            }
            None => {}
        }
        state
    }
}

/// The board that a topic is about, if it is about an instrument and nobody's own.
fn shown_mut<'a>(boards: &'a mut [Shown], topic: &Topic) -> Option<&'a mut Shown> {
    match topic.scope {
        Scope::Instrument(instrument) => boards.get_mut(instrument.index()),
        Scope::All | Scope::Account(..) | Scope::Own(_) => None,
    }
}

/// Adds a slot to those of its topic, which are told in the order of dialects and wordings, whoever came first.
fn insert(slots: &mut Vec<Slot>, all: &[Heed], slot: Slot) {
    let key = |slot: Slot| (all[slot.index()].dialect, all[slot.index()].subject.wording);
    slots.insert(slots.partition_point(|known| key(*known) < key(slot)), slot);
}

/// Hands a frame to every loop with listeners.
fn hand_out(heed: &Heed, told: &Told, out: &mut impl Outlet) {
    for (of_loop, &listeners) in heed.listeners.iter().enumerate() {
        if listeners > 0 {
            out.tell(of_loop, told.clone());
        }
    }
}

impl Shown {
    fn listen(&mut self, kind: TopicKind, slot: Slot, all: &[Heed]) {
        if let Some((_, slots)) = self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            insert(slots, all, slot);
        } else {
            self.kinds.push((kind, vec![slot]));
            self.board.listen(kind);
        }
    }

    fn unlisten(&mut self, kind: TopicKind, slot: Slot) {
        let at = self
            .kinds
            .iter()
            .position(|(known, _)| *known == kind)
            .expect("a kind with a slot is listened to");
        self.kinds[at].1.retain(|known| *known != slot);
        if self.kinds[at].1.is_empty() {
            self.kinds.remove(at);
            self.board.unlisten(kind);
        }
    }
}

impl Press {
    /// Lets a dialect word an update, and seals it as a frame.
    fn word(
        &mut self,
        dialect: &dyn Dialect,
        slot: Slot,
        heed: &Heed,
        sequence: Sequence,
        update: &Update<'_>,
    ) -> Option<Told> {
        let mut builder = self.spare.take().unwrap_or_else(|| self.pool.builder());
        let kept = &mut self.kept[slot.index()];
        builder.swap_kept(kept);
        let has_words = dialect.encode(&heed.subject, update, sequence, &mut builder);
        builder.swap_kept(kept);
        if !has_words {
            builder.clear();
            self.spare = Some(builder);
            return None;
        }
        self.frames += 1;
        let frame = self.pool.finish(builder, |headroom, length| {
            encode::write_header_back(headroom, Opcode::Text, length)
        });
        Some(Told { slot, class: heed.class, sequence, is_whole: update.is_whole(), frame })
    }
}
