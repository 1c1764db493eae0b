//! The servers' packed structures: many elements in one block of bytes.
//!
//! Each iterator proves its structure while it walks: an element is handed out only after its own bytes were checked,
//! and the end only after what the header announced was found true.

pub(crate) mod intset;
pub(crate) mod listpack;
pub(crate) mod ziplist;
pub(crate) mod zipmap;

use super::Defect;
use super::cursor::Text;

/// Elements of a packed structure.
pub(crate) trait Elements<'b> {
    /// The next element, `None` after the last.
    fn next(&mut self) -> Result<Option<Text<'b>>, Defect>;

    /// The element that must follow.
    fn expect(&mut self, part: &'static str, rule: &'static str) -> Result<Text<'b>, Defect> {
        self.next()?.ok_or(Defect::invalid(part, rule))
    }
}

/// A signed little-endian number of `bytes` (1-8 of them).
pub(crate) fn signed_le(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unused = 64 - 8 * bytes.len() as u32;
    i64::from_le_bytes(wide) << unused >> unused
}

/// The number that a text is, if that number is written as this text and no other.
pub(crate) fn canonical_int(text: &[u8]) -> Option<i64> {
    const TEXT_BYTES_MAX: usize = 20;
    match text {
        [] | [b'+' | b'0', _, ..] | [b'-', b'0', ..] => None,
        _ if text.len() > TEXT_BYTES_MAX => None,
        _ => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}
