//! Clients that wait: for changes (RECORD.SYNC .. BLOCK) and for leases (RECORD.LEASE .. ACQUIRE .. BLOCK).
//!
//! Readers are listed by key and type, so that a change wakes those who asked for its type and nobody else. Those who
//! wait for a lease get it in the order they came, in the same step in which it became free.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use record_store::lease::Wish;
use record_store::{Commit, Store};
use redis_context::{ErrorReply, MainCell, RedisString, Unblocker, WriteContext};

use super::places::Place;
use super::writing::{self, Missing};

/// The clients that wait; `None` until there is one.
pub static WAITING: MainCell<Option<Waiting>> = MainCell::new(None);

/// A reader that waits.
pub struct Reader {
    /// The types it asked for; all if there are none.
    pub types: Vec<Box<[u8]>>,
    /// It is only woken when the store has this version: a replica may be behind.
    pub version_min: u64,
    /// The version and epoch it has seen.
    pub after: record_store::Cursor,
    /// Its client.
    pub client: Unblocker<()>,
}

/// A client that waits for a lease.
pub struct Candidate {
    /// Who it wants to be.
    pub holder: Box<[u8]>,
    /// For how long, in milliseconds.
    pub ttl_ms: u64,
    /// Its client.
    pub client: Unblocker<Result<Wish, ErrorReply>>,
}

/// All that wait.
#[derive(Default)]
pub struct Waiting {
    stores: HashMap<Place, AtStore>,
}

/// Those that wait at one key.
#[derive(Default)]
struct AtStore {
    readers: HashMap<u64, Reader>,
    next: u64,
    /// Readers of all types.
    any: Vec<u64>,
    /// Readers of certain types; numbers of readers that have left are passed over.
    by_type: HashMap<Box<[u8]>, Vec<u64>>,
    leases: HashMap<Box<[u8]>, VecDeque<Candidate>>,
    /// How many may be there before it is looked who has left.
    look_at: usize,
}

const LOOK_AT_MIN: usize = 64;

impl Waiting {
    /// How many readers and candidates wait.
    pub fn len(&self) -> usize {
        self.stores.values().map(AtStore::len).sum()
    }

    /// Whether anybody waits at the key.
    pub fn is_waited_for(&self, place: &Place) -> bool {
        self.stores.contains_key(place)
    }

    /// The keys at which somebody waits.
    pub fn places(&self) -> Vec<Place> {
        self.stores.keys().cloned().collect()
    }

    /// Whether another client may wait at the key.
    pub fn has_room(&mut self, place: &Place, max: usize) -> bool {
        let Some(at) = self.stores.get_mut(place) else { return max > 0 };
        if at.len() >= max {
            at.forget_gone();
        }
        at.len() < max
    }

    /// Adds a reader.
    pub fn add_reader(&mut self, place: Place, reader: Reader) {
        self.stores.entry(place).or_default().add_reader(reader);
    }

    /// Adds a client that waits for a lease.
    pub fn add_candidate(&mut self, place: Place, lease: &[u8], candidate: Candidate) {
        let at = self.stores.entry(place).or_default();
        at.leases.entry(lease.into()).or_default().push_back(candidate);
        at.tidy();
    }

    /// Wakes the readers that a commit concerns.
    pub fn wake(&mut self, place: &Place, commit: &Commit, version: u64) {
        let Some(at) = self.stores.get_mut(place) else { return };
        if commit.clears() {
            at.wake_all();
        } else if commit.changes().next().is_some() {
            at.wake_any(version);
            commit.changed_types().for_each(|name| at.wake_type(name, version));
        }
        self.forget_empty(place);
    }

    /// Looks at everybody who waits at a key again: it may hold another store now, or none.
    pub fn look_again(&mut self, place: &Place, store: Option<&Store>, term: Option<u64>) {
        let Some(at) = self.stores.get_mut(place) else { return };
        at.look_again(store, term);
        self.forget_empty(place);
    }

    /// The next client that gets a lease.
    fn next_candidate(&mut self, place: &Place, lease: &[u8]) -> Option<Candidate> {
        let at = self.stores.get_mut(place)?;
        let queue = at.leases.get_mut(lease)?;
        let next =
            std::iter::from_fn(|| queue.pop_front()).find(|candidate| !candidate.client.is_client_gone());
        if queue.is_empty() {
            at.leases.remove(lease);
        }
        self.forget_empty(place);
        next
    }

    fn forget_empty(&mut self, place: &Place) {
        if self.stores.get(place).is_some_and(|at| at.len() == 0) {
            self.stores.remove(place);
        }
    }
}

