//! What paths stand for: a path looked up, and an expression that matches it alone, come to the same.

use std::sync::Arc;

use model::{Instrument, InstrumentId, Listing, Minimum, Quantity, Scope};

use super::*;
use crate::timex::channel::pattern::Pattern;
use crate::timex::{NAME, Options};

fn markets(count: u16) -> Arc<Markets> {
    let listing = |id: u16| {
        let (base, quote) = match id {
            0 => ("BTC".to_owned(), "USD".to_owned()),
            1 => ("ETH".to_owned(), "BTC".to_owned()),
            id => (format!("T{id}"), "USD".to_owned()),
        };
        let symbols = vec![(NAME.to_owned(), format!("{base}{quote}"))];
        let instrument = Instrument {
            id: InstrumentId(id),
            base,
            quote,
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 4,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        Listing { instrument, description: String::new(), symbols }
    };
    let listings: Vec<Listing> = (0..count).map(listing).collect();
    Arc::new(Markets::new(&listings, Options::default()).expect("symbols in order"))
}

fn expression(text: &str) -> Box<Expression> {
    match Pattern::read(text) {
        Some(Pattern::Expression(expression)) => expression,
        other => panic!("{text} is {other:?}"),
    }
}

fn resolved(
    text: &str,
    markets: &Markets,
    accounts: &[AccountId],
) -> Result<Vec<Subject>, Refusal> {
    let expression = expression(text);
    resolve(&expression, markets, &families_of_accounts(&expression), accounts)
}

/// Every path that there is, of these accounts.
fn all_paths(markets: &Markets, accounts: &[AccountId]) -> Vec<String> {
    let mut paths = Vec::new();
    let texts = |token: &Token, form| match form {
        Form::Symbols => token.symbol().to_owned(),
        Form::Addresses => token.address.to_string(),
    };
    for family in &FAMILIES {
        let name = family.name;
        let form = family.form;
        let pairs = markets.listed.iter().map(|market| {
            (market, format!("{}/{}", texts(&market.base, form), texts(&market.quote, form)))
        });
        for (market, pair) in pairs {
            let fee = texts(&market.quote, form);
            match family.event {
                Event::Levels | Event::Raw | Event::Group => {
                    paths.push(format!("/{name}/{}", market.symbol));
                }
                Event::Ticker => {
                    paths
                        .extend(PERIODS.map(|it| format!("/{name}/{}/{}", market.symbol, it.name)));
                }
                Event::Trade => paths.push(format!("/{name}/{pair}")),
                Event::AccountTrade => paths.extend(
                    accounts
                        .iter()
                        .map(|account| format!("/{name}/{}/{pair}", Address::of_account(*account))),
                ),
                Event::Order(_) => paths.extend(accounts.iter().map(|account| {
                    format!("/{name}/{}/{pair}/{fee}", Address::of_account(*account))
                })),
                Event::Movement(_) => {}
            }
        }
        if matches!(family.event, Event::Movement(_)) {
            for (account, token) in
                accounts.iter().flat_map(|it| markets.tokens.iter().map(move |token| (it, token)))
            {
                paths.push(format!(
                    "/{name}/{}/{}",
                    Address::of_account(*account),
                    texts(token, form)
                ));
            }
        }
    }
    paths
}

#[test]
fn a_path_and_an_expression_for_it_alone_come_to_the_same() {
    let (markets, accounts) = (markets(3), [AccountId(1), AccountId(2), AccountId(1_000_001)]);
    let paths = all_paths(&markets, &accounts);
    assert_eq!(paths.len(), 3 * (3 + 11 + 2) + 3 * (3 * 11 + 4 * 4));
    for path in &paths {
        let plain = look_up(path, &markets).expect("there is such a path");
        assert_eq!(plain.subjects.len(), 1, "{path}");
        let alone = format!("{}[{}]", &path[..path.len() - 1], &path[path.len() - 1..]);
        assert_eq!(resolved(&alone, &markets, &accounts), Ok(plain.subjects.clone()), "{path}");
        assert_eq!(plain.is_of_account, plain.subjects[0].topic.account().is_some(), "{path}");
    }
}

#[test]
fn everything_is_everything_once() {
    let (markets, accounts) = (markets(3), [AccountId(1), AccountId(2)]);
    let all = resolved("/.*", &markets, &accounts).expect("it is not too much");
    // Three books, eleven periods and the trades of each market; five events of orders in it of each account; two ways
    // of each token of each account. Trades of accounts are told with those of their markets.
    assert_eq!(all.len(), 3 * (3 + 11 + 1) + 2 * (3 * 5 + 4 * 2));
    let own_trades = |it: &&Subject| {
        it.topic.kind == TopicKind::Trades && matches!(it.topic.scope, Scope::Account(..))
    };
    assert_eq!(all.iter().filter(own_trades).count(), 0);
}

#[test]
fn what_would_be_told_twice_or_is_too_much_is_refused() {
    let accounts: Vec<AccountId> = (0..1_000).map(AccountId).collect();
    let two = &accounts[..2];
    let refused = Err(Refusal::INVALID_PATTERN);
    let few = markets(3);
    assert_eq!(resolved("/trade.accounts/.*", &few, two), refused);
    assert_eq!(resolved("/trade.accounts/.*", &few, &two[..1]).map(|it| it.len()), Ok(3));
    // One path of each is of another market: nothing comes twice.
    let [one, other] = [0, 1].map(|at| Address::of_account(accounts[at]));
    let apart = format!(
        "/trade.accounts/({one}/.*{}|{other}/.*{})",
        Address::of_asset("USD"),
        Address::of_asset("NIL")
    );
    assert_eq!(resolved(&apart, &few, two).map(|it| it.len()), Ok(2));
    assert_eq!(resolved("/order.*", &few, &accounts), refused, "more subjects than are held");
    // Of many accounts one is found in little, by its address alone.
    let address = Address::of_account(AccountId(7));
    let one = resolved(&format!("/order-update/{address}/.*"), &few, &accounts);
    assert_eq!(one.map(|it| it.len()), Ok(3));
    assert_eq!(
        resolved("/order-update/.*/nothing", &markets(60), &accounts),
        refused,
        "more paths than are tried"
    );
    assert_eq!(resolved("/ticker/.*", &markets(400), &[]), refused);
}

#[test]
fn only_what_can_match_paths_of_accounts_asks_for_them() {
    let asks = |text: &str| families_of_accounts(&expression(text)).len();
    assert_eq!(asks("/trade.symbols/BTC/.*"), 0);
    assert_eq!(asks("/orderbook.*"), 0);
    assert_eq!(asks("/trade.*"), 1);
    assert_eq!(asks("/order-update/.*"), 1);
    assert_eq!(asks("/.*"), 15);
}
