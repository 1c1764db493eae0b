//! A bounded reader over complete bytes: RDB lengths, strings and fixed fields.

use super::Defect;
use super::lzf;

/// An RDB length (`rdbLoadLenByRef`): a count, or the number of a special string encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Count(u64),
    Encoding(u8),
}

/// Bytes of the length that begins with `first`.
pub(crate) const fn length_bytes(first: u8) -> usize {
    match first {
        0x40..=0x7f => 2,
        0x80 => 5,
        0x81 => 9,
        _ => 1,
    }
}

/// A string as it stands in the snapshot or in a packed structure, not yet decompressed or formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text<'b> {
    Plain(&'b [u8]),
    Int(i64),
    Lzf { data: &'b [u8], len: usize },
}

impl<'b> Text<'b> {
    /// The string's bytes; `spare` holds them if they don't stand in the input as they are.
    #[inline]
    pub(crate) fn bytes<'s>(self, spare: &'s mut Vec<u8>) -> Result<&'s [u8], Defect>
    where
        'b: 's,
    {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Int(n) => {
                spare.clear();
                spare.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
                Ok(spare)
            }
            Self::Lzf { data, len } => Ok(lzf::decompress(data, len, spare)?),
        }
    }

    /// The string in memory of its own.
    pub(crate) fn to_vec(self) -> Result<Vec<u8>, Defect> {
        let mut out = Vec::new();
        match self {
            Self::Plain(bytes) => out.extend_from_slice(bytes),
            other => {
                let len = other.bytes(&mut out)?.len();
                out.truncate(len);
            }
        }
        Ok(out)
    }

    /// Length after decompression.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            Self::Int(_) => 0,
            Self::Lzf { len, .. } => len,
        }
    }
}

/// A position in complete bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'b> {
    bytes: &'b [u8],
}

impl<'b> Cursor<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) const fn rest(&self) -> &'b [u8] {
        self.bytes
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'b [u8], Defect> {
        let (head, tail) = self.bytes.split_at_checked(len).ok_or(Defect::Truncated)?;
        self.bytes = tail;
        Ok(head)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Defect> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(Defect::Truncated)?;
        self.bytes = tail;
        Ok(*head)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Defect> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u64_le(&mut self) -> Result<u64, Defect> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn length(&mut self) -> Result<Length, Defect> {
        let first = self.byte()?;
        Ok(Length::Count(match first {
            0x00..=0x3f => u64::from(first),
            0x40..=0x7f => u64::from(first & 0x3f) << 8 | u64::from(self.byte()?),
            0x80 => u64::from(u32::from_be_bytes(self.array()?)),
            0x81 => u64::from_be_bytes(self.array()?),
            0xc0.. => return Ok(Length::Encoding(first & 0x3f)),
            _ => return Err(Defect::invalid("length", "its first byte is none of the known forms")),
        }))
    }

    /// A plain number.
    #[inline]
    pub(crate) fn count(&mut self) -> Result<u64, Defect> {
        match self.length()? {
            Length::Count(n) => Ok(n),
            Length::Encoding(_) => Err(Defect::invalid("length", "a string encoding where a number belongs")),
        }
    }

    fn size(&mut self) -> Result<usize, Defect> {
        usize::try_from(self.count()?).map_err(|_| Defect::Truncated)
    }

    /// Plain strings of less than 16 KiB are most of what there is, and all that is inlined.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text<'b>, Defect> {
        let (len, rest) = match *self.bytes {
            [first @ 0..=0x3f, ref rest @ ..] => (usize::from(first), rest),
            [first @ 0x40..=0x7f, low, ref rest @ ..] => {
                (usize::from(first & 0x3f) << 8 | usize::from(low), rest)
            }
            _ => return self.text_of_any_form(),
        };
        let (text, rest) = rest.split_at_checked(len).ok_or(Defect::Truncated)?;
        self.bytes = rest;
        Ok(Text::Plain(text))
    }

    fn text_of_any_form(&mut self) -> Result<Text<'b>, Defect> {
        match self.length()? {
            Length::Count(len) => {
                let len = usize::try_from(len).map_err(|_| Defect::Truncated)?;
                Ok(Text::Plain(self.take(len)?))
            }
            Length::Encoding(encoding) => self.encoded(encoding),
        }
    }

    fn encoded(&mut self, encoding: u8) -> Result<Text<'b>, Defect> {
        Ok(match encoding {
            0 => Text::Int(i64::from(i8::from_le_bytes(self.array()?))),
            1 => Text::Int(i64::from(i16::from_le_bytes(self.array()?))),
            2 => Text::Int(i64::from(i32::from_le_bytes(self.array()?))),
            3 => {
                let packed = self.size()?;
                let len = self.size()?;
                Text::Lzf { data: self.take(packed)?, len }
            }
            _ => return Err(Defect::invalid("string", "unknown encoding")),
        })
    }

    /// The value is over.
    pub(crate) fn finish(self) -> Result<(), Defect> {
        match self.bytes.len() {
            0 => Ok(()),
            n => Err(Defect::Trailing(n)),
        }
    }
}
