//! What can be wrong with a snapshot, split by what the reader can do about it.

use super::Family;

/// The snapshot as a whole can't be read any further: its framing is broken, unknown or beyond a limit.
///
/// After such an error the position in the byte stream is lost; the only cure is a new full synchronization.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first nine bytes are neither `REDISnnnn` nor `VALKEYnnn`.
    #[error(
        "not an RDB snapshot: it must start with REDIS or VALKEY and a version; check that the source is a Redis or Valkey server"
    )]
    BadMagic,
    /// A format version this reader has no rules for.
    #[error(
        "{family} RDB version {version} is not supported; announce an older version to the source or update this library"
    )]
    UnsupportedVersion {
        /// Who defines the format.
        family: Family,
        /// The version in the header.
        version: u16,
    },
    /// A type byte or opcode this family and version doesn't define. It can't be skipped: nothing tells its length.
    #[error(
        "unknown type byte or opcode {byte} in {family} RDB {version} at offset {offset}; update this library or remove such keys from the source"
    )]
    UnknownType {
        /// Who defines the format.
        family: Family,
        /// Version of the snapshot.
        version: u16,
        /// The byte.
        byte: u8,
        /// Where it stands, in bytes from the snapshot's start.
        offset: u64,
    },
    /// Bytes that no server writes at a place where the extent of the item depends on them.
    #[error(
        "corrupt snapshot at offset {offset}: {what}; synchronize again, and check the source if it recurs"
    )]
    Corrupt {
        /// Which rule is broken.
        what: &'static str,
        /// Where the item begins, in bytes from the snapshot's start.
        offset: u64,
    },
    /// An announced size exceeds a limit, before anything was allocated for it.
    #[error(
        "{what} of {got} exceeds the limit of {limit} at offset {offset}; raise the limit if the source is trusted"
    )]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The announced size or count.
        got: u64,
        /// The limit in force.
        limit: u64,
        /// Where the item begins, in bytes from the snapshot's start.
        offset: u64,
    },
    /// The CRC-64 in the trailer is not that of the bytes.
    #[error(
        "checksum mismatch: the snapshot says {stored:016x}, its bytes give {computed:016x}; synchronize again"
    )]
    Checksum {
        /// The trailer's value.
        stored: u64,
        /// What the bytes give.
        computed: u64,
    },
    /// `next` was called after [`Item::End`](super::Item::End).
    #[error("the snapshot has already ended: the bytes that follow belong to the replication stream")]
    Ended,
}

/// One value breaks a rule that the server's own code would have kept. The rest of the snapshot is unaffected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The bytes end inside the value.
    #[error("the value is truncated")]
    Truncated,
    /// Bytes are left after the value's end.
    #[error("{0} bytes are left after the value")]
    Trailing(usize),
    /// A structure breaks its own format.
    #[error("invalid {part}: {rule}")]
    Invalid {
        /// The structure: `listpack`, `ziplist`, `intset`, ..
        part: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A member, field, group or consumer occurs twice.
    #[error("duplicate {0}")]
    Duplicate(&'static str),
    /// A container without an element: servers delete such keys.
    #[error("empty {0}")]
    Empty(&'static str),
    /// A size or count exceeds a limit.
    #[error("{what} of {got} exceeds the limit of {limit}; raise the limit if the source is trusted")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The announced size or count.
        got: u64,
        /// The limit in force.
        limit: u64,
    },
    /// A type byte this family and version doesn't define.
    #[error("type byte {0} is not defined for this source")]
    UnknownType(u8),
    /// The footer of a DUMP payload is missing, of another version or has a wrong CRC-64.
    #[error("DUMP payload: {0}")]
    Footer(&'static str),
}

impl Defect {
    pub(crate) const fn invalid(part: &'static str, rule: &'static str) -> Self {
        Self::Invalid { part, rule }
    }
}
