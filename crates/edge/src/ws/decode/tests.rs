use std::fmt;

use super::super::{Opcode, Role, Violation, close, encode};
use super::{Chunk, Decoder, Incoming, Limits};

mod chunking;
mod oracle;

/// A message that outlives its chunk.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Incoming<'_>> for Heard {
    fn from(incoming: Incoming<'_>) -> Heard {
        match incoming {
            Incoming::Text(text) => Heard::Text(text.to_owned()),
            Incoming::Binary(bytes) => Heard::Binary(bytes.to_vec()),
            Incoming::Ping(bytes) => Heard::Ping(bytes.to_vec()),
            Incoming::Pong(bytes) => Heard::Pong(bytes.to_vec()),
            Incoming::Close { code, reason } => Heard::Close(code, reason.to_owned()),
        }
    }
}

/// The kind, the length and the beginning: a failed comparison is to be read by people.
impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bytes) = match self {
            Heard::Text(text) => ("Text", text.as_bytes()),
            Heard::Binary(bytes) => ("Binary", &bytes[..]),
            Heard::Ping(bytes) => ("Ping", &bytes[..]),
            Heard::Pong(bytes) => ("Pong", &bytes[..]),
            Heard::Close(Some(code), reason) => return write!(f, "Close({code}, {reason:?})"),
            Heard::Close(None, _) => return f.write_str("Close"),
        };
        write!(
            f,
            "{kind}({} B {:?})",
            bytes.len(),
            String::from_utf8_lossy(&bytes[..bytes.len().min(16)])
        )
    }
}

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

/// Everything that a decoder says of these pieces, one after another.
pub(super) fn hear<'p>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Heard>, Option<Violation>) {
    let mut heard = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut chunk = Chunk::new(&mut piece);
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(incoming)) => heard.push(incoming.into()),
                Ok(None) => break,
                Err(violation) => return (heard, Some(violation)),
            }
        }
        assert!(chunk.rest().is_empty(), "what is not taken is lost");
    }
    (heard, None)
}

fn limits() -> Limits {
    Limits::of_messages(1 << 20)
}

/// A frame spelled by hand, independent of `encode`: first byte, mask or none, payload.
pub(super) fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..126 => bytes.push(mask_bit | n as u8),
        n @ 126..0x10000 => {
            bytes.push(mask_bit | 126);
            bytes.extend((n as u16).to_be_bytes());
        }
        n => {
            bytes.push(mask_bit | 127);
            bytes.extend((n as u64).to_be_bytes());
        }
    }
    bytes.extend(key.unwrap_or_default().iter().take(if key.is_some() { 4 } else { 0 }));
    let key = key.unwrap_or_default();
    bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
    bytes
}

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// What a server hears of these frames: whole, and byte by byte.
#[track_caller]
fn check(frames: &[&[u8]], heard: &[Heard], violation: Option<(u16, &str)>) {
    check_as(Role::Server, limits(), frames, heard, violation);
}

#[track_caller]
fn check_as(
    role: Role,
    limits: Limits,
    frames: &[&[u8]],
    heard: &[Heard],
    violation: Option<(u16, &str)>,
) {
    let bytes = frames.concat();
    for piece_bytes in [bytes.len().max(1), 1, 2, 3, 7] {
        let mut decoder = Decoder::new(limits.clone(), role);
        let (said, violated) = hear(&mut decoder, bytes.chunks(piece_bytes));
        assert_eq!(said, heard, "in pieces of {piece_bytes}");
        let violated = violated.as_ref().map(|v| (v.code, &*v.reason));
        assert_eq!(violated, violation, "in pieces of {piece_bytes}");
        let ends = violation.is_some() || matches!(heard.last(), Some(Heard::Close(..)));
        assert_eq!(decoder.has_ended(), ends);
        if ends {
            assert_eq!(decoder.heap_bytes(), 0, "the last word leaves nothing behind");
        }
    }
}

const PROTOCOL: u16 = close::PROTOCOL_ERROR;
const PAYLOAD: u16 = close::INVALID_PAYLOAD;

#[test]
fn messages_of_every_header_length() {
    for len in [0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 65_537, 200_000] {
        let payload = "x".repeat(len);
        check(
            &[&frame(0x81, KEY, payload.as_bytes()), &frame(0x82, KEY, payload.as_bytes())],
            &[text(&payload), Heard::Binary(payload.clone().into_bytes())],
            None,
        );
    }
}

