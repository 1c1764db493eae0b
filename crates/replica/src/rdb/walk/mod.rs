//! One walk over every encoding, used twice: to validate a value and to decode it.
//!
//! The walk proves structure and limits; what the elements are for is the visitor's business.

mod collection;
mod hash;
pub(crate) mod stream;
mod zset;

use super::cursor::{Cursor, Text};
use super::types::*;
use super::value::{GroupMeta, IdempotencyMeta, StreamId, StreamMeta};
use super::{Defect, Family, Limits};

/// Told of everything a walk meets, in order. What it doesn't care for it leaves to the defaults.
pub(crate) trait Visit {
    /// The value of a string, or an element of a list.
    fn element(&mut self, text: Text<'_>) -> Result<(), Defect>;
    /// A member of a set.
    fn member(&mut self, text: Text<'_>) -> Result<(), Defect>;
    /// A member of a sorted set.
    fn scored(&mut self, member: Text<'_>, score: f64) -> Result<(), Defect>;
    /// A field of a hash; 0 stands for no expiry.
    fn field(&mut self, field: Text<'_>, value: Text<'_>, expire_at_ms: u64) -> Result<(), Defect>;

    fn stream_entry(&mut self, _id: StreamId) {}
    fn stream_field(&mut self, _name: Text<'_>, _value: Text<'_>) -> Result<(), Defect> {
        Ok(())
    }
    fn stream_meta(&mut self, _meta: StreamMeta) {}
    fn group(&mut self, _name: &[u8], _meta: GroupMeta) {}
    fn pending(&mut self, _id: StreamId, _delivered_at_ms: u64, _deliveries: u64) {}
    fn consumer(&mut self, _name: &[u8], _seen_at_ms: u64, _active_at_ms: Option<u64>) {}
    fn claim(&mut self, _id: StreamId) {}
    fn idempotency(&mut self, _meta: IdempotencyMeta) {}
    fn producer(&mut self, _name: &[u8]) {}
    fn idempotent_id(&mut self, _iid: &[u8], _id: StreamId) {}
}

/// Buffers that outlive a walk, so that the next one allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    pub(crate) blob: Vec<u8>,
    pub(crate) member: Vec<u8>,
    last_member: Vec<u8>,
}

impl Spare {
    /// Gives back what one huge value took.
    pub(crate) fn shrink(&mut self) {
        const KEEP_BYTES: usize = 1 << 20;
        for buffer in [&mut self.blob, &mut self.member, &mut self.last_member] {
            if buffer.capacity() > KEEP_BYTES {
                *buffer = Vec::new();
            }
        }
    }
}

/// Counts what a value unfolds to.
#[derive(Debug)]
pub(crate) struct Meter<'w> {
    limits: &'w Limits,
    decoded: u64,
    counted: u64,
}

impl<'w> Meter<'w> {
    pub(crate) const fn new(limits: &'w Limits) -> Self {
        Self { limits, decoded: 0, counted: 0 }
    }

    /// The next string, within the limits.
    #[inline]
    pub(crate) fn text<'b>(&mut self, cursor: &mut Cursor<'b>) -> Result<Text<'b>, Defect> {
        let text = cursor.text()?;
        let len = text.len() as u64;
        if len > self.limits.string_bytes {
            return Err(Defect::Limit { what: "string length", got: len, limit: self.limits.string_bytes });
        }
        if let Text::Lzf { .. } = text {
            self.decoded += len;
            if self.decoded > self.limits.decoded_bytes {
                let limit = self.limits.decoded_bytes;
                return Err(Defect::Limit { what: "decompressed size", got: self.decoded, limit });
            }
        }
        Ok(text)
    }

    /// The next packed structure, unpacked into `spare` if it is compressed.
    pub(crate) fn blob<'s, 'b: 's>(
        &mut self,
        cursor: &mut Cursor<'b>,
        spare: &'s mut Vec<u8>,
    ) -> Result<&'s [u8], Defect> {
        self.text(cursor)?.bytes(spare)
    }

    /// The next count. All of a value together are within the limit: what they count may be nested.
    fn count(&mut self, cursor: &mut Cursor<'_>) -> Result<u64, Defect> {
        let count = cursor.count()?;
        self.counted = self.counted.saturating_add(count);
        let (got, limit) = (self.counted, self.limits.elements);
        if got <= limit { Ok(count) } else { Err(Defect::Limit { what: "number of elements", got, limit }) }
    }

    /// A count that may not be 0.
    fn count_some(&mut self, cursor: &mut Cursor<'_>, what: &'static str) -> Result<u64, Defect> {
        match self.count(cursor)? {
            0 => Err(Defect::Empty(what)),
            count => Ok(count),
        }
    }
}

