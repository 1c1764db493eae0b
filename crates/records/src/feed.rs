//! The feed: what came after a cursor.

use std::collections::HashMap;
use std::sync::Arc;

use crate::change::Change;
use crate::epoch::{Cursor, CursorError};
use crate::merge::Merge;
use crate::store::Store;

/// Changes that one page looks at for each that it may give, beside [`LOOKS_SPARE`]: many may be of the same records.
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
    /// Leave out changes of records that change again within the page. What changes again after the page is not left out:
    /// the later change may be lost in a failover, while a reader at the page's cursor goes on.
    pub latest: bool,
}

/// A part of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// Where to go on. It moves past changes of other types too.
    pub cursor: Cursor,
    /// The changes, in order.
    pub changes: Vec<Arc<Change>>,
    /// How many were left out because later ones in the page supersede them.
    pub superseded: u64,
    /// Whether there is more to read at once.
    pub more: bool,
}

impl FeedPage {
    /// Nothing, for a reader who has to ask again.
    pub fn empty(cursor: Cursor) -> FeedPage {
        FeedPage { cursor, changes: Vec::new(), superseded: 0, more: false }
    }
}

impl Store {
    /// Whether a reader can go on from a cursor; `term` is that of a primary, `None` on a replica.
    ///
    /// # Errors
    /// It can't be served exactly.
    pub fn check_cursor(&self, cursor: Cursor, term: Option<u64>) -> Result<(), CursorError> {
        let versions = self.versions();
        if cursor.seen < cursor.version || !self.history.contains(cursor) {
            return Err(CursorError::Epoch);
        }
        if cursor.seen > versions.version {
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
        Cursor { epoch: self.history.of(version), version, seen: version }
    }

    /// The same for a reader who may have seen something of a later version.
    pub(crate) fn cursor_that_saw(&self, version: u64, seen: u64) -> Cursor {
        let seen = seen.max(version);
        Cursor { version, ..self.cursor_at(seen) }
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
            self.log.after(after).all(|change| reader.take(change))
        } else {
            let versions = self.versions_of_types(query.types, after);
            versions.filter_map(|version| self.log.get(version)).all(|change| reader.take(change))
        };
        let version = if ended { self.version() } else { reader.last };
        Ok(FeedPage {
            cursor: self.cursor_that_saw(version, query.after.seen),
            changes: reader.changes.into_iter().flatten().collect(),
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
}

struct Reader<'q, 's> {
    query: &'q FeedQuery<'q>,
    /// In order, with holes where others superseded them.
    changes: Vec<Option<Arc<Change>>>,
    /// Where the latest change of a record is; only if superseded ones are left out.
    places: HashMap<(&'s [u8], &'s [u8]), usize>,
    cost: usize,
    looks_left: usize,
    superseded: u64,
    /// The version of the last change that was dealt with.
    last: u64,
}

impl<'q, 's> Reader<'q, 's> {
    fn new(query: &'q FeedQuery<'q>, after: u64) -> Self {
        let looks_left = query.count_max.saturating_mul(LOOKS_PER_CHANGE).saturating_add(LOOKS_SPARE);
        let (changes, places) = (Vec::new(), HashMap::new());
        Reader { query, changes, places, cost: 0, looks_left, superseded: 0, last: after }
    }

    /// Deals with a change, unless there is no room left.
    fn take(&mut self, change: &'s Arc<Change>) -> bool {
        let earlier = self.places.get(&(change.type_name(), change.id())).copied();
        if self.looks_left == 0 || !self.has_room(change, earlier) {
            return false;
        }
        if let Some(old) = earlier.and_then(|place| self.changes.get_mut(place)?.take()) {
            self.cost -= old.cost();
            self.superseded += 1;
        }
        if self.query.latest {
            self.places.insert((change.type_name(), change.id()), self.changes.len());
        }
        self.cost += change.cost();
        self.changes.push(Some(Arc::clone(change)));
        self.looks_left -= 1;
        self.last = change.version();
        true
    }

    fn has_room(&self, change: &Change, earlier: Option<usize>) -> bool {
        let old = earlier.and_then(|place| self.changes.get(place)?.as_ref());
        let count = self.changes.len() - self.superseded as usize - usize::from(old.is_some());
        let cost = self.cost - old.map_or(0, |old| old.cost());
        count == 0 || (count < self.query.count_max && cost + change.cost() <= self.query.bytes_max)
    }
}
