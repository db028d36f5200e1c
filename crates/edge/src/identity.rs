//! Who somebody is: the question to whoever keeps credentials, and what a pass stands for.
//!
//! Keeping credentials is not the edge's business, nor is checking a signature: a dialect does that with what it
//! is told here.

use dialects::{Credential, NotRevoked, Standing};
use model::{
    AccountId, Action, AnswerBody, InstrumentId, OwnRecord, PerpetualAction, Query, Topic,
    TopicKind,
};

/// Knows who holds which key. Asked by the HTTP half and by the loops, so it must answer from memory.
pub trait Identities: Send + Sync {
    /// What is known of the holder of this key of a dialect; `None` if nobody holds it, or not any more.
    fn credential(&self, dialect: &str, key: &str) -> Option<Credential>;

    /// The same where the key's secret is shown beside it, if this is its secret. The same time passes for a wrong one.
    fn proven(&self, dialect: &str, key: &str, secret: &[u8]) -> Option<Credential>;

    /// The number of this key's credential, as its owner is shown it: of a key that was revoked too, if it is known.
    fn credential_id(&self, _dialect: &str, _key: &str) -> Option<String> {
        None
    }

    /// How a login by this key stands, however its holder proved to be that.
    fn standing(&self, dialect: &str, key: &str) -> Standing {
        match self.credential(dialect, key) {
            None => Standing::Revoked,
            Some(held) if held.blocked => Standing::Blocked,
            Some(_) => Standing::Good,
        }
    }

    /// Takes the power of all the keys of an account in a dialect, and tells which that were: once that cannot be lost
    /// any more, nobody is found by them, and what they have opened is being ended. It may take as long as a disk does,
    /// so that it is not done by whoever asks; `tell` may be called from anywhere, once.
    ///
    /// Who keeps no credentials that could be revoked need not do anything: it is told that it is not allowed.
    fn revoke_keys(&self, _dialect: &'static str, _account: AccountId, tell: TellRevoked) {
        tell(Err(NotRevoked::NotAllowed));
    }
}

/// Is told the keys that were revoked.
pub type TellRevoked = Box<dyn FnOnce(Result<Vec<String>, NotRevoked>) + Send>;

/// Nobody holds any key: for venues without accounts.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Identities for Nobody {
    fn credential(&self, _dialect: &str, _key: &str) -> Option<Credential> {
        None
    }
    fn proven(&self, _dialect: &str, _key: &str, _secret: &[u8]) -> Option<Credential> {
        None
    }
}

/// What somebody may see, and by which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of which dialect.
    pub dialect: &'static str,
    /// The key that it was given for. It ends with the key.
    pub key: Box<str>,
    /// Whose topics may be told.
    pub account: AccountId,
    /// Of which instruments; `None` is all.
    pub instruments: Option<Vec<InstrumentId>>,
}

impl Grant {
    /// What the holder of this key may see.
    #[must_use]
    pub fn of(dialect: &'static str, key: &str, holder: &Credential) -> Self {
        let (account, instruments) = (holder.account, holder.instruments.clone());
        Self { dialect, key: key.into(), account, instruments }
    }

    /// Whether it lets this topic of an account be told.
    #[must_use]
    pub fn opens(&self, topic: &Topic) -> bool {
        topic.account() == Some(self.account)
            && match topic.instrument() {
                Some(instrument) => self.covers(instrument),
                // What an account holds is of no instrument; what it does everywhere is of all of them.
                None => {
                    self.instruments.is_none()
                        || matches!(
                            topic.kind,
                            TopicKind::Balances | TopicKind::Movements | TopicKind::Holdings { .. }
                        )
                }
            }
    }

    /// Whether it is about this instrument.
    #[must_use]
    pub fn covers(&self, instrument: InstrumentId) -> bool {
        self.instruments.as_ref().is_none_or(|all| all.contains(&instrument))
    }
}

/// Whether the holder may ask for this to be done: only for its own account, only if it may trade, only in its
/// own instruments. What indexes are made of is quoted by whoever may do that, and need not trade.
#[must_use]
pub fn may_submit(holder: &Credential, action: &Action) -> bool {
    if let Action::Perpetual(PerpetualAction::Quote { instrument, constituent, .. }) = *action {
        let quotes = holder.quotes.as_deref();
        let may_quote = quotes.is_some_and(|quotes| quotes.contains(&(instrument, constituent)));
        return may_quote && covers(holder, instrument);
    }
    let instrument = match action {
        Action::CancelAll { instrument: None, .. } => holder.instruments.is_none(),
        _ => action.instrument().is_none_or(|instrument| covers(holder, instrument)),
    };
    holder.may_trade && action.account() == Some(holder.account) && instrument
}

/// Whether the holder may have all keys of its account revoked: only by a key that is good for all that they are.
#[must_use]
pub fn may_revoke(holder: &Credential) -> bool {
    holder.may_trade && holder.instruments.is_none()
}

/// Whether the holder may ask this: what is about an account is for its owner alone.
#[must_use]
pub fn may_ask(holder: Option<&Credential>, query: &Query) -> bool {
    match query.account() {
        None => true,
        Some(account) => holder.is_some_and(|holder| holder.account == account),
    }
}

/// Leaves out of an answer what is about instruments that the holder may not see.
pub fn restrict(holder: &Credential, answer: &mut AnswerBody) {
    match answer {
        AnswerBody::OpenOrders(orders) => orders.retain(|order| covers(holder, order.instrument)),
        AnswerBody::OwnOrders { orders, total } => {
            let all = orders.len();
            orders.retain(|order| covers(holder, order.instrument));
            *total -= all - orders.len();
        }
        AnswerBody::OwnTrades(trades) => trades.retain(|trade| covers(holder, trade.instrument)),
        // Money is not of any instrument: who sees the balances sees what changed them.
        AnswerBody::OwnRecords(records) => records.retain(|record| match record {
            OwnRecord::Trade(trade) => covers(holder, trade.instrument),
            OwnRecord::Movement(_) => true,
        }),
        AnswerBody::OwnSteps { steps, .. } => steps.retain(|step| covers(holder, step.instrument)),
        AnswerBody::Positions(all) => all.retain(|it| covers(holder, it.instrument)),
        AnswerBody::MarginChoices(all) => all.retain(|it| covers(holder, it.instrument)),
        AnswerBody::Settlements(all) => all.retain(|it| covers(holder, it.instrument)),
        AnswerBody::MarginAlerts(all) => all.retain(|it| covers(holder, it.instrument)),
        AnswerBody::Order(story) => {
            let seen = story.take();
            *story = seen.filter(|story| covers(holder, story.order.instrument));
        }
        _ => {}
    }
}

fn covers(holder: &Credential, instrument: InstrumentId) -> bool {
    holder.instruments.as_ref().is_none_or(|all| all.contains(&instrument))
}
