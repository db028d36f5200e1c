use super::*;
use crate::testing::Dice;
use crate::ws::Role;
use crate::ws::decode::{Chunk, Decoder, Incoming, Limits};

const LIMIT: usize = 4_096;

fn agreed(offers: &[&str]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for offer in offers {
        let value = HeaderValue::from_str(offer).expect("a header's value");
        headers.append(header::SEC_WEBSOCKET_EXTENSIONS, value);
    }
    agree(&headers).map(|value| value.to_str().expect("text").to_owned())
}

#[test]
fn the_first_offer_that_can_be_taken_is() {
    let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let bits = format!("{plain}; server_max_window_bits=15");
    for (offers, expected) in [
        (&["permessage-deflate"][..], Some(plain)),
        (&["permessage-deflate; client_max_window_bits"], Some(plain)),
        (&["permessage-deflate; client_max_window_bits=8"], Some(plain)),
        (&["Permessage-Deflate ; client_max_window_bits = \"10\""], Some(plain)),
        (
            &["permessage-deflate;server_no_context_takeover;client_no_context_takeover"],
            Some(plain),
        ),
        (&["permessage-deflate; server_max_window_bits=15"], Some(&*bits)),
        (&["permessage-deflate; server_max_window_bits=10, permessage-deflate"], Some(plain)),
        (&["x-webkit-deflate-frame", "permessage-deflate"], Some(plain)),
        (&[], None),
        (&["x-webkit-deflate-frame"], None),
        // A smaller window of ours is declined, eight bits above all: zlib makes nine of them.
        (&["permessage-deflate; server_max_window_bits=8"], None),
        (&["permessage-deflate; server_max_window_bits=14"], None),
        // What nobody may say.
        (&["permessage-deflate; server_max_window_bits"], None),
        (&["permessage-deflate; server_max_window_bits=015"], None),
        (&["permessage-deflate; client_max_window_bits=7"], None),
        (&["permessage-deflate; client_max_window_bits=16"], None),
        (&["permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
        (&["permessage-deflate; server_no_context_takeover=1"], None),
        (&["permessage-deflate; level=9"], None),
        (&["permessage-deflate;"], None),
    ] {
        assert_eq!(agreed(offers).as_deref(), expected, "{offers:?}");
    }
}

fn decoder() -> Decoder {
    let mut decoder = Decoder::new(Limits::of_messages(LIMIT), Role::Server);
    decoder.inflate();
    decoder
}

/// A client's frame of this payload, with these first bits.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [7, 0, 200, 91], payload);
    bytes[0] = first;
    bytes
}

/// What is heard of these bytes, cut into pieces of so many: messages, then perhaps the code of a violation.
fn heard(decoder: &mut Decoder, bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<u16>) {
    let mut messages = Vec::new();
    for part in bytes.to_vec().chunks_mut(piece) {
        let mut chunk = Chunk::new(part);
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(Incoming::Text(text))) => messages.push(text.as_bytes().to_vec()),
                Ok(Some(Incoming::Binary(bytes))) => messages.push(bytes.to_vec()),
                Ok(Some(Incoming::Ping(payload))) => messages.push([b"ping ", payload].concat()),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(violation) => return (messages, Some(violation.code)),
            }
        }
    }
    (messages, None)
}

fn text(dice: &mut Dice, bytes: usize) -> String {
    let words = ["price", "amount", "\"", ":", "60000.00", "é", "0", "1", "{", "}", ","];
    let mut text = String::new();
    while text.len() < bytes {
        text += words[dice.roll(words.len())];
    }
    while text.len() > bytes {
        text.pop();
    }
    text
}

#[test]
fn messages_come_back_however_they_are_cut() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut packer = Packer::default();
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            let length = [0, 1, 63, 700, LIMIT][dice.roll(5)];
            let message = text(&mut dice, length);
            let packed = packer.pack(message.as_bytes()).to_vec();
            match dice.roll(3) {
                0 => bytes.extend(frame(0xC1, &packed)),
                1 => bytes.extend(frame(0x81, message.as_bytes())),
                _ => {
                    let at = dice.roll(packed.len() + 1);
                    bytes.extend(frame(0x41, &packed[..at]));
                    bytes.extend(frame(0x89, b"x"));
                    expected.push(b"ping x".to_vec());
                    bytes.extend(frame(0x80, &packed[at..]));
                }
            }
            expected.push(message.into_bytes());
        }
        for piece in [1, 7, 100, bytes.len()] {
            let mut decoder = decoder();
            assert_eq!(heard(&mut decoder, &bytes, piece), (expected.clone(), None), "seed {seed}");
            let none = heard(&mut decoder, &frame(0x8A, b""), 100);
            assert_eq!((none, decoder.heap_bytes()), ((vec![], None), 0), "seed {seed}");
        }
    }
}

