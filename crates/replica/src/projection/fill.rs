//! The handler that fills tables.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::callback::{Batch, Entry, Handler, HandlerError, LeftOut, Phase};
use crate::position::{Position, ReplId};
use crate::rdb::Loss;

use super::apply::{Outcome, apply, writes};
use super::tables::{Lookup, Route, Tables};
use super::value::Item;
use super::watch::{Change, Watch, Watched};

/// Who is told how a projection is filled. Calls come on the replica's thread.
pub trait Listener: Send {
    /// A link ended or could not be made: the tables stay as they are. `retry_in` is None if it is not tried again.
    fn closed(&mut self, reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
        let _ = (reason, retry_in);
    }

    /// A key of the snapshot with its value, once for each, before [`load_end`](Self::load_end).
    fn load(&mut self, table: &'static str, db: u32, key: &[u8], item: &Item) {
        let _ = (table, db, key, item);
    }

    /// The snapshot is complete, once, and before the first live command: readers see the new tables.
    fn load_end(&mut self, tables: &Tables) {
        let _ = tables;
    }

    /// A batch of live commands has been applied.
    fn applied(&mut self, batch: &Batch, tables: &Tables) {
        let _ = (batch, tables);
    }

    /// A command that is not projected; the keys it writes are stale.
    fn unhandled(&mut self, command: &Entry<'_>) {
        let _ = command;
    }
}

impl Listener for () {}

/// Reads a projection's tables from any thread. Clones read the same ones.
#[derive(Debug, Clone)]
pub struct View(Arc<RwLock<Tables>>);

impl View {
    /// Runs `look` on the tables as they stand between two batches. The replica waits for it.
    pub fn read<R>(&self, look: impl FnOnce(&Tables) -> R) -> R {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Fills tables from a source. See the [module](super).
pub struct Projection<L = ()> {
    view: View,
    /// The tables of a snapshot that is coming.
    loading: Option<Tables>,
    watches: Vec<Watch>,
    listener: L,
}

impl Projection<()> {
    /// All keys in one table, called `all`.
    pub fn one_table() -> Self {
        Projection::new(Arc::new(|_, _| Some("all")), ())
    }
}

impl<L: Listener> Projection<L> {
    /// Keys in the tables that `route` names, and `listener` told.
    pub fn new(route: Route, listener: L) -> Self {
        let view = View(Arc::new(RwLock::new(Tables::new(route))));
        Projection { view, loading: None, watches: Vec::new(), listener }
    }

    /// Reads the tables, from any thread.
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// The listener.
    pub fn listener_mut(&mut self) -> &mut L {
        &mut self.listener
    }

    /// Has `tell` called, on the replica's thread, for each watched key that a batch has written, and for those that differ
    /// after a new synchronization. Lasts as long as the projection, whatever becomes of links.
    pub fn watch(&mut self, watched: Watched, tell: impl FnMut(&Change<'_>) + Send + 'static) {
        self.watches.push(Watch { watched, tell: Box::new(tell) });
    }

    fn fill(&mut self, batch: &Batch, tables: &mut Tables) -> Result<(), HandlerError> {
        for command in batch.iter() {
            if apply(tables, &command) == Outcome::Unhandled {
                self.unhandled(&command)?;
            }
        }
        Ok(())
    }

    fn tell_written(&mut self, batch: &Batch, before: &Tables) {
        let mut written = BTreeSet::new();
        for command in batch.iter() {
            writes(&command, before, |db, key| {
                if self.watches.iter().any(|watch| watch.watched.covers(db, key)) {
                    written.insert((db, key.to_vec()));
                }
            });
        }
        for (db, key) in written {
            self.tell(db, &key, before);
        }
    }

    fn tell(&mut self, db: u32, key: &[u8], tables: &Tables) {
        let change = Change { db, key, now: tables.get(db, key) };
        for watch in self.watches.iter_mut().filter(|watch| watch.watched.covers(db, key)) {
            (watch.tell)(&change);
        }
    }

    /// Tells watchers where two states differ.
    fn tell_differences(&mut self, old: &Tables, new: &Tables) {
        let mut differ = BTreeSet::new();
        for (db, key, _) in old.iter().chain(new.iter()).flat_map(|(_, table)| table.iter()) {
            let is_watched = self.watches.iter().any(|watch| watch.watched.covers(db, key));
            if is_watched && old.get(db, key) != new.get(db, key) {
                differ.insert((db, key.to_vec()));
            }
        }
        for (db, key) in differ {
            self.tell(db, &key, new);
        }
    }

    /// Exchanges the tables and returns the old ones.
    fn exchange(&self, tables: Tables) -> Tables {
        std::mem::replace(&mut *self.view.0.write().unwrap_or_else(PoisonError::into_inner), tables)
    }
}

impl<L: Listener> Handler for Projection<L> {
    fn closed(&mut self, reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
        self.listener.closed(reason, retry_in);
    }

    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), HandlerError> {
        self.loading = Some(self.view.read(Tables::emptied));
        Ok(())
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        if batch.phase() == Phase::Snapshot {
            let mut tables = self.loading.take().ok_or("a snapshot came without its beginning")?;
            self.fill(batch, &mut tables)?;
            self.loading = Some(tables);
            return Ok(());
        }
        let view = self.view.clone();
        // Flushes and swaps are told by what was there before.
        let everything_may_change = batch.iter().any(|command| is_sweeping(command.name()));
        let before = (everything_may_change && !self.watches.is_empty()).then(|| view.read(Tables::clone));
        self.fill(batch, &mut view.0.write().unwrap_or_else(PoisonError::into_inner))?;
        view.read(|tables| {
            match &before {
                Some(before) => self.tell_differences(before, tables),
                None => self.tell_written(batch, tables),
            }
            self.listener.applied(batch, tables);
        });
        Ok(())
    }

    fn unhandled(&mut self, command: &Entry<'_>) -> Result<(), HandlerError> {
        self.listener.unhandled(command);
        Ok(())
    }

    fn left_out(&mut self, db: u32, key: &[u8], what: LeftOut) -> Result<(), HandlerError> {
        if let Some(tables) = &mut self.loading
            && !is_all_that_is_held(&what)
        {
            tables.make_stale(db, key);
        }
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), HandlerError> {
        let tables = self.loading.take().ok_or("a snapshot ended without its beginning")?;
        for (name, table) in tables.iter() {
            for (db, key, known) in table.iter() {
                if let Lookup::Item(item) = known {
                    self.listener.load(name, db, key, item);
                }
            }
        }
        let old = self.exchange(tables);
        let view = self.view.clone();
        view.read(|new| {
            self.tell_differences(&old, new);
            self.listener.load_end(new);
        });
        Ok(())
    }
}

/// Whether the commands of a snapshot have told all that a projection holds of a key. That deleted entries are pending still
/// they have told, though a server would not take it from them.
fn is_all_that_is_held(what: &LeftOut) -> bool {
    let is_not_held = |loss: &Loss| {
        matches!(loss, Loss::StreamIdempotency(_) | Loss::ConsumerTimes(_) | Loss::PendingDeleted(_))
    };
    matches!(what, LeftOut::Parts(losses) if losses.iter().all(is_not_held))
}

fn is_sweeping(name: &[u8]) -> bool {
    matches!(name, b"flushall" | b"flushdb" | b"swapdb")
}
