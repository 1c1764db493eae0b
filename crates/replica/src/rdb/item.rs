//! What a snapshot consists of, as the reader tells it.

use std::borrow::Cow;

use super::{Defect, Family, Kind, ModuleType, Object, Piece};

/// The reader's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<'b> {
    /// Ask again when the buffer holds at least this many bytes; never more than the snapshot still has.
    Need(usize),
    /// An item, and how many bytes at the front of the buffer it took.
    Item {
        /// Bytes to drop from the buffer's front before the next call.
        consumed: usize,
        /// What they mean.
        item: Item<'b>,
    },
}

/// One item of a snapshot, in the order of the source's file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Item<'b> {
    /// The first item: who defines the format, and its version.
    Header {
        /// The format's family; see [`Family::Redis`] about older Valkey servers.
        family: Family,
        /// The RDB version.
        version: u16,
    },
    /// A fact about the source: `redis-ver`, `repl-id`, `repl-offset`, `repl-stream-db`, ..
    Aux {
        /// Its name.
        key: Cow<'b, [u8]>,
        /// Its value, numbers as decimal text.
        value: Cow<'b, [u8]>,
    },
    /// The entries that follow are of this database.
    SelectDb(u32),
    /// Size hints for the current database.
    ResizeDb {
        /// Number of keys.
        keys: u64,
        /// Number of keys with a time to live.
        expires: u64,
    },
    /// A key and its validated value.
    Entry(Entry<'b>),
    /// A key whose value is too large to be told whole ([`Limits::pieces_above_bytes`](super::Limits)): the pieces
    /// follow, and then `ValueEnd`, or `Rejected` if the value turns out to break a rule.
    ValueBegin(ValueBegin<'b>),
    /// The next part of the value that was begun, proven well-formed.
    Piece(Piece),
    /// The value that was begun is complete, and as well-formed as a whole one, but that duplicates are only found of
    /// its first 65,536 members, fields or names. A value in pieces can only be rebuilt by commands, to which a
    /// duplicate is no harm.
    ValueEnd,
    /// A key whose value breaks a rule or is beyond a limit. It must not reach a server; the snapshot goes on. If the
    /// value was begun in pieces, what was built of it must be undone; no `ValueEnd` follows.
    Rejected(Rejected<'b>),
    /// Bytes went by of something too large to be held: the value of the last [`Item::Rejected`], or data beside the
    /// keys.
    Passed,
    /// A function library, as `FUNCTION LOAD` takes it.
    Function(Cow<'b, [u8]>),
    /// A module's data beside the keys, skipped.
    ModuleAux(ModuleType),
    /// Sizes of one cluster slot.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// Its number of keys.
        keys: u64,
        /// Its number of keys with a time to live.
        expires: u64,
    },
    /// The source is importing slots (Valkey 9): keys of an unfinished import follow among the others.
    SlotImport {
        /// The job's name.
        job: Cow<'b, [u8]>,
        /// First and last slot of each range.
        ranges: Vec<(u64, u64)>,
    },
    /// The snapshot is complete and its checksum right (or switched off at the source). What follows is the stream.
    End,
}

/// A key whose value comes in pieces.
///
/// Lists, sets, sorted sets, hashes and streams come so, unless they are one packed block; strings, blocks and values
/// of modules are told whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueBegin<'b> {
    /// Its database.
    pub db: u32,
    /// The key.
    pub key: Cow<'b, [u8]>,
    /// What kind of value it is.
    pub kind: Kind,
    /// The value's type byte.
    pub type_byte: u8,
    /// When it expires: milliseconds since 1970.
    pub expire_at_ms: Option<u64>,
    /// Seconds since its last access, if the source evicts by LRU.
    pub idle_seconds: Option<u64>,
    /// Its access counter, if the source evicts by LFU.
    pub freq: Option<u8>,
    /// Classes of module metadata attached to the key (Redis 8.6); they are skipped, and lost.
    pub metadata_classes: u64,
}

/// A key with everything the snapshot says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'b> {
    /// Its database.
    pub db: u32,
    /// The key.
    pub key: Cow<'b, [u8]>,
    /// When it expires: milliseconds since 1970.
    pub expire_at_ms: Option<u64>,
    /// Seconds since its last access, if the source evicts by LRU.
    pub idle_seconds: Option<u64>,
    /// Its access counter, if the source evicts by LFU.
    pub freq: Option<u8>,
    /// Classes of module metadata attached to the key (Redis 8.6); they are skipped, and lost.
    pub metadata_classes: u64,
    /// The value.
    pub object: Object<'b>,
}

/// A key that was read past, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected<'b> {
    /// Its database.
    pub db: u32,
    /// The key; the beginning of its serialized form if not even that could be decoded.
    pub key: Cow<'b, [u8]>,
    /// The value's type byte.
    pub type_byte: u8,
    /// The broken rule.
    pub defect: Defect,
}
