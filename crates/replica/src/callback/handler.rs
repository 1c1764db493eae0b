//! What a user of a replica implements.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use crate::position::{Position, ReplId};
use crate::rdb::{Defect, Loss, NotRestorable};

use super::{Batch, Entry};

/// Any error of a handler; it stops the replica.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// What is sent to a handler from elsewhere.
pub type Message = Box<dyn Any + Send>;

/// What of a snapshot is not in its batches.
#[derive(Debug)]
#[non_exhaustive]
pub enum LeftOut {
    /// The value breaks a rule of its format or exceeds a limit.
    Defect(Defect),
    /// No command makes such a value: it is a module's.
    NotRestorable(NotRestorable),
    /// The key is there, but no command tells all about it.
    Parts(Vec<Loss>),
}

/// Whether a handler has taken a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handled {
    /// It has.
    Yes,
    /// It knows nothing to do with it.
    No,
}

/// The callbacks of a replica, in the order of the source's history.
///
/// ```text
///   init  ( replication_start  ( batch | left_out )*  streaming_start | resumed  batch*  closed )*  destroy
/// ```
///
/// Whoever wants to be told one command after the other implements [`command`](Self::command); whoever wants what belongs
/// together, [`batch`](Self::batch).
///
/// Nothing is read while a callback runs, so a slow one slows the source down; one that takes longer than the
/// source's `repl-timeout` (60 s) makes it drop the link. A panic stops the replica as an error does.
pub trait Handler: Send {
    /// Once, before any connection is opened.
    ///
    /// # Errors
    /// Fails the start with that error.
    fn init(&mut self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// A full synchronization begins: what is known is to be replaced. Never on a continuation. `replid` is None if the
    /// source only knows SYNC.
    ///
    /// # Errors
    /// Stops the replica.
    fn replication_start(&mut self, replid: Option<ReplId>, offset: u64) -> Result<(), HandlerError> {
        let _ = (replid, offset);
        Ok(())
    }

    /// Commands to apply, of the snapshot or live; never none. Once this returns they count as applied.
    ///
    /// Unless implemented, each goes to [`command`](Self::command), and to [`unhandled`](Self::unhandled) if that does not
    /// take it.
    ///
    /// # Errors
    /// Stops the replica; none of the batch counts as applied.
    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        for command in batch.iter() {
            if self.command(&command)? == Handled::No {
                self.unhandled(&command)?;
            }
        }
        Ok(())
    }

    /// One command, in the source's order.
    ///
    /// # Errors
    /// Stops the replica; nothing of the command's batch counts as applied.
    fn command(&mut self, command: &Entry<'_>) -> Result<Handled, HandlerError> {
        let _ = command;
        Ok(Handled::No)
    }

    /// A command that nobody handles: neither [`command`](Self::command), nor a
    /// [`Projection`](crate::projection::Projection), which tells its listener. Goes to [`note`](Self::note) by default.
    ///
    /// # Errors
    /// Stops the replica.
    fn unhandled(&mut self, command: &Entry<'_>) -> Result<(), HandlerError> {
        self.note(&format_args!("nobody handles {}", command.name().escape_ascii()));
        Ok(())
    }

    /// Something of the snapshot can't be told by commands.
    ///
    /// # Errors
    /// Stops the replica.
    fn left_out(&mut self, db: u32, key: &[u8], what: LeftOut) -> Result<(), HandlerError> {
        let _ = (db, key, what);
        Ok(())
    }

    /// The snapshot is complete; live commands follow. Once per full synchronization.
    ///
    /// # Errors
    /// Stops the replica.
    fn streaming_start(&mut self, position: Option<Position>) -> Result<(), HandlerError> {
        let _ = position;
        Ok(())
    }

    /// The stream goes on at `position`, where it was left.
    ///
    /// # Errors
    /// Stops the replica.
    fn resumed(&mut self, position: Position) -> Result<(), HandlerError> {
        let _ = position;
        Ok(())
    }

    /// Somebody sent a message. Comes in every state.
    ///
    /// # Errors
    /// Stops the replica. What shall not stop it goes to [`note`](Self::note).
    fn message(&mut self, message: Message) -> Result<(), HandlerError> {
        let _ = message;
        Ok(())
    }

    /// A link ended or could not be made; once for each, before the next attempt. `retry_in` is None if there is none.
    fn closed(&mut self, reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
        let _ = (reason, retry_in);
    }

    /// Once, last, while the link is still open.
    ///
    /// # Errors
    /// Told to [`note`](Self::note).
    fn destroy(&mut self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// Something that nobody has to act on: for a log.
    fn note(&mut self, what: &dyn Display) {
        let _ = what;
    }
}
