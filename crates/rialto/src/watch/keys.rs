//! What is typed, as the view understands it.

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// To end.
    Quit,
    /// The next market.
    Next,
    /// The market before.
    Previous,
    /// Candles of another interval.
    Interval,
}

/// Whether an escape stands at the end, of which it is not known yet whether more belongs to it.
#[must_use]
pub const fn is_open(bytes: &[u8]) -> bool {
    matches!(bytes, [.., 0x1b])
}

/// Reads what was typed. An escape at the end is the key of that name.
#[must_use]
pub fn read(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'q' | b'Q' | 0x03 => keys.push(Key::Quit),
            b'\t' => keys.push(Key::Next),
            b'i' | b'I' => keys.push(Key::Interval),
            0x1b => match after {
                [b'[' | b'O', sequence @ ..] => {
                    let length = sequence.iter().position(|it| (0x40..=0x7e).contains(it));
                    let length = length.map_or(sequence.len(), |at| at + 1);
                    keys.extend(match &sequence[..length] {
                        b"C" => Some(Key::Next),
                        b"D" | b"Z" => Some(Key::Previous),
                        _ => None,
                    });
                    rest = &sequence[length..];
                }
                // With Alt held down.
                [_, more @ ..] => rest = more,
                [] => keys.push(Key::Quit),
            },
            _ => {}
        }
    }
    keys
}
