//! Each bus keeps what every bus keeps, and what it promises beside.

mod local;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
mod server;

use super::is_subject;

#[test]
fn a_subject_is_words_with_dots() {
    for text in ["rialto.demo.pieces", "a", "0", "a-b_c.D"] {
        assert!(is_subject(text), "{text}");
    }
    assert!(is_subject(&"a".repeat(128)));
    assert!(!is_subject(&"a".repeat(129)));
}
