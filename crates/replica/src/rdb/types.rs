//! Type bytes and opcodes (rdb.h of both families), and what kind of value each holds.

use super::Family;

pub(crate) const STRING: u8 = 0;
pub(crate) const LIST: u8 = 1;
pub(crate) const SET: u8 = 2;
pub(crate) const ZSET: u8 = 3;
pub(crate) const HASH: u8 = 4;
pub(crate) const ZSET_2: u8 = 5;
pub(crate) const MODULE_2: u8 = 7;
pub(crate) const HASH_ZIPMAP: u8 = 9;
pub(crate) const LIST_ZIPLIST: u8 = 10;
pub(crate) const SET_INTSET: u8 = 11;
pub(crate) const ZSET_ZIPLIST: u8 = 12;
pub(crate) const HASH_ZIPLIST: u8 = 13;
pub(crate) const LIST_QUICKLIST: u8 = 14;
pub(crate) const STREAM: u8 = 15;
pub(crate) const HASH_LISTPACK: u8 = 16;
pub(crate) const ZSET_LISTPACK: u8 = 17;
pub(crate) const LIST_QUICKLIST_2: u8 = 18;
pub(crate) const STREAM_2: u8 = 19;
pub(crate) const SET_LISTPACK: u8 = 20;
pub(crate) const STREAM_3: u8 = 21;
pub(crate) const VALKEY_HASH_2: u8 = 22;
pub(crate) const REDIS_HASH_METADATA_RC: u8 = 22;
pub(crate) const REDIS_HASH_LISTPACK_EX_RC: u8 = 23;
pub(crate) const REDIS_HASH_METADATA: u8 = 24;
pub(crate) const REDIS_HASH_LISTPACK_EX: u8 = 25;
pub(crate) const REDIS_STREAM_4: u8 = 26;

pub(crate) const OP_KEY_META_OR_SLOT_IMPORT: u8 = 243;
pub(crate) const OP_SLOT_INFO: u8 = 244;
pub(crate) const OP_FUNCTION2: u8 = 245;
pub(crate) const OP_MODULE_AUX: u8 = 247;
pub(crate) const OP_IDLE: u8 = 248;
pub(crate) const OP_FREQ: u8 = 249;
pub(crate) const OP_AUX: u8 = 250;
pub(crate) const OP_RESIZEDB: u8 = 251;
pub(crate) const OP_EXPIRETIME_MS: u8 = 252;
pub(crate) const OP_EXPIRETIME: u8 = 253;
pub(crate) const OP_SELECTDB: u8 = 254;
pub(crate) const OP_EOF: u8 = 255;

/// What kind of value a type byte holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A string, a HyperLogLog or a bitmap.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    ZSet,
    /// A hash, with or without expiring fields.
    Hash,
    /// A stream with its groups.
    Stream,
    /// A value of a module's own type.
    Module,
}

/// The kind of a type byte written by `family`, or `None` where that family defines no such byte.
#[must_use]
pub fn kind_of(type_byte: u8, family: Family) -> Option<Kind> {
    Some(match type_byte {
        STRING => Kind::String,
        LIST | LIST_ZIPLIST | LIST_QUICKLIST | LIST_QUICKLIST_2 => Kind::List,
        SET | SET_INTSET | SET_LISTPACK => Kind::Set,
        ZSET | ZSET_2 | ZSET_ZIPLIST | ZSET_LISTPACK => Kind::ZSet,
        HASH | HASH_ZIPMAP | HASH_ZIPLIST | HASH_LISTPACK => Kind::Hash,
        STREAM | STREAM_2 | STREAM_3 => Kind::Stream,
        MODULE_2 => Kind::Module,
        VALKEY_HASH_2 => Kind::Hash,
        REDIS_HASH_LISTPACK_EX_RC..=REDIS_HASH_LISTPACK_EX if family == Family::Redis => Kind::Hash,
        REDIS_STREAM_4 if family == Family::Redis => Kind::Stream,
        _ => return None,
    })
}
