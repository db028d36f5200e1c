//! Perpetuals where no dialogue of a test venue comes to it: keys for some of them, and contracts that it does not list.

use model::{
    Balance, Contract, Dealt, Earned, MarginMode, MarkState, OwnPosition, Payoff, PerpetualState,
    PositionId, PositionState, Span, Tier,
};

use super::*;
use crate::Dialect;

const SPOT: InstrumentId = InstrumentId(0);
const PERPETUAL: InstrumentId = InstrumentId(1);

/// A venue with a spot market and a perpetual beside it.
fn venue(payoff: Payoff, size: i64, quantity_decimals: u8) -> Arc<Ground> {
    let listings = [listing(0, "btcusd", 2, 6), listing(1, "btcusd-perp", 0, quantity_decimals)];
    let options = Options { contracts: vec![contract(payoff, size)], ..Options::default() };
    Bitstamp::new(&listings, options).expect("they are in order").ground
}

fn contract(payoff: Payoff, size: i64) -> Contract {
    Contract {
        instrument: PERPETUAL,
        payoff,
        size,
        tiers: vec![Tier { up_to: Amount(1 << 60), initial_ppm: 100_000, maintenance_ppm: 50_000 }],
        constituents: vec![model::Constituent::Feed(model::FeedName::USUAL)],
        stale_after: Span::seconds(60),
        outlier_ppm: 50_000,
        basis_ppm_max: 0,
        funding_interval: Span::seconds(28_800),
        sample_interval: Span::seconds(60),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 50_000,
        liquidation_fee_ppm: 10_000,
    }
}

/// A thousandth of a bitcoin, long from 60,000 dollars.
fn position(id: u64, mode: MarginMode) -> OwnPosition {
    let dealt = Dealt { quantity: Quantity(100), turnover: 6_000_000 };
    OwnPosition {
        instrument: PERPETUAL,
        state: PositionState {
            id: PositionId(id),
            account: AccountId(1),
            size: 100,
            cost: Amount(60 * 10_i128.pow(8)),
            margin: Amount(6 * 10_i128.pow(8)),
            mode,
            leverage: 10,
        },
        is_long: true,
        opened_at: Time(0),
        changed_at: Time(0),
        opened: dealt,
        closed: Dealt::default(),
        entry: 6_000_000,
        earned: Earned::default(),
        in_liquidation: false,
    }
}

/// What comes of a step where these positions are found, the mark is 60,000, and submissions come to that.
fn played(
    mut step: Step,
    found: impl Fn(Option<PositionId>) -> Vec<OwnPosition>,
    mut outcome: impl FnMut() -> Outcome,
) -> String {
    loop {
        let (asked, then) = match step {
            Step::Reply(response) => return String::from_utf8(response.body).expect("text"),
            Step::Submit(_, then) => {
                step = then(outcome());
                continue;
            }
            Step::Ask(asked, then) => (asked, then),
            _ => panic!("nothing else is needed"),
        };
        let body = match asked {
            Query::Positions(which) => AnswerBody::Positions(found(which.position)),
            Query::Balances { account } => {
                let (asset, available) = (AssetId(1), Amount(10_i128.pow(11)));
                let held = Amount::ZERO;
                AnswerBody::Balances(vec![Balance { account, asset, available, held }])
            }
            Query::Perpetual { .. } => AnswerBody::Perpetual(Box::new(PerpetualState {
                time: Time(0),
                marks: MarkState {
                    mark: Price(60_000),
                    index: Price(60_000),
                    funding_rate_ppm: 0,
                    next_funding: Time(0),
                },
                open_interest: Quantity(200),
            })),
            other => panic!("{other:?} is not needed"),
        };
        step = then(Answer { now: Time(0), body });
    }
}

fn call(ground: &Arc<Ground>, instruments: Option<Vec<InstrumentId>>) -> Call {
    Call { ground: Arc::clone(ground), account: AccountId(1), instruments, form: Form::default() }
}

#[test]
fn what_answers_for_all_cross_positions_is_told_to_keys_that_see_all() {
    let ground = venue(Payoff::Linear, 1, 5);
    let all = |_| vec![position(7, MarginMode::Cross), position(8, MarginMode::Isolated)];
    let told = |instruments| {
        let call = call(&ground, instruments);
        let step = answer(call, Endpoint::OpenPositions, None);
        let body = played(step, all, || panic!("nothing is submitted"));
        let rows: Vec<serde_json::Value> = serde_json::from_str(&body).expect("a list");
        rows
    };
    let fields = [
        "implied_leverage",
        "initial_margin_ratio",
        "current_margin",
        "maintenance_margin_ratio",
        "estimated_liquidation_price",
    ];
    let (whole, part) = (told(None), told(Some(vec![PERPETUAL])));
    for name in fields {
        // The newest comes first: the isolated one answers for itself.
        assert_eq!(whole[0][name], part[0][name], "{name}");
        assert!(whole[1][name].is_string(), "{name} is known to who sees all");
        assert!(part[1][name].is_null(), "{name} is not known to who sees a part");
    }
    assert_eq!(whole[1]["initial_margin"], part[1]["initial_margin"]);
    let refused = answer(call(&ground, Some(vec![SPOT, PERPETUAL])), Endpoint::MarginInfo, None);
    let body = played(refused, all, || panic!("nothing is submitted"));
    assert!(body.contains("API0003"), "{body}");
}