#[test]
fn the_examples_of_the_rfc() {
    // Section 5.7: a single-frame unmasked text message, the fragmented one, a ping.
    check_as(
        Role::Client,
        limits(),
        &[
            &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            &[0x01, 0x03, 0x48, 0x65, 0x6c],
            &[0x80, 0x02, 0x6c, 0x6f],
            &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        ],
        &[text("Hello"), text("Hello"), Heard::Ping(b"Hello".to_vec())],
        None,
    );
    // The single-frame masked one and the masked pong.
    check(
        &[
            &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        ],
        &[text("Hello"), Heard::Pong(b"Hello".to_vec())],
        None,
    );
}

#[test]
fn a_client_masks_and_a_server_does_not() {
    check(&[&frame(0x81, None, b"x")], &[], Some((PROTOCOL, "unmasked frame from a client")));
    check_as(
        Role::Client,
        limits(),
        &[&frame(0x81, None, b"x"), &frame(0x81, KEY, b"x")],
        &[text("x")],
        Some((PROTOCOL, "masked frame from a server")),
    );
}

#[test]
fn reserved_bits_and_opcodes_are_refused() {
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [0x1, 0x2, 0x8, 0x9] {
            check(
                &[&frame(0x80 | bits | opcode, KEY, b"")],
                &[],
                Some((PROTOCOL, "reserved bit set without an extension")),
            );
        }
    }
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        check(&[&frame(0x80 | opcode, KEY, b"")], &[], Some((PROTOCOL, "reserved opcode")));
    }
}

#[test]
fn fragments_join_and_control_frames_pass_between_them() {
    check(
        &[
            &frame(0x01, KEY, b"one "),
            &frame(0x89, KEY, b"ping"),
            &frame(0x00, KEY, b""),
            &frame(0x00, KEY, b"two "),
            &frame(0x8A, KEY, b""),
            &frame(0x80, KEY, b"three"),
            &frame(0x02, KEY, b""),
            &frame(0x89, KEY, b""),
            &frame(0x80, KEY, b""),
            &frame(0x81, KEY, b"alone"),
        ],
        &[
            Heard::Ping(b"ping".to_vec()),
            Heard::Pong(Vec::new()),
            text("one two three"),
            Heard::Ping(Vec::new()),
            Heard::Binary(Vec::new()),
            text("alone"),
        ],
        None,
    );
}

#[test]
fn fragments_out_of_turn_are_refused() {
    let first = frame(0x01, KEY, b"a");
    let orphan = Some((PROTOCOL, "continuation without a message to continue"));
    let unfinished = Some((PROTOCOL, "new message before the last one ended"));
    check(&[&frame(0x80, KEY, b"b")], &[], orphan);
    check(&[&frame(0x00, KEY, b"b")], &[], orphan);
    check(&[&first, &frame(0x80, KEY, b"b"), &frame(0x80, KEY, b"")], &[text("ab")], orphan);
    check(&[&frame(0x81, KEY, b"a"), &frame(0x00, KEY, b"")], &[text("a")], orphan);
    check(&[&first, &frame(0x81, KEY, b"b")], &[], unfinished);
    check(&[&first, &frame(0x02, KEY, b"b")], &[], unfinished);
}

#[test]
fn control_frames_are_short_and_whole() {
    let longest = vec![0xFE; 125];
    check(&[&frame(0x89, KEY, &longest)], &[Heard::Ping(longest.clone())], None);
    for opcode in [0x8, 0x9, 0xA] {
        for len in [126, 127, 65_536] {
            check(
                &[&frame(0x80 | opcode, KEY, &vec![0; len])],
                &[],
                Some((PROTOCOL, "control frame longer than 125 bytes")),
            );
        }
        check(&[&frame(opcode, KEY, b"")], &[], Some((PROTOCOL, "fragmented control frame")));
    }
}

#[test]
fn lengths_are_in_their_shortest_form() {
    let refused = Some((PROTOCOL, "length not in its shortest form"));
    for length in [0u16, 1, 125] {
        check(&[&[0x81, 0x80 | 126], &length.to_be_bytes(), &[0; 200]], &[], refused);
    }
    for length in [0u64, 125, 126, 65_535] {
        check(&[&[0x81, 0x80 | 127], &length.to_be_bytes(), &[0; 200]], &[], refused);
    }
    check(
        &[&[0x81, 0x80 | 127], &(1u64 << 63).to_be_bytes()],
        &[],
        Some((PROTOCOL, "length beyond 63 bits")),
    );
}

