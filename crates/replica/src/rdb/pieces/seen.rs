//! What can be known of uniqueness in bounded memory.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::rdb::value::StreamId;

/// Names remembered at most. A duplicate of one of them is found wherever it comes; names beyond are not remembered.
const NAMES_MAX: usize = 1 << 16;

/// Marks of 128 bits, by two random keys: two names can't be made to share one.
#[derive(Default)]
pub(super) struct Seen {
    keys: [RandomState; 2],
    marks: HashSet<u128>,
}

impl Seen {
    /// Whether the name is new, as far as it is remembered.
    pub(super) fn is_new(&mut self, name: &[u8]) -> bool {
        let mark = mark(&self.keys, name);
        if self.marks.len() < NAMES_MAX { self.marks.insert(mark) } else { !self.marks.contains(&mark) }
    }

    pub(super) fn clear(&mut self) {
        self.marks.clear();
    }
}

/// Proves that consumers own each pending entry of their group once: both sides add up to the same sum of marks, and
/// the entries of the group are distinct because they ascend.
#[derive(Default)]
pub(super) struct Owed {
    keys: [RandomState; 2],
    sum: u128,
    last: Option<StreamId>,
}

impl Owed {
    pub(super) const fn last(&self) -> Option<StreamId> {
        self.last
    }

    pub(super) fn owe(&mut self, id: StreamId) {
        self.last = Some(id);
        self.sum = self.sum.wrapping_add(mark(&self.keys, &id));
    }

    pub(super) fn claim(&mut self, id: StreamId) {
        self.sum = self.sum.wrapping_sub(mark(&self.keys, &id));
    }

    /// Whether all is owned; makes ready for the next group.
    pub(super) fn settle(&mut self) -> bool {
        self.last = None;
        std::mem::take(&mut self.sum) == 0
    }
}

fn mark<T: std::hash::Hash + ?Sized>(keys: &[RandomState; 2], name: &T) -> u128 {
    let [high, low] = [0, 1].map(|half: usize| keys[half].hash_one(name));
    u128::from(high) << 64 | u128::from(low)
}
