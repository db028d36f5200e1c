//! The opening handshake (RFC 6455, 4), byte by byte over TCP: what is let in, what is refused and in which words,
//! and that the bytes behind a handshake are the socket's first, however they were cut.

use std::io::Read;
use std::time::Duration;

use edge::ws::Role;
use edge::ws::decode::{Chunk, Decoder, Incoming, Limits};
use edge::ws::deflate::Packer;
use testkit::served::line::{
    ACCEPT, HEARTBEAT, HEARTBEAT_ANSWER, Head, KEY, frame, subscribe, subscribed, text_frame,
    upgrade_request, upgrade_request_with,
};
use testkit::served::{Heard, Served, Setup};

/// A request that opens a socket, to be changed.
#[derive(Clone)]
struct Request {
    line: String,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
}

fn request() -> Request {
    let headers = [
        ("Host", "localhost"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ];
    Request {
        line: "GET /bitstamp HTTP/1.1".into(),
        headers: headers.map(|(name, value)| (name, value.into())).into(),
        body: "",
    }
}

impl Request {
    fn line(mut self, line: &str) -> Self {
        self.line = line.into();
        self
    }
    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
    fn with(self, name: &'static str, value: &str) -> Self {
        self.without(name).and(name, value)
    }
    fn body(mut self, body: &'static str) -> Self {
        self.body = body;
        self
    }
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        (text + "\r\n" + self.body).into_bytes()
    }
}

/// The socket opens, its answer is exact, and it speaks the dialect.
fn check_opens(served: &Served, what: &str, request: &Request) {
    let mut line = served.line();
    line.send(request.bytes());
    let head = line.head().unwrap_or_else(|| panic!("no answer: {what}"));
    assert_eq!(head.status, 101, "{what}: {head:?}");
    check_exact(&head, what);
    line.check_heartbeat();
}

/// Beside the date, a `101` has three headers and no more: nothing that was offered is taken.
fn check_exact(head: &Head, what: &str) {
    let mut headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.retain(|(name, _)| *name != "date");
    headers.sort_unstable();
    let wanted =
        [("connection", "Upgrade"), ("sec-websocket-accept", ACCEPT), ("upgrade", "websocket")];
    assert_eq!(headers, wanted, "{what}");
}

/// The request is refused with this status and sentence; returns the head for what else is said.
fn check_refused(served: &Served, what: &str, request: &Request, status: u16, text: &str) -> Head {
    let mut line = served.line();
    line.send(request.bytes());
    let (head, body) = line.answer().unwrap_or_else(|| panic!("no answer: {what}"));
    assert_eq!((head.status, body.as_str()), (status, text), "{what}: {head:?}");
    assert_eq!(head.header("sec-websocket-accept"), None, "{what}");
    head
}

#[test]
fn a_right_request_opens_a_socket_however_it_is_spelled() {
    let served = Setup::bitstamp().serve();
    let spelled = |change: fn(&str) -> String| {
        let mut request = request();
        for (name, _) in &mut request.headers {
            *name = Box::leak(change(name).into_boxed_str());
        }
        request
    };
    for (what, request) in [
        ("as everybody does", request()),
        ("with a slash", request().line("GET /bitstamp/ HTTP/1.1")),
        ("with a query", request().line("GET /bitstamp?a=b HTTP/1.1")),
        ("names in lower case", spelled(str::to_lowercase)),
        ("names in upper case", spelled(str::to_uppercase)),
        (
            "tokens in other cases",
            request().with("Upgrade", "WebSocket").with("Connection", "upGRADE"),
        ),
        ("Firefox's connection", request().with("Connection", "keep-alive, Upgrade")),
        (
            "tokens over two lines",
            request().with("Connection", "keep-alive").and("Connection", "Upgrade"),
        ),
        ("one protocol of two", request().with("Upgrade", "h2c, websocket")),
        ("a subprotocol offered", request().and("Sec-WebSocket-Protocol", "chat, superchat")),
        (
            "extensions offered",
            request().and(
                "Sec-WebSocket-Extensions",
                "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
            ),
        ),
        ("somebody else's page", request().and("Origin", "https://www.bitstamp.net")),
        ("a body of no length", request().and("Content-Length", "0")),
        ("blanks around the key", request().with("Sec-WebSocket-Key", &format!(" \t{KEY}  "))),
        ("blanks around the version", request().with("Sec-WebSocket-Version", "  13 ")),
    ] {
        check_opens(&served, what, &request);
    }
}

