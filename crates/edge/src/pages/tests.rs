use super::*;

const PAGES: [StaticPage; 2] = [
    StaticPage { path: "/", content_type: "text/html", body: b"<p>" },
    StaticPage { path: "/console/a.js", content_type: "text/javascript", body: b"1" },
];

fn found(path: &str, accept: &[&'static str]) -> Option<&'static str> {
    let mut headers = HeaderMap::new();
    for value in accept {
        headers.append(header::ACCEPT, HeaderValue::from_static(value));
    }
    find(&PAGES, path, &headers).map(|page| page.path)
}

#[test]
fn browsers_are_shown_the_page_and_programs_the_list() {
    let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    assert_eq!(found("/", &[firefox]), Some("/"));
    assert_eq!(found("/", &["application/json", "TEXT/HTML; q=0.5"]), Some("/"));
    // curl's, and who says nothing.
    assert_eq!(found("/", &["*/*"]), None);
    assert_eq!(found("/", &[]), None);
    assert_eq!(found("/console/a.js", &["*/*"]), Some("/console/a.js"));
    assert_eq!(found("/console/", &[firefox]), None);
    assert_eq!(found("/console/../console/a.js", &[firefox]), None);
}

#[test]
fn a_page_may_reach_nothing_else() {
    let response = PAGES[1].response();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header(header::CONTENT_TYPE), Some("text/javascript"));
    let policy = header(header::CONTENT_SECURITY_POLICY).expect("it has a policy");
    assert!(policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src"));
}
