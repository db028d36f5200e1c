//! `SUBSCRIBE`, `UNSUBSCRIBE` and `ACCOUNT_SUBSCRIBE`. Sections B3, B5.2 and B7.
//!
//! A subscription's name in the house is its id; that of an account has the address behind it, by which it can be ended
//! as well.

use model::{Address, AnswerBody, Query, Topic, TopicKind};

use super::{Asked, Members, SUBSCRIPTION_ID_BYTES, account, flag, push, refused, required, uuid};
use crate::dialect::{Opening, Request, Subject};
use crate::step::Step;
use crate::timex::SUBSCRIPTIONS_MAX;
use crate::timex::channel::paths::{self, ACCOUNTS_MAX};
use crate::timex::channel::pattern::Pattern;
use crate::timex::channel::{Event, PUSH_REPLACED, PUSH_STEP};
use crate::timex::private::identified;
use crate::timex::wire::Auth;
use crate::timex::wire::refusal::Refusal;

impl Asked<'_> {
    /// Section B5.2.
    pub fn subscribe(&self, members: &Members<'_>) -> Result<Request, Refusal> {
        let [pattern, snapshot, ..] = *members;
        let pattern = required("pattern", pattern)?;
        let snapshot = flag("snapshot", snapshot)?;
        let pattern = Pattern::read(&pattern).ok_or(Refusal::INVALID_PATTERN)?;
        let id = uuid(self.visitor.fresh_id);
        match pattern {
            Pattern::Plain(path) => {
                let plain = paths::look_up(path, self.markets)?;
                if plain.is_of_account && !self.markets.options.public_accounts {
                    return Err(Refusal::ACCESS_DENIED);
                }
                self.has_room()?;
                let state = plain.state.filter(|_| snapshot);
                let opening = match state {
                    Some((event, topic)) => self.state(event, topic, &id),
                    None => Opening::Said(subscribed(self.id, &id, "null")),
                };
                Ok(told(id.clone(), &id, plain.subjects, opening))
            }
            Pattern::Expression(expression) => {
                self.has_room()?;
                let families = match self.markets.options.public_accounts {
                    true => paths::families_of_accounts(&expression),
                    false => Vec::new(),
                };
                let said = subscribed(self.id, &id, "null");
                if families.is_empty() {
                    let subjects = paths::resolve(&expression, self.markets, &[], &[])?;
                    return Ok(told(id.clone(), &id, subjects, Opening::Said(said)));
                }
                let (request, markets) = (self.id.to_owned(), self.markets.clone());
                let then = move |answer: model::Answer| {
                    let resolved = match answer.body {
                        AnswerBody::Accounts(accounts) if accounts.len() <= ACCOUNTS_MAX => {
                            paths::resolve(&expression, &markets, &families, &accounts)
                        }
                        _ => Err(Refusal::INVALID_PATTERN),
                    };
                    Step::Reply(vec![match resolved {
                        Ok(subjects) => told(id.clone(), &id, subjects, Opening::Said(said)),
                        Err(refusal) => Request::Say(refused(&request, &refusal)),
                    }])
                };
                let known = Query::Accounts { limit: ACCOUNTS_MAX + 1 };
                Ok(Request::Take(Step::Ask(known, Box::new(then))))
            }
        }
    }

    fn has_room(&self) -> Result<(), Refusal> {
        match self.visitor.subscriptions.len() < SUBSCRIPTIONS_MAX {
            true => Ok(()),
            false => Err(Refusal::TOO_MANY_SUBSCRIPTIONS),
        }
    }

    /// Section B5.10.
    fn state(&self, event: Event, topic: Topic, id: &str) -> Opening {
        let (request, id, markets) = (self.id.to_owned(), id.to_owned(), self.markets.clone());
        let instrument = topic.instrument().expect("a path with a state is of a market");
        let query = match topic.kind {
            TopicKind::Detail { cadence, .. } => Query::Detail { instrument, cadence },
            TopicKind::Ticker { window, .. } => Query::Ticker { instrument, window },
            TopicKind::Book { cadence, .. } => Query::Book { instrument, cadence },
            _ => unreachable!("books and statistics have a state"),
        };
        let word = move |mut answers: Vec<model::Answer>| {
            let body = answers.pop().map(|answer| answer.body);
            let market = markets.of(instrument).expect("it was looked up");
            let mut state = br#"{"snapshot":"#.to_vec();
            let is_known = push::write_state(event, market, topic.kind, body, &mut state);
            state.push(b'}');
            let payload = match is_known {
                true => String::from_utf8(state).expect("JSON is text"),
                false => "null".to_owned(),
            };
            vec![subscribed(&request, &id, &payload)]
        };
        Opening::State(vec![query], Box::new(word))
    }

    /// Section B3: a pattern's or an account's subscription by its id, or all of an account by its address.
    pub fn unsubscribe(&self, members: &Members<'_>) -> Result<Request, Refusal> {
        let [_, _, id, ..] = *members;
        let id = required("subscriptionId", id)?;
        if id.starts_with("0x") && Address::parse(&id).is_none() {
            // It can be nothing else than an address that is not written as it should be.
            return Err(match Address::parse(&id.to_ascii_lowercase()) {
                Some(_) => Refusal::not_lower(&id),
                None => Refusal::NO_SUBSCRIPTION,
            });
        }
        let ends = |name: &str| match name.split_once(OF) {
            Some((known, address)) => known == id || address == id,
            None => name == id,
        };
        let all = self.visitor.subscriptions.iter();
        let subscriptions: Vec<_> = all.filter(|name| ends(name)).cloned().collect();
        if subscriptions.is_empty() {
            return Err(Refusal::NO_SUBSCRIPTION);
        }
        let request = self.id;
        let id = crate::json::quoted(&id);
        let acknowledgement = format!(
            r#"{{"type":"UNSUBSCRIBED","requestId":{request},"subscriptionId":{id},"payload":null}}"#
        );
        Ok(Request::Unsubscribe { subscriptions, acknowledgement: acknowledgement.into_bytes() })
    }

    /// Section B7.
    pub fn account_subscribe(&self, members: &Members<'_>) -> Result<Request, Refusal> {
        let [_, snapshot, _, address, shown, ..] = *members;
        let text = required("account", address)?;
        let address = paths::address(&text).map_err(|refusal| {
            let is_none = refusal == Refusal::INVALID_PATTERN;
            if is_none { Refusal::invalid("account") } else { refusal }
        })?;
        let snapshot = flag("snapshot", snapshot)?;
        self.has_room()?;
        let (request, id) = (self.id.to_owned(), uuid(self.visitor.fresh_id));
        let refused_as = request.clone();
        let markets = self.markets.clone();
        let step = identified(Auth::read(shown), move |caller| {
            let holder = &caller.holder;
            // Whoever is let in to some markets only is not let in to the whole account.
            if Address::of_account(holder.account) != address || holder.instruments.is_some() {
                return Err(Refusal::ACCESS_DENIED);
            }
            let account = holder.account;
            let own = |kind| Topic::all_own(account, kind);
            let subjects = vec![
                Subject { topic: own(TopicKind::OwnOrders), wording: PUSH_REPLACED },
                Subject { topic: own(TopicKind::OwnOrders), wording: PUSH_STEP },
                own(TopicKind::Balances).into(),
            ];
            let opening = match snapshot {
                true => account::state(request, id.clone(), account, markets),
                false => Opening::Said(subscribed(&request, &id, "null")),
            };
            let name = [&*id, OF, &address.to_string()].concat();
            Ok(Step::Reply(Ok(told(name, &id, subjects, opening))))
        });
        Ok(Request::Take(step.map(move |answer| {
            vec![answer.unwrap_or_else(|refusal| Request::Say(refused(&refused_as, &refusal)))]
        })))
    }
}

/// Stands between a subscription's id and its account's address, and in neither.
const OF: &str = "@";

/// Starts telling this.
fn told(name: String, id: &str, subjects: Vec<Subject>, opening: Opening) -> Request {
    debug_assert_eq!(id.len(), usize::from(SUBSCRIPTION_ID_BYTES));
    let stamp = Some(id.as_bytes().into());
    Request::Subscribe { subscription: name.into(), subjects, stamp, opening }
}

/// Section B4: the reply to a subscription; what is not text is JSON.
pub fn subscribed(request: &str, id: &str, payload: &str) -> Vec<u8> {
    format!(
        r#"{{"type":"SUBSCRIBED","requestId":{request},"subscriptionId":"{id}","payload":{payload}}}"#
    )
    .into_bytes()
}
