//! The changes that readers can still get, without gaps.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::change::Change;
use crate::memory::room;

/// What is never too much room.
pub(crate) const FEW: usize = 64;

/// Gives half of the room back when three quarters are free.
pub(crate) fn shrink<T>(queue: &mut VecDeque<T>) {
    if queue.capacity() > FEW && queue.len() < queue.capacity() / 4 {
        queue.shrink_to(queue.capacity() / 2);
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// The version before the first change kept.
    compact_version: u64,
    changes: VecDeque<Arc<Change>>,
    cost: usize,
    footprint: usize,
}

impl Log {
    pub fn starting_at(compact_version: u64) -> Log {
        Log { compact_version, ..Log::default() }
    }

    pub fn compact_version(&self) -> u64 {
        self.compact_version
    }

    /// The version of the last change, kept or not.
    pub fn version(&self) -> u64 {
        self.compact_version + self.changes.len() as u64
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn cost(&self) -> usize {
        self.cost
    }

    /// The memory it takes, that of its changes included.
    pub fn footprint(&self) -> usize {
        self.footprint + room(&self.changes)
    }

    pub fn first(&self) -> Option<&Arc<Change>> {
        self.changes.front()
    }

    pub fn get(&self, version: u64) -> Option<&Arc<Change>> {
        let index = version.checked_sub(self.compact_version + 1)?;
        self.changes.get(usize::try_from(index).ok()?)
    }

    /// The changes after a version.
    pub fn after(&self, version: u64) -> impl Iterator<Item = &Arc<Change>> {
        let skipped = version.saturating_sub(self.compact_version);
        let from = usize::try_from(skipped).map_or(self.changes.len(), |from| from.min(self.changes.len()));
        self.changes.range(from..)
    }

    /// The change must have the next version.
    pub fn push(&mut self, change: Arc<Change>) {
        debug_assert_eq!(change.version(), self.version() + 1);
        self.cost += change.cost();
        self.footprint += change.footprint();
        self.changes.push_back(change);
    }

    /// Takes the oldest change out.
    pub fn pop(&mut self) -> Option<Arc<Change>> {
        let change = self.changes.pop_front()?;
        self.compact_version += 1;
        self.cost -= change.cost();
        self.footprint -= change.footprint();
        shrink(&mut self.changes);
        Some(change)
    }
}
