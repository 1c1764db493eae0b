//! HW.TALLY: what was made and what was dropped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use redis_context::{Args, Command, CommandContext, Error, LoadContext, Reply};

static MADE: AtomicI64 = AtomicI64::new(0);
static DROPPED: AtomicI64 = AtomicI64::new(0);
static NOTES: Mutex<BTreeMap<String, i64>> = Mutex::new(BTreeMap::new());

/// Something that must be dropped exactly once.
pub struct Counted(());

impl Counted {
    pub fn new() -> Self {
        MADE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts something that has happened.
pub fn note(what: impl Into<String>) {
    *NOTES.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_default() += 1;
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"hw.tally"), tally)?;
    load.command(Command::new(c"hw.notes"), notes)
}

/// HW.TALLY: made, dropped.
fn tally<'cx>(_: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let read = |counter: &AtomicI64| Reply::Int(counter.load(Ordering::Relaxed));
    Ok(Reply::Array(vec![read(&MADE), read(&DROPPED)]))
}

/// HW.NOTES: what has happened since it was last asked for, as lines `times what`.
fn notes<'cx>(_: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let notes = std::mem::take(&mut *NOTES.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Reply::array(notes.into_iter().map(|(what, times)| format!("{times} {what}"))))
}
