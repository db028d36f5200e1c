use model::AccountId;

use super::*;

const KEY: &str = "testkey";
const SECRET: &[u8] = b"testsecret";
const NONCE: &str = "f93c979d-b00d-43a9-9b9c-fd4cd9547fa6";
const MILLIS: i64 = 1_567_755_304_968;
const TIMESTAMP: &str = "1567755304968";
/// The vectors of section 8.6.
const TRANSACTIONS: &str = "54b4d5d0a0720d95a80763940a68d2b93d3faf8feec9cd6e9e48adba849f6be6";
const TOKEN: &str = "b90dd3c240cf590b58838708a3cc2df5401827c0c77e3653d1bbe274274aca7a";
const HISTORY: &str = "de392266e36d98d76ebb67c7ce59f82bc4de22b981ad407986d46a04314f5007";
/// That of section 8.8, and the body that it signs.
const ANSWERED: &str = "5de1dbda834e19a5aaa019b6b77791189cbbb0c686a80cc40a21b38af517dfea";
const ANSWER: &str = r#"{"token":"vRQqHEFoxp23seihJnbhPGt0lgBG5EFe","valid_sec":60,"user_id":1}"#;
const FORM: &str = "application/x-www-form-urlencoded";

/// A request as it comes, with the headers of a client that signs.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    path: &'static str,
    received_path: &'static str,
    query: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    body: &'static [u8],
    wall: Time,
}

impl Sent {
    fn new(method: &'static str, path: &'static str, signature: &str) -> Self {
        let headers = [
            ("host", "www.bitstamp.net"),
            ("x-auth", "BITSTAMP testkey"),
            ("x-auth-signature", signature),
            ("x-auth-nonce", NONCE),
            ("x-auth-timestamp", TIMESTAMP),
            ("x-auth-version", "v2"),
        ];
        Self {
            method,
            path,
            received_path: path,
            query: None,
            headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
            body: b"",
            wall: Time::from_millis(MILLIS),
        }
    }

    fn token() -> Self {
        Self::new("POST", "/api/v2/websockets_token/", TOKEN)
    }

    fn transactions() -> Self {
        let sent = Self::new("POST", "/api/v2/user_transactions/", TRANSACTIONS);
        Self { body: b"offset=1", ..sent }.with("content-type", FORM)
    }

    fn history() -> Self {
        let sent = Self::new("GET", "/api/v2/trade_history/", HISTORY);
        Self { query: Some("limit=10"), ..sent }
    }

    /// With this header, which is left out if it is empty.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value.to_owned()));
        }
        self
    }

    /// Signed over this text.
    fn signed(self, text: &str) -> Self {
        let mac = keyed(SECRET).chain_update(text).finalize().into_bytes();
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        self.with("x-auth-signature", &hex)
    }

    /// What comes of it where [`KEY`] has [`SECRET`]: the answer, or the code of the refusal.
    fn answer(&self, fresh: bool, ours: &[&str]) -> Result<HttpResponse, String> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = HttpRequest {
            method: self.method,
            path: self.path,
            received_path: self.received_path,
            query: self.query,
            headers: &headers,
            body: self.body,
            wall: self.wall,
        };
        let ours: Vec<String> = ours.iter().map(|host| (*host).to_owned()).collect();
        let holder = Credential {
            account: AccountId(1),
            secret: SECRET.to_vec(),
            may_trade: true,
            instruments: None,
            quotes: None,
            blocked: false,
        };
        let mut step = identify(&request, &ours, |holder| {
            assert_eq!(holder.account, AccountId(1));
            let word = |pass: &str| {
                assert_eq!(pass, "pass");
                Step::Reply(HttpResponse::json(200, ANSWER.as_bytes().to_vec()))
            };
            Step::IssuePass(AccountId(1), Duration::from_secs(60), Box::new(word))
        });
        loop {
            step = match step {
                Step::Reply(response) if response.status == 200 => return Ok(response),
                Step::Reply(response) => {
                    assert_eq!(response.status, 403);
                    let body = String::from_utf8(response.body).expect("text");
                    let code = body.split(r#""code":"API"#).nth(1).expect("a code");
                    return Err(code[..4].to_owned());
                }
                Step::Identify(key, then) => then((key == KEY).then_some(&holder)),
                Step::Nonce(nonce, then) => {
                    assert_eq!((nonce.key.as_str(), nonce.text.as_str()), (KEY, NONCE));
                    assert_eq!(nonce.window, Duration::from_secs(300));
                    then(fresh)
                }
                Step::IssuePass(_, _, then) => then("pass"),
                Step::Ask(..) | Step::Submit(..) | Step::Prove(..) | Step::RevokeKeys(..) => {
                    panic!("nothing of the kind is needed")
                }
            }
        }
    }

    #[track_caller]
    fn check(&self, expected: Result<(), &str>) {
        let answered = self.answer(true, &["rialto.example"]);
        assert_eq!(answered.map(|_| ()), expected.map_err(str::to_owned), "{:?}", self.headers);
    }
}

#[test]
fn the_published_vectors_are_taken_and_the_answer_is_signed() {
    for sent in [Sent::token(), Sent::transactions(), Sent::history()] {
        let response = sent.answer(true, &[]).expect("an answer");
        assert_eq!(response.header(SERVER_SIGNATURE), Some(ANSWERED));
    }
}

