//! What a connection tells its user.

use crate::position::{Position, ReplId};
use crate::rdb;
use crate::resp::CommandView;

/// One thing that happened, in stream order. Borrows from the connection's buffer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The source sends everything anew. Once per full synchronization, before any item of the snapshot.
    FullResync {
        /// The history that begins; None from a source that only knows SYNC: such a link can't be resumed.
        replid: Option<ReplId>,
        /// Where in it the stream behind the snapshot begins.
        offset: u64,
    },
    /// The next item of the snapshot.
    Snapshot(rdb::Item<'a>),
    /// The snapshot is complete: length and checksum were right. Before the first command.
    SnapshotEnd {
        /// Its length, in bytes.
        bytes: u64,
        /// Where the stream begins.
        offset: u64,
        /// The database selected there: not always 0 if the source is a replica itself.
        db: u32,
    },
    /// The source goes on where the resume position ended. Never together with [`Event::FullResync`].
    Continue {
        /// The id to remember from now on, with the offset and db resumed at.
        position: Position,
        /// Whether the id is another one than that asked for: the source was promoted since.
        new_replid: bool,
    },
    /// A data command. SELECT, PING, REPLCONF, MULTI and EXEC never come as one.
    Command(Command<'a>),
    /// A transaction begins: nothing is complete until [`Event::MultiEnd`].
    MultiBegin {
        /// Offset behind the MULTI.
        end_offset: u64,
    },
    /// A transaction is complete.
    MultiEnd {
        /// Offset behind the EXEC.
        end_offset: u64,
        /// The database selected now.
        db: u32,
    },
    /// Bytes without data (PING, SELECT, REPLCONF) moved the offset, outside a transaction, and nothing else is
    /// at hand. Several are reported as one.
    Progress {
        /// Offset behind them.
        end_offset: u64,
        /// The database selected now.
        db: u32,
    },
}

/// A data command of the stream.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The database it applies to.
    pub db: u32,
    /// Name and arguments.
    pub view: CommandView<'a>,
    /// Offset behind it.
    pub end_offset: u64,
    /// Where it stands.
    pub place: Place,
}

/// Whether a command stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By itself: its end offset is a position to resume from.
    Alone,
    /// Between MULTI and EXEC.
    InTransaction,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Introducing itself, up to the reply to PSYNC.
    Handshake,
    /// Waiting for the source to begin its snapshot.
    AwaitingSnapshot,
    /// Reading the snapshot.
    Snapshot,
    /// Following the stream.
    Streaming,
    /// The snapshot is complete, and nothing else was wanted.
    Complete,
    /// Ended by an error.
    Failed,
}
