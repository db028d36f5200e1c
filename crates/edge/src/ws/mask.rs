//! The masking of client payloads (RFC 6455, 5.3): XOR with four bytes, its own inverse.

#[cfg(test)]
mod tests;

/// Masks or unmasks `bytes`, the part of a payload that begins `offset` bytes into it.
#[inline]
pub fn apply(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    // Turned so that the first byte of `bytes` meets the byte of the key that is its own.
    let key = u32::from_le_bytes(key).rotate_right(8 * (offset & 3) as u32);
    let wide = u64::from(key) | u64::from(key) << 32;

    // Words of eight, which the compiler widens to vectors; then at most one of four, at most three.
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
    }
    let (words, rest) = rest.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_le_bytes(*word) ^ key).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.to_le_bytes()) {
        *byte ^= key;
    }
}
