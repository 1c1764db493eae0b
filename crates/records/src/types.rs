//! The records of one type.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::change::Change;
use crate::log::{FEW, shrink};
use crate::options::TypeOptions;

/// A change found by its id.
#[derive(Debug, Clone)]
struct ById(Arc<Change>);

impl Borrow<[u8]> for ById {
    fn borrow(&self) -> &[u8] {
        self.0.id()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ById {}

/// One type of a store. It exists while it has options, records or changes in the log.
#[derive(Debug, Clone)]
pub(crate) struct TypeState {
    pub name: Arc<[u8]>,
    pub options: TypeOptions,
    by_id: HashSet<ById>,
    /// The records, by version.
    records: BTreeMap<u64, Arc<Change>>,
    /// The records that end, by when and version.
    ending: BTreeSet<(u64, u64)>,
    /// The versions of its changes in the log.
    logged: VecDeque<u64>,
}

impl TypeState {
    pub fn new(name: Arc<[u8]>) -> TypeState {
        TypeState {
            name,
            options: TypeOptions::default(),
            by_id: HashSet::new(),
            records: BTreeMap::new(),
            ending: BTreeSet::new(),
            logged: VecDeque::new(),
        }
    }

    pub fn is_needless(&self) -> bool {
        self.by_id.is_empty() && self.logged.is_empty() && self.options == TypeOptions::default()
    }

    /// The record of an id, ended or not.
    pub fn record(&self, id: &[u8]) -> Option<&Arc<Change>> {
        self.by_id.get(id).map(|by_id| &by_id.0)
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The record that goes first: the one whose time was over first or, if that of none is, the one that was changed longest
    /// ago.
    pub fn first_to_go(&self, now: u64) -> Option<&Arc<Change>> {
        let ended = self.ending.first().filter(|(end, _)| *end <= now);
        match ended {
            Some((_, version)) => self.records.get(version),
            None => self.records.first_key_value().map(|(_, record)| record),
        }
    }

    /// Records with versions after `after`, ascending.
    pub fn records_after(&self, after: u64) -> impl Iterator<Item = (u64, &Arc<Change>)> {
        self.records.range(after.saturating_add(1)..).map(|(version, change)| (*version, change))
    }

    /// Versions in the log after `after`, ascending.
    pub fn logged_after(&self, after: u64) -> impl Iterator<Item = (u64, ())> {
        let from = self.logged.partition_point(|version| *version <= after);
        self.logged.range(from..).map(|version| (*version, ()))
    }

    /// Takes a change in; gives the record that it replaces or deletes.
    pub fn put(&mut self, change: Arc<Change>, logged: bool) -> Option<Arc<Change>> {
        let version = change.version();
        if logged {
            self.logged.push_back(version);
        }
        let old = if change.is_set() {
            self.by_id.replace(ById(Arc::clone(&change)))
        } else {
            self.by_id.take(change.id())
        };
        let old = old.map(|by_id| by_id.0);
        if let Some(old) = &old {
            self.records.remove(&old.version());
            old.expires_at().map(|end| self.ending.remove(&(end, old.version())));
            self.shrink_ids();
        }
        change.expires_at().map(|end| self.ending.insert((end, version)));
        if change.is_set() {
            self.records.insert(version, change);
        }
        old
    }

    /// A change leaves the log. Says whether it is a record, which stays.
    pub fn unlog(&mut self, change: &Change) -> bool {
        self.logged.pop_front();
        shrink(&mut self.logged);
        self.record(change.id()).is_some_and(|record| record.version() == change.version())
    }

    fn shrink_ids(&mut self) {
        let room = self.by_id.capacity();
        if room > FEW && self.by_id.len() < room / 4 {
            self.by_id.shrink_to(room / 2);
        }
    }

    #[cfg(test)]
    pub fn assert_consistent(&self) {
        assert_eq!(self.by_id.len(), self.records.len());
        let known =
            |record: &Arc<Change>| self.record(record.id()).is_some_and(|known| Arc::ptr_eq(known, record));
        assert!(self.records.iter().all(|(version, record)| record.version() == *version && known(record)));
        let ending =
            self.records.values().filter_map(|record| Some((record.expires_at()?, record.version())));
        assert_eq!(ending.collect::<BTreeSet<_>>(), self.ending);
        assert!(self.logged.iter().is_sorted());
    }

    /// Of everything that grows in steps.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.by_id.capacity() + self.logged.capacity()
    }
}
