use super::super::Opcode;
use super::*;

#[test]
fn a_header_written_back_joins_the_payload() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
        let mut frame = vec![0xAA; HEADROOM];
        frame.resize(HEADROOM + len, b'x');
        let start = write_header_back(&mut frame[..HEADROOM], Opcode::Text, len);
        assert_eq!(HEADROOM - start, server_header_bytes(len));
        assert!(frame[..start].iter().all(|&byte| byte == 0xAA), "only its own room is written");

        let mut pushed = Vec::new();
        push_server_frame(&mut pushed, Opcode::Text, &vec![b'x'; len]);
        assert_eq!(&frame[start..], pushed, "{len} bytes");
    }
}

#[test]
fn headers_as_the_rfc_spells_them() {
    // Section 5.7.
    let mut out = Vec::new();
    push_server_frame(&mut out, Opcode::Text, b"Hello");
    assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    out.clear();
    push_client_frame(&mut out, Opcode::Text, [0x37, 0xfa, 0x21, 0x3d], b"Hello");
    assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    out.clear();
    push_server_header(&mut out, Opcode::Binary, 256);
    assert_eq!(out, [0x82, 0x7E, 0x01, 0x00]);
    out.clear();
    push_server_header(&mut out, Opcode::Binary, 65_536);
    assert_eq!(out, [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    out.clear();
    push_client_header(&mut out, Opcode::Pong, [1, 2, 3, 4], 0);
    assert_eq!(out, [0x8A, 0x80, 1, 2, 3, 4]);
}

#[test]
fn a_close_reason_is_cut_between_characters() {
    let payload = |code, reason: &str| ClosePayload::new(code, reason).as_bytes().to_vec();
    assert_eq!(payload(None, "unheard"), b"");
    assert_eq!(payload(Some(1000), ""), [0x03, 0xE8]);
    assert_eq!(
        payload(Some(1009), "read limited at 513 bytes")[2..],
        *b"read limited at 513 bytes"
    );
    assert_eq!(payload(Some(4000), &"x".repeat(500)).len(), 125);
    // 123 bytes are 30 crabs and three bytes of the next, which do not go.
    assert_eq!(payload(Some(1000), &"🦀".repeat(40))[2..], *"🦀".repeat(30).as_bytes());
}

#[test]
#[should_panic(expected = "cannot carry the code 1006")]
fn a_code_that_may_not_be_sent_is_our_mistake() {
    ClosePayload::new(Some(1006), "");
}

#[test]
#[should_panic(expected = "holds its header")]
fn too_little_headroom_is_our_mistake() {
    write_header_back(&mut [0; 3], Opcode::Text, 126);
}
