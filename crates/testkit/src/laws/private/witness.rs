//! A tongue for the law alone: it says who is told what, in the law's own words. `+ TOPIC ACCOUNT PASS` subscribes,
//! `- TOPIC` unsubscribes. Unlike published ones it lets a client claim one account and ask for another's topics.

use dialects::{
    Dialect, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords, Manners, Opening, Parting,
    Request, Step, Subject, Visitor,
};
use model::{AccountId, InstrumentId, Sequence, Topic, Update};

use super::{KINDS, PASS, Tongue, Word};

const WITNESS: &str = "witness";

/// `orders.0.7`
fn name(topic: &Topic) -> String {
    let at = KINDS.iter().position(|kind| *kind == topic.kind).expect("one of the three");
    let account = topic.account().expect("an own topic");
    let instrument = topic.instrument().expect("of one instrument");
    format!("{at}.{instrument}.{account}")
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Witness;

impl Tongue for Witness {
    fn dialect(&self) -> Box<dyn Dialect> {
        Box::new(Spoken::default())
    }
    fn subscribe(&self, topic: &Topic, shown: AccountId, pass: &str) -> String {
        format!("+ {} {shown} {pass}", name(topic))
    }
    fn unsubscribe(&self, topic: &Topic) -> String {
        format!("- {}", name(topic))
    }
    fn answers(&self, _: &Topic) -> [String; 3] {
        ["yes", "no", "-"].map(str::to_owned)
    }
    fn claims(&self) -> bool {
        true
    }
    fn expects(&self, word: &Word) -> String {
        let Word { account, topic: _, what, ids: [one, other] } = word;
        match *what {
            "trade" | "self" => format!("{what} {one} {other}"),
            _ => format!("{account} {what} {one}"),
        }
    }
    fn heard(&self, frame: &str) -> String {
        frame.to_owned()
    }
}

/// It, as a dialect.
struct Spoken {
    manners: Manners,
    doors: Doors,
}

impl Default for Spoken {
    fn default() -> Self {
        Self {
            manners: Manners {
                message_bytes_max: 512,
                oversize_reason: "",
                subscriptions_max: usize::MAX,
                ping_every: None,
                pong_within: PASS,
                idle_max: None,
                age_max: None,
                notice: PASS,
                queue_bytes_max: usize::MAX,
                stall_max: PASS,
                ..Manners::LENIENT
            },
            doors: Doors { socket_paths: &[], http_prefixes: &[], hosts: &[] },
        }
    }
}

impl Dialect for Spoken {
    fn name(&self) -> &'static str {
        WITNESS
    }
    fn doors(&self) -> &Doors {
        &self.doors
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], _: &Visitor<'_>, out: &mut Vec<Request>) {
        let text = str::from_utf8(message).expect("a test speaks UTF-8");
        let words: Vec<&str> = text.split(' ').collect();
        let numbers: Vec<u32> =
            words[1].split('.').map(|number| number.parse().expect("a number")).collect();
        let topic = Topic::own(
            AccountId(numbers[2]),
            InstrumentId(numbers[1] as u16),
            KINDS[numbers[0] as usize],
        );
        out.push(match words[0] {
            "-" => {
                let subscriptions = vec![words[1].into()];
                Request::Unsubscribe { subscriptions, acknowledgement: b"-".into() }
            }
            _ => Request::SubscribeOwn {
                subscription: words[1].into(),
                account: AccountId(words[2].parse().expect("a number")),
                pass: words[3].into(),
                subjects: vec![topic.into()],
                opening: Opening::Said(b"yes".into()),
                refusal: b"no".into(),
            },
        });
    }
    fn encode(
        &self,
        _: &Subject,
        update: &Update<'_>,
        _: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        use model::OwnStep::{Armed, Closed, Created, Disarmed, Filled, Replaces, Triggered};
        let text = match update {
            Update::OwnOrder(own) => {
                let word = match own.step {
                    Created => "created",
                    Filled { .. } => "filled",
                    Closed(_) | Disarmed(_) => "closed",
                    Replaces(_) => "replaces",
                    Armed => "armed",
                    Triggered => "triggered",
                };
                format!("{} {word} {}", own.account, own.order.id)
            }
            Update::OwnTrade(own) => format!("trade {} {}", own.order, own.id),
            Update::SelfTrade(trade) => format!("self {} {}", trade.maker, trade.taker),
            _ => return false,
        };
        out.text_mut().extend_from_slice(text.as_bytes());
        true
    }
    fn http(&self, _: &HttpRequest<'_>) -> Step {
        Step::Reply(self.http_too_fast())
    }
    fn http_too_fast(&self) -> HttpResponse {
        HttpResponse::json(404, Vec::new())
    }
    fn part(&self, _: Parting) -> LastWords {
        LastWords { message: None, close: None }
    }
}
