//! Addresses: how an account or an asset is called where everything has one, as on a chain.
//!
//! A pure function of the account's number or of the asset's code, so that it is the same on every machine and nobody
//! has to be asked for it; and an account's number is found again from its address. It is a name and no secret.

use core::fmt;

use crate::ids::AccountId;

/// Twenty bytes; in text `0x` and forty hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

/// How many bytes an address takes as text.
pub const ADDRESS_TEXT_BYTES: usize = 42;

impl Address {
    /// The wallet of an account.
    #[must_use]
    pub const fn of_account(account: AccountId) -> Self {
        // The number can be taken out of the first four bytes again; the others only fill.
        let first = scramble(account.0);
        Self::filled(first, mix(account.0 as u64 ^ WALLETS))
    }

    /// The contract of the asset of this code.
    #[must_use]
    pub const fn of_asset(code: &str) -> Self {
        let (mut seed, mut at) = (CONTRACTS, 0);
        let code = code.as_bytes();
        while at < code.len() {
            seed = mix(seed ^ code[at] as u64);
            at += 1;
        }
        Self::filled(mix(seed) as u32, seed)
    }

    const fn filled(first: u32, seed: u64) -> Self {
        let mut bytes = [0; 20];
        let parts = [first, mix(seed ^ 1) as u32, mix(seed ^ 2) as u32, mix(seed ^ 3) as u32];
        let mut at = 0;
        while at < 20 {
            let part = if at < 16 { parts[at / 4] } else { mix(seed ^ 4) as u32 };
            bytes[at] = part.to_be_bytes()[at % 4];
            at += 1;
        }
        Self(bytes)
    }

    /// The account whose wallet it is, if it is an account's.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        let [a, b, c, d, ..] = self.0;
        let account = AccountId(unscramble(u32::from_be_bytes([a, b, c, d])));
        (Self::of_account(account) == *self).then_some(account)
    }

    /// Reads an address in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?.as_bytes();
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 20];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// As text.
    #[must_use]
    pub const fn text(&self) -> [u8; ADDRESS_TEXT_BYTES] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'0'; ADDRESS_TEXT_BYTES];
        text[1] = b'x';
        let mut at = 0;
        while at < self.0.len() {
            text[2 + 2 * at] = HEX[(self.0[at] >> 4) as usize];
            text[3 + 2 * at] = HEX[(self.0[at] & 15) as usize];
            at += 1;
        }
        text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().iter().try_for_each(|&byte| fmt::Write::write_char(f, char::from(byte)))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Keeps wallets and contracts apart.
const WALLETS: u64 = 0x5249_414c_544f_0001;
const CONTRACTS: u64 = 0x5249_414c_544f_0002;

/// SplitMix64's last steps: each bit of the result depends on each bit of what goes in.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const ODD: [u32; 2] = [0x9e37_79b1, 0x85eb_ca6b];

/// Another number for each number.
const fn scramble(number: u32) -> u32 {
    let number = number.wrapping_add(0x5249_414c).wrapping_mul(ODD[0]);
    (number ^ (number >> 16)).wrapping_mul(ODD[1])
}

/// The number that became this one.
const fn unscramble(number: u32) -> u32 {
    let number = number.wrapping_mul(inverse(ODD[1]));
    let number = (number ^ (number >> 16)).wrapping_mul(inverse(ODD[0]));
    number.wrapping_sub(0x5249_414c)
}

/// What an odd number is multiplied with to give 1: each round doubles how many of the last bits are right.
const fn inverse(odd: u32) -> u32 {
    let (mut inverse, mut round) = (odd, 0);
    while round < 4 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_address_and_nothing_else_is_one() {
        for number in (0..1_000).chain([1_001, 1 << 20, u32::MAX - 1, u32::MAX]) {
            let address = Address::of_account(AccountId(number));
            assert_eq!(address.account(), Some(AccountId(number)));
            assert_eq!(Address::parse(&address.to_string()), Some(address));
        }
        for code in ["BTC", "USD", "ETH", "AUDT", ""] {
            assert_eq!(Address::of_asset(code).account(), None, "{code}");
        }
        assert_ne!(Address::of_asset("BTC"), Address::of_asset("CBT"));
    }

    #[test]
    fn addresses_never_change() {
        // Clients keep them: a change here breaks what people have written down.
        let text = |address: Address| address.to_string();
        assert_eq!(
            text(Address::of_account(AccountId(1_001))),
            "0xe40765cc572df642bc22c42233369a8fb8075748"
        );
        assert_eq!(text(Address::of_asset("BTC")), "0xc0dd9e78a8611a396538a585b6ed3dc62b64652c");
    }

    #[test]
    fn only_lower_case_is_read() {
        let text = Address::of_asset("ETH").to_string();
        for wrong in [
            text.to_uppercase(),
            text.replace("0x", "0X"),
            text[2..].to_owned(),
            text[..41].to_owned(),
            format!("{text}0"),
            text.replace(&text[40..], "ä"),
            String::new(),
        ] {
            assert_eq!(Address::parse(&wrong), None, "{wrong}");
        }
    }
}
