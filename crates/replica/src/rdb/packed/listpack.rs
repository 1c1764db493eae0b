//! Listpacks (listpack.c): `total bytes u32 | elements u16 | entries.. | 0xff`; an entry is encoding, data, and its own
//! length written so that it can be read backwards.

use super::{Elements, canonical_int, signed_le};
use crate::rdb::Defect;
use crate::rdb::cursor::Text;

const HEADER_BYTES: usize = 6;
const END: u8 = 0xff;
/// In the header: more elements than it can say.
const COUNT_UNKNOWN: u16 = u16::MAX;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("listpack", rule)
}

/// A listpack, walked from its first entry.
#[derive(Debug, Clone)]
pub(crate) struct Listpack<'b> {
    /// From the next entry on, the end mark included.
    rest: &'b [u8],
    announced: u16,
    seen: u64,
}

impl<'b> Listpack<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Result<Self, Defect> {
        let (header, rest) =
            bytes.split_first_chunk::<HEADER_BYTES>().ok_or(invalid("shorter than its header"))?;
        let total = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if total as usize != bytes.len() {
            return Err(invalid("its size is not what its header says"));
        }
        if rest.last() != Some(&END) {
            return Err(invalid("no end mark"));
        }
        Ok(Self { rest, announced: u16::from_le_bytes([header[4], header[5]]), seen: 0 })
    }

    fn end(&self) -> Result<(), Defect> {
        if self.rest.len() != 1 {
            return Err(invalid("bytes after the end mark"));
        }
        match self.announced == COUNT_UNKNOWN || u64::from(self.announced) == self.seen {
            true => Ok(()),
            false => Err(invalid("its number of elements is not what its header says")),
        }
    }

    /// Checks the backward length after an entry of `len` bytes and moves behind it.
    fn pass(&mut self, len: usize) -> Result<(), Defect> {
        let bytes = match len {
            0..=127 if self.rest.get(len) == Some(&(len as u8)) => 1,
            0..=127 => return Err(BACKLEN),
            _ => long_backlen(self.rest.get(len..).unwrap_or_default(), len)?,
        };
        self.rest = self.rest.get(len + bytes..).ok_or(BACKLEN)?;
        self.seen += 1;
        Ok(())
    }
}

const BACKLEN: Defect = invalid("an entry's backward length is not its length");
const LEAVES: Defect = invalid("an entry leaves the listpack");

/// `lpEncodeBacklen`: seven bits a byte, most significant first, all but the first marked.
fn long_backlen(bytes: &[u8], len: usize) -> Result<usize, Defect> {
    let size = match len {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    let bytes = bytes.get(..size).ok_or(BACKLEN)?;
    let matches = bytes.iter().enumerate().all(|(at, byte)| {
        let group = (len >> (7 * (size - 1 - at))) as u8 & 0x7f;
        *byte == if at == 0 { group } else { group | 0x80 }
    });
    if matches { Ok(size) } else { Err(BACKLEN) }
}

impl<'b> Elements<'b> for Listpack<'b> {
    /// Short strings are most of what there is, and all that is inlined.
    #[inline]
    fn next(&mut self) -> Result<Option<Text<'b>>, Defect> {
        if let [head @ 0x80..=0xbf, rest @ ..] = self.rest {
            let len = usize::from(head & 0x3f);
            if let Some((text, [back, rest @ ..])) = rest.split_at_checked(len)
                && usize::from(*back) == len + 1
            {
                self.rest = rest;
                self.seen += 1;
                return Ok(Some(Text::Plain(text)));
            }
        }
        self.next_of_any_form()
    }
}

impl<'b> Listpack<'b> {
    fn next_of_any_form(&mut self) -> Result<Option<Text<'b>>, Defect> {
        let bytes = self.rest;
        let (text, len) = match *bytes {
            [END, ..] => return self.end().map(|()| None),
            [n @ 0..=0x7f, ..] => (Text::Int(i64::from(n)), 1),
            [head @ 0x80..=0xbf, ..] => string(bytes, 1, usize::from(head & 0x3f))?,
            [head @ 0xc0..=0xdf, low, ..] => (Text::Int(int13(head, low)), 2),
            [head @ 0xe0..=0xef, low, ..] => {
                string(bytes, 2, usize::from(head & 0xf) << 8 | usize::from(low))?
            }
            [0xf0, a, b, c, d, ..] => string(bytes, 5, u32::from_le_bytes([a, b, c, d]) as usize)?,
            [0xf1, ..] => int(bytes, 2)?,
            [0xf2, ..] => int(bytes, 3)?,
            [0xf3, ..] => int(bytes, 4)?,
            [0xf4, ..] => int(bytes, 8)?,
            _ => return Err(invalid("an entry of unknown encoding")),
        };
        self.pass(len)?;
        Ok(Some(text))
    }
}

