//! The keys under repair: whose values here are wrong until they have been fetched from the source.
//!
//! The one rule that keeps the copy exact: an operation that touches a key under repair is not applied, and every key
//! it writes joins the set, because its new value depends on one that isn't known here. A fetch asks for the whole set at
//! once and answers the values as of one offset X of the source's history. When the stream has been followed up to X, the
//! values are those that the skipped operations would have made: they are applied, and the keys asked for leave the set.
//! Keys that joined since the fetch began stay, and the next fetch asks for them. If the answer is too large to be held,
//! the next fetch asks for half of the keys: those left out stay under repair like those that joined.
//!
//! ```text
//!         take_fetch          fetched(X)             settle at X
//! Wanted ------------> Fetching --------> Fetched(X) -----------> Idle, or Wanted if others have joined
//!   ^                      | failed, stale      | its keys changed their db
//!   +----------------------+--------------------+
//! ```
//!
//! It ends: each fetch frees what it asked for, so the set never holds more than what joins during one fetch and what
//! those keys touch, however long the stream goes on.
//!
//! The caller holds the fetched values and does not apply past X before it has called [`Repairs::settle`]. An answer
//! older than what is applied is useless; it can't be when the answer comes in the order of the stream.

use hashbrown::HashSet;

use crate::batch::{Batch, Op, OpKind};
use crate::checkpoint::{PENDING_BYTES_MAX, PENDING_KEYS_MAX};

#[cfg(test)]
mod tests;

/// A local (db, key).
pub type LocalKey = (u32, Vec<u8>);

/// Bounds on the keys under repair: at most what a checkpoint can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairLimits {
    /// Keys.
    pub keys_max: usize,
    /// Bytes of their names.
    pub bytes_max: usize,
}

impl Default for RepairLimits {
    fn default() -> Self {
        RepairLimits { keys_max: PENDING_KEYS_MAX, bytes_max: PENDING_BYTES_MAX }
    }
}

/// The set grew past its limits: the mirror must resync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many keys had to be fetched again: the mirror must resync")]
pub struct RepairOverflow;

/// Whether an operation may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// Apply it.
    Apply,
    /// Don't: a fetched value stands for its effect.
    Skip,
}

/// Whether fetched values may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// Keep them: they belong at their offset.
    Keep,
    /// Drop them: what is applied is already past them. They will be fetched again.
    Stale,
}

/// What to do with kept values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Settlement {
    /// The stream is not at their offset yet.
    NotYet,
    /// Apply them now, all of them in one unit; these are the keys.
    Apply(Vec<LocalKey>),
    /// Drop them: keys have changed their db meanwhile. They must be fetched again.
    FetchAgain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Idle,
    Wanted,
    Fetching,
    Fetched {
        at: u64,
    },
}

/// The set of keys under repair.
#[derive(Debug, Default)]
pub struct Repairs {
    keys: HashSet<LocalKey>,
    bytes: usize,
    /// What the fetch under way, or answered, has asked for.
    asked: Vec<LocalKey>,
    /// Whether keys asked for have changed their db since.
    misplaced: bool,
    /// How many keys one fetch asks for at most, once an answer was too large; 0 while none was.
    fetch_max: usize,
    phase: Phase,
    limits: RepairLimits,
    /// Whether the followers know the keys but for those in `untold`.
    is_told: bool,
    untold: Vec<LocalKey>,
    #[cfg(test)]
    forgets_to_join: bool,
}

/// What followers have not been told of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untold {
    /// Everything.
    All,
    /// That these have come.
    Added(Vec<LocalKey>),
}

impl Repairs {
    /// An empty set.
    pub fn new(limits: RepairLimits) -> Repairs {
        Repairs { limits, ..Repairs::default() }
    }

    /// Takes up the keys of a checkpoint.
    pub fn resume(limits: RepairLimits, pending: Vec<LocalKey>) -> Result<Repairs, RepairOverflow> {
        let mut repairs = Repairs::new(limits);
        pending.into_iter().try_for_each(|key| repairs.join(key))?;
        Ok(repairs)
    }

    /// Whether every value here is right.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys are under repair.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key is.
    pub fn contains(&self, db: u32, key: &[u8]) -> bool {
        !self.keys.is_empty() && self.keys.contains(&(db, key.to_vec()))
    }

