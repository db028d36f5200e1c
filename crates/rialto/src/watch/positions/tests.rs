//! What the venue tells of positions is taken exactly or not at all, and is never shown as live when it may not be.

use std::time::{Duration, Instant};

use dialects::published::Tells;

use super::*;
use crate::watch::seen::{News, Seen};
use crate::watch::tests::{lively, look, picture, seen, told};
use crate::watch::view::Look;

/// As a venue of ours answered, an isolated position beside it.
const PAGE: &str = r#"{"time":"2026-01-05T09:00:05.411782Z","positions":[
{"id":"1000097","instrument":"BTC-USD-PERP","side":"long","size":"0.01000","entry_price":"59930.0000","mark_price":"59931","value":"599.3100000000","unrealized_profit":"0.0100000000","liquidation_price":null,"realized_profit":"0.0000000000","fees_paid":"1.1986000000","liquidation_fees_paid":"0.0000000000","funding":"0.0000000000","insured":"0.0000000000","mode":"cross","leverage":20,"margin":"0.0000000000","initial_margin":"29.9655000000","maintenance_margin":"2.9965500000","equity":"998.8114000000","in_liquidation":false,"opened_at":"2026-01-05T09:00:05.405801Z","changed_at":"2026-01-05T09:00:05.405801Z"},
{"id":"1000098","instrument":"ETH-USD-PERP","side":"short","size":"2.0000","entry_price":"3000.0000","mark_price":"3100.0","value":"6200.0000000000","unrealized_profit":"-200.0000000001","liquidation_price":"3177.5","realized_profit":"0.0000000000","fees_paid":"1.1986000000","liquidation_fees_paid":"0.0000000000","funding":"0.0000000000","insured":"0.0000000000","mode":"isolated","leverage":10,"margin":"300.0000000000","initial_margin":"620.0000000000","maintenance_margin":"31.0000000000","equity":"99.9999999999","in_liquidation":false,"opened_at":"2026-01-05T09:00:05.405801Z","changed_at":"2026-01-05T09:00:05.405801Z"}]}"#;

fn usd() -> Assets {
    ["BTC-USD-PERP", "ETH-USD-PERP"].map(|name| (name.to_owned(), "USD".to_owned())).into()
}

/// The page with this in place of that.
fn page_with(that: &str, this: &str) -> Page {
    assert!(PAGE.contains(that), "{that}");
    page(200, PAGE.replace(that, this).as_bytes(), &usd()).expect("a page")
}

fn known() -> Page {
    page_with("time", "time")
}

#[test]
fn a_number_is_taken_as_it_is_written_or_not_at_all() {
    let exact = |text: &str| Exact::try_from(text.to_owned());
    for good in ["0", "-0.5", "60000.0000", "123456789012.345678901234567890"[..30].into()] {
        assert_eq!(exact(good).map(|it| it.text().to_owned()), Ok(good.to_owned()));
    }
    let long = "1".repeat(31);
    let fine = format!("0.{}", "1".repeat(19));
    for wrong in ["", "-", ".5", "5.", "1e5", "+1", "NaN", "1 0", "1.2.3", "--1", &long, &fine] {
        assert!(exact(wrong).is_err(), "{wrong:?}");
    }
    let it = &known().positions[1];
    assert_eq!(it.unrealized_profit.as_ref().map(Exact::text), Some("-200.0000000001"));
    assert_eq!((it.side, it.mode, it.leverage), (Side::Short, Mode::Isolated, 10));
    assert_eq!((it.margin_asset.as_str(), &known().positions[0].liquidation_price), ("USD", &None));
}

