//! What a stream holds here.

use std::collections::{BTreeMap, BTreeSet};

use crate::rdb::StreamId;

/// An entry's fields and their values, in order; names may repeat.
pub type EntryFields = Vec<(Vec<u8>, Vec<u8>)>;

/// A stream, as far as sources tell their replicas of it.
///
/// Not among it is what a replica of the source does not know exactly either: when consumers were last seen, how many
/// entries a group has read (servers before Redis 8.2 don't replicate it), and what a stream remembers of its producers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// Its entries by their ids.
    pub entries: BTreeMap<StreamId, EntryFields>,
    /// The highest id ever added.
    pub last_id: StreamId,
    /// The highest id ever deleted, other than by trimming.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
    /// Its consumer groups, by name.
    pub groups: BTreeMap<Vec<u8>, Group>,
}

/// A consumer group of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The last id delivered.
    pub last_id: StreamId,
    /// Entries that are delivered and not acknowledged. Some may be deleted from the stream.
    pub pending: BTreeMap<StreamId, Pending>,
    /// Its consumers' names.
    pub consumers: BTreeSet<Vec<u8>>,
}

/// An entry that is delivered and not acknowledged.
///
/// A consumer that reads again what is pending for it (`XREADGROUP` with an id) changes time and count at the source alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// To which consumer.
    pub consumer: Vec<u8>,
    /// When, the last time: milliseconds since 1970.
    pub delivered_at_ms: u64,
    /// How many times.
    pub deliveries: u64,
}

impl Stream {
    /// Whether a group has not acknowledged an entry, or has yet to read it (`streamEntryIsReferenced`, t_stream.c).
    pub(super) fn is_referenced(&self, id: StreamId) -> bool {
        self.groups.values().any(|group| group.last_id < id || group.pending.contains_key(&id))
    }

    /// Has every group forget an entry.
    pub(super) fn forget(&mut self, id: StreamId) {
        self.groups.values_mut().for_each(|group| drop(group.pending.remove(&id)));
    }
}
