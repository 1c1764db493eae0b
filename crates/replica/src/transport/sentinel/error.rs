//! Why Sentinels led to no source.

use super::super::client::ClientError;
use super::super::connect::{ConnectError, Endpoint};
use super::SourceRole;

/// Why Sentinels led to no source. After several were asked this is the last one's reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentinelError {
    /// The list is empty.
    #[error("no Sentinel is configured")]
    NoSentinel,
    /// There is no connection to it.
    #[error("Sentinel {sentinel} can't be reached: {reason}")]
    Unreachable {
        /// Which.
        sentinel: Endpoint,
        /// Why.
        reason: Box<ConnectError>,
    },
    /// It refused the password, or the conversation failed.
    #[error("Sentinel {sentinel} gave no answer: {reason}")]
    Failed {
        /// Which.
        sentinel: Endpoint,
        /// Why.
        reason: Box<ClientError>,
    },
    /// It refused the question.
    #[error(
        "Sentinel {sentinel} refused the question: its user needs +sentinel +subscribe, and the port must be a Sentinel's"
    )]
    Refused {
        /// Which.
        sentinel: Endpoint,
    },
    /// It watches no group of that name.
    #[error("Sentinel {sentinel} watches no group {group:?}: check the name")]
    UnknownGroup {
        /// Which.
        sentinel: Endpoint,
        /// The name.
        group: String,
    },
    /// The group has no replica to follow.
    #[error("Sentinel {sentinel} knows no replica of {group:?} that is in touch with its primary")]
    NoReplica {
        /// Which.
        sentinel: Endpoint,
        /// The name.
        group: String,
    },
    /// It answered with something else.
    #[error("Sentinel {sentinel} answered with something else: the peer may be no Sentinel")]
    UnexpectedReply {
        /// Which.
        sentinel: Endpoint,
    },
    /// The server is not what the Sentinels say, as during a failover.
    #[error("{server} is no {}: the Sentinels have not agreed yet", if *.wanted == SourceRole::Primary { "primary" } else { "replica in touch with its primary" })]
    WrongRole {
        /// Which server.
        server: Endpoint,
        /// What it should be.
        wanted: SourceRole,
    },
    /// The server does not tell its role.
    #[error("{server} does not tell its role: the source's user needs +role, and its password must be right")]
    RoleRefused {
        /// Which server.
        server: Endpoint,
    },
    /// The server gave no answer when asked for its role.
    #[error("{server} was not asked for its role: {reason}")]
    RoleUnknown {
        /// Which server.
        server: Endpoint,
        /// Why.
        reason: Box<ClientError>,
    },
}

impl SentinelError {
    pub(super) fn failed(sentinel: &Endpoint, reason: ClientError) -> Self {
        SentinelError::Failed { sentinel: sentinel.clone(), reason: Box::new(reason) }
    }
}
