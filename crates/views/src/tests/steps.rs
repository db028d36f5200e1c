//! Steps that orders took, asked for again: what is remembered, and that what is not is said.

use std::collections::BTreeMap;

use model::{
    AccountId, Amount, AnswerBody, AssetId, Assets, Balance, CloseReason, EventBody, EventMark,
    Level, LevelBook, OrderUpdate, OwnOrderUpdate, Price, Quantity, Query, Side, Span, Stretch,
    Time, Topic, TopicKind, Update,
};

use super::flow::Flow;
use super::{HERE, event, order};
use crate::account::{self, Accounts};
use crate::steps::STEPS_MAX;
use crate::{Board, board::Place};

const SEEDS: u64 = 100;
const COMMANDS: usize = 120;
const ALL: Stretch = Stretch { since: mark(0, 0), until: None, limit: usize::MAX };

const fn mark(time: i64, tie: u32) -> EventMark {
    EventMark { time: Time(time), tie, ordinal: 0 }
}

fn steps(board: &Board, stretch: Stretch) -> (Vec<OrderUpdate>, bool) {
    let query = Query::OrderSteps { instrument: HERE, stretch };
    let AnswerBody::OrderSteps { steps, is_cut } = board.answer(&query, Time(0)) else {
        panic!("it knows its orders")
    };
    (steps, is_cut)
}

fn own_steps(accounts: &Accounts, outside: bool, stretch: Stretch) -> (Vec<OwnOrderUpdate>, bool) {
    let query = Query::OwnSteps { account: AccountId(7), instrument: HERE, outside, stretch };
    let AnswerBody::OwnSteps { steps, is_cut } = accounts.answer(&query, Time(0)) else {
        panic!("it is followed")
    };
    (steps, is_cut)
}

fn followed(account: u32) -> model::Event {
    let (asset, available, held) = (AssetId(0), Amount(1), Amount::ZERO);
    event(0, EventBody::Balance(Balance { account: AccountId(account), asset, available, held }))
}

fn in_stretch<T: Clone>(all: &[T], stretch: &Stretch, mark: impl Fn(&T) -> EventMark) -> Vec<T> {
    let place = |mark: EventMark| (mark.time, mark.tie);
    let from = place(stretch.since);
    let wanted = |it: &&T| {
        place(mark(it)) >= from && stretch.until.is_none_or(|until| place(mark(it)) < place(until))
    };
    all.iter().filter(wanted).take(stretch.limit).cloned().collect()
}

#[test]
fn what_was_told_can_be_asked_for_again_by_any_bounds() {
    let (mut asked, mut own_asked) = (0, 0);
    for seed in 0..SEEDS {
        let start = Time::from_civil(2026, 11, 22);
        let mut flow = Flow::new(seed, start);
        let mut board = Board::new(HERE, start);
        board.listen(TopicKind::Orders);
        let mut accounts = Accounts::new(Assets::default());
        for account in 0..4 {
            accounts.apply(&followed(account), &[], &mut |_, _| {});
        }
        let mut told: Vec<OrderUpdate> = Vec::new();
        let mut own: BTreeMap<(AccountId, bool), Vec<OwnOrderUpdate>> = BTreeMap::new();
        for command in 0..COMMANDS {
            let events: Vec<_> = flow.command().collect();
            for event in &events {
                board.apply(event, &mut |_, update| {
                    if let Update::Order(update) = update {
                        told.push(**update);
                    }
                });
                let places: Vec<Place> = board.places().to_vec();
                accounts.apply(event, &places, &mut |topic: &Topic, update| {
                    if let (Update::OwnOrder(update), Some(HERE)) = (update, topic.instrument()) {
                        let chain = (update.account, update.step.is_outside_book());
                        own.entry(chain).or_default().push((*update).clone());
                    }
                });
            }
            if !flow.dice.chance(30) || told.is_empty() {
                continue;
            }
            let any = |dice: &mut super::flow::Dice| {
                let mark = told[dice.below(told.len() as i64) as usize].mark;
                let time = if dice.chance(20) { mark.time + Span::millis(1) } else { mark.time };
                EventMark { time, ordinal: 0, ..mark }
            };
            let stretch = Stretch {
                since: any(&mut flow.dice),
                until: flow.dice.chance(50).then(|| any(&mut flow.dice)),
                limit: flow.dice.below(30) as usize,
            };
            let expected = in_stretch(&told, &stretch, |step| step.mark);
            asked += expected.len();
            let context = format!("seed {seed}, command {command}, {stretch:?}");
            assert_eq!(steps(&board, stretch), (expected, false), "{context}");
            for ((account, outside), told) in &own {
                let (account, outside) = (*account, *outside);
                let query = Query::OwnSteps { account, instrument: HERE, outside, stretch };
                let steps = in_stretch(told, &stretch, |step| step.mark);
                own_asked += steps.len();
                let expected = AnswerBody::OwnSteps { steps, is_cut: false };
                assert_eq!(accounts.answer(&query, Time(0)), expected, "{context}, {account}");
            }
        }
    }
    assert!(asked > 5_000 && own_asked > 2_000, "{asked} and {own_asked} steps");
}

