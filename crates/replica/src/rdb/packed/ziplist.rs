//! Ziplists (ziplist.c, until Redis 6.2): `total bytes u32 | offset of the last entry u32 | elements u16 | entries.. |
//! 0xff`; an entry is the length of the one before it, encoding, data.

use super::{Elements, signed_le};
use crate::rdb::Defect;
use crate::rdb::cursor::Text;

const HEADER_BYTES: usize = 10;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The length of the entry before is in the four bytes that follow.
const LONG_PREVIOUS: u8 = 0xfe;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("ziplist", rule)
}

const LEAVES: Defect = invalid("an entry leaves the ziplist");

/// A ziplist, walked from its first entry.
#[derive(Debug, Clone)]
pub(crate) struct Ziplist<'b> {
    bytes: &'b [u8],
    at: usize,
    previous_len: usize,
    announced: u16,
    tail: usize,
    seen: u64,
}

impl<'b> Ziplist<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Result<Self, Defect> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(invalid("shorter than its header"))?;
        let total = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let tail = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if total as usize != bytes.len() {
            return Err(invalid("its size is not what its header says"));
        }
        if bytes.len() == HEADER_BYTES || bytes.last() != Some(&END) {
            return Err(invalid("no end mark"));
        }
        let announced = u16::from_le_bytes([header[8], header[9]]);
        Ok(Self { bytes, at: HEADER_BYTES, previous_len: 0, announced, tail: tail as usize, seen: 0 })
    }

    fn end(&self) -> Result<(), Defect> {
        if self.at + 1 != self.bytes.len() {
            return Err(invalid("bytes after the end mark"));
        }
        if self.tail != self.at - self.previous_len {
            return Err(invalid("its last entry is not where its header says"));
        }
        match self.announced == COUNT_UNKNOWN || u64::from(self.announced) == self.seen {
            true => Ok(()),
            false => Err(invalid("its number of elements is not what its header says")),
        }
    }
}

impl<'b> Elements<'b> for Ziplist<'b> {
    fn next(&mut self) -> Result<Option<Text<'b>>, Defect> {
        let bytes = &self.bytes[self.at..];
        let (previous, head) = match *bytes {
            [END, ..] => return self.end().map(|()| None),
            [LONG_PREVIOUS, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, 5),
            [len, ..] if len != LONG_PREVIOUS => (usize::from(len), 1),
            _ => return Err(LEAVES),
        };
        if previous != self.previous_len {
            return Err(invalid("an entry's backward length is not that of the entry before"));
        }
        let (text, len) = entry(&bytes[head..])?;
        self.previous_len = head + len;
        self.at += self.previous_len;
        self.seen += 1;
        if self.at >= self.bytes.len() {
            return Err(LEAVES);
        }
        Ok(Some(text))
    }
}

fn entry(bytes: &[u8]) -> Result<(Text<'_>, usize), Defect> {
    match *bytes {
        [head @ 0..=0x3f, ..] => string(bytes, 1, usize::from(head)),
        [head @ 0x40..=0x7f, low, ..] => string(bytes, 2, usize::from(head & 0x3f) << 8 | usize::from(low)),
        [0x80, a, b, c, d, ..] => string(bytes, 5, u32::from_be_bytes([a, b, c, d]) as usize),
        [0xc0, ..] => int(bytes, 2),
        [0xd0, ..] => int(bytes, 4),
        [0xe0, ..] => int(bytes, 8),
        [0xf0, ..] => int(bytes, 3),
        [0xfe, ..] => int(bytes, 1),
        [head @ 0xf1..=0xfd, ..] => Ok((Text::Int(i64::from(head) - 0xf1), 1)),
        _ => Err(invalid("an entry of unknown encoding")),
    }
}

fn string(bytes: &[u8], head: usize, len: usize) -> Result<(Text<'_>, usize), Defect> {
    let end = head.checked_add(len).ok_or(LEAVES)?;
    Ok((Text::Plain(bytes.get(head..end).ok_or(LEAVES)?), end))
}

