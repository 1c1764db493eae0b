//! Fields of items.

use std::borrow::Cow;

use crate::rdb::cursor::{Cursor, Text};
use crate::rdb::item::Item;
use crate::rdb::{Defect, Limits};

/// `none` is what stands for "never" (db.c); other times before 1970 have passed like any in the past.
pub(super) fn expiry(time_ms: i64, none: i64) -> Option<u64> {
    (time_ms != none).then(|| u64::try_from(time_ms).unwrap_or(0))
}

pub(super) fn decimal(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |n, digit| digit.is_ascii_digit().then(|| n * 10 + u16::from(digit - b'0')))
}

#[inline(always)]
pub(super) fn key<'b>(cursor: &mut Cursor<'b>, limits: &Limits) -> Result<Cow<'b, [u8]>, Defect> {
    match cursor.text()? {
        Text::Plain(key) if key.len() as u64 <= limits.key_bytes => Ok(Cow::Borrowed(key)),
        text => owned_if_needed(text, "key length", limits.key_bytes),
    }
}

pub(super) fn text<'b>(cursor: &mut Cursor<'b>, limits: &Limits) -> Result<Cow<'b, [u8]>, Defect> {
    owned_if_needed(cursor.text()?, "string length", limits.string_bytes)
}

fn owned_if_needed<'b>(text: Text<'b>, what: &'static str, limit: u64) -> Result<Cow<'b, [u8]>, Defect> {
    if text.len() as u64 > limit {
        return Err(Defect::Limit { what, got: text.len() as u64, limit });
    }
    match text {
        Text::Plain(bytes) => Ok(Cow::Borrowed(bytes)),
        other => Ok(Cow::Owned(other.to_vec()?)),
    }
}

pub(super) fn aux<'b>(cursor: &mut Cursor<'b>, limits: &Limits) -> Result<Item<'b>, Defect> {
    Ok(Item::Aux { key: text(cursor, limits)?, value: text(cursor, limits)? })
}

pub(super) fn numbers<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[u64; N], Defect> {
    let mut all = [0; N];
    for n in &mut all {
        *n = cursor.count()?;
    }
    Ok(all)
}

pub(super) fn slot_import<'b>(cursor: &mut Cursor<'b>, limits: &Limits) -> Result<Item<'b>, Defect> {
    let job = text(cursor, limits)?;
    let ranges = cursor.count()?;
    let ranges =
        (0..ranges).map(|_| Ok((cursor.count()?, cursor.count()?))).collect::<Result<_, Defect>>()?;
    Ok(Item::SlotImport { job, ranges })
}
