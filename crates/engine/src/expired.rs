//! Keys that expired or were evicted here before the source's next word on them.
//!
//! This server expires keys by its own clock, while the source may have renewed them in the meantime. So a key that
//! went away here by itself is remembered until the source says something about it: a deletion or a plain overwrite
//! settles it, any use that depends on its old value needs the value fetched.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::batch::{Batch, KeyUse, Op, OpKind};
use crate::command::{Access, Rule};

#[cfg(test)]
mod tests;

/// Bounded memory of keys that went away here by themselves.
#[derive(Debug, Default)]
pub struct ExpiredKeys<S = DefaultHashBuilder> {
    dbs: HashMap<u32, hashbrown::HashSet<Vec<u8>, S>, S>,
    len: usize,
    bytes: usize,
    limits: ExpiredLimits,
}

/// Bounds of [`ExpiredKeys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredLimits {
    /// Keys.
    pub keys_max: usize,
    /// Bytes of their names.
    pub bytes_max: usize,
}

impl Default for ExpiredLimits {
    fn default() -> Self {
        ExpiredLimits { keys_max: 1 << 20, bytes_max: 64 << 20 }
    }
}

/// More keys went away than can be remembered: only a full resync is sure to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more keys expired or were evicted here than can be remembered: the mirror must resync")]
pub struct TooManyExpired;

/// What an operation means for the remembered keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It uses none of them.
    Fine,
    /// It settles some: apply it. They are forgotten.
    ClearsIt,
    /// It depends on these (db, key): don't apply it, have its written keys fetched.
    NeedsRepair(Vec<(u32, Vec<u8>)>),
}

impl<S: BuildHasher + Default> ExpiredKeys<S> {
    /// Remembers nothing yet.
    pub fn new(limits: ExpiredLimits) -> Self {
        ExpiredKeys { dbs: HashMap::default(), len: 0, bytes: 0, limits }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Remembers a key that went away here.
    pub fn note(&mut self, db: u32, key: &[u8]) -> Result<(), TooManyExpired> {
        if self.contains(db, key) {
            return Ok(());
        }
        if self.len >= self.limits.keys_max || self.bytes + key.len() > self.limits.bytes_max {
            return Err(TooManyExpired);
        }
        self.dbs.entry(db).or_default().insert(key.to_vec());
        self.len += 1;
        self.bytes += key.len();
        Ok(())
    }

    /// Forgets a key, because its value is known again.
    pub fn forget(&mut self, db: u32, key: &[u8]) {
        if self.dbs.get_mut(&db).is_some_and(|keys| keys.remove(key)) {
            self.len -= 1;
            self.bytes -= key.len();
        }
    }

    /// Forgets everything: after a full resync.
    pub fn clear(&mut self) {
        self.dbs.clear();
        (self.len, self.bytes) = (0, 0);
    }

    /// Whether a key is remembered.
    pub fn contains(&self, db: u32, key: &[u8]) -> bool {
        self.dbs.get(&db).is_some_and(|keys| keys.contains(key))
    }

    /// Judges an operation that is about to be applied, and forgets what it settles.
    #[inline]
    pub fn check(&mut self, batch: &Batch, op: &Op) -> Verdict {
        if self.len == 0 { Verdict::Fine } else { self.check_op(batch, op) }
    }

    fn check_op(&mut self, batch: &Batch, op: &Op) -> Verdict {
        match op.kind {
            OpKind::FlushAll => return self.flush(None),
            OpKind::FlushDb => return self.flush(Some(op.db)),
            OpKind::SwapDb { a, b } => return self.swap(a, b),
            OpKind::Repair => return self.forget_all(batch, op),
            _ => {}
        }
        let uses = batch.keys(op);
        if batch.reads_unnamed_keys(op) {
            let written = uses.clone().filter(|used| used.access.writes());
            return Verdict::NeedsRepair(written.map(|used| (used.db, uses.name(used).to_vec())).collect());
        }
        let met: Vec<KeyUse> = uses.clone().filter(|used| self.contains(used.db, uses.name(*used))).collect();
        if met.is_empty() {
            return Verdict::Fine;
        }
        let depends = |used: &&KeyUse| !settles(op, **used, &uses);
        let mut needed: Vec<_> =
            met.iter().filter(depends).map(|used| (used.db, uses.name(*used).to_vec())).collect();
        needed.dedup();
        if !needed.is_empty() {
            return Verdict::NeedsRepair(needed);
        }
        met.iter().for_each(|used| self.forget(used.db, uses.name(*used)));
        Verdict::ClearsIt
    }

    fn flush(&mut self, db: Option<u32>) -> Verdict {
        let before = self.len;
        match db {
            None => self.clear(),
            Some(db) => {
                let gone = self.dbs.remove(&db).unwrap_or_default();
                self.len -= gone.len();
                self.bytes -= gone.iter().map(Vec::len).sum::<usize>();
            }
        }
        if self.len < before { Verdict::ClearsIt } else { Verdict::Fine }
    }

    /// The keys stay unsettled, under the other number.
    fn swap(&mut self, a: u32, b: u32) -> Verdict {
        let (from_a, from_b) = (self.dbs.remove(&a), self.dbs.remove(&b));
        self.dbs.extend(from_a.map(|keys| (b, keys)));
        self.dbs.extend(from_b.map(|keys| (a, keys)));
        Verdict::Fine
    }

    /// A repair fetches its keys' values, whatever is remembered of them.
    fn forget_all(&mut self, batch: &Batch, op: &Op) -> Verdict {
        let before = self.len;
        batch.args(op).for_each(|key| self.forget(op.db, key));
        if self.len < before { Verdict::ClearsIt } else { Verdict::Fine }
    }
}

/// Whether what the operation leaves of the key doesn't depend on what it held.
fn settles(op: &Op, used: KeyUse, uses: &crate::batch::KeyUses<'_>) -> bool {
    match used.access {
        Access::Remove => true,
        Access::Overwrite => !keeps_expiry(op) && !also_needed(used, uses),
        Access::Read | Access::Update => false,
    }
}

/// SET .. KEEPTTL depends on the old key's expiry.
fn keeps_expiry(op: &Op) -> bool {
    op.kind == OpKind::Call && op.command.is_some_and(|command| command.rule == Rule::Set)
}

/// `SUNIONSTORE k k j` overwrites k with what depends on it.
fn also_needed(used: KeyUse, uses: &crate::batch::KeyUses<'_>) -> bool {
    let name = uses.name(used);
    let needs = |other: KeyUse| matches!(other.access, Access::Read | Access::Update);
    uses.clone().any(|other| needs(other) && other.db == used.db && uses.name(other) == name)
}
