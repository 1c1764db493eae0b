//! Where stores are, and when each has something to do: records and leases that end, changes that are too old.
//!
//! The list is of what is worth a look, not of what is true: a key that was renamed or deleted is found out when it is
//! looked at.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_context::MainCell;

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The number of its database.
    pub db: u32,
    /// Its name.
    pub key: Box<[u8]>,
}

/// The stores that have something to do some time.
#[derive(Default)]
pub struct Places {
    due: HashMap<Place, u64>,
    order: BTreeSet<(u64, Place)>,
}

/// The stores of this server; `None` until there is one.
pub static PLACES: MainCell<Option<Places>> = MainCell::new(None);

/// Whether a turn of the event loop may have anything to do: without stores it costs one load.
pub static ACTIVE: AtomicBool = AtomicBool::new(false);

impl Places {
    /// Notes when a store is due next, in milliseconds of Unix time; `None` forgets it.
    pub fn note(&mut self, place: &Place, due: Option<u64>) {
        if self.due.get(place) == due.as_ref() {
            return;
        }
        let old = match due {
            Some(due) => self.due.insert(place.clone(), due),
            None => self.due.remove(place),
        };
        if let Some(old) = old {
            self.order.remove(&(old, place.clone()));
        }
        if let Some(due) = due {
            self.order.insert((due, place.clone()));
            ACTIVE.store(true, Ordering::Relaxed);
        }
    }

    /// The store that is due first, if it is at `now`.
    pub fn first_due(&self, now: u64) -> Option<&Place> {
        self.order.first().filter(|(due, _)| *due <= now).map(|(_, place)| place)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// A database was emptied, or all.
    pub fn forget_all_in(&mut self, db: Option<u32>) {
        self.due.retain(|place, _| db.is_some_and(|db| place.db != db));
        self.order.retain(|(_, place)| db.is_some_and(|db| place.db != db));
    }

    /// Everything is to be looked at again: keys went without a word.
    pub fn look_at_all(&mut self) {
        let places: Vec<Place> = self.due.keys().cloned().collect();
        places.iter().for_each(|place| self.note(place, Some(0)));
    }

    /// Everything of some databases is to be looked at again: they changed places.
    pub fn look_at_all_in(&mut self, dbs: &[(u32, u32)]) {
        let places: Vec<Place> = self.due.keys().cloned().collect();
        for place in places {
            for to in dbs.iter().filter(|(from, _)| *from == place.db).map(|(_, to)| *to) {
                self.note(&Place { db: to, key: place.key.clone() }, Some(0));
            }
        }
    }
}