impl AtStore {
    fn len(&self) -> usize {
        self.readers.len() + self.leases.values().map(VecDeque::len).sum::<usize>()
    }

    fn add_reader(&mut self, reader: Reader) {
        self.next += 1;
        let number = self.next;
        if reader.types.is_empty() {
            self.any.push(number);
        }
        for name in &reader.types {
            self.by_type.entry(name.clone()).or_default().push(number);
        }
        self.readers.insert(number, reader);
        self.tidy();
    }

    /// Forgets those that have left, once their number may have doubled.
    fn tidy(&mut self) {
        if self.len() > self.look_at.max(LOOK_AT_MIN) {
            self.forget_gone();
            self.look_at = self.len() * 2;
        }
    }

    fn forget_gone(&mut self) {
        self.readers.retain(|_, reader| !reader.client.is_client_gone());
        self.leases
            .values_mut()
            .for_each(|queue| queue.retain(|candidate| !candidate.client.is_client_gone()));
        self.leases.retain(|_, queue| !queue.is_empty());
        self.forget_numbers();
    }

    fn forget_numbers(&mut self) {
        let AtStore { readers, any, by_type, .. } = self;
        any.retain(|number| readers.contains_key(number));
        by_type.values_mut().for_each(|numbers| numbers.retain(|number| readers.contains_key(number)));
        by_type.retain(|_, numbers| !numbers.is_empty());
    }

    fn wake_any(&mut self, version: u64) {
        let numbers = std::mem::take(&mut self.any);
        self.any = self.wake_numbers(numbers, version);
    }

    fn wake_type(&mut self, name: &[u8], version: u64) {
        let Some((name, numbers)) = self.by_type.remove_entry(name) else { return };
        let left = self.wake_numbers(numbers, version);
        if !left.is_empty() {
            self.by_type.insert(name, left);
        }
    }

    /// Wakes readers by their numbers; gives those that wait on.
    fn wake_numbers(&mut self, numbers: Vec<u64>, version: u64) -> Vec<u64> {
        let mut left = Vec::new();
        for number in numbers {
            match self.readers.remove(&number) {
                Some(reader) if reader.version_min > version => {
                    self.readers.insert(number, reader);
                    left.push(number);
                }
                Some(reader) => reader.client.unblock(()),
                None => {}
            }
        }
        left
    }

    fn wake_all(&mut self) {
        self.readers.drain().for_each(|(_, reader)| reader.client.unblock(()));
        self.forget_numbers();
    }

    fn look_again(&mut self, store: Option<&Store>, term: Option<u64>) {
        let empty = Store::new();
        let seen = store.unwrap_or(&empty);
        let is_done = |_: &u64, reader: &mut Reader| {
            let types: Vec<&[u8]> = reader.types.iter().map(AsRef::as_ref).collect();
            match seen.check_cursor(reader.after, term) {
                Ok(()) => seen.has_news(reader.after.version, &types),
                Err(record_store::CursorError::Ahead { .. }) => false,
                Err(_) => true,
            }
        };
        self.readers.extract_if(is_done).for_each(|(_, reader)| reader.client.unblock(()));
        self.forget_numbers();
        if store.is_none() {
            let gone = record_store::CursorError::Epoch;
            self.fail_candidates(&writing::refusal(&gone));
        }
    }

    fn fail_candidates(&mut self, error: &ErrorReply) {
        for candidate in self.leases.drain().flat_map(|(_, queue)| queue) {
            candidate.client.unblock(Err(error.clone()));
        }
    }
}

/// Gives leases that became free to those that wait for them.
pub fn grant(ctx: &WriteContext<'_>, place: &Place, commit: &Commit) -> Result<(), ErrorReply> {
    for lease in commit.freed_leases() {
        let candidate = match WAITING.try_borrow_mut(ctx)?.as_mut() {
            Some(waiting) => waiting.next_candidate(place, lease),
            None => return Ok(()),
        };
        let Some(candidate) = candidate else { continue };
        let key = RedisString::new(&place.key);
        let granted = writing::write(ctx, key.as_redis_str(), Missing::Create, |store, write| {
            store.acquire(write, lease, &candidate.holder, candidate.ttl_ms)
        });
        match granted {
            Ok(Some(wish)) => candidate.client.unblock(Ok(wish)),
            Ok(None) => {}
            Err(error) => candidate.client.unblock(Err(error)),
        }
    }
    Ok(())
}

/// How long a client waits; the server takes zero for ever, as BLOCK does.
pub fn timeout(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
