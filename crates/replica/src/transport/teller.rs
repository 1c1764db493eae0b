//! From the events of a link or of files to an [`Observer`]'s callbacks: transactions whole, and what counts as applied.

use crate::connection::{Event, Place};
use crate::position::{Position, ReplId};
use crate::resp::Limits;

use super::group::Group;
use super::observer::{Observer, ObserverError};

/// Why an event was not told.
#[derive(Debug)]
pub(super) enum Untold {
    Observer(ObserverError),
    /// The limit, in bytes.
    TransactionTooLarge {
        limit: usize,
    },
}

impl From<ObserverError> for Untold {
    fn from(error: ObserverError) -> Self {
        Untold::Observer(error)
    }
}

/// Tells events, and knows how far the observer has come.
#[derive(Debug)]
pub(super) struct Teller {
    replid: Option<ReplId>,
    position: Option<Position>,
    offset: u64,
    group: Group,
    transaction_bytes: usize,
}

impl Teller {
    /// Goes on at `resume`. A transaction of more than `transaction_bytes` is not held.
    pub(super) fn new(resume: Option<Position>, transaction_bytes: usize, limits: Limits) -> Self {
        Teller {
            replid: resume.map(|position| position.replid),
            position: resume,
            offset: resume.map_or(0, |position| position.offset),
            group: Group::new(transaction_bytes, limits),
            transaction_bytes,
        }
    }

    /// The position behind what was applied; None before a snapshot is complete, and in a history without id.
    pub(super) fn position(&self) -> Option<Position> {
        self.position
    }

    /// The offset behind the last command or transaction that was applied.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Tells one event. When this returns Ok, what it completes counts as applied.
    pub(super) fn tell(&mut self, event: Event<'_>, observer: &mut impl Observer) -> Result<(), Untold> {
        match event {
            Event::FullResync { replid, offset } => {
                (self.replid, self.position) = (replid, None);
                observer.replication_start(replid, offset)?;
            }
            Event::Snapshot(item) => observer.snapshot_item(item)?,
            Event::SnapshotEnd { offset, db, .. } => {
                observer.streaming_start(self.at(offset, db))?;
                self.moved(offset, db);
            }
            Event::Continue { position, .. } => {
                self.replid = Some(position.replid);
                self.moved(position.offset, position.db);
                observer.resumed(position)?;
            }
            Event::Command(command) if command.place == Place::InTransaction => {
                let limit = self.transaction_bytes;
                self.group.push(&command).map_err(|_| Untold::TransactionTooLarge { limit })?;
            }
            Event::Command(command) => {
                observer.command(command)?;
                self.moved(command.end_offset, command.db);
            }
            Event::MultiBegin { end_offset } => self.group.begin(end_offset),
            Event::MultiEnd { end_offset, db } => {
                self.group.tell(end_offset, db, observer)?;
                self.moved(end_offset, db);
            }
            Event::Progress { end_offset, db } => {
                observer.progress(end_offset, db)?;
                self.moved(end_offset, db);
            }
        }
        Ok(())
    }

    fn at(&self, offset: u64, db: u32) -> Option<Position> {
        self.replid.map(|replid| Position { replid, offset, db })
    }

    fn moved(&mut self, offset: u64, db: u32) {
        self.offset = offset;
        self.position = self.at(offset, db);
    }
}