#[test]
fn any_change_to_what_was_signed_is_found_out() {
    let bad = Err("0005");
    Sent { path: "/api/v2/balance/", received_path: "/api/v2/balance/", ..Sent::token() }
        .check(bad);
    Sent { method: "GET", ..Sent::token() }.check(bad);
    Sent { query: Some("a=b"), ..Sent::token() }.check(bad);
    Sent { query: Some("limit=11"), ..Sent::history() }.check(bad);
    Sent { body: b"offset=2", ..Sent::transactions() }.check(bad);
    Sent::transactions().with("content-type", "application/json").check(bad);
    Sent::token().with("x-auth-timestamp", "1567755304969").check(bad);
    let nonce = "f93c979d-b00d-43a9-9b9c-fd4cd9547fa7";
    Sent::token().with("x-auth-nonce", nonce).check(bad);
    for signature in [&TOKEN[1..], &format!("{TOKEN}0"), &TOKEN.replace('b', "x"), HISTORY, "é"] {
        Sent::token().with("x-auth-signature", signature).check(bad);
    }
}

#[test]
fn each_spelling_that_a_known_client_signs_is_taken() {
    Sent::token().with("x-auth-signature", &TOKEN.to_uppercase()).check(Ok(()));
    // Whoever asks us under another name and signs the venue's.
    Sent::token().with("host", "localhost:18443").check(Ok(()));
    let tail = [NONCE, TIMESTAMP, "v2"].concat();
    let token = |host: &str| format!("BITSTAMP testkeyPOST{host}/api/v2/websockets_token/{tail}");
    let here = Sent::token().with("host", "localhost:18443");
    for host in ["localhost:18443", "localhost", "http://localhost:18443", "rialto.example"] {
        here.clone().signed(&token(host)).check(Ok(()));
    }
    for host in ["localhost:18444", "https://localhost:18443", "", "example"] {
        here.clone().signed(&token(host)).check(Err("0005"));
    }
    // An address in brackets has colons of its own.
    let six = Sent::token().with("host", "[::1]:8080");
    six.clone().signed(&token("[::1]")).check(Ok(()));
    six.with("host", "[::1]").signed(&token("[::1]")).check(Ok(()));
    // Behind a prefix of ours.
    let behind = Sent { received_path: "/bitstamp/api/v2/websockets_token/", ..Sent::token() };
    behind.check(Ok(()));
    let text = token("www.bitstamp.net").replace("/api/", "/bitstamp/api/");
    behind.signed(&text).check(Ok(()));
    // A query without its question mark.
    let head = "BITSTAMP testkeyGETwww.bitstamp.net/api/v2/trade_history/limit=10";
    Sent::history().signed(&format!("{head}{tail}")).check(Ok(()));
    // A content type with parameters, whole or without.
    let typed = Sent::transactions().with("content-type", &format!("{FORM}; charset=UTF-8"));
    typed.check(Ok(()));
    let head = "BITSTAMP testkeyPOSTwww.bitstamp.net/api/v2/user_transactions/";
    typed.signed(&format!("{head}{FORM}; charset=UTF-8{tail}offset=1")).check(Ok(()));
}

#[test]
fn what_is_missing_or_malformed_is_told_before_any_key_is_looked_up() {
    for (name, code) in [
        ("x-auth", "0012"),
        ("x-auth-signature", "0013"),
        ("x-auth-nonce", "0014"),
        ("x-auth-timestamp", "0015"),
        ("x-auth-version", "0016"),
    ] {
        Sent::token().with(name, "").check(Err(code));
    }
    let bad = |name, value: &str, code| Sent::token().with(name, value).check(Err(code));
    bad("x-auth-version", "v1", "0010");
    for auth in
        ["testkey", "BITSTAMP ", "BITSTAMP test key", "BITSTAMP-testkey", "bitstamp testkey"]
    {
        bad("x-auth", auth, "0011");
    }
    bad("x-auth", &format!("BITSTAMP {}", "a".repeat(65)), "0011");
    for nonce in [
        "1",
        &NONCE.to_uppercase(),
        &NONCE.replace('-', "0"),
        &NONCE[1..],
        &NONCE.replace('f', "g"),
    ] {
        bad("x-auth-nonce", nonce, "0004");
    }
    for timestamp in
        ["soon", "-1567755304968", "1567755304968.5", "1567755304968000000", "15677553O4968"]
    {
        bad("x-auth-timestamp", timestamp, "0018");
    }
    bad("content-type", FORM, "0020");
    bad("x-auth-subaccount-id", "7", "0003");
    Sent::transactions().with("content-type", "text/plain").check(Err("0019"));
    Sent::transactions().with("content-type", "").check(Err("0019"));
    // An empty header is as good as none.
    let mut empty = Sent::token();
    empty.headers.push(("content-type", String::new()));
    empty.check(Ok(()));
    Sent::token().with("x-auth", "BITSTAMP otherkey").check(Err("0001"));
}

#[test]
fn a_timestamp_is_good_for_150_seconds_either_way() {
    for (late, expected) in [
        (0, Ok(())),
        (150_000, Ok(())),
        (-150_000, Ok(())),
        (150_001, Err("0017")),
        (-150_001, Err("0017")),
    ] {
        Sent { wall: Time::from_millis(MILLIS + late), ..Sent::token() }.check(expected);
    }
}

#[test]
fn a_repeated_nonce_is_refused_under_our_signature() {
    assert_eq!(Sent::token().answer(false, &[]).expect_err("a refusal"), "0004");
}
