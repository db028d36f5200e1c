//! An outsider's opinion: tungstenite hears the same messages, and refuses what we refuse.

use std::io::{self, Cursor, Read, Write};

use tungstenite::{
    Error, Message, WebSocket,
    protocol::{Role as OracleRole, WebSocketConfig, frame::coding::CloseCode},
};

use super::super::super::{Role, close};
use super::{
    Decoder, Heard, chunking,
    chunking::{Dice, conversation},
    hear,
};

/// A peer that has said all of this, and listens to nothing.
struct Said(Cursor<Vec<u8>>);

impl Read for Said {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the oracle hears, and the code it would close with, if something is wrong.
fn ask(bytes: Vec<u8>, role: Role) -> (Vec<Heard>, Option<u16>) {
    let limits = chunking::limits();
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.message_bytes_max))
        .max_frame_size(Some(limits.frame_bytes_max));
    let role = match role {
        Role::Server => OracleRole::Server,
        Role::Client => OracleRole::Client,
    };
    let mut socket = WebSocket::from_raw_socket(Said(Cursor::new(bytes)), role, Some(config));
    let mut heard = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => heard.push(Heard::Text(text.to_string())),
            Ok(Message::Binary(bytes)) => heard.push(Heard::Binary(bytes.to_vec())),
            Ok(Message::Ping(bytes)) => heard.push(Heard::Ping(bytes.to_vec())),
            Ok(Message::Pong(bytes)) => heard.push(Heard::Pong(bytes.to_vec())),
            Ok(Message::Close(None)) => {
                heard.push(Heard::Close(None, String::new()));
                return (heard, None);
            }
            // How it says that the code of a close frame may not be sent.
            Ok(Message::Close(Some(frame)))
                if frame.code == CloseCode::Protocol
                    && frame.reason.as_str() == "Protocol violation" =>
            {
                return (heard, Some(close::PROTOCOL_ERROR));
            }
            Ok(Message::Close(Some(frame))) => {
                heard.push(Heard::Close(Some(frame.code.into()), frame.reason.to_string()));
                return (heard, None);
            }
            Ok(Message::Frame(_)) => unreachable!("raw frames are not read"),
            Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => {
                return (heard, None);
            }
            Err(Error::Protocol(_)) => return (heard, Some(close::PROTOCOL_ERROR)),
            Err(Error::Utf8(_)) => return (heard, Some(close::INVALID_PAYLOAD)),
            Err(Error::Capacity(_)) => return (heard, Some(close::TOO_BIG)),
            Err(error) => panic!("the oracle fails otherwise: {error}"),
        }
    }
}

#[test]
fn tungstenite_hears_the_same() {
    let (mut refused, mut messages) = (0, 0);
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let role = if dice.one_in(2) { Role::Server } else { Role::Client };
        let bytes = conversation(&mut dice, role);
        let (heard, violation) = hear(&mut Decoder::new(chunking::limits(), role), [&bytes[..]]);
        let mut ours = (heard, violation.as_ref().map(|violation| violation.code));
        let theirs = ask(bytes, role);
        match (ours.0.last(), &violation) {
            // It does not know the code 1014, which was registered after the others.
            (Some(Heard::Close(Some(1014), _)), None) => {
                ours.0.pop();
                ours.1 = Some(close::PROTOCOL_ERROR);
            }
            // Where a close has both a bad code and a bad reason, it names the reason.
            (_, Some(v))
                if v.reason == "close code that may not be sent"
                    && theirs.1 == Some(close::INVALID_PAYLOAD) =>
            {
                ours.1 = theirs.1;
            }
            _ => {}
        }
        assert_eq!(ours, theirs, "seed {seed}: we say {violation:?}");
        refused += usize::from(violation.is_some());
        messages += ours.0.len();
    }
    assert!(
        refused > 300 && messages > 3_000,
        "{refused} refused, {messages} messages: too tame or too wild"
    );
}
