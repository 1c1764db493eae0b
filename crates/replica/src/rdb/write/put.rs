//! Lengths and strings (`rdbSaveLen`, `rdbSaveRawString`).

use super::super::lzf;
use super::super::packed::canonical_int;

/// How strings are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strings {
    /// Length and bytes.
    #[default]
    Plain,
    /// As servers do with `rdbcompression yes`: small numbers as such, long texts compressed where that saves space.
    Compact,
}

/// The longest text that may be a 32-bit number, and the shortest that servers try to compress.
const NUMBER_BYTES_MAX: usize = 11;
const LZF_BYTES_MIN: usize = 21;

/// Bytes in the making.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) bytes: Vec<u8>,
    pub(crate) strings: Strings,
}

impl Out {
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn len(&mut self, len: u64) {
        match len {
            0..=0x3f => self.bytes.push(len as u8),
            0x40..=0x3fff => self.put(&[0x40 | (len >> 8) as u8, len as u8]),
            0x4000..=0xffff_ffff => {
                self.bytes.push(0x80);
                self.put(&(len as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(0x81);
                self.put(&len.to_be_bytes());
            }
        }
    }

    pub(crate) fn string(&mut self, string: &[u8]) {
        let short = self.strings == Strings::Compact && (self.number(string) || self.compressed(string));
        if !short {
            self.len(string.len() as u64);
            self.put(string);
        }
    }

    fn number(&mut self, string: &[u8]) -> bool {
        if string.len() > NUMBER_BYTES_MAX {
            return false;
        }
        let Some(n) = canonical_int(string) else { return false };
        match (i8::try_from(n), i16::try_from(n), i32::try_from(n)) {
            (Ok(n), ..) => self.put(&[0xc0, n.cast_unsigned()]),
            (_, Ok(n), _) => self.put(&[&[0xc1][..], &n.to_le_bytes()].concat()),
            (.., Ok(n)) => self.put(&[&[0xc2][..], &n.to_le_bytes()].concat()),
            _ => return false,
        }
        true
    }

    fn compressed(&mut self, string: &[u8]) -> bool {
        if string.len() < LZF_BYTES_MIN {
            return false;
        }
        let packed = lzf::compress(string);
        // rdbSaveLzfStringObject gives up unless four bytes are saved.
        if packed.len() + 4 > string.len() {
            return false;
        }
        self.bytes.push(0xc3);
        self.len(packed.len() as u64);
        self.len(string.len() as u64);
        self.put(&packed);
        true
    }

    pub(crate) fn strings(&mut self, strings: &[Vec<u8>]) {
        self.len(strings.len() as u64);
        strings.iter().for_each(|string| self.string(string));
    }
}
