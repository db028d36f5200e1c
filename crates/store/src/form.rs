//! What credentials look like in each dialect, and how new ones are made.
//!
//! The one list that a new dialect is added to. What a dialect does with its credentials is its own business.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{AccountId, Time};

use crate::{Random, Secret, StoreError};

/// What a dialect's credentials look like.
#[derive(Debug)]
pub struct Form {
    /// The dialect's name.
    pub dialect: &'static str,
    /// Whether anything is told of an account there, or done for it; else a key only lets one hear what is public.
    pub opens_account: bool,
    /// Of what its credentials consist.
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    /// A key that is no secret, and a secret.
    Pair { key: Part, secret: Part, keeping: Keeping },
    /// A key that is the secret.
    Bearer { key: Part, begins: &'static str },
    /// A token with claims that its holder can read, good until the account's next one.
    Token { name: &'static str },
}

/// Some random text.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    letters: &'static [u8],
    count: usize,
}

/// How a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Sealed: signatures are made with it, so it must be read back.
    Sealed,
    /// Hashed: it is only compared.
    Hashed,
}

/// The dialect in which our own API is spoken, with bearer keys.
pub const NATIVE: &str = "native";

const MIXED: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const HEX: &[u8] = b"0123456789ABCDEF";
const LOWER_HEX: &[u8] = b"0123456789abcdef";

/// All of them, in the order in which they are shown.
pub static FORMS: [Form; 6] = [
    Form {
        dialect: "bitstamp",
        opens_account: true,
        shape: Shape::Pair {
            key: Part { name: "key", letters: MIXED, count: 32 },
            secret: Part { name: "secret", letters: MIXED, count: 32 },
            keeping: Keeping::Sealed,
        },
    },
    Form { dialect: "xrocket", opens_account: true, shape: Shape::Token { name: "token" } },
    Form {
        dialect: "timex",
        opens_account: true,
        shape: Shape::Pair {
            key: Part { name: "id", letters: HEX, count: 32 },
            secret: Part { name: "secret", letters: UPPER, count: 26 },
            keeping: Keeping::Hashed,
        },
    },
    Form {
        dialect: "finazon",
        opens_account: false,
        shape: Shape::Bearer {
            key: Part { name: "api_key", letters: LOWER_HEX, count: 40 },
            begins: "",
        },
    },
    Form {
        dialect: "confluencecode",
        opens_account: false,
        shape: Shape::Bearer {
            key: Part { name: "api_key", letters: MIXED, count: 40 },
            begins: "",
        },
    },
    Form {
        dialect: NATIVE,
        opens_account: true,
        shape: Shape::Bearer {
            key: Part { name: "key", letters: MIXED, count: 40 },
            begins: "rialto_",
        },
    },
];

/// A credential just made.
pub(crate) struct Minted {
    /// What it is found by.
    pub key: Secret,
    /// What is shown of the key later: all of it where it is no secret.
    pub shown: String,
    /// What is kept beside the key, and how.
    pub secret: Option<(Secret, Keeping)>,
    /// What its owner is told, once.
    pub parts: Vec<(&'static str, Secret)>,
}

impl Form {
    /// That of the dialect of this name.
    ///
    /// # Errors
    /// [`StoreError::UnknownDialect`] if there is none.
    pub fn of(dialect: &str) -> Result<&'static Self, StoreError> {
        let form = FORMS.iter().find(|form| form.dialect == dialect);
        form.ok_or_else(|| StoreError::UnknownDialect(dialect.to_owned()))
    }

    /// Whether it is sealed, so that a master key is needed.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        matches!(self.shape, Shape::Pair { keeping: Keeping::Sealed, .. })
    }
    /// Whether a new one takes the place of the account's former one.
    pub(crate) const fn is_single(&self) -> bool {
        matches!(self.shape, Shape::Token { .. })
    }

    /// A new credential.
    pub(crate) fn mint(
        &self,
        account: AccountId,
        now: Time,
        random: &mut Random,
    ) -> Result<Minted, StoreError> {
        match &self.shape {
            Shape::Pair { key, secret, keeping } => {
                let shown = random.letters(key.letters, key.count)?;
                let text = Secret::new(random.letters(secret.letters, secret.count)?);
                let parts =
                    vec![(key.name, Secret::new(shown.clone())), (secret.name, text.clone())];
                let secret = Some((text, *keeping));
                Ok(Minted { key: Secret::new(shown.clone()), shown, secret, parts })
            }
            Shape::Bearer { key, begins } => {
                let random = Secret::new(random.letters(key.letters, key.count)?);
                Ok(bearer(key.name, format!("{begins}{}", random.reveal())))
            }
            Shape::Token { name } => Ok(bearer(name, token(account, now, random)?)),
        }
    }
}

fn bearer(name: &'static str, text: String) -> Minted {
    // Enough for its owner to know it by, too little to guess the rest from.
    let shown = format!("…{}", &text[text.len() - 6..]);
    let key = Secret::new(text);
    Minted { key: key.clone(), shown, secret: None, parts: vec![(name, key)] }
}

/// A JSON web token that names the account. It is looked up as a whole, like any bearer key, and nobody ever
/// computes its signature: that is thirty-two random bytes, as if the signing key had been thrown away. So there is
/// no signing key that could be stolen, and a token that we did not issue is simply unknown.
fn token(account: AccountId, now: Time, random: &mut Random) -> Result<String, StoreError> {
    let seconds = now.micros().div_euclid(1_000_000);
    let claims = format!(r#"{{"userId":{account},"iat":{seconds}}}"#);
    let mut text = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    for part in [claims.as_bytes(), &random.bytes::<32>()?] {
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(part));
    }
    Ok(text)
}