#[test]
fn the_margin_ratio_is_what_a_liquidation_goes_by() {
    let ratios =
        |page: &Page| page.positions.iter().map(|it| page.margin_ratio(it)).collect::<Vec<_>>();
    // 2.99655 of 998.8114 are 3.00 thousandths and a little, 31 of 99.9999999999 a little more than 310.
    assert_eq!(ratios(&known()), [Some(4), Some(311)]);
    // Cross positions of one asset are kept or lost together.
    let together = page_with(r#""isolated","leverage":10"#, r#""cross","leverage":10"#);
    assert_eq!(ratios(&together), [Some(35), Some(340)]);
    // At the end of what answers for it.
    assert_eq!(ratios(&page_with("99.9999999999", "31.0000000000"))[1], Some(1_000));
    assert_eq!(ratios(&page_with("99.9999999999", "0.0000000000"))[1], Some(i128::MAX));
    assert_eq!(ratios(&page_with("99.9999999999", "-1.0000000000"))[1], Some(i128::MAX));
    // What is not told is not made up.
    assert_eq!(ratios(&page_with(r#""998.8114000000""#, "null"))[0], None);
    assert_eq!(ratios(&page_with(r#""2.9965500000""#, "null"))[0], None);
}

#[test]
fn what_is_no_answer_of_ours_is_refused_in_words() {
    let listed = br#"{"instruments":[{"instrument":"BTC-USD","perpetual":null},
        {"instrument":"BTC-USD-PERP","perpetual":{"margin_asset":"USD"}}]}"#;
    let is_there = Assets::from([("BTC-USD-PERP".to_owned(), "USD".to_owned())]);
    assert_eq!(assets(200, listed), Ok(is_there.clone()));
    for (status, body) in [(404, &b"<html>"[..]), (200, b"<html>"), (200, b"{}"), (403, listed)] {
        let why = assets(status, body).expect_err("it is none");
        assert!(why.starts_with("no venue of ours answers"), "{why}");
    }
    let blank = String::from_utf8_lossy(listed).replace("BTC-USD-PERP", "BTC\\u001b[2J");
    assert!(assets(200, blank.as_bytes()).is_err(), "a name is a name");

    assert_eq!(ready(200, br#"{"ready":true}"#), Ok(()));
    let why = ready(200, br#"{"ready":false}"#).expect_err("it is not");
    assert_eq!(why, "the venue is not ready: what it tells may be old");

    let refused = br#"{"title":"nobody holds this key","detail":"the key is unknown","remedy":"check\u001b it"}"#;
    let why = page(401, refused, &usd()).expect_err("refused");
    assert_eq!(why, "nobody holds this key: the key is unknown; check it");
    assert_eq!(page(502, b"<html>", &usd()), Err("it answers with status 502".to_owned()));
    let endless = format!(r#"{{"title":"{}","detail":"","remedy":""}}"#, "x".repeat(5_000));
    assert_eq!(page(401, endless.as_bytes(), &usd()).expect_err("refused").len(), WORDS_MAX);
    let unknown =
        page(200, PAGE.as_bytes(), &is_there).expect_err("a perpetual that is not listed");
    assert!(unknown.contains("no perpetual"), "{unknown}");
    for (that, this) in
        [("0.01000", "1e-2"), ("long", "up"), (":05.411782Z", ""), ("\"side\"", "\"sign\"")]
    {
        assert!(page(200, PAGE.replacen(that, this, 1).as_bytes(), &usd()).is_err(), "{this}");
    }
}

fn hear(seen: &mut Seen, answer: Result<Page, &str>, now: Instant) -> Vec<News> {
    let mut news = Vec::new();
    seen.told(answer.map_err(|why| (why.to_owned(), Duration::from_secs(4))), now, &mut news);
    news
}

#[test]
fn a_line_tells_all_positions_when_they_change_and_when_they_are_no_longer_known() {
    let (mut seen, now) = (seen(Tells::BooksAndTrades), Instant::now());
    let none = || Page { positions: Vec::new(), ..known() };
    let empty =
        "{\"event\":\"positions\",\"time\":\"2026-01-05T09:00:05.411782Z\",\"positions\":[]}\n";
    assert_eq!(told(&hear(&mut seen, Ok(none()), now)), empty);
    assert_eq!(hear(&mut seen, Ok(Page { time: Time(0), ..none() }), now), [], "nothing changed");
    let line = told(&hear(&mut seen, Ok(known()), now));
    assert!(line.starts_with(
        "{\"event\":\"positions\",\"time\":\"2026-01-05T09:00:05.411782Z\",\"positions\":[{\"instrument\":\"BTC-USD-PERP\",\
         \"side\":\"long\",\"size\":\"0.01000\",\"entry_price\":\"59930.0000\",\"mark_price\":\"59931\",\"value\":\"599.3100000000\",\
         \"unrealized_profit\":\"0.0100000000\",\"liquidation_price\":null,\"mode\":\"cross\",\"leverage\":20,\
         \"equity\":\"998.8114000000\",\"initial_margin\":\"29.9655000000\",\"maintenance_margin\":\"2.9965500000\",\
         \"in_liquidation\":false,\"margin_asset\":\"USD\"},{\"instrument\":\"ETH-USD-PERP\","
    ), "{line}");
    assert_eq!(line.lines().count(), 1);
    let lost = "{\"event\":\"positions_lost\",\"why\":\"no answer\",\"again_in_seconds\":4}\n";
    assert_eq!(told(&hear(&mut seen, Err("no answer"), now)), lost);
    assert_eq!(
        told(&hear(&mut seen, Err("no answer"), now)),
        lost,
        "each time it is asked in vain"
    );
    assert_eq!(told(&hear(&mut seen, Ok(known()), now)), line, "as it was, but known again");
    assert_eq!(hear(&mut seen, Ok(known()), now), []);
}

/// The pane: all below the tape, without the last row.
fn pane(seen: &Seen, look: &Look, columns: u16, rows: u16) -> Vec<String> {
    let (rows, _) = picture(seen, look, columns, rows);
    let first = rows.iter().position(|row| row.starts_with("positions"));
    let first = first.unwrap_or_else(|| panic!("no pane in\n{}", rows.join("\n")));
    rows[first..rows.len() - 1]
        .iter()
        .map(|row| row.trim_end_matches([' ', '─']).to_owned())
        .collect()
}

#[test]
fn positions_stand_below_the_market_and_a_number_is_never_cut() {
    let now = Instant::now();
    let mut seen = lively(now);
    let without = picture(&seen, &look(now), 110, 24).0;
    assert!(!without.join("\n").contains("positions"), "nobody asked");
    seen.positions = Some(Positions::default());
    assert_eq!(pane(&seen, &look(now), 110, 24), ["positions  not told yet"]);
    hear(&mut seen, Ok(Page { positions: Vec::new(), ..known() }), now);
    assert_eq!(pane(&seen, &look(now), 110, 24), ["positions  none open at 09:00:05"]);
    hear(&mut seen, Ok(known()), now);
    let all = [
        "positions  2 open at 09:00:05",
        "  perpetual    side     size      entry   mark      profit liquidation margin mode",
        "  BTC-USD-PERP long  0.01000 59930.0000  59931   +0.01 USD           -   0.4% cross 20x",
        "  ETH-USD-PERP short  2.0000  3000.0000 3100.0 -200.00 USD      3177.5  31.1% isolated 10x",
    ];
    assert_eq!(pane(&seen, &look(now), 110, 24), all);
    let (rows, _) = picture(&seen, &look(now), 110, 24);
    assert!(rows.join("\n").contains("spread") && rows[23].starts_with("q quit"));
    // In 80 columns what matters least is left out, and that is said.
    assert_eq!(
        pane(&seen, &look(now), 80, 24)[1..],
        [
            "  perpetual    side     size      entry   mark      profit liquidation margin …",
            "  BTC-USD-PERP long  0.01000 59930.0000  59931   +0.01 USD           -   0.4%",
            "  ETH-USD-PERP short  2.0000  3000.0000 3100.0 -200.00 USD      3177.5  31.1%",
        ]
    );
    let narrow = pane(&seen, &look(now), 40, 24);
    assert_eq!(narrow[2], "  BTC-USD-PERP long    +0.01 USD");
    // In few rows too.
    assert_eq!(pane(&seen, &look(now), 80, 9)[0], "positions  2 open, 1 not shown at 09:00:05");
    assert_eq!(pane(&seen, &look(now), 80, 5), ["positions  2 open, 2 not shown at 09:00:05"]);
    for columns in [1, 20, 21, 37, 79, 250] {
        for rows in [1, 4, 5, 6, 9, 50] {
            picture(&seen, &look(now), columns, rows);
        }
    }
    let liquidating =
        known().positions.into_iter().map(|it| Position { in_liquidation: true, ..it });
    hear(&mut seen, Ok(Page { positions: liquidating.collect(), ..known() }), now);
    assert!(pane(&seen, &look(now), 110, 24)[3].contains("LIQUIDATING"));
    hear(&mut seen, Ok(page_with("99.9999999999", "30.9999999999")), now);
    assert!(pane(&seen, &look(now), 110, 24)[3].contains("≥100%"));
}

#[test]
fn what_may_be_old_is_marked_and_why_is_said() {
    let now = Instant::now();
    let mut seen = lively(now);
    seen.positions = Some(Positions::default());
    hear(&mut seen, Err("nobody holds this key"), now);
    assert_eq!(
        pane(&seen, &look(now), 80, 24),
        ["positions?  not told yet · asked again in 4 s", "  nobody holds this key"]
    );
    hear(&mut seen, Ok(known()), now);
    let fresh = pane(&seen, &look(now + Duration::from_secs(6)), 110, 24);
    assert!(!fresh.join("\n").contains(['?', '·']), "{fresh:?}");
    // Nothing came, and nobody said why.
    let stale = pane(&seen, &look(now + Duration::from_secs(12)), 110, 24);
    assert_eq!(stale[0], "positions?  2 open at 09:00:05 · STALE, told 12 s ago");
    assert!(
        stale[1] == "  no answer yet" && stale[3].starts_with("? BTC-USD-PERP long"),
        "{stale:?}"
    );
    hear(&mut seen, Err("the connection was lost"), now);
    let plain = Look { colours: false, ..look(now + Duration::from_millis(1_500)) };
    let stale = pane(&seen, &plain, 110, 24);
    assert_eq!(
        stale[0],
        "positions?  2 open at 09:00:05 · STALE, told 1.5 s ago · asked again in 3 s"
    );
    assert!(
        stale[1] == "  the connection was lost" && stale[4].starts_with("? ETH-USD-PERP short")
    );
    let later = pane(&seen, &look(now + Duration::from_secs(9)), 110, 24);
    assert!(later[0].ends_with("told 9.0 s ago · asked again now"), "{later:?}");
    hear(&mut seen, Ok(known()), now);
    assert_eq!(pane(&seen, &look(now), 110, 24)[0], "positions  2 open at 09:00:05");
}
