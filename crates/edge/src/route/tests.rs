use super::*;

const DOORS: [Doors; 2] = [
    Doors {
        socket_paths: &["/parrot", "/parrot/"],
        http_prefixes: &[("/parrot/api/", "/api/"), ("/api/", "/api/")],
        hosts: &["ws.parrot.example", "parrot.example"],
    },
    Doors { socket_paths: &["/owl/v1"], http_prefixes: &[("/owl/", "/")], hosts: &["owl.example"] },
];

#[track_caller]
fn check(host: &str, path: &str, upgrade: bool, expected: Route<'_>) {
    assert_eq!(route(&DOORS, Some(host), path, upgrade), expected, "{host} {path}");
}

#[test]
fn any_other_host_is_routed_by_path() {
    for host in ["127.0.0.1:8080", "localhost", "[::1]:8080", "market.example", ""] {
        check(host, "/parrot", true, Route::Socket(0));
        check(host, "/parrot/", false, Route::Socket(0));
        check(host, "/owl/v1", true, Route::Socket(1));
        check(
            host,
            "/parrot/api/v2/book",
            false,
            Route::Venue { dialect: 0, head: "/api/", tail: "v2/book" },
        );
        check(
            host,
            "/api/v2/book",
            false,
            Route::Venue { dialect: 0, head: "/api/", tail: "v2/book" },
        );
        check(host, "/owl/v1/time", false, Route::Venue { dialect: 1, head: "/", tail: "v1/time" });
        check(host, "/parrots", true, Route::Nowhere);
        check(host, "/", false, Route::House(Page::Index));
        check(host, "/healthz", false, Route::House(Page::Health));
        check(host, "/readyz", false, Route::House(Page::Readiness));
        check(host, "/metrics", false, Route::House(Page::Metrics));
        check(host, "/rialto/v1", false, Route::Native);
        check(host, "/rialto/v1/orders/1", false, Route::Native);
        check(host, "/rialto/v10", false, Route::Nowhere);
        check(host, "/rialto", false, Route::Nowhere);
        let document = |half| Route::Document { half, dialect: "parrot" };
        check(host, "/docs/asyncapi/parrot.json", false, document(Half::Socket));
        check(host, "/docs/openapi/parrot.json", false, document(Half::Http));
        for nothing in ["/docs", "/docs/asyncapi/", "/docs/asyncapi/parrot", "/docs/x/parrot.json"]
        {
            check(host, nothing, false, Route::Nowhere);
        }
    }
    assert_eq!(route(&DOORS, None, "/owl/v1", true), Route::Socket(1), "HTTP/1.0 names no host");
}

#[test]
fn a_venues_own_host_is_its_door_whatever_the_path() {
    check("ws.parrot.example", "/", true, Route::Socket(0));
    check("WS.Parrot.Example:443", "/owl/v1", true, Route::Socket(0));
    check("owl.example", "/", false, Route::Venue { dialect: 1, head: "", tail: "/" });
    check(
        "owl.example:8080",
        "/metrics",
        false,
        Route::Venue { dialect: 1, head: "", tail: "/metrics" },
    );
}
