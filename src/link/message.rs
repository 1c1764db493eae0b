//! The messages between a link thread and the main thread.

use std::time::Instant;

use mirror_engine::seen::SeenKeys;
use mirror_engine::{Batch, ReplId};

use super::seen_file::SeenFile;

/// The keys of a snapshot.
pub type Seen = SeenKeys<SeenFile>;

/// What the link tells the main thread, in the order of the source's history.
pub enum Message {
    /// A full resync begins: what was known of the position is void.
    FullResync {
        /// The history the snapshot belongs to; `None` when the source is too old to say.
        replid: Option<ReplId>,
        /// The offset the snapshot stands for.
        offset: u64,
    },
    /// The stream goes on from the position that was asked for.
    Continue {
        /// The history's id from here on.
        replid: ReplId,
        /// Whether this is the first connection since the link was started.
        first: bool,
        /// Where the source stood just after we connected; `None` when it would not say.
        source_offset: Option<u64>,
    },
    /// Operations, whole units of them.
    Work(Work),
    /// The snapshot was read to its end, and every entry of it was sent.
    SnapshotEnd {
        /// The keys that the snapshot holds, by their local names.
        seen: Box<Seen>,
        /// The db selected at the source where the stream begins.
        db: u32,
    },
    /// The values of keys under repair, as of one offset of the source.
    Fetched(Fetched),
    /// Where the source stood after the waiters up to a number had asked.
    SourceOffset {
        /// The last one's number.
        up_to: u64,
        /// The source's offset, or why it could not be had.
        offset: Result<u64, String>,
    },
}

/// A batch and when its last byte arrived.
pub struct Work {
    /// The operations.
    pub batch: Batch,
    /// When they were planned.
    pub arrived: Instant,
}

/// The answer to [`Request::Fetch`].
pub struct Fetched {
    /// The request's number.
    pub round: u64,
    /// The values, or why there are none.
    pub values: Result<Values, FetchError>,
}

/// Why there are no values.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// They are too large together: fewer keys may be asked for.
    #[error("the values of the keys under repair are too large together: they are fetched in parts")]
    TooLarge,
    /// The source could not be asked, or its answer can't be used.
    #[error("{0}")]
    Failed(String),
}

/// Values as of one offset.
pub struct Values {
    /// The source's offset that the values stand for.
    pub offset: u64,
    /// Operations that write the values (and delete the keys that are gone).
    pub batch: Batch,
    /// Whether the source is itself a replica. It hides keys whose time has come by its own clock, although
    /// its primary may still renew them: a key that it doesn't show may have expired, or never have been.
    pub hides_expired: bool,
    /// Whether some of the keys are left out, or in part: they may soon be asked for again.
    pub lacks_some: bool,
}

/// What the main thread asks of the link.
pub enum Request {
    /// The values of these source keys: (db, key).
    Fetch {
        /// A number that comes back with the answer.
        round: u64,
        /// The keys, in the source's names.
        keys: Vec<(u32, Vec<u8>)>,
    },
    /// The source's offset now.
    SourceOffset {
        /// A number that comes back with the answer.
        waiter: u64,
    },
}