fn int(bytes: &[u8], len: usize) -> Result<(Text<'_>, usize), Defect> {
    Ok((Text::Int(signed_le(bytes.get(1..=len).ok_or(LEAVES)?)), len + 1))
}

/// Writes ziplists as the servers did: no living server writes them any more.
pub(crate) fn build(elements: &[Text<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    let mut previous = HEADER_BYTES;
    for element in elements {
        let start = bytes.len();
        let len = start - previous;
        if start == HEADER_BYTES {
            bytes.push(0);
        } else if len < 254 {
            bytes.push(len as u8);
        } else {
            bytes.push(LONG_PREVIOUS);
            bytes.extend((len as u32).to_le_bytes());
        }
        previous = start;
        push_entry(&mut bytes, element);
    }
    bytes.push(END);
    let total = (bytes.len() as u32).to_le_bytes();
    bytes[..4].copy_from_slice(&total);
    bytes[4..8].copy_from_slice(&(previous as u32).to_le_bytes());
    let count = u16::try_from(elements.len()).unwrap_or(COUNT_UNKNOWN);
    bytes[8..10].copy_from_slice(&count.to_le_bytes());
    bytes
}

fn push_entry(bytes: &mut Vec<u8>, element: &Text<'_>) {
    match *element {
        Text::Int(n @ 0..=12) => bytes.push(0xf1 + n as u8),
        Text::Int(n @ -128..=127) => bytes.extend([0xfe, n as u8]),
        Text::Int(n @ -32_768..=32_767) => bytes.extend([&[0xc0], &n.to_le_bytes()[..2]].concat()),
        Text::Int(n @ -8_388_608..=8_388_607) => bytes.extend([&[0xf0], &n.to_le_bytes()[..3]].concat()),
        Text::Int(n @ -2_147_483_648..=2_147_483_647) => {
            bytes.extend([&[0xd0], &n.to_le_bytes()[..4]].concat())
        }
        Text::Int(n) => bytes.extend([&[0xe0], &n.to_le_bytes()[..8]].concat()),
        Text::Plain(text) | Text::Lzf { data: text, .. } => {
            match text.len() {
                len @ 0..=63 => bytes.push(len as u8),
                len @ 64..=16_383 => bytes.extend([0x40 | (len >> 8) as u8, len as u8]),
                len => bytes.extend([&[0x80], &(len as u32).to_be_bytes()[..]].concat()),
            }
            bytes.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Defect> {
        let mut ziplist = Ziplist::new(bytes)?;
        let mut out = Vec::new();
        while let Some(text) = ziplist.next()? {
            out.push(text.to_vec()?);
        }
        Ok(out)
    }

    #[test]
    fn every_encoding_reads_back() {
        let long = vec![b'y'; 20_000];
        let mid = vec![b'z'; 300];
        let elements = [
            Text::Int(0),
            Text::Int(12),
            Text::Int(13),
            Text::Int(-128),
            Text::Int(-32_768),
            Text::Int(8_388_607),
            Text::Int(i64::from(i32::MIN)),
            Text::Plain(&mid),
            Text::Int(i64::MAX),
            Text::Plain(&long),
            Text::Plain(b""),
        ];
        let read = all(&build(&elements)).expect("well-formed");
        let expected: Vec<_> = elements.iter().map(|text| text.to_vec().expect("plain")).collect();
        assert_eq!(read, expected);
        assert_eq!(all(&build(&[])), Ok(vec![]));
    }

    #[test]
    fn lies_of_the_header_and_of_back_lengths_are_found() {
        let good = build(&[Text::Plain(b"a"), Text::Plain(b"b"), Text::Int(3)]);
        for at in [0, 4, 8, 10, 13] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(all(&bad).is_err(), "byte {at}");
        }
        for len in 0..good.len() {
            assert!(all(&good[..len]).is_err());
        }
    }
}
