//! The store and how decided changes are taken in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::Change;
use crate::commit::Item;
use crate::epoch::{Cursor, Epoch, EpochId, History};
use crate::lease::Leases;
use crate::limits::{LimitError, Limits, between};
use crate::log::Log;
use crate::memory::{block, shared};
use crate::options::StoreOptions;
use crate::types::TypeState;

#[cfg(test)]
mod tests;

/// Records by type and id, with the changes that led there.
///
/// Cloning costs time in proportion to records and changes, but shares their contents.
#[derive(Debug, Default)]
pub struct Store {
    pub(crate) log: Log,
    pub(crate) types: BTreeMap<Arc<[u8]>, TypeState>,
    /// Records whose changes have left the log.
    pub(crate) base: Tally,
    /// How many records there are, ended ones included.
    pub(crate) live: usize,
    /// The blocks of memory that the names of types and cursors take.
    pub(crate) names: usize,
    /// Records that end, by when and version.
    pub(crate) ending: BTreeMap<(u64, u64), Arc<Change>>,
    pub(crate) history: History,
    pub(crate) options: StoreOptions,
    pub(crate) leases: Leases,
    pub(crate) cursors: BTreeMap<Box<[u8]>, Cursor>,
    last_time: u64,
    /// The term of the last write here; none if what came last was decided elsewhere.
    term: Option<u64>,
    /// Chunks of a dump are being taken in: the version of the last older record among them.
    pub(crate) loading: Option<u64>,
}

/// Changes counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub count: usize,
    /// [`Change::footprint`].
    pub footprint: usize,
}

