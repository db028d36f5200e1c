//! The law *twin*: the same commands give the same events and the same digest, one by one or in a row; and an
//! engine restored from an image taken at any moment goes on as if it had never stopped.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::Engine;
use engine::flow::Random;
use model::{Command, Event};

use super::verdict;
use crate::flow::Flow;

/// Commands of one market.
const COMMANDS: usize = 600;
/// Digests are compared once in so many commands.
const DIGEST_EVERY: usize = 25;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that agreed.
    pub events: usize,
    /// Digests that agreed, of all three.
    pub digests: usize,
    /// Orders that were open when the image was taken.
    pub imaged: usize,
}

/// Runs the market of a seed on three engines, one of them saved and restored on the way.
///
/// # Panics
/// If the law is broken; the message names the seed and lists commands that suffice to break it.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut flow = Flow::new(seed);
    let world = flow.clone();
    let cut = Random::new(seed ^ 0x5eed).below(COMMANDS as u64) as usize;
    let mut leader = Engine::with_rules(&flow.instruments, flow.rules);
    let mut out = Vec::new();
    let commands: Vec<Command> = (0..COMMANDS)
        .map(|_| {
            let command = flow.next_command();
            out.clear();
            // If the engine panics here, it panics below as well, where that is told.
            let _ = verdict::apply(&mut leader, &command, &mut out);
            flow.hear(&out);
            command
        })
        .collect();
    match run(&world, &commands, cut) {
        Ok(figures) => figures,
        Err(found) => {
            let (head, tail) = commands.split_at(cut);
            let fails = |head: &[Command], tail: &[Command]| {
                run(&world, &[head, tail].concat(), head.len()).is_err()
            };
            let tail = verdict::fewest(tail, |tail| fails(head, tail));
            let head = verdict::fewest(head, |head| fails(head, &tail));
            let few = [head.as_slice(), &tail].concat();
            let found = run(&world, &few, head.len()).err().unwrap_or(found);
            let found = format!("image taken after command {} of these: {found}", head.len());
            verdict::broken("twin", seed, &few, &found);
        }
    }
}

fn run(world: &Flow, commands: &[Command], cut: usize) -> Result<Figures, String> {
    let born = || Engine::with_rules(&world.instruments, world.rules);
    let (mut one, mut other, mut restored) = (born(), born(), None);
    let mut figures = Figures::default();
    let mut events: [Vec<Event>; 3] = Default::default();
    let (mut row, mut told, mut all) = (born(), Vec::new(), Vec::new());
    catch_unwind(AssertUnwindSafe(|| row.apply_all(commands, &mut told)))
        .map_err(|_| "the engine panicked, given all commands in a row".to_owned())?;
    for (at, command) in commands.iter().enumerate() {
        if at == cut {
            let image = one.image();
            let back = Engine::restore(&image, &world.instruments)
                .map_err(|error| format!("failed to restore its own image: {error}"))?;
            if back.image() != image || back.digest() != one.digest() {
                return Err("the restored engine has another image".to_owned());
            }
            figures.imaged += one.open_orders_count() as usize;
            restored = Some(back);
        }
        events.iter_mut().for_each(Vec::clear);
        let [mine, twins, restoreds] = &mut events;
        verdict::apply(&mut one, command, mine)?;
        verdict::apply(&mut other, command, twins)?;
        if mine != twins {
            return Err(format!("twins tell\n{mine:#?}\nand\n{twins:#?}"));
        }
        figures.events += mine.len();
        all.extend_from_slice(mine);
        if let Some(restored) = &mut restored {
            verdict::apply(restored, command, restoreds)?;
            if mine != restoreds {
                return Err(format!("never stopped:\n{mine:#?}\nrestored:\n{restoreds:#?}"));
            }
        }
        let last = at + 1 == commands.len();
        if last || at % DIGEST_EVERY == 0 {
            let digests = [&one, &other, restored.as_ref().unwrap_or(&one)].map(Engine::digest);
            if digests.iter().any(|&digest| digest != digests[0]) {
                return Err(format!("digests after command {}: {digests:x?}", at + 1));
            }
            figures.digests += 1;
        }
    }
    if all != told || one.digest() != row.digest() {
        return Err("given in a row the commands do something else".to_owned());
    }
    Ok(figures)
}
