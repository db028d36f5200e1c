//! The paths there are, and what is told for each. Sections B5.2 and B10.
//!
//! A plain path is taken apart and looked up. An expression is matched with the paths of all listed markets, and with
//! those of the accounts that are known when it is subscribed.

use model::{AccountId, Address, Topic, TopicKind};

use super::pattern::Expression;
use super::{BOOK, Event, FAMILIES, Family, Form, GROUPED, LEVELS, PERIODS, Period, RAW_BOOK};
use super::{Way, ticker};
use crate::dialect::{Subject, Wording};
use crate::timex::Markets;
use crate::timex::convert::{Market, Token};
use crate::timex::wire::refusal::Refusal;

/// How many subjects a pattern may stand for.
pub const SUBJECTS_MAX: usize = 4_096;
/// With how many paths, and beginnings of paths, of accounts an expression is compared at most.
const ACCOUNT_PATHS_MAX: usize = 32_768;
/// How many accounts an expression may be asked of.
pub const ACCOUNTS_MAX: usize = 1_024;

/// What a plain path stands for.
#[derive(Debug, PartialEq, Eq)]
pub struct Plain {
    /// What is told for it; nothing if no event can have it, or none that is known.
    pub subjects: Vec<Subject>,
    /// Whether it is of an account.
    pub is_of_account: bool,
    /// Its market and period, where it has a state that can be told first.
    pub state: Option<(Event, Topic)>,
}

/// Looks up a path.
///
/// # Errors
/// [`Refusal`] if it is of a known family and cannot be.
pub fn look_up(path: &str, markets: &Markets) -> Result<Plain, Refusal> {
    let nothing = Plain { subjects: Vec::new(), is_of_account: false, state: None };
    let mut parts = path.split('/');
    let (Some(""), Some(name)) = (parts.next(), parts.next()) else { return Ok(nothing) };
    // Of a family that we do not know no event comes.
    let Some(family) = Family::called(name) else { return Ok(nothing) };
    let topics: Vec<&str> = parts.collect();
    let told = |market: &Market, kind, wording| Subject {
        topic: Topic::of(market.instrument.id, kind),
        wording,
    };
    let token = |text| token(text, family.form, markets);
    let subject = match (family.event, &topics[..]) {
        (Event::Levels, [symbol]) => Some(told(market(symbol, markets)?, BOOK, LEVELS)),
        (Event::Group, [symbol]) => Some(told(market(symbol, markets)?, BOOK, GROUPED)),
        (Event::Raw, [symbol]) => Some(told(market(symbol, markets)?, RAW_BOOK, Wording(0))),
        (Event::Ticker, [symbol, period]) => {
            let market = market(symbol, markets)?;
            let period = Period::called(period).ok_or(Refusal::INVALID_PATTERN)?;
            Some(told(market, ticker(period), Wording(0)))
        }
        (Event::Trade, [base, quote]) => {
            let market = pair(token(base)?, token(quote)?, markets)?;
            Some(told(market, TopicKind::Trades, Wording(0)))
        }
        (Event::AccountTrade, [account, base, quote]) => {
            let (account, market) =
                (address(account)?.account(), pair(token(base)?, token(quote)?, markets)?);
            account.and_then(|account| of_market(family, account, market))
        }
        (Event::Order(_), [account, base, quote, fee]) => {
            let account = address(account)?.account();
            let (base, quote, fee) = (token(base)?, token(quote)?, token(fee)?);
            let market = pair(base, quote, markets)?;
            account
                .filter(|_| market.quote == *fee)
                .and_then(|account| of_market(family, account, market))
        }
        (Event::Movement(way), [account, text]) => {
            let (account, token) = (address(account)?.account(), token(text)?);
            account.and_then(|account| of_token(way, account, token))
        }
        _ => return Err(Refusal::INVALID_PATTERN),
    };
    let has_state =
        matches!(family.event, Event::Levels | Event::Group | Event::Raw | Event::Ticker);
    Ok(Plain {
        state: subject.filter(|_| has_state).map(|subject| (family.event, subject.topic)),
        subjects: subject.into_iter().collect(),
        is_of_account: family.is_of_account(),
    })
}

