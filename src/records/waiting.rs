//! Clients that wait: for changes (RECORD.SYNC .. BLOCK) and for leases (RECORD.LEASE .. ACQUIRE .. BLOCK).
//!
//! Readers are listed by key and type, so that a change wakes those who asked for its type and nobody else. Those who
//! wait for a lease get it in the order they came, in the same step in which it became free. Who leaves is taken off the
//! lists at once.

use std::collections::HashMap;

use record_store::{Commit, Cursor, CursorError, Store};
use redis_context::{Context, ContextFlags, ErrorReply, MainCell};

use super::candidates::{Candidate, Candidates};
use super::configs;
use super::places::Place;
use super::readers::{Reader, Readers};
use super::writing::refusal;

/// The clients that wait; `None` until there is one.
pub static WAITING: MainCell<Option<Waiting>> = MainCell::new(None);

/// All that wait.
#[derive(Default)]
pub struct Waiting {
    stores: HashMap<Place, AtStore>,
    next: u64,
}

/// Those that wait at one key.
#[derive(Default)]
struct AtStore {
    readers: Readers,
    candidates: Candidates,
    /// Where the store is, as everybody here has followed it change by change: what is not on the lists any more was
    /// woken. `None` if something else happened to the key, until it is looked at again.
    followed: Option<Cursor>,
}

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

    fn has_room(&self, place: &Place) -> bool {
        self.stores.get(place).map_or(0, AtStore::len) < configs::waiting_max()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Adds a reader; `at` is where the store is.
    pub fn add_reader(&mut self, place: Place, number: u64, reader: Reader, at: Cursor) {
        let store = self.stores.entry(place).or_default();
        if store.readers.len() == 0 {
            store.followed = Some(at);
        }
        store.readers.add(number, reader);
    }

    /// Adds a client that waits for a lease.
    pub fn add_candidate(&mut self, place: Place, number: u64, lease: &[u8], candidate: Candidate) {
        self.stores.entry(place).or_default().candidates.add(number, lease, candidate);
    }

    /// A client waits no longer, for its own reasons. A reader has then seen what those who wait on have.
    pub fn leave(&mut self, place: &Place, number: u64) {
        let Some(at) = self.stores.get_mut(place) else { return };
        at.settle();
        drop((at.readers.remove(number), at.candidates.remove(number)));
        self.forget_empty(place);
    }

    /// Wakes the readers that a commit concerns; `now` is where the store is after it.
    pub fn wake(&mut self, place: &Place, commit: &Commit, now: Cursor) {
        let Some(at) = self.stores.get_mut(place) else { return };
        at.wake(commit, now);
        self.forget_empty(place);
    }

    /// Something happened to a key that is no commit: what was followed ends.
    pub fn lose(&mut self, place: &Place) {
        if let Some(at) = self.stores.get_mut(place) {
            at.settle();
            at.followed = None;
        }
    }

    /// Looks at everybody who waits at a key again: it may hold another store now, or none.
    pub fn look_again(&mut self, place: &Place, store: Option<&Store>, term: Option<u64>) {
        let Some(at) = self.stores.get_mut(place) else { return };
        at.look_again(store, term);
        self.forget_empty(place);
    }

    /// The key isn't this server's any more: everybody is told.
    pub fn fail_all(&mut self, place: &Place, told: &ErrorReply) {
        if let Some(mut at) = self.stores.remove(place) {
            at.readers.fail_all(told);
            at.candidates.fail(|_| true, told);
        }
    }

    /// The client that waits longest for a lease.
    pub fn next_candidate(&mut self, place: &Place, lease: &[u8]) -> Option<Candidate> {
        let next = self.stores.get_mut(place)?.candidates.next(lease);
        self.forget_empty(place);
        next
    }

    /// Whether a client waits for a lease.
    pub fn has_candidate(&self, place: &Place, lease: &[u8]) -> bool {
        self.stores.get(place).is_some_and(|at| at.candidates.has(lease))
    }

    fn forget_empty(&mut self, place: &Place) {
        if self.stores.get(place).is_some_and(|at| at.len() == 0) {
            self.stores.remove(place);
        }
    }
}

impl AtStore {
    fn len(&self) -> usize {
        self.readers.len() + self.candidates.len()
    }

    /// Each reader notes for itself what all have followed.
    fn settle(&self) {
        self.followed.into_iter().for_each(|cursor| self.readers.advance_all(cursor));
    }

    fn wake(&mut self, commit: &Commit, now: Cursor) {
        let before = self.followed.filter(|before| before.version == commit.base);
        if before.is_none() {
            self.settle();
        }
        self.followed = before.map(|_| now);
        let numbers = match commit.clears() {
            true => self.readers.all(),
            false if commit.changes().next().is_some() => self.readers.of_types(commit.changed_types()),
            false => return,
        };
        self.readers.wake(numbers, before, now.version);
    }

    fn look_again(&mut self, store: Option<&Store>, term: Option<u64>) {
        let empty = Store::new();
        let store = store.unwrap_or(&empty);
        self.settle();
        self.readers.look_again(store, term);
        self.followed = Some(store.cursor_at(store.version()));
        // One whose time is over is given to them by the upkeep.
        self.candidates.fail(|lease| !store.has_lease(lease), &gone());
    }
}

/// The store that was waited for is no longer here.
fn gone() -> ErrorReply {
    refusal(&CursorError::Epoch)
}

/// A number for a client that wants to wait at a key. One that can't wait takes no room.
///
/// # Errors
/// RECLIMIT: there are too many.
pub fn number(ctx: &Context<'_>, place: &Place) -> Result<u64, ErrorReply> {
    const FULL: &str = "too many clients wait for this key: see mirror.record-waiting-max";
    let mut waiting = WAITING.try_borrow_mut(ctx)?;
    let waiting = waiting.get_or_insert_default();
    if waiting.has_room(place) || ctx.flags().intersects(ContextFlags::NO_BLOCKING) {
        return Ok(waiting.number());
    }
    Err(ErrorReply::new("RECLIMIT", FULL))
}

/// Takes a client off the lists: its time is over, or it is gone.
pub fn leave(ctx: &Context<'_>, place: &Place, number: u64) {
    if let Ok(mut waiting) = WAITING.try_borrow_mut(ctx)
        && let Some(waiting) = waiting.as_mut()
    {
        waiting.leave(place, number);
    }
}
