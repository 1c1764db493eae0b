//! The encodings of values, and the versions that have them.

use crate::rdb::types::*;
use crate::rdb::{Family, HashField, Kind, Value};

/// One encoding of one kind of value: a type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// 0: a string.
    String,
    /// 1: a list, element by element.
    List,
    /// 2: a set, member by member.
    Set,
    /// 3: a sorted set with its scores as text.
    ZSet,
    /// 4: a hash, field by field.
    Hash,
    /// 5: a sorted set with binary scores.
    ZSet2,
    /// 9: a hash as one zipmap.
    HashZipmap,
    /// 10: a list as one ziplist.
    ListZiplist,
    /// 11: a set of integers as one intset.
    SetIntset,
    /// 12: a sorted set as one ziplist.
    ZSetZiplist,
    /// 13: a hash as one ziplist.
    HashZiplist,
    /// 14: a list as ziplists.
    ListQuicklist,
    /// 15: a stream.
    Stream,
    /// 16: a hash as one listpack.
    HashListpack,
    /// 17: a sorted set as one listpack.
    ZSetListpack,
    /// 18: a list as listpacks and single large elements.
    ListQuicklist2,
    /// 19: a stream with counters.
    Stream2,
    /// 20: a set as one listpack.
    SetListpack,
    /// 21: a stream whose consumers have an active time.
    Stream3,
    /// 22: a hash with expiring fields, Redis 7.4 release candidates.
    HashExpiringRc,
    /// 23: the same as one listpack, Redis 7.4 release candidates.
    HashListpackExpiringRc,
    /// 24: a hash with expiring fields, Redis 7.4.
    HashExpiring,
    /// 25: the same as one listpack, Redis 7.4.
    HashListpackExpiring,
    /// 26: a stream that remembers idempotent ids, Redis 8.6.
    Stream4,
    /// 22: a hash with expiring fields, Valkey 9.0.
    ValkeyHashExpiring,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::String,
        Self::List,
        Self::Set,
        Self::ZSet,
        Self::Hash,
        Self::ZSet2,
        Self::HashZipmap,
        Self::ListZiplist,
        Self::SetIntset,
        Self::ZSetZiplist,
        Self::HashZiplist,
        Self::ListQuicklist,
        Self::Stream,
        Self::HashListpack,
        Self::ZSetListpack,
        Self::ListQuicklist2,
        Self::Stream2,
        Self::SetListpack,
        Self::Stream3,
        Self::HashExpiringRc,
        Self::HashListpackExpiringRc,
        Self::HashExpiring,
        Self::HashListpackExpiring,
        Self::Stream4,
        Self::ValkeyHashExpiring,
    ];

    /// The type byte, who defines it (`None`: both families), and the first RDB version that has it.
    const fn facts(self) -> (u8, Option<Family>, u16) {
        match self {
            Self::String => (STRING, None, 1),
            Self::List => (LIST, None, 1),
            Self::Set => (SET, None, 1),
            Self::ZSet => (ZSET, None, 1),
            Self::Hash => (HASH, None, 1),
            Self::ZSet2 => (ZSET_2, None, 8),
            Self::HashZipmap => (HASH_ZIPMAP, None, 2),
            Self::ListZiplist => (LIST_ZIPLIST, None, 2),
            Self::SetIntset => (SET_INTSET, None, 2),
            Self::ZSetZiplist => (ZSET_ZIPLIST, None, 2),
            Self::HashZiplist => (HASH_ZIPLIST, None, 4),
            Self::ListQuicklist => (LIST_QUICKLIST, None, 7),
            Self::Stream => (STREAM, None, 9),
            Self::HashListpack => (HASH_LISTPACK, None, 10),
            Self::ZSetListpack => (ZSET_LISTPACK, None, 10),
            Self::ListQuicklist2 => (LIST_QUICKLIST_2, None, 10),
            Self::Stream2 => (STREAM_2, None, 10),
            Self::SetListpack => (SET_LISTPACK, None, 11),
            Self::Stream3 => (STREAM_3, None, 11),
            Self::HashExpiringRc => (REDIS_HASH_METADATA_RC, Some(Family::Redis), 12),
            Self::HashListpackExpiringRc => (REDIS_HASH_LISTPACK_EX_RC, Some(Family::Redis), 12),
            Self::HashExpiring => (REDIS_HASH_METADATA, Some(Family::Redis), 12),
            Self::HashListpackExpiring => (REDIS_HASH_LISTPACK_EX, Some(Family::Redis), 12),
            Self::Stream4 => (REDIS_STREAM_4, Some(Family::Redis), 13),
            Self::ValkeyHashExpiring => (VALKEY_HASH_2, Some(Family::Valkey), 80),
        }
    }

    /// The type byte.
    #[must_use]
    pub const fn type_byte(self) -> u8 {
        self.facts().0
    }

    /// Who defines it, if not both families.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        self.facts().1
    }

    /// The first RDB version that has it. Later ones have it too, written by no server any more, but read.
    #[must_use]
    pub const fn since(self) -> u16 {
        self.facts().2
    }

    /// What kind of value it holds.
    #[must_use]
    pub fn kind(self) -> Kind {
        kind_of(self.type_byte(), self.family().unwrap_or(Family::Redis)).unwrap_or(Kind::Module)
    }

    /// Whether fields of a hash keep their expiry in it.
    pub(super) const fn keeps_field_expiry(self) -> bool {
        matches!(
            self,
            Self::HashExpiringRc
                | Self::HashListpackExpiringRc
                | Self::HashExpiring
                | Self::HashListpackExpiring
                | Self::ValkeyHashExpiring
        )
    }

    /// The encoding of a version that keeps most of a value, record by record; `None` for modules.
    pub(super) fn plainest(value: &Value, family: Family, version: u16) -> Option<Self> {
        Some(match value {
            Value::String(_) => Self::String,
            Value::List(_) => Self::List,
            Value::Set(_) => Self::Set,
            Value::ZSet(_) if version < 8 => Self::ZSet,
            Value::ZSet(_) => Self::ZSet2,
            Value::Hash(fields) => Self::plainest_hash(fields, family, version),
            Value::Stream(_) => Self::newest_stream(family, version),
            Value::Module(_) => return None,
        })
    }

    fn plainest_hash(fields: &[HashField], family: Family, version: u16) -> Self {
        match family {
            _ if fields.iter().all(|field| field.expire_at_ms.is_none()) => Self::Hash,
            Family::Redis if version >= 12 => Self::HashExpiring,
            Family::Redis => Self::Hash,
            Family::Valkey => Self::ValkeyHashExpiring,
        }
    }

    const fn newest_stream(family: Family, version: u16) -> Self {
        match (family, version) {
            (Family::Redis, 13..) => Self::Stream4,
            (_, 11..) => Self::Stream3,
            (_, 10) => Self::Stream2,
            _ => Self::Stream,
        }
    }
}
