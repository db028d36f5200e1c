//! Keys whose letters are known from elsewhere, and texts that are none.

use super::*;

/// The pair that the NATS documentation shows.
const SHOWN: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

#[test]
fn a_seed_is_read_and_what_it_signs_is_of_its_public_key() {
    let pair = KeyPair::from_seed(SHOWN).expect("it is one");
    assert_eq!(pair.public_key(), PUBLIC);
    let signed = pair.sign(b"nonce").expect("it signs");
    let public = &decoded(PUBLIC).expect("letters")[1..33];
    let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public);
    public.verify(b"nonce", &signed).expect("it is its signature");
    assert!(public.verify(b"nonces", &signed).is_err());
    let shown = format!("{pair:?}");
    assert!(shown.contains(PUBLIC) && !shown.contains(SHOWN), "{shown}");
}

#[test]
fn what_is_no_seed_is_refused_in_words_that_do_not_show_it() {
    for (text, error) in [
        ("", Error::Letters),
        ("SUACSSL3", Error::Check),
        (&SHOWN[..57], Error::Letters),
        (PUBLIC, Error::Kind),
        (&SHOWN.to_lowercase(), Error::Letters),
        (&SHOWN.replace('3', "1"), Error::Letters),
        (&SHOWN.replace("SSL", "SLS"), Error::Check),
    ] {
        let found = KeyPair::from_seed(text).expect_err("it is none");
        assert_eq!(found, error, "{text}");
        assert!(text.is_empty() || !found.to_string().contains(text));
    }
    // Each letter counts.
    for at in 0..SHOWN.len() {
        let mut changed = SHOWN.to_owned();
        changed.replace_range(at..=at, if &SHOWN[at..=at] == "A" { "B" } else { "A" });
        assert!(KeyPair::from_seed(&changed).is_err(), "{at}");
    }
}

#[test]
fn letters_are_those_of_the_rfc() {
    for (bytes, text) in
        [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")]
    {
        assert_eq!(encoded(bytes.as_bytes()), text);
        assert_eq!(decoded(text).as_deref(), Ok(bytes.as_bytes()));
    }
    assert_eq!(decoded("MZ1"), Err(Error::Letters));
    assert_eq!(checksum(b"123456789"), 0x31C3);
}