/// What `order_status` says of a trade.
fn moved(ground: &Arc<Ground>, trade: &model::OwnTrade) -> ([String; 4], String) {
    let rules = &ground.of(PERPETUAL).expect("it is listed").instrument;
    let settled = shown::Settled::of(ground, rules, trade);
    let [(base, amount), (quote, value)] = settled.moved;
    ([base.to_owned(), amount, quote.to_owned(), value], settled.fee)
}

#[test]
fn a_trade_in_a_perpetual_is_told_by_what_its_contracts_stand_for() {
    let trade = |quantity, fee| model::OwnTrade {
        id: model::TradeId(1),
        time: Time(0),
        instrument: PERPETUAL,
        order: OrderId(1),
        label: None,
        side: Side::Buy,
        price: Price(50_000),
        quantity: Quantity(quantity),
        fee: Amount(fee),
        fee_asset: AssetId(1),
        liquidity: model::Liquidity::Taker,
        maker: OrderId(2),
        taker: OrderId(1),
        self_trade: None,
        position: None,
        is_liquidation: false,
    };
    // 0.00003 contracts of ten bitcoins, and a fee of three cents in dollars of eight decimals.
    let linear = venue(Payoff::Linear, 10, 5);
    let told = moved(&linear, &trade(3, 3_000_000));
    let expected = ["btc", "0.00030000", "usd", "15.00000000"].map(str::to_owned);
    assert_eq!(told, (expected, "0.03000".to_owned()));
    // Three contracts of a hundred dollars, and a fee of twelve millionths of a bitcoin of six decimals.
    let inverse = venue(Payoff::Inverse, 100, 0);
    let told = moved(&inverse, &trade(3, 12));
    let expected = ["btc", "0.00600000", "usd", "300.00000000"].map(str::to_owned);
    assert_eq!(told, (expected, "0.00001".to_owned()));
}

#[test]
fn an_asset_is_not_counted_as_finely_as_contracts_that_pay_in_it() {
    let decimals = |ground: &Ground| {
        let bitcoin = ground.assets.by_code("BTC").expect("it is traded").id;
        ground.currencies[bitcoin.index()].decimals
    };
    assert_eq!(decimals(&venue(Payoff::Linear, 1, 8)), 8);
    assert_eq!(decimals(&venue(Payoff::Inverse, 1, 8)), 6);
}

#[test]
fn the_euros_rate_does_not_come_by_way_of_a_perpetual() {
    let mut euros = listing(0, "btceur", 2, 6);
    euros.instrument.quote = "EUR".into();
    let listings = [euros, listing(1, "btcusd-perp", 0, 5)];
    let asked = |contracts: Vec<Contract>| {
        let options = Options { contracts, ..Options::default() };
        let dialect = Bitstamp::new(&listings, options).expect("they are in order");
        match dialect.http(&HttpRequest::bare("GET", "/api/v2/eur_usd/")) {
            Step::Ask(Query::Tickers { .. }, _) => None,
            Step::Reply(response) => Some(response.status),
            _ => panic!("nothing else is needed"),
        }
    };
    assert_eq!(asked(Vec::new()), None, "two spot markets are a way");
    assert_eq!(asked(vec![contract(Payoff::Linear, 1)]), Some(404));
}

#[test]
fn what_was_closed_is_told_also_if_another_order_is_not_taken() {
    let ground = venue(Payoff::Linear, 1, 5);
    let done = || Outcome::Done { command: model::Sequence(1), events: Vec::new() };
    let check = |outcomes: Vec<Outcome>| {
        let step = answer(call(&ground, None), Endpoint::ClosePositions, None);
        // The first is found to have been closed, the second not.
        let found = |only| match only {
            None => vec![position(7, MarginMode::Cross), position(8, MarginMode::Cross)],
            Some(id) => {
                let mut own = position(7, MarginMode::Cross);
                own.state.id = id;
                own.state.size = if id == PositionId(7) { 0 } else { 100 };
                vec![own]
            }
        };
        let mut outcomes = outcomes.into_iter();
        let body = played(step, found, || outcomes.next().expect("two are submitted"));
        let told: serde_json::Value = serde_json::from_str(&body).expect("an object");
        assert_eq!(told["closed"][0]["id"], "7", "{body}");
        assert_eq!(told["failed"][0]["id"], "8", "{body}");
        assert!(outcomes.next().is_none(), "both were to be closed");
    };
    check(vec![done(), Outcome::NotTaken]);
    check(vec![done(), Outcome::Unknown]);
}
