use model::{Class, Sequence};

use super::*;
use crate::outbox::Slot;
use crate::ws::Role;
use crate::ws::decode::{Chunk, Decoder, Incoming, Limits};

#[test]
fn it_is_agreed_on_where_it_is_offered_and_nowhere_else() {
    let cases = [
        (&["rialto.sequence"][..], true),
        (&["other, rialto.sequence"], true),
        (&["other", " rialto.sequence "], true),
        (&[], false),
        (&[""], false),
        (&["other"], false),
        (&["Rialto.Sequence"], false),
        (&["rialto.sequence.2"], false),
        (&["rialto sequence"], false),
    ];
    for (offers, is_agreed) in cases {
        let mut headers = HeaderMap::new();
        for &offer in offers {
            headers.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
        }
        let agreed = agree(&headers);
        assert_eq!(agreed.is_some(), is_agreed, "{offers:?}");
        assert!(agreed.is_none_or(|agreed| agreed == PROTOCOL), "{offers:?}");
    }
}

#[test]
fn a_number_is_a_text_of_its_own_and_the_message_stays_as_it_was() {
    let mut numberer = Numberer::default();
    let mut pool = FramePool::new(0);
    for (number, length) in [(0, 0), (4_711, 125), (u64::MAX, 126), (1, 70_000)] {
        let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
        let mut builder = pool.builder();
        encode::push_server_frame(builder.text_mut(), Opcode::Text, text.as_bytes());
        let frame = pool.finish(builder, |_, _| HEADROOM);
        let (slot, sequence) = (Slot(0), Sequence(number));
        let told = Told { slot, class: Class::Lossless, sequence, is_whole: false, frame };
        let numbered = numberer.frame(&told);
        assert!(numbered.bytes().ends_with(told.frame.bytes()));

        let mut bytes = numbered.bytes().to_vec();
        let (mut chunk, mut heard) = (Chunk::new(&mut bytes), Vec::new());
        let mut decoder = Decoder::new(Limits::of_messages(1 << 20), Role::Client);
        while let Some(incoming) = decoder.next(&mut chunk).expect("well-formed frames") {
            let Incoming::Text(text) = incoming else { panic!("both are texts") };
            heard.push(text.to_owned());
        }
        assert_eq!(heard, [format!("{{\"rialto\":{{\"sequence\":{number}}}}}"), text]);
        let parsed: serde_json::Value = serde_json::from_str(&heard[0]).expect("JSON");
        assert_eq!(parsed["rialto"]["sequence"], number);
    }
}
