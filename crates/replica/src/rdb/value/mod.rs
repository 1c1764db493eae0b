//! Decoded values: what a key holds, whatever the encoding it came in.

use super::{Kind, Target};

mod commands;
mod decode;
mod piece;
mod rebuild;
mod stream;

pub use piece::Piece;
pub use rebuild::Rebuild;
pub use stream::{
    Consumer, Group, GroupMeta, Idempotency, IdempotencyMeta, Pending, Producer, Stream, StreamEntry,
    StreamId, StreamMeta,
};

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string, a HyperLogLog or a bitmap.
    String(Vec<u8>),
    /// A list, from left to right.
    List(Vec<Vec<u8>>),
    /// A set, in the order of its serialized form.
    Set(Vec<Vec<u8>>),
    /// Members of a sorted set with their scores, in the order of the serialized form.
    ZSet(Vec<(Vec<u8>, f64)>),
    /// A hash, in the order of its serialized form.
    Hash(Vec<HashField>),
    /// A stream.
    Stream(Box<Stream>),
    /// A value of a module's own type: only that module can read it.
    Module(super::ModuleType),
}

impl Value {
    /// What kind of value it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::ZSet(_) => Kind::ZSet,
            Self::Hash(_) => Kind::Hash,
            Self::Stream(_) => Kind::Stream,
            Self::Module(_) => Kind::Module,
        }
    }
}

/// A field of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashField {
    /// Its name.
    pub field: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires: milliseconds since 1970.
    pub expire_at_ms: Option<u64>,
}

/// A field's expiry, if the target has a place for it.
pub(crate) fn kept_expiry(field: &HashField, target: Target) -> Option<u64> {
    field.expire_at_ms.filter(|at| target.field_expiry_max_ms().is_some_and(|max| *at <= max))
}

/// Number of fields that lose their expiry on the target.
pub(crate) fn lost_expiries(fields: &[HashField], target: Target) -> u64 {
    let lost = |field: &&HashField| field.expire_at_ms.is_some() && kept_expiry(field, target).is_none();
    fields.iter().filter(lost).count() as u64
}

/// What a target can't be given because it has no place for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The expiry of so many fields of a hash: the target has none, or none that far away.
    FieldTtl(u64),
    /// A stream's idempotent ids: so many are forgotten, and a producer that repeats one adds its entry again.
    StreamIdempotency(u64),
    /// When consumers were last seen or got an entry: so many of them show another time.
    ConsumerTimes(u64),
    /// `entries_added`, `max_deleted_id` and the `entries_read` of groups: so many numbers are guessed by the target.
    StreamCounters(u64),
    /// Pending entries that were deleted from the stream: commands can't claim them.
    PendingDeleted(u64),
}
