//! Why a connection ended.

use crate::rdb;
use crate::resp::ProtocolError;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Time or another connection may heal it: reconnect with a back-off.
    Transient,
    /// It will fail the same way until somebody changes a setting, here or at the source.
    NeedsUser,
}

/// Why a connection ended. The texts never repeat the peer's bytes: it may be any service on the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source wants a password and none is configured.
    #[error("the source wants authentication: configure a user and password")]
    AuthRequired,
    /// The source does not accept user and password.
    #[error("the source refused the user or password: check both")]
    WrongPassword,
    /// A password is configured and the source has none.
    #[error("the source has no password set: remove the password here, or set one at the source")]
    NoPasswordSet,
    /// A user name is configured and the source is older than ACLs.
    #[error("the source does not know users (it is older than Redis 6.0): configure a password only")]
    UsersUnsupported,
    /// AUTH failed in another way.
    #[error("the source refused AUTH")]
    AuthRefused,
    /// The user may not replicate.
    #[error("the source's user may not replicate: it needs +psync +replconf +ping")]
    NotPermitted,
    /// The source is loading its data.
    #[error("the source is loading its dataset: it will be tried again")]
    Loading,
    /// The source is a replica without a link to its own primary.
    #[error("the source is a replica that has no link to its primary: it will be tried again")]
    NoPrimaryLink,
    /// The source has no connection to spare.
    #[error("the source has reached its maximum number of clients: it will be tried again")]
    TooManyClients,
    /// The source is in protected mode.
    #[error(
        "the source is in protected mode and refuses other hosts: set a password or turn protected-mode off there"
    )]
    ProtectedMode,
    /// The source is busy running a script or function.
    #[error("the source is busy with a script: it will be tried again")]
    Busy,
    /// Another error in reply to PING.
    #[error("the source refused PING")]
    PingRefused,
    /// Another error in reply to PSYNC or SYNC.
    #[error("the source refused to replicate")]
    SyncRefused,
    /// An error in place of the snapshot.
    #[error("the source gave up its snapshot: see its log (disk space, memory for the child process)")]
    SnapshotAborted,
    /// Neither PSYNC nor SYNC exists there.
    #[error("the source knows neither PSYNC nor SYNC: the service may not offer replication")]
    ReplicationUnsupported,
    /// A reply that fits no step.
    #[error("unexpected reply to {step}: the peer may be no Redis or Valkey server")]
    UnexpectedReply {
        /// The step.
        step: &'static str,
    },
    /// `+FULLRESYNC` without a usable id and offset.
    #[error("the source began a full resync without a valid replication id and offset")]
    InvalidFullResync,
    /// `+CONTINUE` with an unusable id.
    #[error("the source continued under an invalid replication id")]
    InvalidContinue,
    /// `+CONTINUE` when a full synchronization was asked for.
    #[error("the source continued a stream that was never begun")]
    UnaskedContinue,
    /// Not the header of a snapshot.
    #[error("the source announced its snapshot in an unknown form")]
    InvalidSnapshotHeader,
    /// The snapshot did not fill the announced length.
    #[error("the snapshot ended {missing} bytes before its announced length")]
    SnapshotTooShort {
        /// Bytes left.
        missing: u64,
    },
    /// The snapshot goes on behind the announced length.
    #[error("the snapshot is not complete at its announced length of {announced} bytes")]
    SnapshotTooLong {
        /// The announced length, in bytes.
        announced: u64,
    },
    /// What follows a snapshot of unknown length is not its end mark.
    #[error("the snapshot's end mark is missing: bytes were lost or added on the way")]
    EndMarkMissing,
    /// The snapshot itself.
    #[error("the snapshot can't be read: {0}")]
    Snapshot(#[from] rdb::Error),
    /// The snapshot names a database that is none.
    #[error("the snapshot says that its stream begins in an invalid database")]
    InvalidStreamDb,
    /// The stream is no sequence of commands.
    #[error("the stream can't be read: {0}")]
    Protocol(#[from] ProtocolError),
    /// An inline command in the stream, which no server sends.
    #[error("the stream is out of step: it holds an inline command")]
    OutOfStep,
    /// A SELECT without a valid database number.
    #[error("the stream selects an invalid database")]
    InvalidSelect,
    /// MULTI within MULTI.
    #[error("the stream nests MULTI")]
    NestedMulti,
    /// EXEC without MULTI.
    #[error("the stream has EXEC without MULTI")]
    ExecWithoutMulti,
    /// The stream's offset would exceed what the protocol can say.
    #[error("the replication offset is beyond 2^63")]
    OffsetOverflow,
    /// More bytes are held than allowed.
    #[error("more than {limit} bytes wait to be read: raise the buffer limit if such values are legitimate")]
    BufferFull {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The second connection of a full synchronization was refused.
    #[error(
        "the source refused {step} for the second connection of a dual-channel synchronization: turn it off here if this recurs"
    )]
    DualChannelRefused {
        /// The step.
        step: &'static str,
    },
    /// The source began a dual-channel synchronization with values that can't be used.
    #[error("the source began a dual-channel synchronization in an unknown form")]
    InvalidDualChannel,
    /// More of the stream came beside a snapshot than may be held.
    #[error(
        "more than {limit} bytes of the stream came while the snapshot was read: raise the limit of held bytes, or turn dual-channel synchronization off"
    )]
    HeldStreamFull {
        /// The limit, in bytes.
        limit: usize,
    },
    /// No reply to a step of the handshake.
    #[error("the source did not answer {step} in time")]
    ReplyTimeout {
        /// The step.
        step: &'static str,
    },
    /// Nothing arrived for too long.
    #[error("the source was silent for too long: check the network and its repl-timeout")]
    Silence,
}

impl Error {
    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Error::AuthRequired
            | Error::WrongPassword
            | Error::NoPasswordSet
            | Error::UsersUnsupported
            | Error::AuthRefused
            | Error::NotPermitted
            | Error::ProtectedMode
            | Error::ReplicationUnsupported
            | Error::HeldStreamFull { .. }
            | Error::BufferFull { .. } => Retry::NeedsUser,
            Error::Snapshot(error) => retry_snapshot(error),
            Error::Protocol(error) => retry_protocol(error),
            _ => Retry::Transient,
        }
    }
}

/// Limits and unknown formats meet the same bytes again; damage may be the network's.
fn retry_snapshot(error: &rdb::Error) -> Retry {
    match error {
        rdb::Error::UnsupportedVersion { .. } | rdb::Error::UnknownType { .. } | rdb::Error::Limit { .. } => {
            Retry::NeedsUser
        }
        _ => Retry::Transient,
    }
}

fn retry_protocol(error: &ProtocolError) -> Retry {
    match error {
        ProtocolError::BulkTooLong { .. }
        | ProtocolError::TooManyElements { .. }
        | ProtocolError::TooLong { .. } => Retry::NeedsUser,
        _ => Retry::Transient,
    }
}
