//! Trades that are told together: all of a command, once, whether or not it is said that the command is over.

use std::collections::BTreeMap;

use model::{EventBody, Sequence, Time, TopicKind, Trade, Update};

use super::flow::{Dice, Flow};
use super::{HERE, event, order};
use crate::Board;
use crate::board::BATCH_MAX;

#[test]
fn the_trades_of_each_command_are_told_once_together() {
    let (mut batches, mut several) = (0, 0);
    for seed in 0..200 {
        let (mut flow, mut dice) = (Flow::new(seed, Time(0)), Dice::new(seed));
        let mut board = Board::new(HERE, Time(0));
        board.listen(TopicKind::TradeBatches);
        let mut wanted: BTreeMap<Sequence, Vec<Trade>> = BTreeMap::new();
        let mut told: Vec<Vec<Trade>> = Vec::new();
        let mut tell = |_, update: &Update<'_>| {
            let Update::Trades(trades) = update else { panic!("seed {seed}: {update:?}") };
            told.push(trades.to_vec());
        };
        for _ in 0..300 {
            let events: Vec<_> = flow.command().collect();
            for event in &events {
                board.apply(event, &mut tell);
                if let EventBody::Filled(fill) = &event.body {
                    wanted.entry(event.cause).or_default().push(fill.trade(event.time));
                }
            }
            if dice.chance(50) {
                board.settle(&mut tell);
            }
        }
        board.settle(&mut tell);
        batches += told.len();
        several += told.iter().filter(|batch| batch.len() > 1).count();
        assert_eq!(told, wanted.into_values().collect::<Vec<_>>(), "seed {seed}");
    }
    assert!(batches > 4_000 && several > 1_000, "{batches}, {several} of several trades");
}

#[test]
fn a_command_of_very_many_trades_is_told_in_several_batches() {
    let mut board = Board::new(HERE, Time(0));
    board.listen(TopicKind::TradeBatches);
    let (maker, taker) = (order(1, model::Side::Sell, 5, 0), order(2, model::Side::Buy, 5, 0));
    let fill = |id| model::Fill {
        id: model::TradeId(id),
        price: model::Price(5),
        quantity: model::Quantity(1),
        maker,
        taker,
        maker_fee: model::Amount::ZERO,
        taker_fee: model::Amount::ZERO,
    };
    let mut lengths = Vec::new();
    let mut tell = |_, update: &Update<'_>| {
        let Update::Trades(trades) = update else { panic!("{update:?}") };
        lengths.push(trades.len());
    };
    for id in 0..2 * BATCH_MAX as u64 + 3 {
        board.apply(&event(0, EventBody::Filled(fill(id))), &mut tell);
    }
    board.settle(&mut tell);
    board.settle(&mut tell);
    assert_eq!(lengths, [BATCH_MAX, BATCH_MAX, 3]);
}
