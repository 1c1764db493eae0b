//! What a user of the driver implements.

use std::net::SocketAddr;
use std::time::Duration;

use crate::callback::Whereabouts;
use crate::connection::Command;
use crate::position::{Position, ReplId};
use crate::rdb;

use super::LinkError;

/// Any error of an observer; it stops the driver.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// The callbacks of a [`Driver`](super::Driver), in the order of the source's history.
///
/// ```text
///   init  ( connecting  connected  ( replication_start  snapshot_item*  streaming_start | resumed )
///           ( command | transaction_begin command* transaction_end | progress )*  closed )*  destroy
/// ```
///
/// Nothing is read while a callback runs, so a slow one slows the source down; one that takes longer than the
/// source's `repl-timeout` (60 s) makes it drop the link. An error stops the driver with that error.
pub trait Observer {
    /// Once, before any connection is opened.
    ///
    /// # Errors
    /// Stops the driver before it begins.
    fn init(&mut self) -> Result<(), ObserverError> {
        Ok(())
    }

    /// An attempt begins.
    fn connecting(&mut self) {}

    /// A socket is connected; the handshake follows.
    fn connected(&mut self, peer: SocketAddr) {
        let _ = peer;
    }

    /// A full synchronization begins: what is known is to be replaced. Never on a continuation.
    ///
    /// # Errors
    /// Stops the driver.
    fn replication_start(&mut self, replid: Option<ReplId>, offset: u64) -> Result<(), ObserverError> {
        let _ = (replid, offset);
        Ok(())
    }

    /// The next item of the snapshot.
    ///
    /// # Errors
    /// Stops the driver.
    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError>;

    /// The snapshot is complete; live commands follow. `position` is None if the source only knows SYNC.
    ///
    /// # Errors
    /// Stops the driver.
    fn streaming_start(&mut self, position: Option<Position>) -> Result<(), ObserverError> {
        let _ = position;
        Ok(())
    }

    /// The stream goes on at `position`, where it was left.
    ///
    /// # Errors
    /// Stops the driver.
    fn resumed(&mut self, position: Position) -> Result<(), ObserverError> {
        let _ = position;
        Ok(())
    }

    /// A live command. Once this returns it counts as applied, unless it is part of a transaction.
    ///
    /// # Errors
    /// Stops the driver; the command does not count as applied.
    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError>;

    /// A MULTI, with the database of the first command. The commands up to [`transaction_end`](Self::transaction_end) belong together. They have all arrived: a
    /// link that breaks within a transaction delivers nothing of it.
    ///
    /// # Errors
    /// Stops the driver.
    fn transaction_begin(&mut self, begin: Whereabouts) -> Result<(), ObserverError> {
        let _ = begin;
        Ok(())
    }

    /// The transaction is complete; once this returns all of it counts as applied.
    ///
    /// # Errors
    /// Stops the driver; nothing of the transaction counts as applied.
    fn transaction_end(&mut self, end_offset: u64, db: u32) -> Result<(), ObserverError> {
        let _ = (end_offset, db);
        Ok(())
    }

    /// The offset moved without data.
    ///
    /// # Errors
    /// Stops the driver.
    fn progress(&mut self, end_offset: u64, db: u32) -> Result<(), ObserverError> {
        let _ = (end_offset, db);
        Ok(())
    }

    /// Somebody called [`Waker::wake`](super::Waker::wake). Comes between any two other calls from
    /// [`init`](Self::init) to [`destroy`](Self::destroy), but never within a transaction.
    ///
    /// # Errors
    /// Stops the driver.
    fn woken(&mut self) -> Result<(), ObserverError> {
        Ok(())
    }

    /// A link ended or could not be made; once for each. `retry_in` is None if the driver gives up.
    fn closed(&mut self, reason: &LinkError, retry_in: Option<Duration>) {
        let _ = (reason, retry_in);
    }

    /// Once, last, if [`init`](Self::init) succeeded; the link is still open.
    fn destroy(&mut self) {}
}
