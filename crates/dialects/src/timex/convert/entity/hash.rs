//! Order hashes: how orders are called. A pure function of the order's number, which can be taken out of it again.

use model::OrderId;

/// How many bytes a hash takes as text: `0x` and sixty-four hexadecimal digits in lower case.
pub const ORDER_HASH_BYTES: usize = 66;

/// Keeps hashes of orders apart from other numbers that are mixed alike.
const ORDERS: u64 = 0x5249_414c_544f_0003;
/// Odd, so that multiplying with it can be undone.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const ODD_INVERSE: u64 = {
    let (mut inverse, mut round) = (ODD, 0);
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(ODD.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
};

/// The hash of an order: the first eight bytes are its number, scrambled; the others follow from them.
pub fn order_hash(order: OrderId) -> [u8; ORDER_HASH_BYTES] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let first = (order.0 ^ ORDERS).wrapping_mul(ODD);
    let first = (first ^ (first >> 32)).wrapping_mul(ODD);
    let mut text = [b'0'; ORDER_HASH_BYTES];
    text[1] = b'x';
    let words = [first, mix(first ^ 1), mix(first ^ 2), mix(first ^ 3)];
    for (at, digit) in text[2..].iter_mut().enumerate() {
        *digit = HEX[(words[at / 16] >> (60 - 4 * (at % 16)) & 15) as usize];
    }
    text
}

/// The order that has this hash; `None` if none can have it.
pub fn read_order_hash(text: &str) -> Option<OrderId> {
    let digits = text.strip_prefix("0x")?.get(..16)?;
    let first = u64::from_str_radix(digits, 16).ok()?.wrapping_mul(ODD_INVERSE);
    let first = (first ^ (first >> 32)).wrapping_mul(ODD_INVERSE);
    let order = OrderId(first ^ ORDERS);
    (order_hash(order) == text.as_bytes()).then_some(order)
}

/// SplitMix64's last steps.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(ODD);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