#[test]
fn nothing_is_inflated_beyond_the_limit_of_a_message() {
    let mut packer = Packer::default();
    let most = packer.pack(&[b'a'; LIMIT]).to_vec();
    assert_eq!(heard(&mut decoder(), &frame(0xC1, &most), 64), (vec![vec![b'a'; LIMIT]], None));
    // Thirty megabytes in thirty kilobytes, and in less than a message.
    for bytes in [LIMIT + 1, 500_000, 4 << 20] {
        let bomb = packer.pack(&vec![b'a'; bytes]).to_vec();
        assert!(bomb.len() < bytes / 50, "{}", bomb.len());
        let (messages, code) = heard(&mut decoder(), &frame(0xC1, &bomb), 64);
        assert_eq!((messages.len(), code), (0, Some(close::TOO_BIG)), "{bytes}");
        let too_big = || Violation { code: close::TOO_BIG, reason: "x".into() };
        assert!(unpack(&bomb, LIMIT, too_big).is_err());
    }
    // What does not become shorter may be a little longer than a message, and no more.
    let mut dice = Dice(3);
    let noise: Vec<u8> = (0..LIMIT).map(|_| dice.roll(256) as u8).collect();
    let packed = packer.pack(&noise).to_vec();
    assert!(packed.len() > LIMIT);
    assert_eq!(heard(&mut decoder(), &frame(0xC2, &packed), 64), (vec![noise], None));
    let (_, code) = heard(&mut decoder(), &frame(0xC2, &[0; LIMIT * 5 / 4]), 64);
    assert_eq!(code, Some(close::TOO_BIG), "before a byte of it is kept");
}

#[test]
fn what_cannot_be_is_refused_and_known_by_its_code() {
    let mut packer = Packer::default();
    let packed = packer.pack("é".repeat(100).as_bytes()).to_vec();
    let broken_text = packer.pack(&[b"abc", &[0xFF; 200][..]].concat()).to_vec();
    let protocol = Some(close::PROTOCOL_ERROR);
    let payload = Some(close::INVALID_PAYLOAD);
    for (what, bytes, code) in [
        ("a compressed ping", frame(0xC9, b"x"), protocol),
        ("a compressed close", frame(0xC8, b""), protocol),
        (
            "a continuation that says it again",
            [frame(0x41, &packed[..2]), frame(0xC0, &packed[2..])].concat(),
            protocol,
        ),
        ("another reserved bit", frame(0xE1, &packed), protocol),
        ("only that other bit", frame(0xA1, &packed), protocol),
        ("text that is none", frame(0xC1, &broken_text), payload),
        ("a block of a kind that there is not", frame(0xC1, &[0x07, 0xFF]), payload),
        (
            "a distance before the beginning",
            frame(0xC1, &[0x03 << 1 | 0x02, 0x02, 0x7e, 0x7f]),
            payload,
        ),
    ] {
        assert_eq!(heard(&mut decoder(), &bytes, 3), (vec![], code), "{what}");
    }
    let mut without = Decoder::new(Limits::of_messages(LIMIT), Role::Server);
    assert_eq!(heard(&mut without, &frame(0xC1, &packed), 9), (vec![], protocol), "not agreed on");
    // A last block that says that it is the last is none the less a message (RFC 7692, 7.2.3.4).
    let last = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    assert_eq!(heard(&mut decoder(), &frame(0xC1, &last), 9), (vec![b"Hello".to_vec()], None));
}

#[test]
fn whatever_comes_ends_in_messages_within_the_limit_or_a_code() {
    for seed in 0..4_000 {
        let mut dice = Dice(seed);
        let mut packer = Packer::default();
        let length = 1 + dice.roll(LIMIT);
        let mut packed = packer.pack(text(&mut dice, length).as_bytes()).to_vec();
        for _ in 0..1 + dice.roll(4) {
            let at = dice.roll(packed.len());
            match dice.roll(4) {
                0 => packed[at] ^= 1 << dice.roll(8),
                1 => packed[at] = dice.roll(256) as u8,
                2 => packed.truncate(at + 1),
                _ => packed.insert(at, dice.roll(256) as u8),
            }
        }
        let (messages, code) = heard(&mut decoder(), &frame(0xC2, &packed), 1 + dice.roll(500));
        assert_eq!(messages.len() + usize::from(code.is_some()), 1, "seed {seed}: {code:?}");
        assert!(messages.iter().all(|message| message.len() <= LIMIT), "seed {seed}");
        let known = [None, Some(close::INVALID_PAYLOAD), Some(close::TOO_BIG)];
        assert!(known.contains(&code), "seed {seed}: {code:?}");
    }
}
