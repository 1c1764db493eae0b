//! What a link is for: how much of the snapshot, what behind it, over how many connections.

use crate::rdb::Item;

/// How much of the source's data a full synchronization brings.
///
/// Sources from Redis 7.0 and any Valkey on leave out the rest themselves (`REPLCONF rdb-filter-only`). Others send
/// everything: the rest is then read and dropped here. Either way what is left out comes as [`Item::Passed`] at most,
/// and the stream behind the snapshot is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnapshotScope {
    /// All of it.
    #[default]
    Everything,
    /// The function libraries only.
    Functions,
    /// Nothing: the link begins with what happens from now on.
    Nothing,
}

impl SnapshotScope {
    /// The value of `rdb-filter-only`: what is to be included.
    pub(super) fn filter(self) -> Option<&'static [u8]> {
        match self {
            SnapshotScope::Everything => None,
            SnapshotScope::Functions => Some(b"functions"),
            SnapshotScope::Nothing => Some(b""),
        }
    }

    /// The item, unless it is out of scope.
    pub(super) fn admit(self, item: Item<'_>) -> Item<'_> {
        let is_admitted = match (&item, self) {
            (_, SnapshotScope::Everything) => true,
            (Item::Function(_), scope) => scope == SnapshotScope::Functions,
            (Item::Header { .. } | Item::Aux { .. } | Item::End, _) => true,
            _ => false,
        };
        if is_admitted { item } else { Item::Passed }
    }
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// The snapshot, and then everything that happens.
    #[default]
    Follow,
    /// The snapshot alone. The source is told (`REPLCONF rdb-only`, Redis 7.0 and any Valkey on), so that it collects
    /// no stream for us; an older one does until the link is closed. A position to resume from is ignored.
    Snapshot,
}

/// Whether the snapshot may come over a second connection, with the stream beside it on the first.
///
/// The source then collects no stream while it sends the snapshot: we do. Both families have this, each in a way that
/// the other does not understand: Valkey from 8.0 on with `dual-channel-replication-enabled`, Redis from 8.0 on whatever
/// its `repl-rdb-channel`. Other sources send both over the first connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DualChannel {
    /// The source is not told that we could.
    #[default]
    Off,
    /// The source may ask for it, in a link that follows and wants everything.
    Announced {
        /// Bytes of the stream that are held while the snapshot comes; with more the link fails.
        held_bytes_max: usize,
    },
}

impl DualChannel {
    /// Most bytes of the stream to hold.
    pub(super) fn held_bytes_max(self) -> usize {
        match self {
            DualChannel::Off => 0,
            DualChannel::Announced { held_bytes_max } => held_bytes_max,
        }
    }
}