    /// The keys, in order: for the checkpoint.
    pub fn pending(&self) -> Vec<LocalKey> {
        let mut keys: Vec<LocalKey> = self.keys.iter().cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// Whether the set is not what was told last.
    pub fn has_changed(&self) -> bool {
        !self.is_told || !self.untold.is_empty()
    }

    /// What is to be told; it then is.
    pub fn take_untold(&mut self) -> Untold {
        let added = std::mem::take(&mut self.untold);
        if std::mem::replace(&mut self.is_told, true) { Untold::Added(added) } else { Untold::All }
    }

    /// Keys have left the set, or changed.
    fn must_tell_all(&mut self) {
        self.is_told = false;
        self.untold.clear();
    }

    /// Whether a fetch is under way.
    pub fn is_fetching(&self) -> bool {
        self.phase == Phase::Fetching
    }

    /// Puts a key under repair, because its value here is known to be wrong.
    pub fn add(&mut self, db: u32, key: &[u8]) -> Result<(), RepairOverflow> {
        self.join((db, key.to_vec()))
    }

    /// Judges an operation that is next to be applied. To call once for each operation, in order.
    #[inline]
    pub fn admit(&mut self, batch: &Batch, op: &Op) -> Result<Admission, RepairOverflow> {
        if self.keys.is_empty() && op.kind != OpKind::Repair {
            Ok(Admission::Apply)
        } else {
            self.admit_op(batch, op)
        }
    }

    fn admit_op(&mut self, batch: &Batch, op: &Op) -> Result<Admission, RepairOverflow> {
        match op.kind {
            OpKind::SwapDb { a, b } => {
                self.swap_dbs(a, b);
                return Ok(Admission::Apply);
            }
            OpKind::Resync(_) => {
                self.clear();
                return Ok(Admission::Apply);
            }
            _ => {}
        }
        let uses = batch.keys(op);
        let touched = uses.clone().any(|used| self.contains(used.db, uses.name(used)));
        if op.kind != OpKind::Repair && !touched && !batch.reads_unnamed_keys(op) {
            return Ok(Admission::Apply);
        }
        for used in uses.clone().filter(|used| used.access.writes()) {
            self.join_by_use((used.db, uses.name(used).to_vec()), op)?;
        }
        Ok(Admission::Skip)
    }

    fn join_by_use(&mut self, key: LocalKey, _op: &Op) -> Result<(), RepairOverflow> {
        #[cfg(test)]
        if self.forgets_to_join && _op.kind != OpKind::Repair {
            return Ok(());
        }
        self.join(key)
    }

    fn join(&mut self, key: LocalKey) -> Result<(), RepairOverflow> {
        let size = key.1.len();
        if self.keys.contains(&key) {
            return Ok(());
        }
        if self.keys.len() >= self.limits.keys_max || self.bytes + size > self.limits.bytes_max {
            return Err(RepairOverflow);
        }
        if self.is_told {
            self.untold.push(key.clone());
        }
        self.keys.insert(key);
        self.bytes += size;
        self.note_joined();
        Ok(())
    }

    fn note_joined(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Wanted;
        }
    }

    /// The wrong values go along with their dbs.
    fn swap_dbs(&mut self, a: u32, b: u32) {
        let swap = |db: u32| match db {
            db if db == a => b,
            db if db == b => a,
            db => db,
        };
        if self.keys.iter().any(|(db, _)| *db == a || *db == b) {
            self.keys = self.keys.drain().map(|(db, key)| (swap(db), key)).collect();
            self.misplaced = true;
            self.must_tell_all();
        }
    }

    /// Forgets everything: after a full resync, or when one begins.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.bytes = 0;
        self.asked.clear();
        self.fetch_max = 0;
        self.phase = Phase::Idle;
        self.must_tell_all();
    }

    /// The keys to fetch, if a fetch is due; it is then under way.
    pub fn take_fetch(&mut self) -> Option<Vec<LocalKey>> {
        if self.phase != Phase::Wanted {
            return None;
        }
        self.phase = Phase::Fetching;
        self.misplaced = false;
        self.asked = self.pending();
        if self.fetch_max > 0 {
            self.asked.truncate(self.fetch_max);
        }
        Some(self.asked.clone())
    }

    /// The values of the keys asked for are too large together: the next fetch asks for fewer.
    pub fn fetch_too_large(&mut self) {
        if self.is_fetching() {
            self.fetch_max = (self.asked.len() / 2).max(1);
            self.phase = Phase::Wanted;
        }
    }

    /// The fetch failed, or its link broke: it is due again.
    pub fn fetch_failed(&mut self) {
        if self.is_fetching() {
            self.phase = Phase::Wanted;
        }
    }

    /// The fetch answered values as of the source's offset `at`; what is applied reaches up to `applied`.
    pub fn fetched(&mut self, at: u64, applied: u64) -> Answer {
        match self.phase {
            Phase::Fetching if at >= applied && !self.misplaced => {
                self.phase = Phase::Fetched { at };
                Answer::Keep
            }
            Phase::Fetching => {
                self.phase = Phase::Wanted;
                Answer::Stale
            }
            _ => Answer::Stale,
        }
    }

    /// Whether [`Repairs::settle`] must be called before an operation that ends at `offset` is applied.
    #[inline]
    pub fn must_settle_before(&self, offset: u64) -> bool {
        matches!(self.phase, Phase::Fetched { at } if offset > at)
    }

    /// Whether [`Repairs::settle`] would answer anything but [`Settlement::NotYet`].
    pub fn may_settle(&self, applied: u64, next: Option<u64>) -> bool {
        matches!(self.phase, Phase::Fetched { at } if applied >= at || next.is_some_and(|next| next > at))
    }

    /// Everything up to `applied` has been applied, and what comes next (if it is known) ends behind the fetched
    /// offset: `next` is its offset. Answers what to do with the fetched values.
    pub fn settle(&mut self, applied: u64, next: Option<u64>) -> Settlement {
        if !self.may_settle(applied, next) {
            return Settlement::NotYet;
        }
        if self.misplaced {
            self.phase = Phase::Wanted;
            return Settlement::FetchAgain;
        }
        let asked = std::mem::take(&mut self.asked);
        self.fetch_max = self.fetch_max.saturating_mul(2);
        for key in &asked {
            if self.keys.remove(key) {
                self.bytes -= key.1.len();
            }
        }
        self.phase = if self.keys.is_empty() { Phase::Idle } else { Phase::Wanted };
        self.must_tell_all();
        Settlement::Apply(asked)
    }
}
