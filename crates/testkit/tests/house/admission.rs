//! Who may become a socket, where a dialect asks for a key before the upgrade: over real HTTP, with a dialect that
//! does so and else speaks as Bitstamp.

use std::sync::Arc;

use dialects::{
    Admission, Dialect, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords, Manners,
    Parting, Request, Step, Subject, Visitor,
};
use model::{Sequence, Update};
use testkit::people::called;
use testkit::served::line::upgrade_request;
use testkit::served::{Heard, Served, Setup};

const REFUSAL: &str = r#"{"status":"error"}"#;
const TOO_MANY: &str = r#"{"status":"full"}"#;

/// Lets in who shows a key as `?apikey=KEY`, on two connections at once, and tells who is there when asked `who`.
struct Doorman(Arc<dyn Dialect>);

impl Dialect for Doorman {
    fn admit(&self, request: &HttpRequest<'_>) -> Step<Admission> {
        let shown = request.query.and_then(|query| query.strip_prefix("apikey="));
        let refused = || Admission::Refused(HttpResponse::json(401, REFUSAL.into()));
        let Some(key) = shown else { return Step::Reply(refused()) };
        let (berth, of) = (key.into(), 2);
        let judge = move |known: bool| match known {
            true => {
                let refusal = HttpResponse::json(429, TOO_MANY.into());
                Admission::Berthed { berth, of, refusal }
            }
            false => refused(),
        };
        Step::Identify(key.into(), Box::new(move |holder| Step::Reply(judge(holder.is_some()))))
    }
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>) {
        if message != b"who" {
            return self.0.decode(message, visitor, out);
        }
        let login = visitor.login.expect("nobody else is let in");
        out.push(Request::Say(format!("{} {:?}", login.holder.account, login.standing).into()));
    }
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn doors(&self) -> &Doors {
        self.0.doors()
    }
    fn manners(&self) -> &Manners {
        self.0.manners()
    }
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        self.0.encode(subject, update, sequence, out)
    }
    fn http(&self, request: &HttpRequest<'_>) -> Step {
        self.0.http(request)
    }
    fn http_too_fast(&self) -> HttpResponse {
        self.0.http_too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        self.0.part(parting)
    }
}

fn guarded() -> Served {
    let mut setup = Setup::bitstamp();
    setup.dialect = Arc::new(Doorman(setup.dialect));
    setup.serve()
}

#[test]
fn who_shows_no_good_key_gets_an_answer_and_no_socket() {
    let served = guarded();
    for path in ["/bitstamp", "/bitstamp?apikey=", "/bitstamp?apikey=nobodys"] {
        let mut line = served.line();
        line.send(upgrade_request(path));
        let (head, body) = line.answer().expect("an answer");
        assert_eq!((head.status, body.as_str()), (401, REFUSAL), "{path}");
        assert_eq!(head.header("content-type"), Some("application/json"));
        // It is a request like any other: another may follow.
        line.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(line.answer().expect("an answer").0.status, 200);
    }
    assert_eq!(served.edge.counters.handshakes_refused.read(), 3);
    assert_eq!(served.edge.counters.connections.read(), 0);
}

#[test]
fn who_shows_a_good_key_is_logged_in_until_it_is_revoked() {
    let served = guarded();
    let alice = called("alice").expect("somebody");
    let mut line = served.line();
    line.send(upgrade_request(&format!("/bitstamp?apikey={}", alice.key)));
    line.check_upgraded();
    line.say("who");
    assert_eq!(line.hear(), Heard::Text("1 Good".into()));
    served.revoke(alice);
    let Heard::Text(text) = line.hear() else { panic!("it is told in the dialect's words") };
    assert!(text.contains("unauthorized"), "{text}");
    line.check_closed(1008, "");
    let mut line = served.line();
    line.send(upgrade_request(&format!("/bitstamp?apikey={}", alice.key)));
    assert_eq!(line.answer().expect("an answer").0.status, 401);
}

#[test]
fn a_key_opens_so_many_sockets_and_one_more_when_one_has_ended() {
    let served = guarded();
    let upgrade = |person: &str| {
        let mut line = served.line();
        let key = called(person).expect("somebody").key;
        line.send(upgrade_request(&format!("/bitstamp?apikey={key}")));
        line
    };
    let mut lines: Vec<_> = (0..2).map(|_| upgrade("alice")).collect();
    lines.iter_mut().for_each(|line| line.check_upgraded());
    let (head, body) = upgrade("alice").answer().expect("an answer");
    assert_eq!((head.status, body.as_str()), (429, TOO_MANY));
    upgrade("bob").check_upgraded();
    drop(lines.pop());
    served.await_goodbyes(2);
    let mut line = upgrade("alice");
    line.check_upgraded();
    line.say("who");
    assert_eq!(line.hear(), Heard::Text("1 Good".into()));
}
