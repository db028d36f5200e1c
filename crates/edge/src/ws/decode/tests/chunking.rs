//! A law: how bytes are cut into chunks changes nothing but when one hears of it.

use super::super::super::{Role, Violation};
use super::{Decoder, Heard, Limits, frame, hear};

/// A small generator of numbers from a seed (splitmix64).
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A conversation that is mostly right: fragments, control frames between them, and now and then a
/// broken rule.
pub(super) fn conversation(dice: &mut Dice, role: Role) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut amid = false;
    for _ in 0..1 + dice.below(12) {
        let control = dice.one_in(4);
        let mut first = if control {
            0x80 | [0x9, 0x9, 0x9, 0xA, 0xA, 0xA, 0xA, 0x8][dice.below(8)]
        } else {
            let opcode = if amid { 0x0 } else { 1 + dice.below(2) as u8 };
            amid = dice.one_in(2);
            if amid { opcode } else { 0x80 | opcode }
        };
        let len = match dice.below(12) {
            0 => 0,
            1 => 126 + dice.below(2),
            2 if !control => [60, 300, 500, 600, 65_535, 65_536][dice.below(6)],
            3 if !control => dice.below(3_000),
            _ => dice.below(if control { 120 } else { 60 }),
        };
        let len = if control && !dice.one_in(20) { len.min(120) } else { len };
        let mut payload = words(dice, len);
        if first == 0x88 && dice.one_in(2) {
            payload = [&(995 + dice.below(25) as u16).to_be_bytes()[..], &words(dice, 20)].concat();
        }
        if dice.one_in(25) && !payload.is_empty() {
            let at = dice.below(payload.len());
            payload[at] = dice.next() as u8;
        }
        if dice.one_in(60) {
            first ^= 1 << dice.below(8);
        }
        let masked = (role == Role::Server) != dice.one_in(80);
        let key = masked.then(|| (dice.next() as u32).to_ne_bytes());
        bytes.extend(frame(first, key, &payload));
    }
    bytes
}

/// Text of about this length with characters of one to four bytes, sometimes cut in the last one.
fn words(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < len {
        text.push(['a', '"', 'é', '€', '🦀', '\u{10ffff}', '0', ' '][dice.below(8)]);
    }
    let mut bytes = text.into_bytes();
    if dice.one_in(8) {
        bytes.truncate(len);
    }
    bytes
}

pub(super) fn limits() -> Limits {
    Limits { frame_bytes_max: 66_000, ..Limits::of_messages(100_000) }
}

/// What is heard of the bytes when they come in pieces.
pub(super) fn hear_cut(
    dice: &mut Dice,
    bytes: &[u8],
    role: Role,
) -> (Vec<Heard>, Option<Violation>) {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    // Byte by byte where that is quick, and never more than some thousand pieces.
    let longest = [1, 2, 5, 14, 100, 1_000, 70_000][dice.below(7)].max(bytes.len() / 2_000);
    while !rest.is_empty() {
        // An empty read in between is nothing.
        let len = dice.below(longest + 1).min(rest.len());
        let (piece, after) = rest.split_at(len);
        pieces.push(piece);
        rest = after;
    }
    hear(&mut Decoder::new(limits(), role), pieces)
}

#[test]
fn any_cut_of_the_same_bytes_says_the_same() {
    let (mut refused, mut messages) = (0, 0);
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let role = if dice.one_in(2) { Role::Server } else { Role::Client };
        let mut bytes = conversation(&mut dice, role);
        if dice.one_in(4) {
            bytes.truncate(dice.below(bytes.len()));
        }
        let whole = hear(&mut Decoder::new(limits(), role), [&bytes[..]]);
        for _ in 0..4 {
            let pieces = hear_cut(&mut dice, &bytes, role);
            assert_eq!(whole, pieces, "seed {seed}");
        }
        refused += usize::from(whole.1.is_some());
        messages += whole.0.len();
    }
    assert!(
        refused > 300 && messages > 3_000,
        "{refused} refused, {messages} messages: too tame or too wild"
    );
}

#[test]
fn noise_never_panics_and_is_cut_alike() {
    for seed in 0..5_000 {
        let mut dice = Dice(seed);
        let bytes: Vec<u8> = (0..dice.below(300)).map(|_| dice.next() as u8).collect();
        for role in [Role::Server, Role::Client] {
            let whole = hear(&mut Decoder::new(limits(), role), [&bytes[..]]);
            assert_eq!(whole, hear_cut(&mut dice, &bytes, role), "seed {seed}, {role:?}");
        }
    }
}
