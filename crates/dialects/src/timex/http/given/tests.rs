use model::decimal::parse_units;

use super::*;

fn payload(text: &str) -> Result<Given, Refusal> {
    let raw: &RawValue = serde_json::from_str(text).expect("the test says JSON");
    Given::of_payload(Some(raw))
}

fn invalid(result: Result<impl Sized, Refusal>) -> String {
    result.map(|_| ()).expect_err("it is refused").message.into_owned()
}

#[test]
fn numbers_are_read_exactly_or_not_at_all() {
    for (text, units_at_8) in [
        ("1", 100_000_000),
        ("0.00000001", 1),
        ("2e-05", 2_000),
        ("2E-8", 1),
        ("1.5e3", 150_000_000_000),
        ("-1e0", -100_000_000),
        ("100e-2", 100_000_000),
        ("0e30", 0),
        ("12.3400", 1_234_000_000),
    ] {
        let read = units(text, 8);
        let wanted = if text == "2E-8" { 2 } else { units_at_8 };
        assert_eq!(read, Some(wanted), "{text}");
    }
    for text in
        ["", "1e", "e5", "1e-9", "1e31", "1e999999999999", "1.", "+1", "0x1", "1e+", "1e1.5", "NaN"]
    {
        assert_eq!(units(text, 8), None, "{text}");
    }
    // With and without an exponent it is the same number.
    for number in [1_i64, 7, 10, 123, 99_999, 1_000_000] {
        for exponent in -8..=8_i32 {
            let plain = i128::from(number) * 10_i128.pow((exponent + 8) as u32);
            let text = format!("{number}e{exponent}");
            assert_eq!(units(&text, 8), i64::try_from(plain).ok(), "{text}");
        }
        let plain = number.to_string();
        assert_eq!(units(&plain, 8), parse_units(plain.as_bytes(), 8).ok());
    }
}

#[test]
fn a_payload_and_a_query_say_the_same() {
    let socket = payload(
        r#"{"symbol":["BTCUSD","ETHBTC"],"quantity":[1,"2"],"clientOrderId":[null,"a b"],"pageable":{"page":1,"size":20}}"#,
    );
    let request = HttpRequest {
        query: Some(
            "symbol=BTCUSD&symbol=ETHBTC&quantity=1&quantity=2&clientOrderId=&clientOrderId=a+b&page=1&size=20",
        ),
        ..HttpRequest::bare("POST", "/trading/orders")
    };
    let http = Given::of_http(&request).expect("it is in order");
    let socket = socket.expect("it is in order");
    assert_eq!(socket.page(), Ok(Page { offset: 20, limit: 20 }));
    assert_eq!(http.page(), socket.page());
    let names = ["symbol", "quantity", "clientOrderId"];
    let read = |given: Given| -> Vec<Vec<Option<String>>> {
        let rows = given.rows(&names).expect("all are as long");
        let member = |row: &Given, name| row.one(name).expect("one of each").map(str::to_owned);
        rows.iter().map(|row| names.iter().map(|name| member(row, name)).collect()).collect()
    };
    let rows = read(socket);
    assert_eq!(rows[0], [Some("BTCUSD".to_owned()), Some("1".to_owned()), None]);
    assert_eq!(rows[1][2].as_deref(), Some("a b"));
    assert_eq!(read(http), rows);
}

