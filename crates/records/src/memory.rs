//! What a store takes of memory: its contents as blocks of the allocator, and the nodes of its trees and tables.
//!
//! An estimate of a few additions, since a loader asks after each part that it takes in. Blocks are those of jemalloc, which servers
//! come with: with another allocator it is off by some percent.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::change::Change;
use crate::epoch::{Cursor, Epoch};
use crate::store::Store;
use crate::types::TypeState;

/// Entries of a node of the standard library's trees.
const NODE_ENTRIES: usize = 11;
/// Entries of a node, the one between it and the next included, that was filled in order: it was split behind the middle.
const FILLED_ENTRIES: usize = 7;

/// The block that so many bytes take (jemalloc 5, `sc.h`): a multiple of 16 up to 128, then four sizes to each doubling.
pub(crate) fn block(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => bytes.checked_next_multiple_of(1 << ((bytes - 1).ilog2() - 2)).unwrap_or(bytes),
    }
}

/// The block of something that is shared: two counts stand before it.
pub(crate) fn shared(bytes: usize) -> usize {
    block(2 * size_of::<usize>() + bytes)
}

/// The blocks of a tree.
pub(crate) fn tree(len: usize, entry_bytes: usize) -> usize {
    let links = 2 * size_of::<usize>();
    let leaf = block(NODE_ENTRIES * entry_bytes + links);
    let inner = block(NODE_ENTRIES * entry_bytes + links + (NODE_ENTRIES + 1) * size_of::<usize>());
    match len {
        0 => 0,
        1..=NODE_ENTRIES => leaf,
        // Inner nodes have as many children as leaves have entries, on each level.
        _ => len.div_ceil(FILLED_ENTRIES) * (leaf + inner / (FILLED_ENTRIES - 1)),
    }
}

/// The block of a hash table of so many entries: a power of two of places, an eighth of them free, a byte of each beside it.
fn table(len: usize, entry_bytes: usize) -> usize {
    const GROUP_BYTES: usize = 16;
    let places = match len {
        0 => return 0,
        1..4 => 4,
        4..8 => 8,
        8..15 => 16,
        _ => (len.saturating_mul(8) / 7).next_power_of_two(),
    };
    block(places * (entry_bytes + 1) + GROUP_BYTES)
}

/// The block of a queue that has grown to so many entries.
fn queue(len: usize, entry_bytes: usize) -> usize {
    if len == 0 { 0 } else { block(len.next_power_of_two().max(4) * entry_bytes) }
}

/// The block of a queue, the room in it included.
pub(crate) fn room<T>(queue: &VecDeque<T>) -> usize {
    block(queue.capacity() * size_of::<T>())
}

impl Store {
    /// About the bytes of memory that the store holds. What it shares with a copy ([`Store::fork`]) counts for both.
    pub fn memory(&self) -> usize {
        size_of::<Store>()
            + self.names
            + self.log.footprint()
            + self.base.footprint
            + self.indexes()
            + self.leases.footprint()
            + tree(self.cursors.len(), size_of::<(Box<[u8]>, Cursor)>())
            + self.history.iter().count() * size_of::<Epoch>()
    }

    /// The indexes of the types. They are taken to be of one size: to ask each would cost a loader too much.
    fn indexes(&self) -> usize {
        let types = self.types.len();
        let (records, logged) = (self.live.div_ceil(types.max(1)), self.log.len().div_ceil(types.max(1)));
        let of_a_type = table(records, size_of::<Arc<Change>>())
            + tree(records, size_of::<(u64, Arc<Change>)>())
            + queue(logged, size_of::<u64>());
        types * of_a_type
            + tree(types, size_of::<(Arc<[u8]>, TypeState)>())
            + tree(self.ending.len(), size_of::<((u64, u64), Arc<Change>)>())
            + tree(self.ending.len(), size_of::<(u64, u64)>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_those_of_jemalloc() {
        let sizes = [
            (0, 0),
            (1, 8),
            (9, 16),
            (48, 48),
            (113, 128),
            (129, 160),
            (160, 160),
            (193, 224),
            (257, 320),
            (4096, 4096),
            (4097, 5120),
            (16_385, 20_480),
            ((1 << 20) + 1, 5 << 18),
        ];
        for (bytes, size) in sizes {
            assert_eq!(block(bytes), size, "{bytes}");
        }
        assert_eq!(block(usize::MAX), usize::MAX);
    }

    #[test]
    fn tables_have_a_power_of_two_of_places() {
        for (len, places) in
            [(1, 4), (3, 4), (4, 8), (7, 8), (8, 16), (14, 16), (15, 32), (28, 32), (29, 64), (57, 128)]
        {
            assert_eq!(table(len, 7), block(places * 8 + 16), "{len}");
        }
    }
}
