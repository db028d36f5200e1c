//! Images: state as bytes, and back. One small codec for all who keep state, so that their parts can be put together to
//! an image of the whole.
//!
//! Equal states give equal bytes, on any machine: numbers have one spelling, and whoever has a hash map writes it in
//! order. What is read is believed only as far as it was checked: an [`Impossible`] state is refused, never a panic,
//! and memory is bounded by the bytes that there are. Not a wire format and not a journal: an image says how things
//! stand, is read by builds that know its layout, and may be thrown away.

mod perpetuals;
mod words;

#[cfg(test)]
mod tests;

use core::fmt;

/// Why bytes are no state: what in them cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impossible(pub &'static str);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it says the impossible: {}", self.0)
    }
}

impl core::error::Error for Impossible {}

/// Moments, sums and counts beyond this are not believed: there must be room to go on.
pub const MAGNITUDE_MAX: i64 = 1 << 61;

/// Where a walk over state leaves its numbers: bytes, or a digest of them.
pub trait Sink {
    /// One byte.
    fn byte(&mut self, value: u8);
    /// Eight bytes.
    fn word(&mut self, value: u64);
}

impl Sink for Vec<u8> {
    fn byte(&mut self, value: u8) {
        self.push(value);
    }
    fn word(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
}

/// What can be part of an image.
pub trait Image: Sized {
    /// Appends its bytes.
    fn save(&self, out: &mut Vec<u8>);
    /// Reads what [`Image::save`] wrote.
    ///
    /// # Errors
    /// [`Impossible`] if that is not what stands there.
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible>;
}

/// Writes how many there are, and then each.
pub fn save_all<'a, T: Image + 'a>(all: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) {
    save_number(all.len() as u64, out);
    all.for_each(|each| each.save(out));
}

/// Writes a number, seven bits a byte, the lowest first.
pub fn save_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what was written, and never beyond it.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.0.len()
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// [`Impossible`] if something is.
    pub const fn end(&self) -> Result<(), Impossible> {
        if self.0.is_empty() { Ok(()) } else { Err(Impossible("more bytes than state")) }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`Impossible`] if there are not so many.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Impossible> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(Impossible("fewer bytes than state"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes, as many as are asked for.
    ///
    /// # Errors
    /// [`Impossible`] if there are not so many.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Impossible> {
        let (taken, rest) =
            self.0.split_first_chunk::<N>().ok_or(Impossible("fewer bytes than state"))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Impossible`] if there is none.
    pub fn byte(&mut self) -> Result<u8, Impossible> {
        Ok(self.array::<1>()?[0])
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`Impossible`] if there are not so many.
    pub fn word(&mut self) -> Result<u64, Impossible> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Eight bytes that are a number below `end`.
    ///
    /// # Errors
    /// [`Impossible`], with `what`, if it is not.
    pub fn below(&mut self, end: u64, what: &'static str) -> Result<u64, Impossible> {
        self.within(0, end, what)
    }

    /// Eight bytes that are a number from `from` on and below `end`.
    ///
    /// # Errors
    /// [`Impossible`], with `what`, if it is not.
    pub fn within(&mut self, from: u64, end: u64, what: &'static str) -> Result<u64, Impossible> {
        let value = self.word()?;
        if (from..end).contains(&value) { Ok(value) } else { Err(Impossible(what)) }
    }

    /// A byte that says yes or no.
    ///
    /// # Errors
    /// [`Impossible`], with `what`, if it says neither.
    pub fn flag(&mut self, what: &'static str) -> Result<bool, Impossible> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Impossible(what)),
        }
    }

    /// A number, as [`save_number`] writes it and in no other spelling.
    ///
    /// # Errors
    /// [`Impossible`] if none stands there.
    pub fn number(&mut self) -> Result<u64, Impossible> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(Impossible("a number that is too large"));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return match byte {
                    0 if shift > 0 => Err(Impossible("a number in another spelling")),
                    _ => Ok(value),
                };
            }
        }
        Err(Impossible("a number that is too long"))
    }

    /// A count of what is told next, each of it at least a byte long.
    ///
    /// # Errors
    /// [`Impossible`], with `what`, if there are more than `most`, or more than there are bytes.
    pub fn count(&mut self, most: usize, what: &'static str) -> Result<usize, Impossible> {
        let count = self.number()?;
        let count = usize::try_from(count).map_err(|_| Impossible(what))?;
        if count > most || count > self.left() { Err(Impossible(what)) } else { Ok(count) }
    }

    /// So many of a kind, as [`save_all`] writes them.
    ///
    /// # Errors
    /// [`Impossible`], with `what` if there are more than `most`.
    pub fn all<T: Image, All: FromIterator<T>>(
        &mut self,
        most: usize,
        what: &'static str,
    ) -> Result<All, Impossible> {
        let count = self.count(most, what)?;
        (0..count).map(|_| T::load(self)).collect()
    }
}

/// Whether a number is one from which there is room to go on.
///
/// # Errors
/// [`Impossible`], with `what`, if it is not.
pub const fn moderate(value: i64, what: &'static str) -> Result<i64, Impossible> {
    if -MAGNITUDE_MAX <= value && value <= MAGNITUDE_MAX {
        Ok(value)
    } else {
        Err(Impossible(what))
    }
}

/// Makes a struct part of images: its fields, in this order. One that is left out does not compile.
#[macro_export]
macro_rules! image_of_fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::image::Image for $name {
            fn save(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($crate::image::Image::save($field, out);)+
            }
            fn load(
                from: &mut $crate::image::Reader<'_>,
            ) -> Result<Self, $crate::image::Impossible> {
                $(let $field = $crate::image::Image::load(from)?;)+
                Ok(Self { $($field),+ })
            }
        }
    };
}

/// Makes an enum part of images: a code for each kind, which is never given to another, and what it carries.
#[macro_export]
macro_rules! image_of_kinds {
    ($name:ident { $($code:literal $kind:ident $(($part:ident))? $({ $($field:ident),+ })?),+ $(,)? }) => {
        impl $crate::image::Image for $name {
            fn save(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$kind $(($part))? $({ $($field),+ })? => {
                        out.push($code);
                        $($crate::image::Image::save($part, out);)?
                        $($($crate::image::Image::save($field, out);)+)?
                    })+
                }
            }
            fn load(
                from: &mut $crate::image::Reader<'_>,
            ) -> Result<Self, $crate::image::Impossible> {
                match from.byte()? {
                    $($code => {
                        $(let $part = $crate::image::Image::load(from)?;)?
                        $($(let $field = $crate::image::Image::load(from)?;)+)?
                        Ok(Self::$kind $(($part))? $({ $($field),+ })?)
                    })+
                    _ => Err($crate::image::Impossible(concat!("a kind of ", stringify!($name)))),
                }
            }
        }
    };
}