#[test]
fn a_venue_s_own_name_leads_to_its_socket_whatever_the_path() {
    let served = Setup::bitstamp().serve();
    let named =
        |host: &str, path: &str| request().with("Host", host).line(&format!("GET {path} HTTP/1.1"));
    for (host, path) in [
        ("ws.bitstamp.net", "/"),
        ("ws.bitstamp.net:443", "/"),
        ("WS.Bitstamp.NET", "/"),
        ("ws.bitstamp.net", "/anything/at/all"),
        ("www.bitstamp.net", "/"),
        ("localhost", "http://ws.bitstamp.net/"),
    ] {
        check_opens(&served, &format!("{host} {path}"), &named(host, path));
    }
    for (host, path) in [
        ("localhost", "/"),
        ("localhost", "/bitstampx"),
        ("localhost", "/bitstamp//"),
        ("localhost", "//bitstamp"),
        ("localhost", "/Bitstamp"),
        ("bitstamp.net", "/"),
        ("ws.bitstamp.net.example.org", "/"),
        ("xws.bitstamp.net", "/"),
        ("ws.bitstamp.net:80x", "/"),
        ("localhost", "/healthz"),
    ] {
        let mut line = served.line();
        line.send(named(host, path).bytes());
        let head = line.head().expect("an answer");
        assert_ne!(head.status, 101, "{host} {path}");
    }
}

/// The sentences of refusals.
mod text {
    pub const UPGRADE: &str = "this address speaks WebSocket: send Upgrade: websocket";
    pub const CONNECTION: &str = "this address speaks WebSocket: send Connection: Upgrade";
    pub const VERSION: &str = "only version 13 of WebSocket is spoken here";
    pub const HOST: &str = "the request needs one Host header";
    pub const HTTP: &str = "a WebSocket is opened over HTTP/1.1";
    pub const BODY: &str = "a request that opens a WebSocket has no body";
    pub const METHOD: &str = "a WebSocket is opened with GET";
    pub const KEY: &str = "the request needs one Sec-WebSocket-Key of 16 bytes in base64";
}

#[test]
fn what_could_be_upgraded_is_told_how() {
    let served = Setup::bitstamp().serve();
    let plain = request().without("Upgrade").without("Connection").without("Sec-WebSocket-Key");
    for (what, request, words) in [
        ("a plain GET", plain.without("Sec-WebSocket-Version"), text::UPGRADE),
        ("no Upgrade", request().without("Upgrade"), text::UPGRADE),
        ("another protocol", request().with("Upgrade", "h2c"), text::UPGRADE),
        ("a protocol like it", request().with("Upgrade", "websocket2"), text::UPGRADE),
        ("no Connection", request().without("Connection"), text::CONNECTION),
        ("keep-alive", request().with("Connection", "keep-alive"), text::CONNECTION),
        ("a token like it", request().with("Connection", "Upgrades"), text::CONNECTION),
        ("no version", request().without("Sec-WebSocket-Version"), text::VERSION),
        ("version 8", request().with("Sec-WebSocket-Version", "8"), text::VERSION),
        ("version 0", request().with("Sec-WebSocket-Version", "0"), text::VERSION),
        ("version 013", request().with("Sec-WebSocket-Version", "013"), text::VERSION),
        ("version -13", request().with("Sec-WebSocket-Version", "-13"), text::VERSION),
        ("two versions", request().with("Sec-WebSocket-Version", "13, 8"), text::VERSION),
        ("the version twice", request().and("Sec-WebSocket-Version", "13"), text::VERSION),
    ] {
        let head = check_refused(&served, what, &request, 426, words);
        assert_eq!(head.header("sec-websocket-version"), Some("13"), "{what}");
        assert_eq!(head.header("upgrade"), Some("websocket"), "{what}");
        let connection = head.header("connection").unwrap_or_default().to_ascii_lowercase();
        assert!(connection.split(", ").any(|token| token == "upgrade"), "{what}: {connection}");
    }
}