/// Walks the value `body` of this type to its last byte.
pub(crate) fn value<V: Visit>(
    (family, type_byte): (Family, u8),
    body: &[u8],
    limits: &Limits,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let mut cursor = Cursor::new(body);
    let meter = &mut Meter::new(limits);
    let cur = &mut cursor;
    match type_byte {
        STRING => visit.element(meter.text(cur)?)?,
        LIST | LIST_ZIPLIST | LIST_QUICKLIST | LIST_QUICKLIST_2 => {
            collection::list(type_byte, cur, meter, spare, visit)?;
        }
        SET | SET_INTSET | SET_LISTPACK => collection::set(type_byte, cur, meter, spare, visit)?,
        ZSET | ZSET_2 | ZSET_ZIPLIST | ZSET_LISTPACK => zset::walk(type_byte, cur, meter, spare, visit)?,
        HASH | HASH_ZIPMAP | HASH_ZIPLIST | HASH_LISTPACK => {
            hash::walk(type_byte, cur, meter, spare, visit)?;
        }
        STREAM | STREAM_2 | STREAM_3 => stream::walk(type_byte, cur, meter, spare, visit)?,
        MODULE_2 => return module(cursor, meter),
        _ => family_value((family, type_byte), cur, meter, spare, visit)?,
    }
    cursor.finish()
}

fn family_value<V: Visit>(
    kind: (Family, u8),
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    match kind {
        (Family::Valkey, VALKEY_HASH_2) => hash::valkey_expiring(cursor, meter, visit),
        (Family::Redis, REDIS_HASH_METADATA_RC) => hash::redis_expiring_rc(cursor, meter, visit),
        (Family::Redis, REDIS_HASH_METADATA) => hash::redis_expiring(cursor, meter, visit),
        (Family::Redis, REDIS_HASH_LISTPACK_EX_RC) => {
            hash::redis_listpack_expiring(cursor, meter, spare, visit)
        }
        (Family::Redis, REDIS_HASH_LISTPACK_EX) => {
            // The earliest expiry, for the server's own use: the fields repeat it.
            cursor.u64_le()?;
            hash::redis_listpack_expiring(cursor, meter, spare, visit)
        }
        (Family::Redis, REDIS_STREAM_4) => stream::walk(REDIS_STREAM_4, cursor, meter, spare, visit),
        (_, byte) => Err(Defect::UnknownType(byte)),
    }
}

/// Walks one record of a value that is told in pieces: an element, a member with its score, a field with its value
/// and expiry, or a node of a list. `earliest_ms` is what the expiries of a hash of type 24 count from, see
/// [`earliest_expiry`]. Answers how many elements of a list it was, else 1.
pub(crate) fn record<V: Visit>(
    (family, type_byte): (Family, u8),
    earliest_ms: u64,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<u64, Defect> {
    match (type_byte, family) {
        (LIST | LIST_QUICKLIST | LIST_QUICKLIST_2, _) => {
            return collection::list_record(type_byte, cursor, meter, spare, visit);
        }
        (SET, _) => visit.member(meter.text(cursor)?)?,
        (ZSET | ZSET_2, _) => zset::record(type_byte, cursor, meter, visit)?,
        (HASH, _) => visit.field(meter.text(cursor)?, meter.text(cursor)?, 0)?,
        (VALKEY_HASH_2, Family::Valkey) => hash::valkey_field(cursor, meter, visit)?,
        (REDIS_HASH_METADATA_RC, Family::Redis) => hash::redis_field_rc(cursor, meter, visit)?,
        (REDIS_HASH_METADATA, Family::Redis) => hash::redis_field(earliest_ms, cursor, meter, visit)?,
        _ => return Err(Defect::UnknownType(type_byte)),
    }
    Ok(1)
}

/// The time that the fields' expiries of a hash of type 24 count from.
pub(crate) fn earliest_expiry(cursor: &mut Cursor<'_>) -> Result<u64, Defect> {
    hash::earliest(cursor)
}

/// A module's own fields (`rdbLoadCheckModuleValue`): only their framing and sizes can be checked.
fn module(mut cursor: Cursor<'_>, meter: &mut Meter<'_>) -> Result<(), Defect> {
    cursor.count()?;
    loop {
        match cursor.count()? {
            0 => return cursor.finish(),
            1 | 2 => drop(cursor.count()?),
            3 => drop(cursor.take(4)?),
            4 => drop(cursor.take(8)?),
            5 => drop(meter.text(&mut cursor)?),
            _ => return Err(Defect::invalid("module value", "unknown opcode")),
        }
    }
}
