//! The parts of a stream.

use std::fmt;

/// The id of a stream's entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds, as a rule since 1970.
    pub ms: u64,
    /// Number within the millisecond.
    pub seq: u64,
}

impl StreamId {
    /// From the 16 bytes, big endian, that radix trees and pending lists hold.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }

    /// The id an entry's differences stand for; they wrap as in the server's unsigned arithmetic.
    pub(crate) const fn offset(self, ms: i64, seq: i64) -> Self {
        Self { ms: self.ms.wrapping_add_signed(ms), seq: self.seq.wrapping_add_signed(seq) }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A stream with all that `XINFO STREAM FULL` shows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// Entries in ascending order.
    pub entries: Vec<StreamEntry>,
    /// Its counters and edges.
    pub meta: StreamMeta,
    /// Its consumer groups.
    pub groups: Vec<Group>,
    /// What it remembers of its producers (Redis 8.6).
    pub idempotency: Option<Idempotency>,
}

impl Stream {
    /// How many pending entries no longer are in the stream.
    pub(crate) fn deleted_pending(&self) -> u64 {
        let is_deleted = |id: &StreamId| self.entries.binary_search_by_key(id, |entry| entry.id).is_err();
        let pending = self.groups.iter().flat_map(|group| &group.pending);
        pending.filter(|pending| is_deleted(&pending.id)).count() as u64
    }

    /// Consumers whose active time is not their seen time.
    pub(crate) fn consumers_with_own_active_time(&self) -> u64 {
        let consumers = self.groups.iter().flat_map(|group| &group.consumers);
        consumers.filter(|consumer| consumer.active_at_ms != Some(consumer.seen_at_ms)).count() as u64
    }
}

impl Idempotency {
    /// Number of remembered ids.
    pub(crate) fn ids(&self) -> u64 {
        self.producers.iter().map(|producer| producer.ids.len() as u64).sum()
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its id.
    pub id: StreamId,
    /// Its fields and their values, in order; names may repeat.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Counters and edges of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamMeta {
    /// Number of entries.
    pub length: u64,
    /// The highest id ever added.
    pub last_id: StreamId,
    /// The lowest id present, `0-0` if there is none.
    pub first_id: StreamId,
    /// The highest id ever deleted.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Vec<u8>,
    /// Its position.
    pub meta: GroupMeta,
    /// Delivered and not acknowledged entries of all its consumers, ascending.
    pub pending: Vec<Pending>,
    /// Its consumers.
    pub consumers: Vec<Consumer>,
}

/// How far a group came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupMeta {
    /// The last id delivered.
    pub last_id: StreamId,
    /// How many entries that is, `None` if the server doesn't know.
    pub entries_read: Option<u64>,
}

/// A delivered entry that nobody acknowledged yet. Its entry may have been deleted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The entry's id.
    pub id: StreamId,
    /// When it was last delivered: milliseconds since 1970.
    pub delivered_at_ms: u64,
    /// How many times it was delivered.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it last tried: milliseconds since 1970.
    pub seen_at_ms: u64,
    /// When it last got an entry, `None` if never.
    pub active_at_ms: Option<u64>,
    /// Ids of the group's pending entries that are its own, in the order of the serialized form.
    pub pending: Vec<StreamId>,
}

/// What a stream remembers so that a producer can repeat itself without adding an entry twice (Redis 8.6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Idempotency {
    /// Settings and counters.
    pub meta: IdempotencyMeta,
    /// Its producers.
    pub producers: Vec<Producer>,
}

/// Settings and counters of a stream's idempotency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdempotencyMeta {
    /// Seconds an id is remembered.
    pub duration_s: u64,
    /// Ids remembered of each producer.
    pub ids_max: u64,
    /// Ids ever added.
    pub added: u64,
    /// Repetitions found.
    pub duplicates: u64,
}

/// A producer and its remembered ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Its name.
    pub name: Vec<u8>,
    /// Idempotent ids and the entry each stands for, oldest first.
    pub ids: Vec<(Vec<u8>, StreamId)>,
}