#[inline]
fn string(bytes: &[u8], head: usize, len: usize) -> Result<(Text<'_>, usize), Defect> {
    let end = head.checked_add(len).ok_or(LEAVES)?;
    Ok((Text::Plain(bytes.get(head..end).ok_or(LEAVES)?), end))
}

fn int(bytes: &[u8], len: usize) -> Result<(Text<'_>, usize), Defect> {
    Ok((Text::Int(signed_le(bytes.get(1..=len).ok_or(LEAVES)?)), len + 1))
}

fn int13(head: u8, low: u8) -> i64 {
    let n = i64::from(head & 0x1f) << 8 | i64::from(low);
    if n < 1 << 12 { n } else { n - (1 << 13) }
}

/// Writes listpacks as the servers do (`lpAppend`, `lpEncodeGetType`).
#[derive(Debug, Clone)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], count: 0 }
    }

    fn close(&mut self, start: usize) -> &mut Self {
        let len = self.bytes.len() - start;
        let size = [127, 16_382, 2_097_150, 268_435_454].iter().filter(|max| len > **max).count() + 1;
        for at in 0..size {
            let group = (len >> (7 * (size - 1 - at))) as u8 & 0x7f;
            self.bytes.push(if at == 0 { group } else { group | 0x80 });
        }
        self.count += 1;
        self
    }

    pub(crate) fn int(&mut self, n: i64) -> &mut Self {
        let start = self.bytes.len();
        let le = n.to_le_bytes();
        match n {
            0..=127 => self.bytes.push(le[0]),
            -4096..=4095 => self.bytes.extend([0xc0 | (n >> 8) as u8 & 0x1f, le[0]]),
            -32_768..=32_767 => self.bytes.extend([&[0xf1], &le[..2]].concat()),
            -8_388_608..=8_388_607 => self.bytes.extend([&[0xf2], &le[..3]].concat()),
            -2_147_483_648..=2_147_483_647 => self.bytes.extend([&[0xf3], &le[..4]].concat()),
            _ => self.bytes.extend([&[0xf4], &le[..8]].concat()),
        }
        self.close(start)
    }

    /// A number where the text is one, as the servers do.
    pub(crate) fn push(&mut self, text: &[u8]) -> &mut Self {
        match canonical_int(text) {
            Some(n) => self.int(n),
            None => self.text(text),
        }
    }

    pub(crate) fn text(&mut self, text: &[u8]) -> &mut Self {
        let start = self.bytes.len();
        match text.len() {
            len @ 0..=63 => self.bytes.push(0x80 | len as u8),
            len @ 64..=4095 => self.bytes.extend([0xe0 | (len >> 8) as u8, len as u8]),
            len => self.bytes.extend([&[0xf0], &(len as u32).to_le_bytes()[..]].concat()),
        }
        self.bytes.extend_from_slice(text);
        self.close(start)
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.push(END);
        let total = (bytes.len() as u32).to_le_bytes();
        bytes[..4].copy_from_slice(&total);
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        bytes[4..6].copy_from_slice(&count.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Defect> {
        let mut listpack = Listpack::new(bytes)?;
        let mut out = Vec::new();
        while let Some(text) = listpack.next()? {
            out.push(text.to_vec()?);
        }
        Ok(out)
    }

    #[test]
    fn every_encoding_reads_back() {
        let ints =
            [0, 127, 128, -1, 4095, -4096, 4096, 32_767, -32_768, 40_000, -8_388_608, 1 << 30, i64::MIN];
        let lens = [0, 1, 63, 64, 126, 127, 128, 4095, 4096, 16_377, 16_378, 16_379, 2_097_145, 2_097_146];
        let mut builder = Builder::new();
        ints.iter().for_each(|n| {
            builder.int(*n);
        });
        lens.iter().for_each(|len| {
            builder.text(&vec![b'x'; *len]);
        });
        let elements = all(&builder.build()).expect("well-formed");
        let expected = ints.iter().map(|n| n.to_string().into_bytes());
        let expected: Vec<_> = expected.chain(lens.iter().map(|len| vec![b'x'; *len])).collect();
        assert_eq!(elements, expected);
    }

    #[test]
    fn no_changed_byte_of_the_framing_goes_unnoticed() {
        let good = Builder::new().int(5).text(b"ab").int(-70_000).build();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let same = all(&bad).is_ok_and(|elements| elements.len() == 3);
                // Only the data may differ without breaking the structure.
                let data = at == 6 || (9..11).contains(&at) || (13..16).contains(&at);
                assert!(!same || data, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let good = Builder::new().text(b"field").int(1 << 40).text(&[7; 300]).build();
        for len in 0..good.len() {
            assert!(all(&good[..len]).is_err());
            let mut lying = good[..len].to_vec();
            if len >= 7 {
                lying[..4].copy_from_slice(&(len as u32).to_le_bytes());
                lying[len - 1] = END;
                lying[4..6].copy_from_slice(&3u16.to_le_bytes());
                assert!(all(&lying).is_err(), "cut to {len}");
            }
        }
    }
}
