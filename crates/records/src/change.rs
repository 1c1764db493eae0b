//! A change: one version of one record.

use std::sync::Arc;

use crate::memory::{block, shared};

/// What [`Change::cost`] counts for a change beside its names and data.
pub const CHANGE_COST: usize = 64;

/// A change of one record. The latest change of an id, if it is a set, is the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    version: u64,
    modified_at: u64,
    expires_at: u64,
    kind: Kind,
    id_len: u32,
    type_name: Arc<[u8]>,
    /// The id and then the data.
    bytes: Box<[u8]>,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The record was put.
    Set,
    /// The record is gone.
    Delete(Reason),
}

/// Why a record is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A client deleted it.
    User,
    /// Its type has a capacity, and it was the one changed longest ago.
    Capacity,
    /// Its time was over.
    Ttl,
}

/// What a [`Change`] is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub version: u64,
    pub modified_at: u64,
    pub expires_at: Option<u64>,
    pub kind: Kind,
    pub id: &'a [u8],
    pub data: &'a [u8],
}

impl Change {
    pub(crate) fn new(type_name: Arc<[u8]>, parts: Parts<'_>) -> Change {
        let Parts { version, modified_at, expires_at, kind, id, data } = parts;
        let id_len = u32::try_from(id.len()).unwrap_or(u32::MAX);
        let bytes = [id, data].concat().into_boxed_slice();
        Change { version, modified_at, expires_at: expires_at.unwrap_or(0), kind, id_len, type_name, bytes }
    }

    /// Its place in the history of the store; versions have no gaps.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it happened, in milliseconds of Unix time.
    pub fn modified_at(&self) -> u64 {
        self.modified_at
    }

    /// When the record ends, in milliseconds of Unix time.
    pub fn expires_at(&self) -> Option<u64> {
        (self.expires_at != 0).then_some(self.expires_at)
    }

    /// What it did.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The type of the record.
    pub fn type_name(&self) -> &[u8] {
        &self.type_name
    }

    pub(crate) fn shared_type_name(&self) -> &Arc<[u8]> {
        &self.type_name
    }

    /// The id of the record within its type.
    pub fn id(&self) -> &[u8] {
        self.bytes.get(..self.id_len as usize).unwrap_or(&self.bytes)
    }

    /// What was put; empty for a deletion.
    pub fn data(&self) -> &[u8] {
        self.bytes.get(self.id_len as usize..).unwrap_or_default()
    }

    /// Whether it put a record.
    pub fn is_set(&self) -> bool {
        self.kind == Kind::Set
    }

    /// Whether the record has ended at `now`, be it deleted already or not.
    pub fn has_ended(&self, now: u64) -> bool {
        self.expires_at != 0 && self.expires_at <= now
    }

    /// What it counts for limits of the log in bytes: its names, its data and [`CHANGE_COST`].
    pub fn cost(&self) -> usize {
        self.type_name.len() + self.bytes.len() + CHANGE_COST
    }

    /// The blocks of memory it takes, its type's name left out, which all changes of the type share.
    pub(crate) fn footprint(&self) -> usize {
        shared(size_of::<Change>()) + block(self.bytes.len())
    }
}
