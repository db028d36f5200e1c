//! What a client sends. Section B3.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::json::{Kind, can_be_told_again, members, text};

/// The longest `request_id`, as it is written: it is said again in every answer.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// A message that is an object; what is in it is not judged yet. A member that is not there and one of another type
/// than it should have are both `None`.
///
/// ```json
/// {"event":"subscribe","publisher":"sip","tickers":["AAPL","TSLA"],"channel":"bars","frequency":"1s","aggregation":"1m"}
/// ```
#[derive(Debug)]
pub struct Request<'a> {
    /// What is to be done.
    pub event: Option<Cow<'a, str>>,
    /// Who publishes.
    pub publisher: Named<'a>,
    /// The same in newer words.
    pub dataset: Named<'a>,
    /// Of what: each once, in their order, and at least one.
    pub tickers: Option<Vec<Cow<'a, str>>>,
    /// Which kind of data.
    pub channel: Option<Cow<'a, str>>,
    /// How often.
    pub frequency: Option<Cow<'a, str>>,
    /// How long a bar is, without blanks around it.
    pub aggregation: Option<Cow<'a, str>>,
    /// The listing market; empty if none is named.
    pub mic: Option<Cow<'a, str>>,
    /// The market; empty if none is named.
    pub market: Option<Cow<'a, str>>,
    /// The client's own name of the message, as it was written; `Err` if it is none.
    pub id: Result<Option<&'a str>, ()>,
}

/// A member that may be left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Named<'a> {
    /// It is not there, or `null`.
    #[default]
    Absent,
    /// It is no text.
    Wrong,
    /// It is this.
    Text(Cow<'a, str>),
}

impl<'a> Named<'a> {
    fn of(value: Option<&'a RawValue>) -> Self {
        match value {
            None => Self::Absent,
            Some(value) if Kind::of(value) == Kind::Null => Self::Absent,
            Some(value) => text(value).map_or(Self::Wrong, Self::Text),
        }
    }

    /// What it says; nothing if it is not there.
    fn or_empty(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Absent => Some(Cow::Borrowed("")),
            Self::Wrong => None,
            Self::Text(text) => Some(text),
        }
    }
}

const MEMBERS: [&str; 10] = [
    "event",
    "publisher",
    "dataset",
    "tickers",
    "channel",
    "frequency",
    "aggregation",
    "mic",
    "market",
    "request_id",
];

impl<'a> Request<'a> {
    /// Reads a message; `None` if it is no JSON object. Of a member that comes twice the last counts.
    #[must_use]
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let message: &RawValue = serde_json::from_slice(message).ok()?;
        let [event, publisher, dataset, tickers, channel, frequency, aggregation, mic, market, id] =
            members(message, MEMBERS)?;
        Some(Self {
            event: event.and_then(text),
            publisher: Named::of(publisher),
            dataset: Named::of(dataset),
            tickers: tickers.and_then(list),
            channel: channel.and_then(text),
            frequency: frequency.and_then(text),
            aggregation: aggregation.and_then(text).map(trimmed),
            mic: Named::of(mic).or_empty(),
            market: Named::of(market).or_empty(),
            id: id.map_or(Ok(None), request_id),
        })
    }
}

/// Texts, each once, at least one.
fn list(value: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let all: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let mut texts: Vec<Cow<'_, str>> = all.into_iter().map(text).collect::<Option<_>>()?;
    let mut known = BTreeSet::new();
    texts.retain(|text| known.insert(text.clone()));
    Some(texts).filter(|texts| !texts.is_empty())
}

/// Without blanks around it: whoever copies the published sample sends one.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(' ')),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(' ').to_owned()),
    }
}

/// An integer or a text, and not too long.
fn request_id(value: &RawValue) -> Result<Option<&str>, ()> {
    let written = value.get();
    match Kind::of(value) {
        Kind::Null => Ok(None),
        _ if written.len() > REQUEST_ID_BYTES_MAX || !can_be_told_again(value) => Err(()),
        Kind::Text => Ok(Some(written)),
        Kind::Number if written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            Ok(Some(written))
        }
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> Request<'_> {
        Request::read(message.as_bytes()).expect("an object")
    }

    #[test]
    fn only_an_object_is_a_request() {
        for text in ["", "{", "[]", "null", "\"subscribe\"", "{}x", "{\"event\":1,}", "\u{feff}{}"]
        {
            assert!(Request::read(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(Request::read(b"{\"event\":\"\xff\"}").is_none());
        assert!(Request::read(b" {} ").is_some());
    }

    #[test]
    fn members_of_another_type_are_as_if_they_were_not_there() {
        let wrong = read(
            r#"{"event":1,"publisher":[],"dataset":2,"tickers":"AAPL","channel":{},"frequency":1,
                "aggregation":null,"mic":5,"market":false,"request_id":{}}"#,
        );
        assert!(wrong.event.is_none() && wrong.tickers.is_none() && wrong.channel.is_none());
        assert_eq!((&wrong.publisher, &wrong.dataset), (&Named::Wrong, &Named::Wrong));
        assert!(wrong.frequency.is_none() && wrong.aggregation.is_none());
        assert!(wrong.mic.is_none() && wrong.market.is_none() && wrong.id.is_err());
        let empty = read(r#"{"mic":null,"publisher":null,"request_id":null}"#);
        assert_eq!((empty.mic.as_deref(), empty.market.as_deref()), (Some(""), Some("")));
        assert_eq!((&empty.publisher, &empty.dataset), (&Named::Absent, &Named::Absent));
        assert_eq!(empty.id, Ok(None));
    }

    #[test]
    fn tickers_count_once_and_keep_their_order() {
        let tickers = |text: &str| {
            let message = format!(r#"{{"tickers":{text}}}"#);
            read(&message)
                .tickers
                .map(|all| all.into_iter().map(Cow::into_owned).collect::<Vec<_>>())
        };
        let given = tickers(r#"["TSLA","AAPL","TSLA","\u0041APL"]"#);
        assert_eq!(given.expect("a list"), ["TSLA", "AAPL"]);
        for none in ["[]", "null", r#"["AAPL",1]"#, r#"["AAPL",null]"#, r#"{"a":"b"}"#] {
            assert_eq!(tickers(none), None, "{none}");
        }
    }

    #[test]
    fn ids_stay_as_they_were_written() {
        for id in [r#""a\u00e9\"""#, "1762000000000", "-0", "7"] {
            let message = format!(r#"{{"request_id":{id}}}"#);
            assert_eq!(read(&message).id, Ok(Some(id)));
        }
        let long = format!("{:?}", "x".repeat(127));
        for id in ["1.5", "1e3", "true", "[]", r#""\ud800""#, &long] {
            let message = format!(r#"{{"request_id":{id}}}"#);
            assert_eq!(read(&message).id, Err(()), "{id}");
        }
    }

    #[test]
    fn blanks_around_the_length_of_a_bar_do_not_count() {
        assert_eq!(read(r#"{"aggregation":" 1m"}"#).aggregation.as_deref(), Some("1m"));
        assert_eq!(read(r#"{"aggregation":"\u00201m "}"#).aggregation.as_deref(), Some("1m"));
        assert_eq!(read(r#"{"frequency":" 1s"}"#).frequency.as_deref(), Some(" 1s"));
    }
}
