//! Keys that went away by themselves, and writes by others, as keyspace events tell them.
//!
//! Events also come from the middle of a slice, when the registry is in use: they are kept aside and dealt
//! with as soon as it is free. The server fires "expired" for a key that its own clock has ended, whoever
//! looked at it, so an operation of ours can be what deletes a key that the source has renewed since.

use std::cell::Cell;

use redis_context::{Context, MainCell};

use crate::registry::Registry;

/// One event about one key.
pub struct Noted {
    /// The db.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
    /// Whether the key went away by itself; otherwise somebody wrote it.
    pub is_gone: bool,
}

/// Events kept aside. More than this many in one slice can't be: each comes from an operation of it.
const NOTED_MAX: usize = 1 << 20;

static NOTED: MainCell<Vec<Noted>> = MainCell::new(Vec::new());
static OURS: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));

/// While it lives, what happens to keys is our own doing.
pub struct Ours<'a, 'cx>(&'a Context<'cx>);

impl<'a, 'cx> Ours<'a, 'cx> {
    /// Begins.
    pub fn begin(ctx: &'a Context<'cx>) -> Self {
        OURS.borrow(ctx).set(true);
        Self(ctx)
    }
}

impl Drop for Ours<'_, '_> {
    fn drop(&mut self) {
        OURS.borrow(self.0).set(false);
    }
}

/// Whether a slice runs: what keyspace events tell is our own doing.
pub fn is_ours(ctx: &Context<'_>) -> bool {
    OURS.borrow(ctx).get()
}

/// Keeps an event aside.
pub fn note(ctx: &Context<'_>, noted: Noted) {
    let mut all = NOTED.borrow_mut(ctx);
    if all.len() < NOTED_MAX {
        all.push(noted);
    }
}

/// Takes the events that were kept aside; almost always none.
pub fn take(ctx: &Context<'_>) -> Vec<Noted> {
    if NOTED.borrow(ctx).is_empty() { Vec::new() } else { NOTED.take(ctx).unwrap_or_default() }
}

/// Deals with what was kept aside.
pub fn settle(ctx: &Context<'_>, registry: &mut Registry) {
    for noted in take(ctx) {
        note_here(registry, &noted);
    }
}

/// Tells the mirror that owns the key, if one does.
pub fn note_here(registry: &mut Registry, noted: &Noted) {
    for mirror in &mut registry.mirrors {
        if mirror.scope.contains(noted.db, &noted.key) {
            mirror.contain("in a keyspace event", |mirror| mirror.hear(noted));
        }
    }
}
