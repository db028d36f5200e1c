use super::super::head;
use super::*;

const GOOD: &str = "GET /bitstamp HTTP/1.1\r\n\
    Host: 127.0.0.1:8080\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

fn request(text: &str) -> Request<()> {
    let (request, used) = head::request(text.as_bytes()).expect("a head").expect("a whole head");
    assert_eq!(used, text.len());
    request
}

/// The good request with one line put in the place of another, accepted or refused with a status.
#[track_caller]
fn check(line: &str, instead: &str, status: u16) {
    assert!(GOOD.contains(line), "{line:?} is part of the good request");
    let answer = accept(&request(&GOOD.replace(line, instead)));
    let said = answer.as_ref().map_or_else(|refusal| refusal.status.as_u16(), |_| 101);
    assert_eq!(said, status, "{instead:?} instead of {line:?}: {answer:?}");
}

#[test]
fn the_example_of_the_rfc() {
    let accept = accept(&request(GOOD)).expect("a good request");
    assert_eq!(accept.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(
        String::from_utf8(accept.response_bytes()).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    let response = accept.response();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn a_request_is_judged_line_by_line() {
    check("GET", "POST", 405);
    check("GET", "HEAD", 405);
    check("HTTP/1.1", "HTTP/1.0", 400);

    let host = "Host: 127.0.0.1:8080\r\n";
    check(host, "", 400);
    check(host, "Host:\r\n", 400);
    check(host, &host.repeat(2), 400);

    let upgrade = "Upgrade: websocket\r\n";
    check(upgrade, "", 426);
    check(upgrade, "Upgrade: h2c\r\n", 426);
    check(upgrade, "Upgrade: websockets\r\n", 426);
    check(upgrade, "upgrade: WebSocket\r\n", 101);
    check(upgrade, "Upgrade: h2c, websocket\r\n", 101);
    check(upgrade, "Upgrade: h2c\r\nUpgrade: websocket\r\n", 101);

    let connection = "Connection: Upgrade\r\n";
    check(connection, "", 426);
    check(connection, "Connection: close\r\n", 426);
    check(connection, "Connection: Upgrader\r\n", 426);
    check(connection, "connection: keep-alive ,\tupgrade \r\n", 101);
    check(connection, "Connection: keep-alive\r\nConnection: UPGRADE\r\n", 101);

    let version = "Sec-WebSocket-Version: 13\r\n";
    check(version, "", 426);
    check(version, "Sec-WebSocket-Version: 8\r\n", 426);
    check(version, "Sec-WebSocket-Version: 13, 8\r\n", 426);
    check(version, "Sec-WebSocket-Version: 013\r\n", 426);
    check(version, &version.repeat(2), 426);
    check(version, "sec-websocket-version:13 \r\n", 101);

    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    check(key, "", 400);
    check(key, &key.repeat(2), 400);
    for bad in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZQo=",
        "dGhlIHNhbXBsZSBub25j!Q==",
        "dGhlIHNhbXBsZSBub25j-Q==",
        "dGhlIHNhbXBsZSBub25jZGVlcA==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        check(key, &format!("Sec-WebSocket-Key: {bad}\r\n"), 400);
    }

    // A body would be read as frames.
    check(upgrade, &format!("{upgrade}Content-Length: 0\r\n"), 101);
    check(upgrade, &format!("{upgrade}Content-Length: 5\r\n"), 400);
    check(upgrade, &format!("{upgrade}Transfer-Encoding: chunked\r\n"), 400);

    // What is offered beyond the protocol is left aside.
    let offers = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: x\r\n";
    check(upgrade, &format!("{upgrade}{offers}"), 101);
}

#[test]
fn a_refusal_says_what_would_be_welcome() {
    let old = GOOD.replace("Version: 13", "Version: 8");
    let refusal = accept(&request(&old)).expect_err("an old version");
    let text = String::from_utf8(refusal.response_bytes()).unwrap();
    assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nonly version 13 of WebSocket is spoken here"), "{text}");

    // Both wordings of an answer say the same.
    for line in ["GET", "Upgrade", "Sec-WebSocket-Version", "Host"] {
        let refusal = accept(&request(&GOOD.replace(line, "X"))).expect_err("a bad request");
        let bytes = refusal.response_bytes();
        let (raw, used) = head::response(&bytes).unwrap().expect("a whole head");
        assert_eq!(&bytes[used..], refusal.text.as_bytes());
        assert_eq!(raw.headers()["content-length"], refusal.text.len().to_string());
        let ours = refusal.response();
        assert_eq!(raw.status(), ours.status());
        for name in ["sec-websocket-version", "upgrade", "allow", "content-type"] {
            assert_eq!(raw.headers().get(name), ours.headers().get(name), "{name}");
        }
    }
    let post = accept(&request(&GOOD.replace("GET", "POST"))).expect_err("a post");
    assert_eq!(post.response().headers()["allow"], "GET");
    assert_eq!(refusal.response().headers()["sec-websocket-version"], "13");
}

#[test]
fn a_plain_request_does_not_ask_for_an_upgrade() {
    assert!(is_asked_for(request(GOOD).headers()));
    assert!(is_asked_for(request(&GOOD.replace("Version: 13", "Version: 1")).headers()));
    assert!(!is_asked_for(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n").headers()));
}

#[test]
fn both_ends_agree_and_the_first_frame_may_follow_at_once() {
    let opening = Opening::new(*b"the sample nonce");
    let mut bytes =
        opening.request_bytes("ws.bitstamp.net", "/?a=b", &[("Origin", "https://x")]).unwrap();
    bytes.extend_from_slice(b"\x81\x80\0\0\0\0");
    let (request, used) = head::request(&bytes).unwrap().expect("a whole head");
    assert_eq!(&bytes[used..], b"\x81\x80\0\0\0\0", "a pipelined frame is left alone");
    assert_eq!(request.uri(), "/?a=b");
    assert_eq!(request.headers()["origin"], "https://x");

    let accept = accept(&request).expect("our own request is welcome");
    let mut answer = accept.response_bytes();
    answer.extend_from_slice(b"\x81\x00");
    let (response, used) = head::response(&answer).unwrap().expect("a whole head");
    assert_eq!(&answer[used..], b"\x81\x00");
    assert_eq!(opening.check(&response), Ok(()));
    assert_eq!(opening.check(&accept.response()), Ok(()));
}

#[test]
fn a_client_believes_no_other_answer() {
    let opening = Opening::new(*b"the sample nonce");
    let good = Accept::of_key(b"dGhlIHNhbXBsZSBub25jZQ==");
    let check = |change: &dyn Fn(&mut Response<()>)| {
        let mut response = good.response();
        change(&mut response);
        opening.check(&response)
    };
    assert_eq!(check(&|_| ()), Ok(()));
    let put = |name: &'static str, value: &'static str| {
        check(&|r| drop(r.headers_mut().insert(name, HeaderValue::from_static(value))))
    };
    assert!(matches!(put("upgrade", "h2c"), Err(OpeningFault::Answer(_))));
    assert!(matches!(put("connection", "close"), Err(OpeningFault::Answer(_))));
    assert!(matches!(
        put("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="),
        Err(OpeningFault::Answer(_))
    ));
    assert!(matches!(
        put("sec-websocket-extensions", "permessage-deflate"),
        Err(OpeningFault::Answer(_))
    ));
    assert!(matches!(put("sec-websocket-protocol", "x"), Err(OpeningFault::Answer(_))));
    assert_eq!(
        check(&|r| *r.status_mut() = StatusCode::NOT_FOUND),
        Err(OpeningFault::Status(StatusCode::NOT_FOUND))
    );
}

#[test]
fn a_request_cannot_be_split_by_what_is_put_into_it() {
    let opening = Opening::new([0; 16]);
    let worded = |host, target, headers: &[(&str, &str)]| {
        opening.request_bytes(host, target, headers).is_ok()
    };
    assert!(worded("a:1", "/", &[("X-A", "any value")]));
    assert!(!worded("a\r\nX: y", "/", &[]));
    assert!(!worded("", "/", &[]));
    assert!(!worded("a", "/ HTTP/1.1\r\n\r\n", &[]));
    assert!(!worded("a", "no-slash", &[]));
    assert!(!worded("a", "/", &[("X: y\r\nZ", "1")]));
    assert!(!worded("a", "/", &[("X", "1\r\nZ: 2")]));
}

#[test]
fn heads_are_read_within_bounds() {
    for cut in 0..GOOD.len() {
        assert_eq!(head::request(&GOOD.as_bytes()[..cut]).map(|head| head.is_some()), Ok(false));
    }
    assert!(head::request(b"\x16\x03\x01\x02\x00").is_err());
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(head::HEAD_BYTES_MAX));
    assert!(head::request(endless.as_bytes()).is_err());
    let many = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(head::HEADERS_MAX + 1));
    assert!(head::request(many.as_bytes()).is_err());
    assert!(head::response(b"HTTP/1.1 099 No\r\n\r\n").is_err());
}
