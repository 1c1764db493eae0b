//! What everybody may know of a running replica.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::position::{Position, ReplId};

/// What a replica is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ReplicaState {
    /// It has not begun to connect.
    #[default]
    Init,
    /// It is being connected.
    Connecting,
    /// It introduces itself.
    Handshake,
    /// It takes a snapshot.
    Snapshot,
    /// It follows the stream.
    Streaming,
    /// It waits for the next attempt.
    BackingOff,
    /// It has ended.
    Ended,
}

/// A replica at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub state: ReplicaState,
    /// The offset behind what the handler has applied; while a snapshot comes, the one it is valid at.
    pub offset: u64,
    /// The database selected there.
    pub db: u32,
    /// The source's history; None before it is known, and of a source that only knows SYNC.
    pub replid: Option<ReplId>,
    /// The address connected to; None while there is no connection.
    pub peer: Option<SocketAddr>,
    /// Whether a whole snapshot was applied, and all of the stream up to the offset.
    pub is_loaded: bool,
}

impl Status {
    /// Where another replica could go on.
    pub fn position(&self) -> Option<Position> {
        let replid = self.replid.filter(|_| self.is_loaded)?;
        Some(Position { replid, offset: self.offset, db: self.db })
    }
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) status: Mutex<Status>,
}

impl Shared {
    pub(super) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
