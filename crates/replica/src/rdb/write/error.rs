//! Why something can't be written.

use super::Encoding;
use crate::rdb::{Defect, Family, Kind};

/// A snapshot of this version can't hold what it was given. Nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No such version is known.
    #[error("{family} RDB version {version} is not known: Redis has 1 to 13, Valkey 80")]
    UnknownVersion {
        /// Who defines the format.
        family: Family,
        /// The version asked for.
        version: u16,
    },
    /// The version is too old for it.
    #[error("{what} needs RDB version {since}: write a newer snapshot than version {version}")]
    TooOld {
        /// What needs a newer version.
        what: &'static str,
        /// The first version that has it.
        since: u16,
        /// The version being written.
        version: u16,
    },
    /// Only the other family's servers read it.
    #[error("{what} can't be written into a snapshot of {family}: the other family defines it")]
    Foreign {
        /// What it is.
        what: &'static str,
        /// Who defines the format being written.
        family: Family,
    },
    /// The encoding is one of another kind of value.
    #[error("{encoding:?} holds no value of kind {kind:?}")]
    WrongKind {
        /// The encoding asked for.
        encoding: Encoding,
        /// What the value is.
        kind: Kind,
    },
    /// The encoding has no place for such a value.
    #[error("{encoding:?} can't hold the value: {rule}")]
    NotEncodable {
        /// The encoding asked for.
        encoding: Encoding,
        /// The rule the value breaks.
        rule: &'static str,
    },
    /// The version has no milliseconds in an expiry.
    #[error("an expiry of {expire_at_ms} ms needs RDB version 3: older ones count in seconds, until 2038")]
    ExpiryInMilliseconds {
        /// The time: milliseconds since 1970.
        expire_at_ms: u64,
    },
    /// No server holds such a time: theirs are signed, and -1 is none.
    #[error("an expiry of {expire_at_ms} ms is beyond what a server can hold: at most 2^63 - 1")]
    ExpiryOutOfRange {
        /// The time: milliseconds since 1970.
        expire_at_ms: u64,
    },
    /// The value breaks a rule that every server's own code would have kept.
    #[error("the value is none that a server could hold: {0}")]
    Invalid(#[from] Defect),
}
