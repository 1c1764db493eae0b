//! Zipmaps (zipmap.c, until Redis 2.4): `count u8 | pairs.. | 0xff`; a pair is field length, field, value length, spare
//! bytes u8, value, the spare bytes.

use super::Elements;
use crate::rdb::Defect;
use crate::rdb::cursor::Text;

const END: u8 = 0xff;
const LONG: u8 = 0xfe;
/// In the count: too many pairs to say.
const COUNT_UNKNOWN: u8 = 0xfe;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("zipmap", rule)
}

const LEAVES: Defect = invalid("an entry leaves the zipmap");

/// A zipmap, walked as field, value, field, value, ..
#[derive(Debug, Clone)]
pub(crate) struct Zipmap<'b> {
    rest: &'b [u8],
    announced: u8,
    fields: u64,
    at_value: bool,
}

impl<'b> Zipmap<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Result<Self, Defect> {
        let (&announced, rest) = bytes.split_first().ok_or(invalid("shorter than its header"))?;
        Ok(Self { rest, announced, fields: 0, at_value: false })
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8], Defect> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(LEAVES)?;
        self.rest = rest;
        Ok(head)
    }

    fn len(&mut self) -> Result<usize, Defect> {
        match self.take(1)? {
            [LONG] => {
                let bytes = self.take(4)?.first_chunk().ok_or(LEAVES)?;
                Ok(u32::from_le_bytes(*bytes) as usize)
            }
            [END] => Err(invalid("it ends inside a pair")),
            bytes => Ok(usize::from(bytes[0])),
        }
    }

    fn value(&mut self) -> Result<Text<'b>, Defect> {
        let len = self.len()?;
        let spare = usize::from(self.take(1)?[0]);
        let value = self.take(len)?;
        self.take(spare)?;
        Ok(Text::Plain(value))
    }

    fn end(&self) -> Result<(), Defect> {
        if self.rest.len() != 1 {
            return Err(invalid("bytes after the end mark"));
        }
        match self.announced >= COUNT_UNKNOWN || u64::from(self.announced) == self.fields {
            true => Ok(()),
            false => Err(invalid("its number of pairs is not what its header says")),
        }
    }
}

impl<'b> Elements<'b> for Zipmap<'b> {
    fn next(&mut self) -> Result<Option<Text<'b>>, Defect> {
        self.at_value = !self.at_value;
        if !self.at_value {
            return self.value().map(Some);
        }
        if self.rest.first() == Some(&END) {
            return self.end().map(|()| None);
        }
        self.fields += 1;
        let len = self.len()?;
        Ok(Some(Text::Plain(self.take(len)?)))
    }
}

/// Writes zipmaps as the servers did, without spare bytes.
pub(crate) fn build<'v>(pairs: impl ExactSizeIterator<Item = (&'v [u8], &'v [u8])>) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(pairs.len()).unwrap_or(COUNT_UNKNOWN).min(COUNT_UNKNOWN)];
    for (field, value) in pairs {
        push_len(&mut bytes, field.len());
        bytes.extend_from_slice(field);
        push_len(&mut bytes, value.len());
        bytes.push(0);
        bytes.extend_from_slice(value);
    }
    bytes.push(END);
    bytes
}

fn push_len(bytes: &mut Vec<u8>, len: usize) {
    if len < usize::from(LONG) {
        bytes.push(len as u8);
    } else {
        bytes.push(LONG);
        bytes.extend_from_slice(&(len as u32).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Defect> {
        let mut map = Zipmap::new(bytes)?;
        let mut out = Vec::new();
        while let Some(text) = map.next()? {
            out.push(text.to_vec()?);
        }
        Ok(out)
    }

    #[test]
    fn pairs_with_spare_bytes_read_back_and_truncations_do_not() {
        let good = b"\x02\x01a\x01\x02x..\xfe\x03\0\0\0bcd\x00\x00\xff";
        assert_eq!(all(good), Ok([b"a".as_slice(), b"x", b"bcd", b""].map(<[u8]>::to_vec).to_vec()));
        assert!((0..good.len()).all(|len| all(&good[..len]).is_err()));
        let mut miscounted = good.to_vec();
        miscounted[0] = 3;
        assert!(all(&miscounted).is_err());
    }
}
