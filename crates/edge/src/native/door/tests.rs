//! Which hosts and origins are ours.

use ::http::{HeaderMap, HeaderValue};

use super::guard;

fn passes(local: &str, host: &str, origin: Option<&str>) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_str(host).expect("a header"));
    if let Some(origin) = origin {
        headers.insert("origin", HeaderValue::from_str(origin).expect("a header"));
    }
    let names = ["api.example.org".to_owned()];
    guard(&headers, None, local.parse().expect("an address"), &names).is_ok()
}

#[test]
fn only_a_host_that_is_the_listeners_passes() {
    for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "api.example.org"] {
        assert!(passes("127.0.0.1:8080", host, None), "{host}");
    }
    let foreign = [
        "",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8081",
        "127.0.0.2:8080",
        "localhost",
        "localhost:8080.evil.example",
        "localhost.evil.example:8080",
        "evil.example:8080",
        "evil.example@127.0.0.1:8080",
        "127.0.0.1:8080@evil.example",
        "127.0.0.1:08080x",
        "[::1]:8080",
        "api.example.org:8080",
    ];
    for host in foreign {
        assert!(!passes("127.0.0.1:8080", host, None), "{host}");
    }
    assert!(passes("[::1]:8080", "[::1]:8080", None));
    assert!(passes("[::1]:8080", "localhost:8080", None));
    assert!(passes("[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", None));
    assert!(passes("192.0.2.7:80", "192.0.2.7", None));
    assert!(!passes("192.0.2.7:80", "localhost", None), "not from outside");
}

#[test]
fn only_an_origin_that_is_the_listeners_passes() {
    let here = |origin| passes("127.0.0.1:8080", "127.0.0.1:8080", Some(origin));
    assert!(here("http://127.0.0.1:8080"));
    assert!(here("http://localhost:8080"));
    assert!(here("https://api.example.org"));
    for origin in ["", "null", "http://evil.example", "http://127.0.0.1:3000", "file://"] {
        assert!(!here(origin), "{origin}");
    }
}

#[test]
fn a_request_without_a_host_is_nobodys() {
    let local = "127.0.0.1:8080".parse().expect("an address");
    assert!(guard(&HeaderMap::new(), None, local, &[]).is_err());
    assert!(guard(&HeaderMap::new(), Some("127.0.0.1:8080"), local, &[]).is_ok());
}