#[test]
fn text_is_utf8_and_is_refused_at_the_first_byte_that_is_not() {
    let refused = Some((PAYLOAD, "text that is not utf-8"));
    for good in ["κόσμε", "\u{0}", "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}", "🦀🦀"]
    {
        check(&[&frame(0x81, KEY, good.as_bytes())], &[text(good)], None);
    }
    for bad in [
        &b"\x80"[..],
        b"ab\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"whole but for the last \xf0\x9f\xa6",
    ] {
        check(&[&frame(0x81, KEY, bad)], &[], refused);
        check(&[&frame(0x01, KEY, bad), &frame(0x80, KEY, b"")], &[], refused);
    }
    // A character may be cut by a fragment's end, but not by the message's.
    let crab = "🦀".as_bytes();
    for cut in 0..=4 {
        check(
            &[
                &frame(0x01, KEY, &crab[..cut]),
                &frame(0x89, KEY, b"\xff"),
                &frame(0x80, KEY, &crab[cut..]),
            ],
            &[Heard::Ping(vec![0xff]), text("🦀")],
            None,
        );
    }
    check(&[&frame(0x82, KEY, b"\xff")], &[Heard::Binary(vec![0xff])], None);

    // Fails fast: none of these frames is whole.
    for bad in [&b"\xff"[..], b"abc\xed\xa0", b"\xf4\x90", b"\xc1"] {
        let mut bytes = frame(0x81, KEY, &[bad, b"and much more"].concat());
        bytes.truncate(6 + bad.len());
        check(&[&bytes], &[], refused);
    }
}

#[test]
fn a_close_says_a_code_that_may_be_sent_and_a_reason_in_utf8() {
    check(&[&frame(0x88, KEY, b"")], &[Heard::Close(None, String::new())], None);
    let one_byte = Some((PROTOCOL, "close payload of one byte"));
    check(&[&frame(0x88, KEY, b"\x03")], &[], one_byte);
    check(&[&frame(0x01, KEY, b"unfinished"), &frame(0x88, KEY, b"\x03")], &[], one_byte);
    for code in (0..6000u16).chain([u16::MAX]) {
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        let bytes = frame(0x88, KEY, &payload);
        let may = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let (said, violated) = hear(&mut Decoder::new(limits(), Role::Server), [&bytes[..]]);
        if may {
            assert_eq!(said, [Heard::Close(Some(code), "bye".to_owned())]);
        } else {
            assert_eq!(violated, Some(Violation::protocol("close code that may not be sent")));
        }
    }
    check(
        &[&frame(0x88, KEY, b"\x03\xe8\xff")],
        &[],
        Some((PAYLOAD, "close reason that is not utf-8")),
    );
    let reason = "é".repeat(61) + "e";
    let payload = [&1000u16.to_be_bytes()[..], reason.as_bytes()].concat();
    check(&[&frame(0x88, KEY, &payload)], &[Heard::Close(Some(1000), reason)], None);
}

#[test]
fn nothing_is_heard_after_the_last_word() {
    check(
        &[
            &frame(0x01, KEY, b"unfinished"),
            &frame(0x88, KEY, b"\x03\xe8"),
            &frame(0x80, KEY, b"!"),
            b"garbage",
        ],
        &[Heard::Close(Some(1000), String::new())],
        None,
    );
    let mut decoder = Decoder::new(limits(), Role::Server);
    let bad = frame(0x83, KEY, b"");
    let good = frame(0x81, KEY, b"good");
    assert!(hear(&mut decoder, [&bad[..]]).1.is_some());
    assert_eq!(hear(&mut decoder, [&good[..]]), (Vec::new(), None));
}

