//! How decisions are made: each is applied at once, as a replica will apply it, and written down.

use std::sync::Arc;

use crate::change::{Change, Kind, Parts, Reason};
use crate::commit::{Commit, Item};
use crate::epoch::EpochId;
use crate::limits::{LimitError, Limits, TIME_MAX, VERSION_MAX, between};
use crate::store::Store;

/// Room that a single write leaves below the largest version: it can't take more.
const VERSIONS_SPARE: u64 = 1 << 33;

/// What a write needs to know of the server.
#[derive(Clone, Copy)]
pub struct Write<'a> {
    /// Milliseconds of Unix time. A store's own time never goes back: a clock that does is waited for.
    pub now: u64,
    /// Changes whenever the server may have lost something: it was started or promoted. The first write of a term begins
    /// an epoch.
    pub term: u64,
    /// Makes a random id for an epoch.
    pub fresh_epoch: &'a dyn Fn() -> EpochId,
    /// How large anything may be.
    pub limits: &'a Limits,
}

/// A write that is being decided.
pub(crate) struct Tx<'s, 'w> {
    store: &'s mut Store,
    write: &'w Write<'w>,
    commit: Commit,
}

impl<'s, 'w> Tx<'s, 'w> {
    /// Nothing is changed before the first [`Tx::push`].
    pub fn begin(store: &'s mut Store, write: &'w Write<'w>) -> Result<Self, LimitError> {
        between("versions of a store", store.version(), 0, VERSION_MAX - VERSIONS_SPARE)?;
        let at = store.time(write.now.min(TIME_MAX));
        let epoch = store.versions().epoch;
        let commit = Commit { base: store.version(), epoch, at, items: Vec::new() };
        Ok(Tx { store, write, commit })
    }

    /// The time of this write.
    pub fn now(&self) -> u64 {
        self.commit.at
    }

    pub fn limits(&self) -> &'w Limits {
        self.write.limits
    }

    pub fn store(&self) -> &Store {
        self.store
    }

    pub fn push(&mut self, item: Item) {
        self.begin_epoch();
        self.push_plain(item);
    }

    /// What follows is certain to be written: it is of this term.
    pub fn begin_epoch(&mut self) {
        if self.store.enter_term(self.write.term) {
            let (id, start) = ((self.write.fresh_epoch)(), self.store.version());
            self.push_plain(Item::Epoch { id, start });
        }
    }

    fn push_plain(&mut self, item: Item) {
        self.store.absorb(item.clone());
        self.commit.items.push(item);
    }

    pub fn set(&mut self, type_name: &Arc<[u8]>, id: &[u8], data: &[u8], ttl_ms: Option<u64>) -> u64 {
        let expires_at = ttl_ms.map(|ttl| (self.now() + ttl).min(TIME_MAX));
        self.change(type_name, Kind::Set, id, data, expires_at).version()
    }

    pub fn delete(&mut self, type_name: &Arc<[u8]>, id: &[u8], reason: Reason) -> Arc<Change> {
        self.change(type_name, Kind::Delete(reason), id, b"", None)
    }

    fn change(
        &mut self,
        type_name: &Arc<[u8]>,
        kind: Kind,
        id: &[u8],
        data: &[u8],
        expires_at: Option<u64>,
    ) -> Arc<Change> {
        let version = self.store.version() + 1;
        let parts = Parts { version, modified_at: self.now(), expires_at, kind, id, data };
        let change = Arc::new(Change::new(Arc::clone(type_name), parts));
        self.push(Item::Change(Arc::clone(&change)));
        change
    }

    /// Takes records out until the type is within its capacity: those whose time is over, then those that were changed
    /// longest ago.
    pub fn evict(&mut self, type_name: &Arc<[u8]>) -> Vec<Arc<Change>> {
        let (now, mut evicted) = (self.now(), Vec::new());
        while let Some(record) = self.store.over_capacity(type_name, now).map(Arc::clone) {
            let reason = if record.has_ended(now) { Reason::Ttl } else { Reason::Capacity };
            evicted.push(self.delete(type_name, record.id(), reason));
        }
        evicted
    }

    /// Ends the write: the log is within its limits again.
    pub fn finish(mut self) -> Commit {
        if !self.commit.items.is_empty() {
            let version = self.store.log_limit();
            if version > self.store.versions().compact_version {
                self.push_plain(Item::Compact { version });
            }
            self.store.set_time(self.commit.at);
        }
        self.commit
    }
}