#[test]
fn what_is_wrong_is_refused_and_named() {
    let served = Setup::bitstamp().serve();
    for (what, request, words) in [
        ("HTTP/1.0", request().line("GET /bitstamp HTTP/1.0"), text::HTTP),
        ("no Host", request().without("Host"), text::HOST),
        ("an empty Host", request().with("Host", ""), text::HOST),
        ("two Hosts", request().and("Host", "localhost"), text::HOST),
        ("no key", request().without("Sec-WebSocket-Key"), text::KEY),
        ("an empty key", request().with("Sec-WebSocket-Key", ""), text::KEY),
        ("15 bytes", request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"), text::KEY),
        ("17 bytes", request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZXM="), text::KEY),
        ("32 bytes", request().with("Sec-WebSocket-Key", &KEY.repeat(2)), text::KEY),
        ("no base64", request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q=="), text::KEY),
        ("no padding", request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), text::KEY),
        ("the key twice", request().and("Sec-WebSocket-Key", KEY), text::KEY),
        ("a body", request().and("Content-Length", "5").body("hello"), text::BODY),
        (
            "a body in chunks",
            request().and("Transfer-Encoding", "chunked").body("0\r\n\r\n"),
            text::BODY,
        ),
    ] {
        check_refused(&served, what, &request, 400, words);
    }
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "CONNECTS"] {
        let request = request().line(&format!("{method} /bitstamp HTTP/1.1"));
        // The answer to HEAD is one without its body.
        if method != "HEAD" {
            let head = check_refused(&served, method, &request, 405, text::METHOD);
            assert_eq!(head.header("allow"), Some("GET"), "{method}");
        }
    }
    assert_eq!(served.edge.counters.connections.read(), 0, "nobody became a socket");
}

#[test]
fn who_was_refused_may_ask_again_on_the_same_connection() {
    let served = Setup::bitstamp().serve();
    let mut line = served.line();
    for wrong in [
        request().without("Upgrade"),
        request().with("Sec-WebSocket-Version", "8"),
        request().without("Sec-WebSocket-Key"),
    ] {
        line.send(wrong.bytes());
        assert!(line.answer().expect("an answer").0.status >= 400);
    }
    line.send(request().bytes());
    line.check_upgraded();
    line.check_heartbeat();
}

#[test]
fn the_accept_key_is_that_of_the_key() {
    let served = Setup::bitstamp().serve();
    // From the protocol's own example, and three that were computed elsewhere (Python's hashlib and base64).
    for (key, accept) in [
        (KEY, ACCEPT),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        ("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="),
        // Bits that stand for nothing are part of the text.
        ("dGhlIHNhbXBsZSBub25jZR==", "Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI="),
    ] {
        let mut line = served.line();
        line.send(request().with("Sec-WebSocket-Key", key).bytes());
        let head = line.head().expect("an answer");
        assert_eq!(head.header("sec-websocket-accept"), Some(accept), "{key}");
    }
}

#[test]
fn what_follows_the_handshake_in_one_piece_is_the_first_frame() {
    let served = Setup::bitstamp().serve();
    let mut line = served.line();
    let frames = text_frame(HEARTBEAT).repeat(3);
    line.send([upgrade_request("/bitstamp").as_bytes(), &frames].concat());
    line.check_upgraded();
    for _ in 0..3 {
        assert_eq!(line.hear(), Heard::Text(HEARTBEAT_ANSWER.into()));
    }
}

#[test]
fn where_the_bytes_are_cut_makes_no_difference() {
    let served = Setup::bitstamp().serve();
    let whole = [upgrade_request("/bitstamp").into_bytes(), text_frame(HEARTBEAT)].concat();
    for cut in 1..whole.len() {
        let mut line = served.line();
        line.send(&whole[..cut]);
        // Right without it; with it the server mostly reads the two parts apart.
        std::thread::sleep(Duration::from_micros(300));
        line.send(&whole[cut..]);
        line.check_upgraded();
        assert_eq!(line.hear(), Heard::Text(HEARTBEAT_ANSWER.into()), "cut at {cut}");
    }
    let mut line = served.line();
    for byte in whole.chunks(1) {
        line.send(byte);
    }
    line.check_upgraded();
    assert_eq!(line.hear(), Heard::Text(HEARTBEAT_ANSWER.into()));
}

#[test]
fn a_violation_right_behind_the_handshake_is_told() {
    let served = Setup::bitstamp().serve();
    let mut line = served.line();
    line.send([upgrade_request("/bitstamp").as_bytes(), b"\x81\x05hello"].concat());
    line.check_upgraded();
    let Heard::Close(Some(1002), _) = line.hear() else {
        panic!("an unmasked frame is a violation")
    };
    assert_eq!(line.hear(), Heard::End);
}

#[test]
fn sockets_and_pages_share_a_connection_s_way_in() {
    let served = Setup::bitstamp().serve();
    let mut line = served.line();
    line.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(
        line.answer().map(|(head, body)| (head.status, body)),
        Some((200, "alive\n".into()))
    );
    line.upgrade("/bitstamp");
    line.check_heartbeat();
}

#[test]
fn compression_is_agreed_on_where_it_is_configured_and_offered_and_nowhere_else() {
    const OFFER: &str = "permessage-deflate; client_max_window_bits";
    let headers = [("Sec-WebSocket-Extensions", OFFER)];
    let agreed = |compression: bool, headers: &[(&str, &str)]| {
        let served = Setup { compression, ..Setup::bitstamp() }.serve();
        let mut line = served.line();
        let headers = [&[("Host", "localhost")], headers].concat();
        line.send(upgrade_request_with(served.path(), &headers));
        let head = line.head().expect("an answer");
        assert_eq!(head.status, 101);
        let extensions = head.header("sec-websocket-extensions").map(str::to_owned);
        (served, line, extensions)
    };
    assert_eq!(agreed(false, &headers).2, None, "it is off unless it is configured");
    assert_eq!(agreed(true, &[]).2, None);
    let small = [("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10")];
    assert_eq!(agreed(true, &small).2, None);
    let (served, mut line, extensions) = agreed(true, &headers);
    let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(extensions.as_deref(), Some(expected));

    // What the client says may be compressed, or not, and answers are not.
    let channel = "live_trades_btcusd";
    let mut packer = Packer::default();
    line.send(frame(0xC1, packer.pack(subscribe(channel).as_bytes())));
    assert_eq!(line.hear(), Heard::Text(subscribed(channel)));
    line.check_heartbeat();
    // What it is told is.
    served.market.trade(0, 6_000_000, 3);
    served.market.settle();
    let mut decoder = Decoder::new(Limits::of_messages(1 << 20), Role::Client);
    decoder.inflate();
    let (mut heard, mut bytes, mut buffer) = (Vec::new(), 0, [0; 4_096]);
    while heard.len() < 3 {
        let read = line.stream().read(&mut buffer).expect("a trade");
        assert!(read > 0, "three trades are told");
        assert_ne!(buffer[0] & 0x40, 0, "the first bit of an extension");
        bytes += read;
        let mut chunk = Chunk::new(&mut buffer[..read]);
        while let Some(Incoming::Text(text)) = decoder.next(&mut chunk).expect("frames") {
            heard.push(text.to_owned());
        }
    }
    let trade = |text: &String| text.starts_with(r#"{"data":{"id":"#) && text.contains(channel);
    assert!(heard.iter().all(trade), "{heard:?}");
    assert!(bytes < heard.iter().map(String::len).sum(), "it is shorter: {bytes}");
    // A turn is counted when it has ended, which it has once the next one answers.
    line.check_heartbeat();
    assert_eq!(served.edge.counters.compressions.read(), 3);
    // Eight times too much in a short message is refused as too long, having been inflated no further.
    line.send(frame(0xC1, packer.pack(&[b' '; 4_096])));
    line.check_closed(1009, "read limited at 513 bytes");
}

#[test]
fn numbers_are_told_to_who_offers_their_subprotocol_and_frames_stay_as_they_are() {
    let served = Setup { compression: true, ..Setup::bitstamp() }.serve();
    let open = |headers: &[(&str, &str)]| {
        let mut line = served.line();
        let headers = [&[("Host", "localhost")], headers].concat();
        line.send(upgrade_request_with(served.path(), &headers));
        let head = line.head().expect("an answer");
        assert_eq!(head.status, 101);
        let answered = ["sec-websocket-protocol", "sec-websocket-extensions"]
            .map(|name| head.header(name).map(str::to_owned));
        (line, answered)
    };
    let both = [
        ("Sec-WebSocket-Protocol", "chat, rialto.sequence"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    let (mut asks, answered) = open(&both);
    assert_eq!(answered, [Some("rialto.sequence".to_owned()), None], "numbers are not compressed");
    let (mut other, answered) = open(&[("Sec-WebSocket-Protocol", "chat")]);
    assert_eq!(answered, [None, None]);

    let channel = "live_trades_btcusd";
    for line in [&mut asks, &mut other] {
        line.send(text_frame(&subscribe(channel)));
        assert_eq!(line.hear(), Heard::Text(subscribed(channel)));
    }
    served.market.trade(0, 6_000_000, 2);
    served.market.settle();
    let mut before = 0;
    for _ in 0..2 {
        let Heard::Text(number) = asks.hear() else { panic!("a number is a text") };
        let parts = number.strip_prefix(r#"{"rialto":{"sequence":"#);
        let number = parts.and_then(|it| it.strip_suffix("}}")).and_then(|it| it.parse().ok());
        let number: u64 = number.expect("a number");
        assert!(number > before, "{number} after {before}");
        before = number;
        let frame = asks.hear();
        assert!(matches!(&frame, Heard::Text(text) if text.contains(channel)), "{frame:?}");
        assert_eq!(frame, other.hear());
    }
    asks.check_heartbeat();
    other.check_heartbeat();
}
