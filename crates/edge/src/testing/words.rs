//! What the plain dialect understands beyond subscribing, a word each:
//!
//! | word | asks for |
//! |---|---|
//! | `!key` | a login by a key |
//! | `=book0` | a subscription that opens with the time, and then says how many orders alice has |
//! | `#book0/abcd` | a subscription called `abcd` and stamped so |
//! | `^key:own0` | alice's own orders, with that key |
//! | `*a,b` | the end of several subscriptions |
//! | `?now`, `?orders` | the time; how many orders alice has |
//! | `$key` | that alice's orders are cancelled, with that key |
//! | `(a`, `)a` | one of two berths called `a`; to leave it |
//! | `who`, `names` | who is logged in; what is subscribed |
//! | `bad`, `part` | a refusal; the end |

use std::time::Duration;

use dialects::{
    Credential, Fault, Opening, Outcome, Parting, Request, Step, Subject, Submission, Visitor,
    Wording,
};
use model::{Action, Answer, AnswerBody, Query};

use super::{ALICE, topic};

/// The wording whose frames have a hole.
pub const STAMPED: Wording = Wording(1);

/// The wording whose books end with their bids.
pub const ROWED: Wording = Wording(2);

/// Bytes of a stamp.
pub const STAMP_BYTES: u8 = 4;

fn say(text: String) -> Request {
    Request::Say(text.into_bytes())
}

fn reply(request: Request) -> Step<Vec<Request>> {
    Step::Reply(vec![request])
}

fn orders() -> Query {
    Query::OpenOrders { account: ALICE, instrument: None }
}

fn count(answer: &Answer) -> String {
    match &answer.body {
        AnswerBody::OpenOrders(orders) => format!("{} orders", orders.len()),
        _ => "no orders".into(),
    }
}

/// Goes on only if somebody holds the key.
fn by(
    key: &str,
    word: &str,
    then: impl FnOnce() -> Step<Vec<Request>> + Send + 'static,
) -> Request {
    let refusal = format!("{word} no").into_bytes();
    let then = |holder: Option<&Credential>| match holder {
        Some(_) => then(),
        None => reply(Request::Refuse(refusal, Fault::Login)),
    };
    Request::Take(Step::Identify(key.into(), Box::new(then)))
}

/// What a word asks for, if it is one of these. `login_lasts` is how long a login is good.
pub fn understand(
    word: &str,
    visitor: &Visitor<'_>,
    login_lasts: Option<Duration>,
) -> Option<Request> {
    let ok = format!("{word} ok").into_bytes();
    if let Some(wait) = visitor.too_fast {
        let text = format!("{word} in {} ms", wait.as_millis());
        return Some(Request::Refuse(text.into_bytes(), Fault::TooFast));
    }
    match word {
        "who" => {
            assert!(
                visitor.login.is_none_or(|it| it.holder.secret.is_empty()),
                "no secret is kept"
            );
            let login = visitor.login.map(|it| format!("{} {:?}", it.holder.account, it.standing));
            return Some(say(format!("who {}", login.unwrap_or_else(|| "nobody".into()))));
        }
        "names" => return Some(say(format!("names {}", visitor.subscriptions.join(" ")))),
        "bad" => return Some(Request::Refuse(b"bad".to_vec(), Fault::Malformed)),
        "part" => return Some(Request::Part(Parting::Abuse)),
        _ => {}
    }
    let subjects = |name: &str, wording| -> Vec<Subject> {
        topic(name).into_iter().map(|topic| Subject { topic, wording }).collect()
    };
    let (sign, rest) = word.split_at_checked(1)?;
    Some(match sign {
        "!" => by(rest, word, move || {
            reply(Request::LogIn { lasts: login_lasts, acknowledgement: ok })
        }),
        "=" => {
            let word = word.to_owned();
            Request::Subscribe {
                subscription: rest.into(),
                subjects: subjects(rest, Wording::default()),
                stamp: None,
                opening: Opening::State(
                    vec![Query::Now, orders()],
                    Box::new(move |answers| {
                        let first = format!("{word} at {}", answers[0].now.0);
                        vec![first.into(), format!("with {}", count(&answers[1])).into()]
                    }),
                ),
            }
        }
        "#" => {
            let (name, stamp) = rest.split_once('/')?;
            Request::Subscribe {
                subscription: stamp.into(),
                subjects: subjects(name, STAMPED),
                stamp: Some(stamp.as_bytes().into()),
                opening: Opening::Said(ok),
            }
        }
        "^" => {
            let (key, name) = rest.split_once(':')?;
            let (subscription, subjects) = (name.into(), subjects(name, Wording::default()));
            by(key, word, move || {
                let (stamp, opening) = (None, Opening::Silent);
                let request = Request::Subscribe { subscription, subjects, stamp, opening };
                Step::Reply(vec![request, Request::Say(ok)])
            })
        }
        "(" => Request::TakeBerth {
            berth: rest.into(),
            of: 2,
            then: vec![Request::Say(ok), say("welcome".into())],
            refusal: format!("{word} no").into(),
        },
        ")" => Request::LeaveBerth(rest.into()),
        "*" => Request::Unsubscribe {
            subscriptions: rest.split(',').map(Into::into).collect(),
            acknowledgement: ok,
        },
        "?" => {
            let ask = |query, word: fn(&Answer) -> String| {
                let then = move |answer: Answer| reply(say(word(&answer)));
                Request::Take(Step::Ask(query, Box::new(then)))
            };
            match rest {
                "now" => ask(Query::Now, |answer| format!("now {}", answer.now.0)),
                "orders" => ask(orders(), count),
                _ => return None,
            }
        }
        "$" => by(rest, word, || {
            let action = Action::CancelAll { account: ALICE, instrument: None };
            let submission = Submission { action, label: None };
            let then = |outcome| match outcome {
                Outcome::Done { command, .. } => reply(say(format!("done {command}"))),
                Outcome::NotTaken => reply(say("not taken".into())),
                Outcome::Unknown => reply(say("unknown".into())),
            };
            Step::Submit(submission, Box::new(then))
        }),
        _ => return None,
    })
}
