//! Hashes, with and without expiring fields.

use super::{Meter, Spare, Visit};
use crate::rdb::Defect;
use crate::rdb::cursor::{Cursor, Text};
use crate::rdb::packed::Elements;
use crate::rdb::packed::listpack::Listpack;
use crate::rdb::packed::ziplist::Ziplist;
use crate::rdb::packed::zipmap::Zipmap;
use crate::rdb::types::*;

/// The latest expiry of a field in Redis (ebuckets.h: `EB_EXPIRE_TIME_MAX`), in milliseconds.
const REDIS_EXPIRE_MAX: u64 = (1 << 48) - 1;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("hash", rule)
}

const BAD_EXPIRY: Defect = invalid("a field's expiry is out of range");

pub(super) fn walk<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    match type_byte {
        HASH => {
            for _ in 0..meter.count_some(cursor, "hash")? {
                visit.field(meter.text(cursor)?, meter.text(cursor)?, 0)?;
            }
            Ok(())
        }
        HASH_ZIPMAP => pairs(Zipmap::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
        HASH_ZIPLIST => pairs(Ziplist::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
        _ => pairs(Listpack::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
    }
}

#[inline]
fn pairs<'s, V: Visit>(mut elements: impl Elements<'s>, visit: &mut V) -> Result<(), Defect> {
    let mut empty = true;
    while let Some(field) = elements.next()? {
        visit.field(field, elements.expect("hash", "a field without a value")?, 0)?;
        empty = false;
    }
    if empty { Err(Defect::Empty("hash")) } else { Ok(()) }
}

/// Redis 7.4+: the earliest expiry, then fields whose expiry counts from it (0 for none, else plus 1).
pub(super) fn redis_expiring<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    let earliest = earliest(cursor)?;
    for _ in 0..meter.count_some(cursor, "hash")? {
        redis_field(earliest, cursor, meter, visit)?;
    }
    Ok(())
}

/// The time that the fields' own expiries count from.
pub(super) fn earliest(cursor: &mut Cursor<'_>) -> Result<u64, Defect> {
    let earliest = cursor.u64_le()?;
    if earliest <= REDIS_EXPIRE_MAX + 1 { Ok(earliest) } else { Err(BAD_EXPIRY) }
}

pub(super) fn redis_field<V: Visit>(
    earliest: u64,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    let expire_at = match cursor.count()? {
        0 => 0,
        after => earliest.checked_add(after - 1).ok_or(BAD_EXPIRY)?,
    };
    visit.field(meter.text(cursor)?, meter.text(cursor)?, redis_expiry(expire_at)?)
}

/// Release candidates of Redis 7.4: absolute times, no earliest one.
pub(super) fn redis_expiring_rc<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    for _ in 0..meter.count_some(cursor, "hash")? {
        redis_field_rc(cursor, meter, visit)?;
    }
    Ok(())
}

pub(super) fn redis_field_rc<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    let expire_at = redis_expiry(cursor.count()?)?;
    visit.field(meter.text(cursor)?, meter.text(cursor)?, expire_at)
}

fn redis_expiry(at_ms: u64) -> Result<u64, Defect> {
    if at_ms <= REDIS_EXPIRE_MAX { Ok(at_ms) } else { Err(BAD_EXPIRY) }
}

/// Redis 7.4+: a listpack of field, value, absolute expiry (0 for none); the soonest first, those without at the end,
/// because the server stops expiring at the first that isn't due (`_lpEntryValidation`).
pub(super) fn redis_listpack_expiring<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let mut elements = Listpack::new(meter.blob(cursor, &mut spare.blob)?)?;
    let mut last = None;
    while let Some(field) = elements.next()? {
        let value = elements.expect("hash", "a field without a value")?;
        let expire_at = listpack_expiry(elements.expect("hash", "a field without an expiry")?)?;
        if last.is_some_and(|last| expire_at != 0 && (last == 0 || expire_at < last)) {
            return Err(invalid("its fields are not in the order of their expiry"));
        }
        last = Some(expire_at);
        visit.field(field, value, expire_at)?;
    }
    if last.is_none() { Err(Defect::Empty("hash")) } else { Ok(()) }
}

fn listpack_expiry(text: Text<'_>) -> Result<u64, Defect> {
    let Text::Int(expire_at) = text else { return Err(invalid("a field's expiry is no number")) };
    redis_expiry(u64::try_from(expire_at).map_err(|_| BAD_EXPIRY)?)
}

/// Valkey 9: field, value, absolute expiry (-1 for none).
pub(super) fn valkey_expiring<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    for _ in 0..meter.count_some(cursor, "hash")? {
        valkey_field(cursor, meter, visit)?;
    }
    Ok(())
}

pub(super) fn valkey_field<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    let (field, value) = (meter.text(cursor)?, meter.text(cursor)?);
    let expire_at = match cursor.u64_le()?.cast_signed() {
        -1 => 0,
        at @ 0.. => at.cast_unsigned(),
        _ => return Err(BAD_EXPIRY),
    };
    visit.field(field, value, expire_at)
}
