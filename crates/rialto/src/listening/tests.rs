//! What is asked for is understood, and what is secret stays so.

use std::time::Duration;

use super::fetch::listed;
use super::secret::Secret;
use super::target::{Target, shown, tongue_of};
use super::{Venue, duration};
use crate::tongues;

#[test]
fn a_time_has_a_unit() {
    assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
    assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
    assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
    for wrong in ["", "s", "0s", "-1s", "1.5h", "1w", "5 m", "99999999999s"] {
        assert!(duration(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_url_tells_the_tongue_and_where_the_pages_are() {
    let read = |url: &str, http| {
        let tongue = tongue_of(url).expect("a tongue");
        let target = Target::read(url, tongue, http).expect("a target");
        let page = (target.pages())(tongue.published.directory.unwrap_or("/"));
        (tongue.name, target.url(), format!("{}:{}{page}", target.http.host, target.http.port))
    };
    let told = |name, url: &str, page: &str| (name, url.to_owned(), page.to_owned());
    assert_eq!(
        read("ws://127.0.0.1:8080/bitstamp", None),
        told(
            "bitstamp",
            "ws://127.0.0.1:8080/bitstamp",
            "127.0.0.1:8080/bitstamp/api/v2/trading-pairs-info/"
        )
    );
    assert_eq!(
        read("wss://ws.bitstamp.net", None),
        told(
            "bitstamp",
            "wss://ws.bitstamp.net/",
            "www.bitstamp.net:443/api/v2/trading-pairs-info/"
        )
    );
    assert_eq!(
        read("ws://[::1]:1/timex/socket/relay", Some("https://example.org")),
        told("timex", "ws://[::1]:1/timex/socket/relay", "example.org:443/public/markets")
    );
    assert!(tongue_of("ws://127.0.0.1:8080/").is_err());
    let tongue = tongues::called("bitstamp").expect("spoken");
    for wrong in ["ftp://a/", "ws://", "ws://a:0/", "ws://a:x/", "ws://me:pass@a/", "ws://a/b c"] {
        assert!(Target::read(wrong, tongue, None).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_key_is_hidden_however_it_is_spelled() {
    let secret = Secret::new("a+b\"c".to_owned());
    assert_eq!(secret.hide("k=a%2Bb%22c&z"), ("k=***&z".to_owned(), true));
    assert_eq!(secret.hide(r#"{"k":"a+b\"c"}"#), (r#"{"k":"***"}"#.to_owned(), true));
    assert_eq!(secret.hide("a+b\"c"), ("***".to_owned(), true));
    assert_eq!(secret.hide("nothing"), ("nothing".to_owned(), false));
    assert_eq!(format!("{secret:?}"), "Secret");
    assert_eq!(Secret::none().hide("a"), ("a".to_owned(), false));

    let tongue = tongues::called("finazon").expect("spoken");
    let mut target = Target::read("ws://a/finazon/v1?x=1", tongue, None).expect("a target");
    target.add_parameter("apikey", secret.text());
    assert_eq!(target.parameters("apikey"), ["a%2Bb%22c"]);
    assert_eq!(secret.hide(&target.url()).0, "ws://a/finazon/v1?x=1&apikey=***");
}

#[test]
fn a_key_in_the_url_is_hidden_as_it_is_spelled_there() {
    let tongue = tongues::called("finazon").expect("spoken");
    let options = |url: &str| Venue {
        venue: url.to_owned(),
        dialect: None,
        http: None,
        config: None,
        key_file: None,
        lasts: None,
    };
    for (query, key, hidden) in [
        ("apikey=ab%2bcd", "ab+cd", "apikey=***"),
        ("apikey=%61bc", "abc", "apikey=***"),
        ("apikey=a%2Bb%2bc&x=1", "a+b+c", "apikey=***&x=1"),
        ("x=1&%61pikey=secret", "secret", "x=1&%61pikey=***"),
        ("apikey=&apikey=secret", "secret", "apikey=&apikey=***"),
        ("ApiKey=first&apikey=%ff%41", "first", "ApiKey=***&apikey=***"),
    ] {
        let url = format!("ws://a/finazon/v1?{query}");
        let mut target = Target::read(&url, tongue, None).expect("a target");
        let secret = options(&url).secret(tongue, &mut target).expect("a key");
        assert_eq!(target.url(), url, "it is asked for as it was given");
        assert_eq!(secret.text(), key);
        assert_eq!(secret.hide(&url).0, format!("ws://a/finazon/v1?{hidden}"));
        // As a venue may say it again.
        assert_eq!(secret.hide(&format!("no such key: {key}")).0, "no such key: ***");
    }
    assert_eq!(Secret::new("Ab+c/".to_owned()).hide("Ab%2bc%2f").0, "***");
}

#[test]
fn a_refusal_shows_neither_a_name_nor_a_password_nor_a_query() {
    let tongue = tongues::called("bitstamp").expect("spoken");
    for wrong in [
        "wss://me:s3cr3t@host/",
        "wss://me:s3/cr3t@host",
        "wss://me:s3?cr3t@host",
        "ftp://me:s3cr3t@host",
    ] {
        let said = [Target::read(wrong, tongue, None).err(), tongue_of(wrong).err()];
        for failure in said.into_iter().flatten() {
            assert!(!failure.0.contains("me:") && !failure.0.contains("3"), "{failure}");
        }
    }
    assert_eq!(shown("wss://me:pass@host"), "wss://***");
    assert_eq!(shown("me:pass@host"), "***");
    assert_eq!(shown("wss://host/path?apikey=pass#pass"), "wss://host/path");
}

#[test]
fn an_instrument_whose_values_cannot_be_written_is_not_recorded() {
    let body = |lot: &str| {
        format!(
            r#"{{"instruments":[{{"description":"Bitcoin / Dollar","base":"BTC","quote":"USD","tick_size":"0.01","lot_size":"{lot}","symbols":{{}}}}]}}"#
        )
    };
    let listings = listed(body("0.0000000000000001").as_bytes()).expect("18 decimals together");
    assert_eq!(listings[0].instrument.value_decimals(), 18);
    let refused = listed(body("0.00000000000000001").as_bytes()).expect_err("19 are too many");
    assert_eq!(refused, "BTC/USD has too many decimals");
}
