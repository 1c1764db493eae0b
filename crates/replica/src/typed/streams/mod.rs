//! Commands about streams and their groups.

mod read;

use crate::rdb::StreamId;

use super::words::Items;

pub(super) use read::parse;

/// A command about streams (t_stream.c of Redis 8.6 and Valkey 9.1). Reading with a group is replicated as
/// [`Claim`](Self::Claim), [`SetGroupId`](Self::SetGroupId) and [`CreateConsumer`](Self::CreateConsumer).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum StreamCommand<'a> {
    /// `XADD key [NOMKSTREAM] [KEEPREF|DELREF|ACKED] [IDMP producer id|IDMPAUTO producer] [trim] id field value ..`.
    Add {
        /// The key.
        key: &'a [u8],
        /// Whether a stream is made if there is none: not with `NOMKSTREAM`.
        make_stream: bool,
        /// What makes the command do nothing the second time (Redis 8.6).
        idempotency: Option<Idempotency<'a>>,
        /// What is removed then.
        trim: Option<Trim>,
        /// The new entry's, which sources put in for `*`.
        id: StreamId,
        /// Fields and their values; names may repeat.
        fields: Items<'a, (&'a [u8], &'a [u8])>,
    },
    /// `XDEL key id ..`, `XDELEX key [KEEPREF|DELREF|ACKED] IDS count id ..` (Redis 8.2).
    Delete {
        /// The key.
        key: &'a [u8],
        /// What becomes of what groups know of the entries.
        references: References,
        /// Of the entries.
        ids: Items<'a, StreamId>,
    },
    /// `XTRIM key trim`.
    Trim {
        /// The key.
        key: &'a [u8],
        /// What is removed.
        trim: Trim,
    },
    /// `XSETID key id [ENTRIESADDED n] [MAXDELETEDID id]`.
    SetId {
        /// The key.
        key: &'a [u8],
        /// The highest id ever added.
        id: StreamId,
        /// Entries ever added.
        entries_added: Option<u64>,
        /// The highest id ever deleted.
        max_deleted: Option<StreamId>,
    },
    /// `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD n]`.
    CreateGroup {
        /// The key.
        key: &'a [u8],
        /// The new group.
        group: &'a [u8],
        /// Where it begins.
        start: GroupStart,
        /// Whether a stream is made if there is none.
        make_stream: bool,
        /// Entries that count as read; None if not known.
        entries_read: Option<u64>,
    },
    /// `XGROUP SETID key group id|$ [ENTRIESREAD n]`.
    SetGroupId {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
        /// Where it goes on.
        start: GroupStart,
        /// Entries that count as read; None if not known.
        entries_read: Option<u64>,
    },
    /// `XGROUP DESTROY key group`.
    DestroyGroup {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
    },
    /// `XGROUP CREATECONSUMER key group consumer`.
    CreateConsumer {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
        /// The new consumer.
        consumer: &'a [u8],
    },
    /// `XGROUP DELCONSUMER key group consumer`.
    DeleteConsumer {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
        /// The consumer; what is pending for it is forgotten.
        consumer: &'a [u8],
    },
    /// `XACK key group id ..`.
    Acknowledge {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
        /// Of the entries.
        ids: Items<'a, StreamId>,
    },
    /// `XACKDEL key group [KEEPREF|DELREF|ACKED] IDS count id ..` (Redis 8.2).
    AcknowledgeAndDelete {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
        /// What becomes of what other groups know of the entries.
        references: References,
        /// Of the entries.
        ids: Items<'a, StreamId>,
    },
    /// `XCLAIM key group consumer min-idle id .. [IDLE ms|TIME ms] [RETRYCOUNT n] [FORCE] [JUSTID] [LASTID id]`.
    Claim {
        /// The key.
        key: &'a [u8],
        /// The group.
        group: &'a [u8],
        /// Whose the entries are afterwards.
        consumer: &'a [u8],
        /// Milliseconds that an entry must not have been delivered for; sources replicate 0.
        idle_min_ms: i64,
        /// Of the entries.
        ids: Items<'a, StreamId>,
        /// When they count as delivered. Sources replicate [`Delivery::AtMs`].
        delivery: Option<Delivery>,
        /// How often they count as delivered.
        delivery_count: Option<u64>,
        /// Whether they become pending if they are not: `FORCE`.
        force: bool,
        /// Whether the reply holds ids alone, and without `RETRYCOUNT` the count stays: `JUSTID`.
        just_id: bool,
        /// Where the group is moved to, if that is forward.
        last_id: Option<StreamId>,
    },
}

/// Who adds, and what: entries of a producer with the same id are added once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Idempotency<'a> {
    /// The producer.
    pub producer: &'a [u8],
    /// Its id; None if it is made of the entry: `IDMPAUTO`.
    pub id: Option<&'a [u8]>,
}

/// Which of the oldest entries are removed. Sources replicate what they have removed as an exact trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trim {
    /// What stays.
    pub keep: Kept,
    /// Whether more may stay, in whole nodes: `~`.
    pub approximate: bool,
    /// Most entries to be removed. Replicas don't heed it (streamParseAddOrTrimArgsOrReply).
    pub limit: Option<u64>,
    /// What becomes of what groups know of the entries.
    pub references: References,
}

/// What a trim leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kept {
    /// `MAXLEN`: this many entries.
    Newest(u64),
    /// `MINID`: those from this id on.
    From(StreamId),
}

/// What becomes of a deleted entry in the groups' lists of pending ones (Redis 8.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum References {
    /// It stays there: `KEEPREF`.
    #[default]
    Keep,
    /// It is removed there, too: `DELREF`.
    Delete,
    /// Only entries that every group has acknowledged are deleted: `ACKED`.
    Acknowledged,
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupStart {
    /// Behind this id.
    Id(StreamId),
    /// `$`: behind the stream's last id.
    Last,
}

/// When an entry counts as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// `IDLE`: milliseconds before the source ran the command.
    IdleMs(i64),
    /// `TIME`: milliseconds since 1970.
    AtMs(i64),
}
