//! The feed: what came after a cursor.

use std::sync::Arc;

use crate::change::Change;
use crate::epoch::{Cursor, CursorError};
use crate::merge::Merge;
use crate::store::Store;

/// Changes that one page looks at for each that it may give, beside [`LOOKS_SPARE`]: many may be superseded.
const LOOKS_PER_CHANGE: usize = 16;
const LOOKS_SPARE: usize = 1024;

/// What to read of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedQuery<'a> {
    /// After what.
    pub after: Cursor,
    /// Only these types; all if there are none.
    pub types: &'a [&'a [u8]],
    /// The most changes.
    pub count_max: usize,
    /// The most that the changes may cost ([`Change::cost`]); the first is given whatever it costs.
    pub bytes_max: usize,
    /// Leave out changes of records that have changed again since.
    pub latest: bool,
}

/// A part of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// Where to go on. It moves past changes of other types too.
    pub cursor: Cursor,
    /// The changes, in order.
    pub changes: Vec<Arc<Change>>,
    /// How many were left out because they are superseded.
    pub superseded: u64,
    /// Whether there is more to read at once.
    pub more: bool,
}

impl Store {
    /// Whether a reader can go on from a cursor; `term` is that of a primary, `None` on a replica.
    ///
    /// # Errors
    /// It can't be served exactly.
    pub fn check_cursor(&self, cursor: Cursor, term: Option<u64>) -> Result<(), CursorError> {
        let versions = self.versions();
        if !self.history.contains(cursor) {
            return Err(CursorError::Epoch);
        }
        if cursor.version > versions.version {
            let version = versions.version;
            return Err(match term {
                None => CursorError::Ahead { version },
                // Until the first write of this term nobody knows what was lost; a reader who is ahead has seen it.
                Some(term) if self.term() != Some(term) => CursorError::Epoch,
                Some(_) => CursorError::Future { version },
            });
        }
        if cursor.version < versions.compact_version {
            return Err(CursorError::Compacted { oldest: versions.compact_version });
        }
        Ok(())
    }

    /// The cursor of a version that a reader has got: it names the epoch that made the version.
    pub fn cursor_at(&self, version: u64) -> Cursor {
        Cursor { epoch: self.history.of(version), version }
    }

    /// Reads changes in order, each once. It looks at a bounded number of them, so a page may be empty though there is more.
    ///
    /// # Errors
    /// The cursor can't be served exactly.
    pub fn feed(&self, query: &FeedQuery<'_>, term: Option<u64>) -> Result<FeedPage, CursorError> {
        self.check_cursor(query.after, term)?;
        let after = query.after.version;
        let mut reader = Reader::new(query, after);
        let ended = if query.types.is_empty() {
            self.log.after(after).all(|change| reader.take(self, change))
        } else {
            let versions = self.versions_of_types(query.types, after);
            versions.filter_map(|version| self.log.get(version)).all(|change| reader.take(self, change))
        };
        let version = if ended { self.version() } else { reader.last };
        Ok(FeedPage {
            cursor: self.cursor_at(version),
            changes: reader.changes,
            superseded: reader.superseded,
            more: !ended,
        })
    }

    /// Whether any change after a version is of one of the types.
    pub fn has_news(&self, after: u64, types: &[&[u8]]) -> bool {
        if types.is_empty() {
            return self.version() > after;
        }
        self.versions_of_types(types, after).next().is_some()
    }

    fn versions_of_types(&self, types: &[&[u8]], after: u64) -> impl Iterator<Item = u64> {
        let mut types = types.to_vec();
        types.sort_unstable();
        types.dedup();
        let states = types.into_iter().filter_map(|name| self.type_state(name));
        Merge::new(states.map(|state| state.logged_after(after))).map(|(version, ())| version)
    }

    fn is_superseded(&self, change: &Change) -> bool {
        let latest = self.type_state(change.type_name()).and_then(|state| state.latest(change.id()));
        latest.is_none_or(|latest| latest.version() != change.version())
    }
}

struct Reader<'q> {
    query: &'q FeedQuery<'q>,
    changes: Vec<Arc<Change>>,
    cost: usize,
    looks_left: usize,
    superseded: u64,
    /// The version of the last change that was dealt with.
    last: u64,
}

impl<'q> Reader<'q> {
    fn new(query: &'q FeedQuery<'q>, after: u64) -> Self {
        let looks_left = query.count_max.saturating_mul(LOOKS_PER_CHANGE).saturating_add(LOOKS_SPARE);
        Reader { query, changes: Vec::new(), cost: 0, looks_left, superseded: 0, last: after }
    }

    /// Deals with a change, unless there is no room left.
    fn take(&mut self, store: &Store, change: &Arc<Change>) -> bool {
        if self.looks_left == 0 {
            return false;
        }
        if self.query.latest && store.is_superseded(change) {
            self.superseded += 1;
        } else if !self.add(change) {
            return false;
        }
        self.looks_left -= 1;
        self.last = change.version();
        true
    }

    fn add(&mut self, change: &Arc<Change>) -> bool {
        let full = self.changes.len() >= self.query.count_max.max(1)
            || (!self.changes.is_empty() && self.cost + change.cost() > self.query.bytes_max);
        if !full {
            self.cost += change.cost();
            self.changes.push(Arc::clone(change));
        }
        !full
    }
}
