//! Signed requests over a real socket, byte for byte as a client sends them, and what the venue signs in return.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use testkit::people::{self, Person};
use testkit::served::line::Head;
use testkit::served::{Served, Setup};

/// The wall's time of the venue, and of its clients.
const WALL: i64 = 1_795_348_800_000;

fn sign(person: &Person, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(person.secret.as_bytes()).expect("any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A client that signs as ccxt does where there is no encryption: the scheme stays in the text.
fn ask(served: &Served, person: &Person, nonce: &str, path: &str, form: &str) -> (Head, String) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let host = served.address.to_string();
    let (key, version) = (format!("BITSTAMP {}", person.key), "v2");
    let text = format!("{key}POSThttp://{host}{path}{FORM}{nonce}{WALL}{version}{form}");
    let mut line = served.line();
    line.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Auth: {key}\r\nX-Auth-Signature: {}\r\n\
         X-Auth-Nonce: {nonce}\r\nX-Auth-Timestamp: {WALL}\r\nX-Auth-Version: {version}\r\n\
         Content-Type: {FORM}\r\nContent-Length: {}\r\n\r\n{form}",
        sign(person, &text),
        form.len()
    ));
    line.answer().expect("an answer")
}

/// Checks that an answer is signed with this person's secret.
fn check(person: &Person, nonce: &str, head: &Head, body: &str) {
    let content_type = head.header("content-type").expect("a content type");
    assert_eq!(content_type, "application/json");
    let expected = sign(person, &format!("{nonce}{WALL}{content_type}{body}"));
    assert_eq!(head.header("x-server-auth-signature"), Some(expected.as_str()), "{body}");
}

#[test]
fn an_order_goes_in_signed_and_its_answer_comes_out_signed() {
    let served = Setup::bitstamp().session_by_hand().serve();
    served.edge.session_clock.set_wall(model::Time::from_millis(WALL));
    let alice = people::called("alice").expect("somebody");
    let nonce = "f93c979d-b00d-43a9-9b9c-fd4cd9547fa6";
    let path = "/bitstamp/api/v2/buy/btcusd/";
    let form = "amount=0.50000000&price=60000.00&client_order_id=over+a+socket";
    let (head, body) = ask(&served, alice, nonce, path, form);
    assert_eq!(head.status, 200, "{body}");
    check(alice, nonce, &head, &body);
    let placed: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(placed["client_order_id"], "over a socket");
    assert_eq!((&placed["price"], &placed["amount"]), (&"60000.00".into(), &"0.50000000".into()));

    // The same request again is refused, under the venue's signature as well: who asked is known.
    let (head, body) = ask(&served, alice, nonce, path, form);
    assert_eq!(head.status, 403);
    assert_eq!(body, r#"{"status":"error","reason":"Invalid nonce","code":"API0004"}"#);
    check(alice, nonce, &head, &body);

    // Whoever has not the secret is told nothing that is signed.
    let mallory = Person { secret: "guessed", ..*alice };
    let other = "00000000-0000-4000-8000-000000000001";
    let (head, body) = ask(&served, &mallory, other, "/api/v2/open_orders/all/", "foo=bar");
    assert_eq!(head.status, 403);
    assert_eq!(body, r#"{"status":"error","reason":"Invalid signature","code":"API0005"}"#);
    assert_eq!(head.header("x-server-auth-signature"), None);

    // One order rests, and is hers alone.
    for (who, count) in [("alice", 1), ("bob", 0)] {
        let person = people::called(who).expect("somebody");
        let (head, body) = ask(&served, person, other, "/api/v2/open_orders/all/", "foo=bar");
        check(person, other, &head, &body);
        let open: Vec<serde_json::Value> = serde_json::from_str(&body).expect("a list");
        assert_eq!(open.len(), count, "{who}: {body}");
        assert!(open.iter().all(|order| order["id"] == placed["id"]));
    }
}

#[test]
fn keys_that_cannot_be_revoked_are_not_said_to_be() {
    let served = Setup::bitstamp().session_by_hand().serve();
    served.edge.session_clock.set_wall(model::Time::from_millis(WALL));
    let alice = people::called("alice").expect("somebody");
    let mut nonces = (1..).map(|number| format!("00000000-0000-4000-8000-{number:012}"));
    let mut ask = |path: &str| {
        let nonce = nonces.next().expect("there are many");
        let (head, body) = ask(&served, alice, &nonce, path, "foo=bar");
        if head.status == 200 {
            check(alice, &nonce, &head, &body);
        }
        (head.status, body)
    };
    let revoke = "/api/v2/revoke_all_api_keys/";
    served.known.break_down(true);
    let failed = r#"{"status":"error","reason":"Unknown server error.","response_code":"500.001","response_explanation":"Unknown server error."}"#;
    assert_eq!(ask(revoke), (200, failed.to_owned()));
    assert_eq!(ask("/api/v2/open_orders/all/"), (200, "[]".to_owned()), "the key is still good");
    served.known.break_down(false);
    let revoked = format!(r#"{{"revoked_api_keys":["{}"]}}"#, alice.key);
    assert_eq!(ask(revoke), (200, revoked), "signed by the key that it ended");
    let unknown = r#"{"status":"error","reason":"API key not found","code":"API0001"}"#;
    assert_eq!(ask("/api/v2/open_orders/all/"), (403, unknown.to_owned()));
}
