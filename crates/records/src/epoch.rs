//! Epochs: which history a version belongs to.
//!
//! Versions alone don't tell histories apart: a server that lost the end of one (a promoted replica that lagged behind, an
//! AOF without its last second) gives the same versions to other changes. So the first write after any event that may
//! have lost something begins an epoch with a random id:
//!
//! ```text
//! epoch  7f..            2a..
//!        1 2 3 .. 99 100 101 102        a reader at (7f, 100) goes on; one at (7f, 103) saw what was lost
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;

/// The most epochs a store remembers; the oldest are forgotten first.
pub const EPOCHS_MAX: usize = 1024;

/// The random id of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochId(NonZeroU64);

impl EpochId {
    /// An id from random bits; 0 is none.
    pub fn new(bits: u64) -> Option<EpochId> {
        NonZeroU64::new(bits).map(EpochId)
    }

    /// Its bits.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// Its 16 hexadecimal digits.
    pub fn digits(self) -> [u8; 16] {
        std::array::from_fn(|place| b"0123456789abcdef"[(self.get() >> (60 - 4 * place)) as usize & 15])
    }

    /// Reads what [`EpochId::digits`] gives.
    pub fn parse(text: &[u8]) -> Option<EpochId> {
        if text.len() != 16 || !text.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok().and_then(EpochId::new)
    }
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Up to where a reader has seen the changes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch of [`Cursor::seen`]; `None` is the beginning of everything, with version 0.
    pub epoch: Option<EpochId>,
    /// The version up to which the reader has seen all changes.
    pub version: u64,
    /// The latest version of which the reader has seen anything, usually the same. A list leaves out what changes while it
    /// is read: its reader can't go on if those changes are lost before it has got them from the feed.
    pub seen: u64,
}

impl Cursor {
    /// Before the first change of a store.
    pub const START: Cursor = Cursor { epoch: None, version: 0, seen: 0 };

    /// Reads what [`Cursor::history`] gives.
    pub fn parse(history: &str, version: u64) -> Option<Cursor> {
        let (epoch, seen) = match history.split_once('-') {
            Some((epoch, seen)) => (epoch, number(seen).filter(|seen| *seen > version)?),
            None => (history, version),
        };
        let epoch = match epoch {
            "0" => None,
            epoch => Some(EpochId::parse(epoch.as_bytes())?),
        };
        Some(Cursor { epoch, version, seen })
    }

    /// The epoch in 16 hexadecimal digits (`0` for none) and, if it isn't the version, `-` and what was seen: which histories
    /// the reader can go on in, as text to be given back with the version.
    pub fn history(self) -> String {
        let epoch = self.epoch.map_or_else(|| "0".to_owned(), |id| id.to_string());
        if self.seen > self.version { format!("{epoch}-{}", self.seen) } else { epoch }
    }
}

/// Who reads, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Milliseconds of Unix time.
    pub now: u64,
    /// The term of the server ([`crate::Write::term`]); `None` on a replica.
    pub term: Option<u64>,
}

/// A cursor that can't be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The reader has seen another history.
    #[error("RECEPOCH this history has ended or was never: read the state again (RECORD.SYNCLATEST)")]
    Epoch,
    /// Changes after the cursor are no longer in the log.
    #[error(
        "RECCOMPACTED {oldest} is the oldest version to go on from: read the state again (RECORD.SYNCLATEST)"
    )]
    Compacted {
        /// The oldest version that a cursor may have.
        oldest: u64,
    },
    /// The version has never been.
    #[error("RECFUTURE this version has not been yet: {version} is the latest")]
    Future {
        /// The latest version.
        version: u64,
    },
    /// The version has not come to this replica yet: waiting helps.
    #[error("RECFUTURE this version has not come to this replica yet: {version} is the latest here")]
    Ahead {
        /// The latest version here.
        version: u64,
    },
}

/// A number in digits, without a sign.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub id: EpochId,
    /// The version at which it began: its first change has the next.
    pub start: u64,
}

/// The epochs of a store, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    epochs: VecDeque<Epoch>,
}

impl History {
    pub fn iter(&self) -> impl Iterator<Item = &Epoch> {
        self.epochs.iter()
    }

    pub fn last(&self) -> Option<Epoch> {
        self.epochs.back().copied()
    }

    /// Whether an epoch may come next in a dump: a reader of an id that is there twice would be sent round in circles.
    pub fn may_load(&self, epoch: Epoch) -> bool {
        let in_order = self.last().is_none_or(|last| last.start <= epoch.start);
        self.epochs.len() < EPOCHS_MAX && in_order && !self.has(epoch.id)
    }

    pub fn has(&self, id: EpochId) -> bool {
        self.epochs.iter().any(|epoch| epoch.id == id)
    }

    pub fn push(&mut self, epoch: Epoch) {
        if self.epochs.len() >= EPOCHS_MAX {
            self.epochs.pop_front();
        }
        self.epochs.push_back(epoch);
    }

    /// Forgets epochs whose every cursor is compacted.
    pub fn forget_before(&mut self, compact_version: u64) {
        while self.epochs.get(1).is_some_and(|next| next.start < compact_version) {
            self.epochs.pop_front();
        }
    }

    /// The epoch that made a version: of those that a cursor may name there, the one that most histories share. A later
    /// epoch that begins at the version may be lost in a failover though none of the changes up to it is. The oldest epoch
    /// that is known stands for those before.
    pub fn of(&self, version: u64) -> Option<EpochId> {
        let maker = self.epochs.iter().rev().find(|epoch| epoch.start < version);
        maker.or(self.epochs.front()).filter(|_| version != 0).map(|epoch| epoch.id)
    }

    /// Whether the cursor is of this history; not whether it is compacted or from the future.
    pub fn contains(&self, cursor: Cursor) -> bool {
        let Some(id) = cursor.epoch else { return cursor.seen == 0 };
        let Some(index) = self.epochs.iter().position(|epoch| epoch.id == id) else { return false };
        self.epochs.get(index + 1).is_none_or(|next| cursor.seen <= next.start)
    }
}