#[test]
fn a_message_beyond_the_limit_is_refused_before_a_byte_of_it_is_kept() {
    let limits = Limits::of_messages(512).because("read limited at 513 bytes");
    let refused = Some((close::TOO_BIG, "read limited at 513 bytes"));
    let fits = "x".repeat(512);
    check_as(
        Role::Server,
        limits.clone(),
        &[&frame(0x81, KEY, fits.as_bytes())],
        &[text(&fits)],
        None,
    );
    check_as(Role::Server, limits.clone(), &[&frame(0x81, KEY, &[b'x'; 513])], &[], refused);
    check_as(Role::Server, limits.clone(), &[&frame(0x82, KEY, &[b'x'; 513])], &[], refused);
    // The header alone is enough, whatever it claims.
    for length in [65_536u64, 1 << 40, u64::MAX >> 1] {
        let header = [&[0x81, 0xFF][..], &length.to_be_bytes()].concat();
        check_as(Role::Server, limits.clone(), &[&header], &[], refused);
    }
    // Fragments count together, and control frames between them do not count.
    let half = [b'x'; 256];
    let ping = Heard::Ping(half[..125].to_vec());
    let ping_frame = frame(0x89, KEY, &half[..125]);
    check_as(
        Role::Server,
        limits.clone(),
        &[&frame(0x01, KEY, &half), &ping_frame, &frame(0x80, KEY, &half)],
        &[ping.clone(), text(&fits)],
        None,
    );
    check_as(
        Role::Server,
        limits.clone(),
        &[&frame(0x01, KEY, &half), &ping_frame, &frame(0x00, KEY, &half), &frame(0x80, KEY, b"x")],
        &[ping],
        refused,
    );
    // A frame can have its own limit.
    let limits = Limits { frame_bytes_max: 100, ..limits };
    check_as(
        Role::Server,
        limits.clone(),
        &[&frame(0x01, KEY, &half[..100]), &frame(0x80, KEY, &half[..100])],
        &[text(&"x".repeat(200))],
        None,
    );
    check_as(Role::Server, limits, &[&frame(0x81, KEY, &half[..101])], &[], refused);
}

#[test]
fn memory_is_held_only_while_a_payload_is_cut() {
    let mut decoder = Decoder::new(limits(), Role::Server);
    let message = frame(0x81, KEY, &[b'x'; 1000]);

    // Whole frames, and a header cut anywhere: none.
    hear(&mut decoder, [&message[..], &message[..7]]);
    assert!(decoder.is_amid_message());
    assert_eq!(decoder.heap_bytes(), 0);

    // A cut payload: at most twice what came, and never more than the message.
    hear(&mut decoder, [&message[7..108]]);
    assert!((100..=200).contains(&decoder.heap_bytes()), "{} bytes", decoder.heap_bytes());
    for piece in message[108..1007].chunks(100) {
        hear(&mut decoder, [piece]);
        assert!(decoder.heap_bytes() <= 1000, "{} bytes", decoder.heap_bytes());
    }
    let (said, _) = hear(&mut decoder, [&message[1007..]]);
    assert_eq!(said.len(), 1);
    assert_eq!(decoder.heap_bytes(), 0);
    assert!(!decoder.is_amid_message());

    // A header that claims a megabyte reserves none of it.
    let claim = frame(0x82, KEY, &vec![0; 1 << 20]);
    hear(&mut decoder, [&claim[..20]]);
    assert!(decoder.heap_bytes() < 64, "{} bytes", decoder.heap_bytes());
}

#[test]
fn kept_text_is_checked_once() {
    // Not from its start with each piece, which would cost the square of its length.
    let message = frame(0x81, KEY, "€".repeat(300).as_bytes());
    let mut decoder = Decoder::new(limits(), Role::Server);
    for piece in message[..900].chunks(7) {
        hear(&mut decoder, [piece]);
        assert!(decoder.kept.len() - decoder.kept_checked < 4);
    }
    assert!(decoder.kept_checked > 800);
}

#[test]
fn a_frame_that_is_whole_in_the_chunk_is_lent_from_it() {
    let mut bytes = [frame(0x81, KEY, b"first"), frame(0x82, KEY, b"second")].concat();
    let range = bytes.as_ptr_range();
    let mut chunk = Chunk::new(&mut bytes);
    let mut decoder = Decoder::new(limits(), Role::Server);
    let Ok(Some(Incoming::Text(first))) = decoder.next(&mut chunk) else { panic!("no text") };
    assert!(range.contains(&first.as_ptr()));
    // The caller may stop between two messages and come back with the rest.
    let mut rest = chunk.rest().to_vec();
    let said = decoder.next(&mut Chunk::new(&mut rest)).map(|said| said.map(Heard::from));
    assert_eq!(said, Ok(Some(Heard::Binary(b"second".to_vec()))));
}

#[test]
fn what_we_encode_is_what_we_decode() {
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], "grüezi".as_bytes());
    encode::push_client_close(&mut bytes, [9, 8, 7, 6], Some(close::GOING_AWAY), "off");
    check(&[&bytes], &[text("grüezi"), Heard::Close(Some(1001), "off".to_owned())], None);

    for len in [0, 1, 125, 126, 65_535, 65_536, 70_000] {
        let mut bytes = Vec::new();
        encode::push_server_frame(&mut bytes, Opcode::Binary, &vec![7; len]);
        encode::push_server_close(&mut bytes, None, "");
        let heard = [Heard::Binary(vec![7; len]), Heard::Close(None, String::new())];
        check_as(Role::Client, limits(), &[&bytes], &heard, None);
    }
}