/// The market of a symbol.
///
/// # Errors
/// [`Refusal`] if there is none.
pub fn market<'a>(symbol: &str, markets: &'a Markets) -> Result<&'a Market, Refusal> {
    upper(symbol)?;
    let market = markets.called(symbol);
    market.map(|market| &**market).ok_or_else(|| Refusal::market_not_found(symbol))
}

/// Whether it keeps the rule that symbols are in upper case.
fn upper(symbol: &str) -> Result<(), Refusal> {
    match symbol.bytes().any(|byte| byte.is_ascii_lowercase()) {
        true => Err(Refusal::not_upper(symbol)),
        false => Ok(()),
    }
}

/// Reads an address, which is in lower case.
///
/// # Errors
/// [`Refusal`] if it is none, or not so.
pub fn address(text: &str) -> Result<Address, Refusal> {
    Address::parse(text).ok_or_else(|| match Address::parse(&text.to_ascii_lowercase()) {
        Some(_) => Refusal::not_lower(text),
        None => Refusal::INVALID_PATTERN,
    })
}

fn token<'a>(text: &str, form: Form, markets: &'a Markets) -> Result<&'a Token, Refusal> {
    let token = match form {
        Form::Symbols => {
            upper(text)?;
            markets.token_called(text)
        }
        Form::Addresses => markets.token_at(&address(text)?),
    };
    token.ok_or_else(|| Refusal::market_not_found(text))
}

fn pair<'a>(base: &Token, quote: &Token, markets: &'a Markets) -> Result<&'a Market, Refusal> {
    markets
        .of_pair(base, quote)
        .map(|market| &**market)
        .ok_or_else(|| Refusal::market_not_found(&[base.symbol(), quote.symbol()].concat()))
}

/// What is told of an account in a market.
fn of_market(family: &Family, account: AccountId, market: &Market) -> Option<Subject> {
    let own = |kind| Topic::own(account, market.instrument.id, kind);
    match family.event {
        Event::AccountTrade => Some(own(TopicKind::Trades).into()),
        Event::Order(event) => {
            Some(Subject { topic: own(TopicKind::OwnOrders), wording: event.wording() })
        }
        _ => None,
    }
}

/// What is told of what comes to an account, or leaves it.
fn of_token(way: Way, account: AccountId, token: &Token) -> Option<Subject> {
    let topic = Topic::all_own(account, TopicKind::Movements);
    Some(Subject { topic, wording: way.wording(token.asset.id)? })
}

/// The families of accounts of which an expression may match a path.
#[must_use]
pub fn families_of_accounts(expression: &Expression) -> Vec<&'static Family> {
    let may = |family: &&Family| {
        let begin = ["/", family.name, "/"].concat();
        family.is_of_account() && expression.follow(expression.start(), &begin).is_some()
    };
    FAMILIES.iter().filter(may).collect()
}