/// Where the history of a store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The epoch of the latest version; `None` before the first write.
    pub epoch: Option<EpochId>,
    /// The latest version; 0 before the first change.
    pub version: u64,
    /// Cursors before this version can't be served any more.
    pub compact_version: u64,
    /// The version of the oldest change that is kept.
    pub earliest_change: Option<u64>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Store {
        Store::default()
    }

    /// Where the history stands.
    pub fn versions(&self) -> Versions {
        Versions {
            epoch: self.history.last().map(|epoch| epoch.id),
            version: self.log.version(),
            compact_version: self.log.compact_version(),
            earliest_change: self.log.first().map(|change| change.version()),
        }
    }

    /// The latest version.
    pub fn version(&self) -> u64 {
        self.log.version()
    }

    /// The names of all types that have records, with how many; ended ones count until they are deleted.
    pub fn types(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let filled = self.types.values().filter(|state| state.len() != 0);
        filled.map(|state| (state.name.as_ref(), state.len()))
    }

    /// Whether there is anything of a type: records, changes in the log or options.
    pub fn has_type(&self, type_name: &[u8]) -> bool {
        self.types.contains_key(type_name)
    }

    /// A record that has not ended at `now`, or at the time of the last write if that is later: a clock may step back.
    pub fn get(&self, type_name: &[u8], id: &[u8], now: u64) -> Option<&Arc<Change>> {
        let now = self.time(now);
        self.type_state(type_name)?.record(id).filter(|record| !record.has_ended(now))
    }

    /// The number of records in all types.
    pub fn records(&self) -> usize {
        self.live
    }

    /// The number of changes in the log.
    pub fn changes(&self) -> usize {
        self.log.len()
    }

    /// What the log counts against its limit in bytes.
    pub fn log_cost(&self) -> usize {
        self.log.cost()
    }

    /// How many allocations are to be freed with the store, at least.
    pub fn parts(&self) -> usize {
        self.log.len() + self.base.count + self.leases.len() + self.cursors.len()
    }

    /// A copy that shares what records and changes contain. Its first write begins an epoch.
    pub fn fork(&self) -> Store {
        Store {
            log: self.log.clone(),
            types: self.types.clone(),
            base: self.base,
            live: self.live,
            names: self.names,
            ending: self.ending.clone(),
            history: self.history.clone(),
            options: self.options,
            leases: self.leases.clone(),
            cursors: self.cursors.clone(),
            last_time: self.last_time,
            term: None,
            loading: self.loading,
        }
    }

    /// The latest time that the store knows; it never goes back.
    pub fn last_time(&self) -> u64 {
        self.last_time
    }

    /// The time of a reader whose clock says `now`: never before what the store has seen, or what has ended would be back.
    pub(crate) fn time(&self, now: u64) -> u64 {
        self.last_time.max(now)
    }

    pub(crate) fn set_time(&mut self, at: u64) {
        self.last_time = self.last_time.max(at);
    }

    pub(crate) fn term(&self) -> Option<u64> {
        self.term
    }

    /// Says whether the term is new.
    pub(crate) fn enter_term(&mut self, term: u64) -> bool {
        self.term.replace(term) != Some(term)
    }

    /// What comes was decided elsewhere.
    pub(crate) fn leave_term(&mut self) {
        self.term = None;
    }

    pub(crate) fn type_state(&self, type_name: &[u8]) -> Option<&TypeState> {
        self.types.get(type_name)
    }

    /// The name as all changes of the type share it.
    pub(crate) fn intern(&self, type_name: &[u8]) -> Arc<[u8]> {
        self.type_state(type_name).map_or_else(|| type_name.into(), |state| Arc::clone(&state.name))
    }

    pub(crate) fn room_for_types(&self, limits: &Limits, new: usize) -> Result<(), LimitError> {
        if new == 0 {
            return Ok(());
        }
        between("types", (self.types.len() + new) as u64, 0, limits.types_max as u64)
    }

    /// The record to evict next, if the type has more than its capacity.
    pub(crate) fn over_capacity(&self, type_name: &[u8], now: u64) -> Option<&Arc<Change>> {
        let state = self.type_state(type_name)?;
        let over = state.options.capacity.is_some_and(|capacity| state.len() as u64 > capacity);
        if over { state.first_to_go(now) } else { None }
    }

    /// The version that the log should be compacted to by its limits in changes and bytes.
    pub(crate) fn log_limit(&self) -> u64 {
        let changes_max = self.options.changes_max.unwrap_or(u64::MAX);
        let bytes_max = self.options.bytes_max.unwrap_or(u64::MAX);
        let (mut count, mut cost) = (self.log.len() as u64, self.log.cost() as u64);
        let mut changes = self.log.after(0);
        while count > changes_max || cost > bytes_max {
            let Some(change) = changes.next() else { break };
            count -= 1;
            cost -= change.cost() as u64;
        }
        self.version() - count
    }

    /// Takes in what was decided and checked.
    pub(crate) fn absorb(&mut self, item: Item) {
        match item {
            Item::Epoch { id, start } => self.begin_epoch(Epoch { id, start }),
            Item::TypeOptions { type_name, options } => {
                self.type_entry(&type_name).options = options;
                self.drop_if_needless(&type_name);
            }
            Item::StoreOptions(options) => self.options = options,
            Item::Change(change) => self.absorb_change(change),
            Item::Base(record) => self.absorb_base(record),
            Item::Compact { version } => self.compact(version),
            Item::Lease { name, lease } => self.leases.set(name, lease),
            Item::LeaseGone { name } => self.leases.remove(&name),
            Item::Cursor { name, cursor } => {
                let footprint = block(name.len());
                if self.cursors.insert(name, cursor).is_none() {
                    self.names += footprint;
                }
            }
            Item::CursorGone { name } => {
                if self.cursors.remove(&name).is_some() {
                    self.names -= block(name.len());
                }
            }
            Item::Clear => self.clear_records(),
            Item::Begin { compact_version, last_time, last_token } => {
                *self = Store {
                    log: Log::starting_at(compact_version),
                    leases: Leases::with_last_token(last_token),
                    last_time,
                    loading: Some(0),
                    ..Store::default()
                }
            }
            Item::End => self.loading = None,
        }
    }

    pub(crate) fn begin_epoch(&mut self, epoch: Epoch) {
        // A dump has the greatest token of all its epochs.
        if self.loading.is_none() {
            self.leases.leap(epoch.id, epoch.start);
        }
        self.history.push(epoch);
    }

    fn type_entry(&mut self, type_name: &Arc<[u8]>) -> &mut TypeState {
        self.types.entry(Arc::clone(type_name)).or_insert_with(|| {
            self.names += shared(type_name.len());
            TypeState::new(Arc::clone(type_name))
        })
    }

    fn drop_if_needless(&mut self, type_name: &[u8]) {
        if self.type_state(type_name).is_some_and(TypeState::is_needless) {
            self.types.remove(type_name);
            self.names -= shared(type_name.len());
        }
    }

    fn absorb_change(&mut self, change: Arc<Change>) {
        let old = self.type_entry(change.shared_type_name()).put(Arc::clone(&change), true);
        self.live += usize::from(change.is_set());
        if let Some(old) = old {
            self.live -= 1;
            self.forget_record(&old);
        }
        self.note_end(&change);
        self.log.push(change);
    }

    fn absorb_base(&mut self, record: Arc<Change>) {
        self.base.add(&record);
        self.live += 1;
        self.loading = Some(record.version());
        self.note_end(&record);
        self.type_entry(record.shared_type_name()).put(Arc::clone(&record), false);
    }

    fn note_end(&mut self, record: &Arc<Change>) {
        if let Some(end) = record.expires_at() {
            self.ending.insert((end, record.version()), Arc::clone(record));
        }
    }

    /// A record has been replaced or deleted.
    fn forget_record(&mut self, old: &Change) {
        if let Some(end) = old.expires_at() {
            self.ending.remove(&(end, old.version()));
        }
        if old.version() <= self.log.compact_version() {
            self.base.remove(old);
        }
    }

    pub(crate) fn compact(&mut self, version: u64) {
        while self.log.compact_version() < version {
            let Some(change) = self.log.pop() else { break };
            let stays = self.types.get_mut(change.type_name()).is_some_and(|state| state.unlog(&change));
            if stays {
                self.base.add(&change);
            }
            self.drop_if_needless(change.type_name());
        }
        self.history.forget_before(self.log.compact_version());
    }

    /// Nothing is left of records and changes; the version that this takes is one that nobody can go on from.
    fn clear_records(&mut self) {
        self.log = Log::starting_at(self.version() + 1);
        self.base = Tally::default();
        self.live = 0;
        self.ending.clear();
        let options = std::mem::take(&mut self.types).into_values().map(|state| (state.name, state.options));
        for (name, options) in options.collect::<Vec<_>>() {
            self.names -= shared(name.len());
            self.type_entry(&name).options = options;
            self.drop_if_needless(&name);
        }
        self.history.forget_before(self.log.compact_version());
    }
}

impl Tally {
    fn add(&mut self, change: &Change) {
        self.count += 1;
        self.footprint += change.footprint();
    }

    fn remove(&mut self, change: &Change) {
        self.count -= 1;
        self.footprint -= change.footprint();
    }
}
