//! The framing of every item, as data: which strings, lengths and fixed fields follow a type byte or opcode.
//!
//! Framing is all it takes to find where an item ends; what the strings hold is checked later (`walk`). The layouts
//! follow `rdbLoadObject` and `rdbLoadRioWithLoadingCtx`.

use super::Family;
use super::types::*;

/// One step of a layout.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// A length-prefixed, integer-encoded or compressed string.
    Str,
    /// A length.
    Len,
    /// So many bytes.
    Bytes(u8),
    /// One length byte, then a decimal score; 253-255 stand for NaN and the infinities.
    TextScore,
    /// A length, then so many repetitions of the parts.
    Each(&'static [Part]),
    /// Opcode-prefixed fields of a module up to its end mark.
    Module,
}

use Part::{Bytes, Each, Len, Module, Str, TextScore};

impl Part {
    /// The fewest bytes this step can take.
    pub(crate) const fn min_bytes(self) -> u64 {
        match self {
            Str | Len | TextScore | Each(_) | Module => 1,
            Bytes(n) => n as u64,
        }
    }
}

/// The fewest bytes a run of steps can take.
pub(crate) const fn min_bytes(parts: &[Part]) -> u64 {
    let mut sum = 0;
    let mut at = 0;
    while at < parts.len() {
        sum += parts[at].min_bytes();
        at += 1;
    }
    sum
}

const NODES: Part = Each(&[Str, Str]);
/// Id (16 bytes), delivery time, delivery count.
const PENDING: Part = Each(&[Bytes(16), Bytes(8), Len]);
const CLAIMED: Part = Each(&[Bytes(16)]);
const GROUPS_1: Part = Each(&[Str, Len, Len, PENDING, Each(&[Str, Bytes(8), CLAIMED])]);
const GROUPS_2: Part = Each(&[Str, Len, Len, Len, PENDING, Each(&[Str, Bytes(8), CLAIMED])]);
const GROUPS_3: Part = Each(&[Str, Len, Len, Len, PENDING, Each(&[Str, Bytes(8), Bytes(8), CLAIMED])]);
/// Producers, each with its idempotent ids and the entry each stands for.
const PRODUCERS: Part = Each(&[Str, Each(&[Str, Len, Len])]);

const STREAM_1_PARTS: &[Part] = &[NODES, Len, Len, Len, GROUPS_1];
const STREAM_2_PARTS: &[Part] = &[NODES, Len, Len, Len, Len, Len, Len, Len, Len, GROUPS_2];
const STREAM_3_PARTS: &[Part] = &[NODES, Len, Len, Len, Len, Len, Len, Len, Len, GROUPS_3];
const STREAM_4_PARTS: &[Part] =
    &[NODES, Len, Len, Len, Len, Len, Len, Len, Len, GROUPS_3, Len, Len, PRODUCERS, Len, Len];

/// The layout of a value, or `None` for a byte this family doesn't define.
pub(crate) fn value(type_byte: u8, family: Family) -> Option<&'static [Part]> {
    Some(match type_byte {
        STRING | HASH_ZIPMAP | LIST_ZIPLIST | SET_INTSET | ZSET_ZIPLIST | HASH_ZIPLIST => &[Str],
        HASH_LISTPACK | ZSET_LISTPACK | SET_LISTPACK => &[Str],
        LIST | SET | LIST_QUICKLIST => &[Each(&[Str])],
        ZSET => &[Each(&[Str, TextScore])],
        ZSET_2 => &[Each(&[Str, Bytes(8)])],
        HASH => &[Each(&[Str, Str])],
        LIST_QUICKLIST_2 => &[Each(&[Len, Str])],
        MODULE_2 => &[Len, Module],
        STREAM => STREAM_1_PARTS,
        STREAM_2 => STREAM_2_PARTS,
        STREAM_3 => STREAM_3_PARTS,
        _ => return family_value(type_byte, family),
    })
}

fn family_value(type_byte: u8, family: Family) -> Option<&'static [Part]> {
    Some(match (family, type_byte) {
        (Family::Valkey, VALKEY_HASH_2) => &[Each(&[Str, Str, Bytes(8)])],
        (Family::Redis, REDIS_HASH_METADATA_RC) => &[Each(&[Len, Str, Str])],
        (Family::Redis, REDIS_HASH_LISTPACK_EX_RC) => &[Str],
        (Family::Redis, REDIS_HASH_METADATA) => &[Bytes(8), Each(&[Len, Str, Str])],
        (Family::Redis, REDIS_HASH_LISTPACK_EX) => &[Bytes(8), Str],
        (Family::Redis, REDIS_STREAM_4) => STREAM_4_PARTS,
        _ => return None,
    })
}

/// The layout of what follows an opcode, or `None` for a byte this family doesn't define.
pub(crate) fn opcode(byte: u8, family: Family) -> Option<&'static [Part]> {
    Some(match (byte, family) {
        (OP_AUX, _) => &[Str, Str],
        (OP_SELECTDB | OP_IDLE, _) => &[Len],
        (OP_RESIZEDB, _) => &[Len, Len],
        (OP_FREQ, _) => &[Bytes(1)],
        (OP_EXPIRETIME, _) => &[Bytes(4)],
        (OP_EXPIRETIME_MS, _) => &[Bytes(8)],
        (OP_FUNCTION2, _) => &[Str],
        (OP_SLOT_INFO, _) => &[Len, Len, Len],
        // Module id, then the moment (an opcode and a number), then the data.
        (OP_MODULE_AUX, _) => &[Len, Len, Len, Module],
        // rdbSaveKeyMetadata, Redis 8.6: classes, each a 32-bit name and a module's fields.
        (OP_KEY_META_OR_SLOT_IMPORT, Family::Redis) => &[Each(&[Bytes(4), Module])],
        // clusterRDBSaveSlotImports, Valkey 9.0: a job's name and its slot ranges.
        (OP_KEY_META_OR_SLOT_IMPORT, Family::Valkey) => &[Str, Each(&[Len, Len])],
        _ => return None,
    })
}
