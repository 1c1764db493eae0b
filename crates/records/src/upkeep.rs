//! What happens without a client asking for it (records and leases end, the log forgets what is old), trims, and named
//! cursors.

use std::sync::Arc;

use crate::change::Reason;
use crate::commit::{Commit, Item};
use crate::epoch::{Cursor, CursorError};
use crate::limits::{LimitError, between};
use crate::store::Store;
use crate::write::{Tx, Write};

/// What a trim takes from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Changes up to this version.
    Version(u64),
    /// Changes made before this time, in milliseconds of Unix time.
    Before(u64),
    /// All but so many.
    Keep(u64),
}

/// Why a named cursor can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetCursorError {
    /// It isn't of this history.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Something is too large.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl Store {
    /// When [`Store::tend`] has work to do next, in milliseconds of Unix time.
    pub fn next_due(&self) -> Option<u64> {
        let record = self.ending.first_key_value().map(|((end, _), _)| *end);
        let lease = self.leases.first_end().map(|(end, _)| *end);
        [record, lease, self.log_due()].into_iter().flatten().min()
    }

    /// When the oldest change of the log is too old.
    fn log_due(&self) -> Option<u64> {
        let (oldest, retain) = (self.log.first()?, self.options.retain_ms?);
        Some(oldest.modified_at() + retain + 1)
    }

    /// Deletes records whose time is over, frees leases that have ended and forgets changes that are too old, about
    /// `steps_max` of them; [`Store::next_due`] says if there is more.
    ///
    /// # Errors
    /// The store has no versions left.
    pub fn tend(&mut self, write: &Write<'_>, steps_max: usize) -> Result<Commit, LimitError> {
        let mut tx = Tx::begin(self, write)?;
        let mut left = steps_max;
        tx.end_leases(&mut left);
        tx.end_records(&mut left);
        tx.forget_old(left);
        Ok(tx.finish())
    }

    /// Takes changes from the log; gives their number too.
    ///
    /// # Errors
    /// The version has not been yet: nothing is changed.
    pub fn trim(&mut self, write: &Write<'_>, trim: Trim) -> Result<(u64, Commit), LimitError> {
        let versions = self.versions();
        let version = match trim {
            Trim::Version(version) => {
                between("a version", version, 0, versions.version)?;
                version
            }
            Trim::Before(time) => self.version_before(time, usize::MAX),
            Trim::Keep(count) => versions.version.saturating_sub(count),
        };
        let count = version.saturating_sub(versions.compact_version);
        let mut tx = Tx::begin(self, write)?;
        if count != 0 {
            tx.push(Item::Compact { version });
        }
        Ok((count, tx.finish()))
    }

    /// The version of the last change in a row, from the oldest on, that was made before a time; looks at `steps_max`.
    fn version_before(&self, time: u64, steps_max: usize) -> u64 {
        let old = self.log.after(0).take(steps_max).take_while(|change| change.modified_at() < time);
        old.last().map_or(self.log.compact_version(), |change| change.version())
    }

    /// Deletes all records and changes. Options, leases and named cursors stay, and versions go on: readers get
    /// [`CursorError::Compacted`].
    ///
    /// # Errors
    /// The store has no versions left.
    pub fn clear(&mut self, write: &Write<'_>) -> Result<Commit, LimitError> {
        let mut tx = Tx::begin(self, write)?;
        tx.push(Item::Clear);
        Ok(tx.finish())
    }

    /// A named cursor.
    pub fn cursor(&self, name: &[u8]) -> Option<Cursor> {
        self.cursors.get(name).copied()
    }

    /// All named cursors, by name.
    pub fn cursors(&self) -> impl Iterator<Item = (&[u8], Cursor)> {
        self.cursors.iter().map(|(name, cursor)| (name.as_ref(), *cursor))
    }

    /// Sets a named cursor: a reader's own note of where it is. It keeps nothing from leaving the log.
    ///
    /// # Errors
    /// It is of another history or from the future, or there are too many: nothing is changed.
    pub fn set_cursor(
        &mut self,
        write: &Write<'_>,
        name: &[u8],
        cursor: Cursor,
    ) -> Result<Commit, SetCursorError> {
        write.limits.name("bytes of a cursor's name", name)?;
        if !self.cursors.contains_key(name) {
            between("named cursors", self.cursors.len() as u64 + 1, 0, write.limits.cursors_max as u64)?;
        }
        match self.check_cursor(cursor, Some(write.term)) {
            Ok(()) | Err(CursorError::Compacted { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let mut tx = Tx::begin(self, write)?;
        if tx.store().cursor(name) != Some(cursor) {
            tx.push(Item::Cursor { name: name.into(), cursor });
        }
        Ok(tx.finish())
    }

    /// Deletes a named cursor; the commit is empty if there was none.
    ///
    /// # Errors
    /// The store has no versions left.
    pub fn delete_cursor(&mut self, write: &Write<'_>, name: &[u8]) -> Result<Commit, LimitError> {
        let mut tx = Tx::begin(self, write)?;
        if tx.store().cursor(name).is_some() {
            tx.push(Item::CursorGone { name: name.into() });
        }
        Ok(tx.finish())
    }
}

impl Tx<'_, '_> {
    fn end_leases(&mut self, left: &mut usize) {
        while *left > 0 {
            let now = self.now();
            let first = self.store().leases.first_end().filter(|(end, _)| *end <= now);
            let Some((_, name)) = first.cloned() else { break };
            self.push(Item::LeaseGone { name });
            *left -= 1;
        }
    }

    fn end_records(&mut self, left: &mut usize) {
        while *left > 0 {
            let now = self.now();
            let first = self.store().ending.first_key_value().filter(|((end, _), _)| *end <= now);
            let Some(record) = first.map(|(_, record)| Arc::clone(record)) else { break };
            self.delete(record.shared_type_name(), record.id(), Reason::Ttl);
            *left -= 1;
        }
    }

    fn forget_old(&mut self, steps_max: usize) {
        let Some(retain) = self.store().options.retain_ms else { return };
        let Some(oldest_kept) = self.now().checked_sub(retain) else { return };
        let version = self.store().version_before(oldest_kept, steps_max);
        if version > self.store().versions().compact_version {
            self.push(Item::Compact { version });
        }
    }
}
