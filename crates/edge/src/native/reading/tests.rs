//! Percent-encoding and queries; bodies and numbers are tested as they are served.

use serde::Deserialize;

use super::{decoded, query};

#[test]
fn percent_encoding_is_undone_or_refused() {
    assert_eq!(decoded("client%3Amy-first").as_deref(), Some("client:my-first"));
    assert_eq!(decoded("%E2%82%ac").as_deref(), Some("€"));
    assert_eq!(decoded("").as_deref(), Some(""));
    for text in ["%", "%1", "%zz", "%ff", "a%", "%-1", "%+1"] {
        assert_eq!(decoded(text), None, "{text}");
    }
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    one: Option<String>,
    two: Option<String>,
}

#[test]
fn a_query_is_read_by_name() {
    let read = |text| query::<Asked>(text).ok();
    let asked = |one: Option<&str>, two: Option<&str>| {
        Some(Asked { one: one.map(str::to_owned), two: two.map(str::to_owned) })
    };
    assert_eq!(read(None), asked(None, None));
    assert_eq!(read(Some("")), asked(None, None));
    assert_eq!(read(Some("two=a+b%2Bc&one=")), asked(Some(""), Some("a b+c")));
    assert_eq!(read(Some("one")), asked(Some(""), None));
    for wrong in ["three=1", "one=1&one=1", "one=%", "=1"] {
        assert_eq!(read(Some(wrong)), None, "{wrong}");
    }
}
