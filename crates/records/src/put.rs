//! Puts: several changes, all or none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::change::{Change, Reason};
use crate::commit::Commit;
use crate::limits::{LimitError, Limits, between, ttl};
use crate::store::Store;
use crate::write::{Tx, Write};

/// What must hold of a record, or the put changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// There is none.
    Missing,
    /// There is one.
    Exists,
    /// Its version is this; 0 means that there is none.
    Version(u64),
}

/// One change of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op<'a> {
    /// The type of the record.
    pub type_name: &'a [u8],
    /// Its id.
    pub id: &'a [u8],
    /// What must hold before.
    pub condition: Condition,
    /// What to do.
    pub action: Action<'a>,
}

/// What a put does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Puts data.
    Set {
        /// The data.
        data: &'a [u8],
        /// The time to live in milliseconds; without one the type's own.
        ttl_ms: Option<u64>,
    },
    /// Deletes it; a record that doesn't exist takes no version.
    Delete,
}

/// A lease that the writer must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The name of the lease.
    pub lease: &'a [u8],
    /// The token of its holder.
    pub token: u64,
}

/// What a put has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// When, in milliseconds of Unix time.
    pub modified_at: u64,
    /// The version of each change, in order; 0 for deletions of nothing.
    pub versions: Vec<u64>,
    /// The records that were evicted, as changes.
    pub evicted: Vec<Arc<Change>>,
}

/// Why a put was refused; nothing is changed and no version is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// The lease isn't held with that token.
    #[error("RECFENCED the lease is not held with this token (any more)")]
    Fenced,
    /// A record exists that must not.
    #[error("RECEXISTS operation {index}: the record exists")]
    Exists {
        /// Which change, from 0.
        index: usize,
    },
    /// A record has another version, or doesn't exist.
    #[error("RECVERSION operation {index}: the record's version is {version}")]
    Version {
        /// Which change, from 0.
        index: usize,
        /// The version it has; 0 when there is none.
        version: u64,
    },
    /// The record has been changed by an earlier change of the same put, so that its version can't be known.
    #[error("RECVERSION operation {index}: an earlier operation changes the same record")]
    ChangedBefore {
        /// Which change, from 0.
        index: usize,
    },
    /// Something is too large.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl Store {
    /// Makes the changes in order, each with the next version, and evicts what is then over a type's capacity.
    ///
    /// # Errors
    /// A condition doesn't hold, the lease isn't held, or something is out of its limits: nothing is changed.
    pub fn put(
        &mut self,
        write: &Write<'_>,
        fence: Option<Fence<'_>>,
        ops: &[Op<'_>],
    ) -> Result<(Done, Commit), PutError> {
        self.check_sizes(write.limits, ops)?;
        let mut tx = Tx::begin(self, write)?;
        let now = tx.now();
        tx.store().check_fence(fence, now)?;
        tx.store().check_conditions(ops, now)?;
        let versions = ops.iter().map(|op| tx.run(op)).collect();
        let mut evicted = Vec::new();
        for op in ops {
            if tx.store().over_capacity(op.type_name, now).is_some() {
                let type_name = tx.store().intern(op.type_name);
                evicted.extend(tx.evict(&type_name));
            }
        }
        Ok((Done { modified_at: now, versions, evicted }, tx.finish()))
    }

    fn check_sizes(&self, limits: &Limits, ops: &[Op<'_>]) -> Result<(), LimitError> {
        between("operations of a put", ops.len() as u64, 1, limits.batch_ops_max as u64)?;
        ops.iter().try_for_each(|op| op.check(limits))?;
        let new =
            |op: &&Op<'_>| matches!(op.action, Action::Set { .. }) && self.type_state(op.type_name).is_none();
        let new: HashSet<&[u8]> = ops.iter().filter(new).map(|op| op.type_name).collect();
        self.room_for_types(limits, new.len())
    }

    fn check_fence(&self, fence: Option<Fence<'_>>, now: u64) -> Result<(), PutError> {
        let holds =
            |fence: Fence<'_>| self.lease(fence.lease, now).is_some_and(|lease| lease.token == fence.token);
        if fence.is_none_or(holds) { Ok(()) } else { Err(PutError::Fenced) }
    }

    fn check_conditions(&self, ops: &[Op<'_>], now: u64) -> Result<(), PutError> {
        if ops.iter().all(|op| op.condition == Condition::Always) {
            return Ok(());
        }
        let mut changed: HashMap<(&[u8], &[u8]), bool> = HashMap::new();
        for (index, op) in ops.iter().enumerate() {
            match changed.get(&(op.type_name, op.id)) {
                Some(exists) => op.condition.check_changed(index, *exists)?,
                None => op.condition.check(index, self.version_of(op, now))?,
            }
            changed.insert((op.type_name, op.id), matches!(op.action, Action::Set { .. }));
        }
        Ok(())
    }

    fn version_of(&self, op: &Op<'_>, now: u64) -> u64 {
        self.get(op.type_name, op.id, now).map_or(0, |record| record.version())
    }
}

impl Op<'_> {
    fn check(&self, limits: &Limits) -> Result<(), LimitError> {
        limits.name("bytes of a type's name", self.type_name)?;
        limits.name("bytes of an id", self.id)?;
        let Action::Set { data, ttl_ms } = self.action else { return Ok(()) };
        limits.data(data)?;
        ttl_ms.map_or(Ok(()), ttl)
    }
}

impl Condition {
    fn check(self, index: usize, version: u64) -> Result<(), PutError> {
        match self {
            Condition::Missing if version != 0 => Err(PutError::Exists { index }),
            Condition::Exists if version == 0 => Err(PutError::Version { index, version }),
            Condition::Version(wanted) if wanted != version => Err(PutError::Version { index, version }),
            _ => Ok(()),
        }
    }

    fn check_changed(self, index: usize, exists: bool) -> Result<(), PutError> {
        match self {
            Condition::Missing if exists => Err(PutError::Exists { index }),
            Condition::Exists if !exists => Err(PutError::Version { index, version: 0 }),
            Condition::Version(0) if !exists => Ok(()),
            Condition::Version(_) => Err(PutError::ChangedBefore { index }),
            _ => Ok(()),
        }
    }
}

impl Tx<'_, '_> {
    fn run(&mut self, op: &Op<'_>) -> u64 {
        let type_name = self.store().intern(op.type_name);
        let exists = self.end_what_has_ended(&type_name, op.id);
        match op.action {
            Action::Set { data, ttl_ms } => {
                let ttl_ms = ttl_ms.or(self.store().type_options(&type_name).ttl_ms);
                self.set(&type_name, op.id, data, ttl_ms)
            }
            Action::Delete if exists => self.delete(&type_name, op.id, Reason::User).version(),
            Action::Delete => 0,
        }
    }

    /// A record whose time is over goes first, with its own reason. Says whether there is one after that.
    fn end_what_has_ended(&mut self, type_name: &Arc<[u8]>, id: &[u8]) -> bool {
        let now = self.now();
        let Some(record) = self.store().type_state(type_name).and_then(|state| state.record(id)) else {
            return false;
        };
        let ended = record.has_ended(now);
        if ended {
            self.delete(type_name, id, Reason::Ttl);
        }
        !ended
    }
}