#[test]
fn steps_are_remembered_so_many_and_it_is_said_what_is_lost() {
    let mut board = Board::new(HERE, Time(5_000));
    let create = |id: u64| event(5_000, EventBody::Created(order(id, Side::Buy, 100, 10)));
    let many = STEPS_MAX as u64;
    (1..=many).for_each(|id| board.apply(&create(id), &mut |_, _| {}));
    let from = |tie| Stretch { since: mark(5_000, tie), ..ALL };
    let (kept, is_cut) = steps(&board, from(0));
    assert!(kept.len() == STEPS_MAX && !is_cut, "all of them are there still");
    assert!(steps(&board, ALL).1, "what was before the market began was never known");
    (1..=3).for_each(|id| board.apply(&create(many + id), &mut |_, _| {}));
    let (kept, is_cut) = steps(&board, from(3));
    assert!(kept.len() == STEPS_MAX && kept[0].order.id.0 == 4 && !is_cut);
    assert!(steps(&board, from(2)).1, "the third is the newest that is gone");
}

#[test]
fn an_account_is_remembered_so_many_steps_by_chain() {
    let mut accounts = Accounts::new(Assets::default());
    accounts.apply(&followed(7), &[], &mut |_, _| {});
    let take = |accounts: &mut Accounts, id: u64, is_public| {
        let order = order(id, Side::Buy, 100, 10);
        let body = if is_public { EventBody::Created(order) } else { EventBody::Armed(order) };
        let mark = EventMark { time: Time(0), tie: id as u32, ordinal: id };
        let place = Place { order: order.id, mark, previous: None, is_public };
        accounts.apply(&event(0, body), &[place], &mut |_, _| {});
    };
    take(&mut accounts, 1, false);
    let many = account::STEPS_MAX as u64;
    (2..=many).for_each(|id| take(&mut accounts, id, true));
    assert!(!own_steps(&accounts, false, ALL).1 && !own_steps(&accounts, true, ALL).1);
    take(&mut accounts, many + 1, true);
    let (stops, is_cut) = own_steps(&accounts, true, ALL);
    assert!(stops.is_empty() && is_cut, "the stop order's step was the oldest");
    let (kept, is_cut) = own_steps(&accounts, false, ALL);
    assert!(kept.len() == account::STEPS_MAX && !is_cut);
    take(&mut accounts, many + 2, true);
    assert!(own_steps(&accounts, false, ALL).1);
    let (kept, is_cut) = own_steps(&accounts, false, Stretch { since: mark(0, 3), ..ALL });
    assert!(kept.len() == account::STEPS_MAX && !is_cut);
}

#[test]
fn by_level_there_is_nothing_to_remember() {
    let query = Query::OrderSteps { instrument: HERE, stretch: ALL };
    let mut board = Board::by_level(HERE, Time(0));
    assert_eq!(board.answer(&query, Time(0)), AnswerBody::Unavailable);
    board = Board::new(HERE, Time(0));
    board.apply(&event(0, EventBody::Created(order(1, Side::Buy, 100, 10))), &mut |_, _| {});
    let closed =
        EventBody::Closed { order: order(1, Side::Buy, 100, 10), reason: CloseReason::Canceled };
    board.apply(&event(0, closed), &mut |_, _| {});
    assert_eq!(steps(&board, ALL).0.len(), 2);
    let level = Level { price: Price(1), quantity: Quantity(1) };
    let book = LevelBook { bids: vec![level], asks: Vec::new() };
    board.apply(&event(1, EventBody::BookSnapshot(Box::new(book))), &mut |_, _| {});
    assert_eq!(board.answer(&query, Time(0)), AnswerBody::Unavailable, "its source tells levels");
}
