//! Pages of indexes: what they are made of and whether it counts, and the way in for prices that are quoted from outside.
//!
//! The engine takes an index at each mark. What is told here is what it would take now, by the same arithmetic.

use dialects::Submission;
use model::{
    Action, AnswerBody, BookScale, Constituent, Contract, EventBody, FeedName, FeedQuote,
    Instrument, PerpetualAction, PerpetualEvent, Price, Query, Time, Window, index::near_median,
    instrument::PRICE_UNITS_MAX,
};

use super::market::Nothing;
use super::outcome::rejected;
use super::perpetual::perpetual;
use super::problem::{Code, Problem};
use super::reply::{Answered, Reply};
use super::visit::Visit;
use super::wire::index as wire;
use super::{reading, venue};

/// The index of a perpetual
///
/// What it is made of: each constituent with its price, and whether a mark that is taken now would count it. The price of a
/// feed is good for `stale_seconds`; whoever is further than `outlier` from the median of all is left out.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/index", operation_id = "index", tag = "market",
    params(("instrument" = String, Path, description = "The perpetual's name.", example = "BTC-USD-PERP")),
    responses(
    (status = 200, description = "What it is made of.", body = wire::Index),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn index(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let it = perpetual(visit)?;
    let contract = terms(visit, &it)?;
    let index = match visit.ask(Query::Perpetual { instrument: it.id }).await?.body {
        AnswerBody::Perpetual(state) => Some(state.marks.index),
        _ => None,
    };
    let answer = visit.ask(Query::Quotes { instrument: it.id }).await?;
    let (now, quotes) = match answer.body {
        AnswerBody::Quotes(quotes) => (answer.now, quotes),
        _ => (answer.now, Vec::new()),
    };
    let mut said = Vec::with_capacity(contract.constituents.len());
    for (place, constituent) in contract.constituents.iter().enumerate() {
        let found = match *constituent {
            Constituent::Feed(_) => {
                let quote = quotes.iter().find(|quote| usize::from(quote.constituent) == place);
                Said::of_feed(quote, now, &contract)
            }
            Constituent::Book(book) => {
                let query = Query::Ticker { instrument: book, window: Window::DAY };
                let best = match visit.ask(query).await?.body {
                    AnswerBody::Ticker(ticker) => ticker.bid.zip(ticker.ask),
                    _ => None,
                };
                let scale = BookScale::of(visit.native.words.listed(book), &it);
                Said::of_book(best, scale)
            }
        };
        said.push(found.that_counts(&it));
    }
    let mut prices: Vec<i64> = said.iter().filter_map(Said::counted).collect();
    let near = near_median(&mut prices, contract.outlier_ppm);
    let words = &visit.native.words;
    let word = |(constituent, said): (&Constituent, Said)| {
        let (name, kind) = match constituent {
            Constituent::Book(book) => (words.name(*book).to_owned(), wire::Kind::Book),
            Constituent::Feed(name) => (name.to_string(), wire::Kind::Feed),
        };
        let is_far = |price| near.as_ref().is_some_and(|near| !near.contains(&price));
        let far = said.counted().filter(|&price| is_far(price)).map(|_| wire::LeftOut::Outlier);
        let left_out = said.left_out.or(far);
        wire::Constituent {
            name,
            kind,
            price: said.price.map(|price| venue::price(&it, price)),
            quoted_at: said.quoted.map(venue::time),
            age_ms: said.quoted.map(|at| now.0.saturating_sub(at.0).max(0) / 1_000),
            counts: left_out.is_none(),
            left_out,
        }
    };
    Ok(Reply::json(&wire::Index {
        instrument: words.name(it.id).to_owned(),
        time: venue::time(now),
        index_price: index.map(|index| venue::price(&it, index)),
        stale_seconds: contract.stale_after.0 / 1_000_000,
        outlier: venue::rate(contract.outlier_ppm.into()),
        constituents: contract.constituents.iter().zip(said).map(word).collect(),
    }))
}

fn terms(visit: &Visit<'_>, it: &Instrument) -> Result<Contract, Box<Problem>> {
    let contract = visit.native.words.contract(it.id).cloned();
    contract.ok_or_else(|| Problem::new(Code::BadCombination, "it is no perpetual"))
}

/// What a constituent says.
#[derive(Clone, Copy)]
struct Said {
    price: Option<Price>,
    quoted: Option<Time>,
    left_out: Option<wire::LeftOut>,
}

impl Said {
    fn of_feed(quote: Option<&FeedQuote>, now: Time, contract: &Contract) -> Self {
        let is_stale =
            |quote: &FeedQuote| now.0.saturating_sub(quote.time.0) > contract.stale_after.0;
        Self {
            price: quote.map(|quote| quote.price),
            quoted: quote.map(|quote| quote.time),
            left_out: quote.is_some_and(is_stale).then_some(wire::LeftOut::Stale),
        }
    }

    fn of_book(best: Option<(Price, Price)>, scale: BookScale) -> Self {
        let middle =
            |(bid, ask): (Price, Price)| scale.middle(i128::from(bid.0) + i128::from(ask.0));
        Self { price: best.map(middle), quoted: None, left_out: None }
    }

    /// Whoever says nothing, or a price that the perpetual cannot have, does not count.
    fn that_counts(self, it: &Instrument) -> Self {
        let highest = PRICE_UNITS_MAX / it.tick_units;
        let silent = self.price.is_none_or(|price| !(1..=highest).contains(&price.0));
        Self { left_out: if silent { Some(wire::LeftOut::Silent) } else { self.left_out }, ..self }
    }

    fn counted(&self) -> Option<i64> {
        self.price.filter(|_| self.left_out.is_none()).map(|price| price.0)
    }
}

/// Quote a price for an index
///
/// For a feed of a perpetual's index. It counts from the next mark on, until it is stale or another one comes. The key must have
/// been made for that: `rialto keys create --dialect native --quotes FEED`.
#[utoipa::path(put, path = "/rialto/v1/instruments/{instrument}/index/{constituent}", operation_id = "quote", tag = "market",
    security(("key" = [])), request_body = wire::NewQuote,
    params(("instrument" = String, Path, description = "The perpetual's name.", example = "BTC-USD-PERP"),
        ("constituent" = String, Path, description = "The feed's name.", example = "kraken")),
    responses(
    (status = 200, description = "It is taken.", body = wire::Quote),
    (status = "default", description = "Why not: nothing happened.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn quote(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    reading::query::<Nothing>(visit.query)?;
    let asked: wire::NewQuote = reading::body(visit.header("content-type"), visit.body)?;
    let it = visit.own_instrument(&holder, &visit.parameters[0], "path instrument")?;
    let contract = terms(visit, &it).map_err(|problem| problem.at("path instrument"))?;
    let name = &visit.parameters[1];
    let feed = name.parse::<FeedName>().ok();
    let Some((feed, constituent)) = feed.and_then(|feed| Some((feed, contract.feed(feed)?))) else {
        let detail =
            format!("{name:?} is no feed of the index of {}", visit.native.words.name(it.id));
        return Err(Problem::new(Code::UnknownFeed, detail).at("path constituent"));
    };
    let price = reading::price(&it, &asked.price, "body price")?;
    let action =
        Action::Perpetual(PerpetualAction::Quote { instrument: it.id, constituent, price });
    let events = visit.submit(&holder, Submission { action, label: None }).await?;
    if let Some(problem) = rejected(&visit.native.words, &events) {
        return Err(problem);
    }
    let quoted =
        |body: &EventBody| matches!(body, EventBody::Perpetual(PerpetualEvent::Quoted { .. }));
    let Some(event) = events.iter().find(|event| quoted(&event.body)) else {
        return Err(Problem::new(Code::NotTaken, "the market did not say what came of it"));
    };
    Ok(Reply::json(&wire::Quote {
        instrument: visit.native.words.name(it.id).to_owned(),
        constituent: feed.to_string(),
        price: venue::price(&it, price),
        quoted_at: venue::time(event.time),
        sequence: event.cause.to_string(),
    }))
}