/// What an expression stands for in the listed markets; of accounts only what belongs to these, and to these families.
///
/// # Errors
/// [`Refusal`] if that is too much, or of several accounts what would be told twice.
pub fn resolve(
    expression: &Expression,
    markets: &Markets,
    families: &[&'static Family],
    accounts: &[AccountId],
) -> Result<Vec<Subject>, Refusal> {
    let mut subjects = Vec::new();
    let mut path = String::new();
    for family in FAMILIES.iter().filter(|family| !family.is_of_account()) {
        for market in &markets.listed {
            public(family, market, &mut path, |path, subject| {
                // Trades have two paths.
                if subjects.len() <= 2 * SUBJECTS_MAX && expression.matches(path) {
                    subjects.push(subject);
                }
            });
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    if subjects.len() > SUBJECTS_MAX {
        return Err(Refusal::INVALID_PATTERN);
    }
    let public = subjects.clone();
    let mut compared = 0;
    let mut add = |subject: Subject| match subjects.len() < SUBJECTS_MAX {
        true => {
            subjects.push(subject);
            Ok(())
        }
        false => Err(Refusal::INVALID_PATTERN),
    };
    for family in families {
        path.clear();
        path.extend(["/", family.name, "/"]);
        let Some(begun) = expression.follow(expression.start(), &path) else { continue };
        for &account in accounts {
            compared += 1;
            let wallet = Address::of_account(account).text();
            let wallet = std::str::from_utf8(&wallet).expect("digits are text");
            let Some(of_account) = expression.follow(begun, wallet) else { continue };
            let mut compare = |rest: &str, subject: Option<Subject>| {
                compared += 1;
                match subject.filter(|_| expression.ends(of_account, rest)) {
                    _ if compared > ACCOUNT_PATHS_MAX => Err(Refusal::INVALID_PATTERN),
                    // A trade that is told of its market is not told again of its account.
                    Some(it) if is_told_by(&it, &public) => Ok(()),
                    Some(subject) => add(subject),
                    None => Ok(()),
                }
            };
            match family.event {
                Event::Movement(way) => {
                    for token in &markets.tokens {
                        rest(&mut path, family.form, [token]);
                        compare(&path, of_token(way, account, token))?;
                    }
                }
                _ => {
                    for market in &markets.listed {
                        let (base, quote) = (&market.base, &market.quote);
                        match family.event {
                            Event::AccountTrade => rest(&mut path, family.form, [base, quote]),
                            _ => rest(&mut path, family.form, [base, quote, quote]),
                        }
                        compare(&path, of_market(family, account, market))?;
                    }
                }
            }
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    // A trade between two accounts would come twice.
    let trades = subjects.iter().filter(|subject| subject.topic.kind == TopicKind::Trades);
    let mut markets_of_trades: Vec<_> = trades.filter_map(|it| it.topic.instrument()).collect();
    markets_of_trades.sort_unstable();
    match markets_of_trades.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(Refusal::INVALID_PATTERN),
        false => Ok(subjects),
    }
}

fn is_told_by(subject: &Subject, public: &[Subject]) -> bool {
    subject.topic.kind == TopicKind::Trades
        && public.iter().any(|told| {
            told.topic.kind == TopicKind::Trades
                && told.topic.instrument() == subject.topic.instrument()
        })
}

/// Writes the paths of a family in a market, which are nobody's own, and says what each stands for.
fn public(family: &Family, market: &Market, path: &mut String, mut say: impl FnMut(&str, Subject)) {
    let subject = |kind, wording| Subject { topic: Topic::of(market.instrument.id, kind), wording };
    let mut of_market = |kind, wording| {
        path.clear();
        path.extend(["/", family.name, "/", &market.symbol]);
        say(path, subject(kind, wording));
    };
    match family.event {
        Event::Levels => of_market(BOOK, LEVELS),
        Event::Group => of_market(BOOK, GROUPED),
        Event::Raw => of_market(RAW_BOOK, Wording(0)),
        Event::Ticker => {
            for period in PERIODS {
                path.clear();
                path.extend(["/", family.name, "/", &market.symbol, "/", period.name]);
                say(path, subject(ticker(period), Wording(0)));
            }
        }
        Event::Trade => {
            let mut topics = String::new();
            rest(&mut topics, family.form, [&market.base, &market.quote]);
            path.clear();
            path.extend(["/", family.name, &topics]);
            say(path, subject(TopicKind::Trades, Wording(0)));
        }
        Event::AccountTrade | Event::Order(_) | Event::Movement(_) => {}
    }
}

/// Writes the end of a path: these tokens.
fn rest<const N: usize>(path: &mut String, form: Form, tokens: [&Token; N]) {
    path.clear();
    for token in tokens {
        path.push('/');
        match form {
            Form::Symbols => path.push_str(token.symbol()),
            Form::Addresses => {
                let text = token.address.text();
                path.push_str(std::str::from_utf8(&text).expect("digits are text"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
