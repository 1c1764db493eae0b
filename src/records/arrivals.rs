//! Stores that came into a key by a snapshot, RESTORE or COPY: the upkeep has to look at when they are due.
//!
//! Those callbacks get no context, so what they note waits for the next turn of the event loop. Nothing of this is
//! touched by a save: the lock can't be inherited locked by a child that needs it.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::places::{ACTIVE, Place, Places};

/// Beyond that many, all stores are looked for by [`super::places::Places::note`] when they are used only: far more than
/// anybody has.
const ARRIVALS_MAX: usize = 10_000_000;

static ARRIVED: Mutex<Vec<Place>> = Mutex::new(Vec::new());

/// Notes a store.
pub fn note(db: Option<u32>, key: Option<&[u8]>) {
    let (Some(db), Some(key)) = (db, key) else { return };
    let mut arrived = ARRIVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if arrived.len() < ARRIVALS_MAX {
        arrived.push(Place { db, key: key.into() });
        ACTIVE.store(true, Ordering::Relaxed);
    }
}

/// Has those that came since looked at.
pub fn take_into(places: &mut Places) {
    let arrived = std::mem::take(&mut *ARRIVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    arrived.iter().for_each(|place| places.note(place, Some(0)));
}