#[test]
fn what_is_no_payload_is_named() {
    assert_eq!(payload("null"), Ok(Given::default()));
    assert_eq!(Given::of_payload(None), Ok(Given::default()));
    assert_eq!(invalid(payload("[]")), "payload is invalid");
    assert_eq!(invalid(payload(r#""text""#)), "payload is invalid");
    assert_eq!(invalid(payload(r#"{"price":{"a":1}}"#)), "price is invalid");
    assert_eq!(invalid(payload(r#"{"price":[[1]]}"#)), "price is invalid");
    assert_eq!(invalid(payload(r#"{"body":[1]}"#)), "body is invalid");
    assert_eq!(
        invalid(payload(r#"{"body":[{}]}"#).and_then(|given| {
            let rows = given.body()?;
            rows[0].required("id").map(|_| ())
        })),
        "id is required"
    );
    assert_eq!(invalid(payload("{}").and_then(Given::body)), "body is required");
    let many = format!(r#"{{"id":[{}"x"]}}"#, r#""x","#.repeat(BATCH_MAX));
    assert_eq!(
        invalid(payload(&many).and_then(|given| given.rows(&["id"]))),
        "Too many orders, at most 100"
    );
    let given = payload(r#"{"symbol":["A","B"],"price":[1]}"#).expect("it is in order");
    assert_eq!(invalid(given.one("symbol")), "symbol is invalid");
    assert_eq!(invalid(given.rows(&["symbol", "price"])), "price is invalid");
}

#[test]
fn pages_moments_and_orders_of_lists() {
    let given = |text: &str| payload(text).expect("it is in order");
    assert_eq!(given("{}").page(), Ok(Page { offset: 0, limit: 100 }));
    assert_eq!(given(r#"{"page":2,"size":5000}"#).page(), Ok(Page { offset: 2_000, limit: 1_000 }));
    assert_eq!(invalid(given(r#"{"page":-1}"#).page()), "page is invalid");
    assert_eq!(invalid(given(r#"{"page":1000001}"#).page()), "page is invalid");
    assert_eq!(invalid(given(r#"{"size":"0"}"#).page()), "size is invalid");
    let moment = Time(1_663_710_023_324_000);
    for text in
        ["2022-09-20T21:40:23.324Z", "2022-09-20T21:40:23.324", "2022-09-20T23:40:23.324+02:00"]
    {
        let given = given(&format!(r#"{{"from":"{text}"}}"#));
        assert_eq!(given.moment("from"), Ok(Some(moment)), "{text}");
    }
    let request = HttpRequest {
        query: Some("from=2022-09-20T23:40:23.324+02:00&till=%zz%41%2B"),
        ..HttpRequest::bare("GET", "/public/trades")
    };
    let query = Given::of_http(&request).expect("it is in order");
    assert_eq!(query.moment("from"), Ok(Some(moment)));
    assert_eq!(query.one("till"), Ok(Some("%zzA+")));
    assert_eq!(invalid(given(r#"{"from":1663710023}"#).moment("from")), "from is invalid");
    let sort = |text: &str| given(&format!(r#"{{"sort":"{text}"}}"#)).sort("createdAt");
    assert_eq!(given("{}").sort("createdAt"), Ok(Sort::NewestFirst));
    assert_eq!(sort("createdAt,asc"), Ok(Sort::OldestFirst));
    assert_eq!(sort("createdAt,DESC"), Ok(Sort::NewestFirst));
    assert_eq!(sort("createdAt"), Ok(Sort::OldestFirst));
    assert_eq!(invalid(sort("price,asc")), "sort is invalid");
    assert_eq!(invalid(sort("createdAt,up")), "sort is invalid");
}

#[test]
fn objects_within_objects_are_refused_however_deep_they_go() {
    for (opens, closes, name) in
        [(r#"{"pageable":"#, "}", "pageable"), (r#"{"body":["#, "]}", "body")]
    {
        for depth in [3, 20_000] {
            let nested = format!("{}{{}}{}", opens.repeat(depth), closes.repeat(depth));
            let raw: &RawValue = serde_json::from_str(&nested).expect("JSON");
            assert_eq!(Given::of_payload(Some(raw)), Err(Refusal::invalid(name)), "{depth} deep");
            let request = HttpRequest::bare("POST", "/trading/orders/json");
            let rows = format!("[{nested}]");
            let told = Given::of_http(&HttpRequest { body: rows.as_bytes(), ..request });
            assert_eq!(told, Err(Refusal::invalid(name)), "{depth} deep");
        }
    }
}
