//! A store with a clock and a term, for tests to tell stories with.
#![allow(dead_code)]

use record_store::feed::{FeedPage, FeedQuery};
use record_store::lease::{LeaseError, Wish};
use record_store::list::{ListCursor, ListPage, ListQuery};
use record_store::options::{StorePatch, TypePatch};
use record_store::put::{Action, Condition, Done, Fence, Op, PutError};
use record_store::upkeep::Trim;
use record_store::{Change, Commit, Cursor, CursorError, EpochId, Limits, Store, View, Write};

pub struct Server {
    pub store: Store,
    pub now: u64,
    pub term: u64,
    pub limits: Limits,
    /// What went to replicas.
    pub stream: Vec<Vec<u8>>,
}

pub fn set<'a>(type_name: &'a str, id: &'a str, data: &'a str) -> Op<'a> {
    let action = Action::Set { data: data.as_bytes(), ttl_ms: None };
    Op { type_name: type_name.as_bytes(), id: id.as_bytes(), condition: Condition::Always, action }
}

pub fn set_for<'a>(type_name: &'a str, id: &'a str, ttl_ms: u64) -> Op<'a> {
    Op { action: Action::Set { data: b"", ttl_ms: Some(ttl_ms) }, ..set(type_name, id, "") }
}

pub fn del<'a>(type_name: &'a str, id: &'a str) -> Op<'a> {
    Op { action: Action::Delete, ..set(type_name, id, "") }
}

/// A change as `version id`, with `-` before the id if it is a deletion.
pub fn told(change: &Change) -> String {
    let sign = if change.is_set() { "" } else { "-" };
    format!("{} {sign}{}", change.version(), String::from_utf8_lossy(change.id()))
}

pub fn all_told<'a, C: AsRef<Change> + 'a>(changes: impl IntoIterator<Item = &'a C>) -> Vec<String> {
    changes.into_iter().map(|change| told(change.as_ref())).collect()
}

pub fn dump(store: &Store) -> Vec<u8> {
    store.dump(usize::MAX).flatten().collect()
}

impl Server {
    pub fn new() -> Server {
        Server::with(Store::new(), 1)
    }

    pub fn with(store: Store, term: u64) -> Server {
        Server { store, now: 1_000, term, limits: Limits::default(), stream: Vec::new() }
    }

    /// A replica that has got the first `commits` of all.
    pub fn replica(&self, commits: usize) -> Store {
        let mut store = Store::new();
        for bytes in &self.stream[..commits] {
            let commit = Commit::decode(bytes, &store).expect("what was encoded");
            store.apply(&commit).expect("what was decided");
        }
        store
    }

    pub fn write<T, E>(
        &mut self,
        write: impl FnOnce(&mut Store, &Write<'_>) -> Result<(T, Commit), E>,
    ) -> Result<T, E> {
        let fresh = EpochId::new(0xe000 + self.term * 1_000 + self.now % 1_000).expect("not 0");
        let context = Write { now: self.now, term: self.term, fresh_epoch: &|| fresh, limits: &self.limits };
        let (told, commit) = write(&mut self.store, &context)?;
        if !commit.is_empty() {
            self.stream.push(commit.encode());
        }
        Ok(told)
    }

    pub fn try_put(&mut self, fence: Option<Fence<'_>>, ops: &[Op<'_>]) -> Result<Done, PutError> {
        self.write(|store, write| store.put(write, fence, ops))
    }

    pub fn put(&mut self, ops: &[Op<'_>]) -> Done {
        self.try_put(None, ops).expect("nothing against it")
    }

    pub fn options(&mut self, type_name: &str, patch: TypePatch) {
        let set = |store: &mut Store, write: &Write<'_>| {
            store.set_type_options(write, type_name.as_bytes(), patch).map(|commit| ((), commit))
        };
        self.write(set).expect("within limits");
    }

    pub fn capacity(&mut self, type_name: &str, capacity: u64) {
        self.options(type_name, TypePatch { capacity: Some(Some(capacity)), ttl_ms: None });
    }

    pub fn store_options(&mut self, patch: StorePatch) {
        self.write(|store, write| store.set_options(write, patch).map(|commit| ((), commit)))
            .expect("within limits");
    }

    pub fn trim(&mut self, trim: Trim) -> u64 {
        self.write(|store, write| store.trim(write, trim)).expect("a version that has been")
    }

    pub fn tend(&mut self) {
        self.write(|store, write| store.tend(write, usize::MAX).map(|commit| ((), commit)))
            .expect("versions left");
    }

    pub fn clear(&mut self) {
        self.write(|store, write| store.clear(write).map(|commit| ((), commit))).expect("versions left");
    }

    pub fn acquire(&mut self, name: &str, holder: &str, ttl_ms: u64) -> Wish {
        self.write(|store, write| store.acquire(write, name.as_bytes(), holder.as_bytes(), ttl_ms))
            .expect("within limits")
    }

    pub fn token(&mut self, name: &str, holder: &str, ttl_ms: u64) -> u64 {
        match self.acquire(name, holder, ttl_ms) {
            Wish::Granted { token, .. } => token,
            other => panic!("{other:?}"),
        }
    }

    pub fn release(&mut self, name: &str, holder: &str, token: u64) -> Result<(), LeaseError> {
        let holder = (holder.as_bytes(), token);
        self.write(|store, write| store.release(write, name.as_bytes(), holder).map(|commit| ((), commit)))
    }

    pub fn at(&self) -> Cursor {
        self.store.cursor_at(self.store.version())
    }

    pub fn page(&self, after: Cursor, types: &[&str], count_max: usize) -> Result<FeedPage, CursorError> {
        let types: Vec<&[u8]> = types.iter().map(|name| name.as_bytes()).collect();
        let query = FeedQuery { after, types: &types, count_max, bytes_max: usize::MAX, latest: false };
        self.store.feed(&query, Some(self.term))
    }

    pub fn feed(&self, after: Cursor) -> Result<Vec<String>, CursorError> {
        self.page(after, &[], usize::MAX).map(|page| all_told(&page.changes))
    }

    pub fn list(&self, from: Option<ListCursor>, count_max: usize) -> Result<ListPage, CursorError> {
        let query = ListQuery { from, types: &[], filter: None, count_max, bytes_max: usize::MAX };
        self.store.list(&query, View { now: self.now, term: Some(self.term) })
    }

    pub fn records(&self) -> Vec<String> {
        all_told(&self.list(None, usize::MAX).expect("a new list").records)
    }
}
