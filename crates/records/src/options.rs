//! Options of a type and of the store.

use std::sync::Arc;

use crate::commit::{Commit, Item};
use crate::limits::{LimitError, TTL_MAX, VERSION_MAX, between, ttl};
use crate::store::Store;
use crate::write::{Tx, Write};

/// How long changes stay in the log unless the store says otherwise: 24 hours, in milliseconds.
pub const RETAIN_DEFAULT: u64 = 24 * 3_600_000;

/// Options of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypeOptions {
    /// The most records; the ones changed longest ago go first.
    pub capacity: Option<u64>,
    /// The time to live, in milliseconds, of records that are put without one. Records that are there keep theirs.
    pub ttl_ms: Option<u64>,
}

/// Options of the whole store: what is kept of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// How long changes are kept, in milliseconds; `None` for ever.
    pub retain_ms: Option<u64>,
    /// The most changes kept.
    pub changes_max: Option<u64>,
    /// The most that kept changes may cost ([`crate::Change::cost`]).
    pub bytes_max: Option<u64>,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions { retain_ms: Some(RETAIN_DEFAULT), changes_max: None, bytes_max: None }
    }
}

/// What to change of a [`TypeOptions`]; the inner `None` unsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypePatch {
    /// See [`TypeOptions::capacity`].
    pub capacity: Option<Option<u64>>,
    /// See [`TypeOptions::ttl_ms`].
    pub ttl_ms: Option<Option<u64>>,
}

/// What to change of a [`StoreOptions`]; the inner `None` unsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorePatch {
    /// See [`StoreOptions::retain_ms`].
    pub retain_ms: Option<Option<u64>>,
    /// See [`StoreOptions::changes_max`].
    pub changes_max: Option<Option<u64>>,
    /// See [`StoreOptions::bytes_max`].
    pub bytes_max: Option<Option<u64>>,
}

impl TypePatch {
    fn check(&self) -> Result<(), LimitError> {
        if let Some(Some(capacity)) = self.capacity {
            between("records of capacity", capacity, 1, VERSION_MAX)?;
        }
        self.ttl_ms.flatten().map_or(Ok(()), ttl)
    }

    fn on(self, options: TypeOptions) -> TypeOptions {
        TypeOptions {
            capacity: self.capacity.unwrap_or(options.capacity),
            ttl_ms: self.ttl_ms.unwrap_or(options.ttl_ms),
        }
    }
}

impl StorePatch {
    fn check(&self) -> Result<(), LimitError> {
        if let Some(Some(retain)) = self.retain_ms {
            between("milliseconds of retention", retain, 1, TTL_MAX)?;
        }
        for (what, bound) in [("changes of the log", self.changes_max), ("bytes of the log", self.bytes_max)]
        {
            if let Some(Some(bound)) = bound {
                between(what, bound, 0, VERSION_MAX)?;
            }
        }
        Ok(())
    }

    fn on(self, options: StoreOptions) -> StoreOptions {
        StoreOptions {
            retain_ms: self.retain_ms.unwrap_or(options.retain_ms),
            changes_max: self.changes_max.unwrap_or(options.changes_max),
            bytes_max: self.bytes_max.unwrap_or(options.bytes_max),
        }
    }
}

impl Store {
    /// The options of a type.
    pub fn type_options(&self, type_name: &[u8]) -> TypeOptions {
        self.type_state(type_name).map_or_else(TypeOptions::default, |state| state.options)
    }

    /// The options of the store.
    pub fn options(&self) -> StoreOptions {
        self.options
    }

    /// Sets options of a type. A smaller capacity evicts records in the same step.
    ///
    /// # Errors
    /// A value is out of its limits, or there are too many types: nothing is changed.
    pub fn set_type_options(
        &mut self,
        write: &Write<'_>,
        type_name: &[u8],
        patch: TypePatch,
    ) -> Result<Commit, LimitError> {
        patch.check()?;
        write.limits.name("bytes of a type's name", type_name)?;
        self.room_for_types(write.limits, 1 - usize::from(self.type_state(type_name).is_some()))?;
        let old = self.type_options(type_name);
        let options = patch.on(old);
        let mut tx = Tx::begin(self, write)?;
        if options != old {
            let type_name = tx.store().intern(type_name);
            tx.push(Item::TypeOptions { type_name: Arc::clone(&type_name), options });
            tx.evict(&type_name);
        }
        Ok(tx.finish())
    }

    /// Sets options of the store. What the log may no longer hold leaves it in the same step, but for what is too old:
    /// that leaves with [`Store::tend`].
    ///
    /// # Errors
    /// A value is out of its limits: nothing is changed.
    pub fn set_options(&mut self, write: &Write<'_>, patch: StorePatch) -> Result<Commit, LimitError> {
        patch.check()?;
        let options = patch.on(self.options);
        let changed = options != self.options;
        let mut tx = Tx::begin(self, write)?;
        if changed {
            tx.push(Item::StoreOptions(options));
        }
        Ok(tx.finish())
    }
}
