//! Why a link ends, and why a driver returns.

use std::io;

use crate::connection::{Error, Retry};

#[cfg(doc)]
use super::Reconnect;
use crate::transport::connect::ConnectError;
use crate::transport::observer::ObserverError;

/// Why one link ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// There was no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The replication failed.
    #[error(transparent)]
    Replication(#[from] Error),
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The source closed the connection.
    #[error("the source closed the connection: see its log")]
    Closed,
    /// The Sentinels have made another server the primary.
    #[error("the Sentinels have made another server the primary: the link goes on there")]
    SourceMoved,
    /// A transaction is larger than allowed.
    #[error("a transaction exceeds {limit} bytes: raise the transaction limit")]
    TransactionTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl LinkError {
    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            LinkError::Replication(error) => error.retry(),
            LinkError::TransactionTooLarge { .. } => Retry::NeedsUser,
            LinkError::Connect(_) | LinkError::Io(_) | LinkError::Closed | LinkError::SourceMoved => {
                Retry::Transient
            }
        }
    }
}

/// Why a driver returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A callback failed.
    #[error("the observer stopped the replication: {0}")]
    Observer(ObserverError),
    /// A callback panicked.
    #[error("the observer panicked")]
    ObserverPanicked,
    /// A link ended, and by the [`Reconnect`] setting it is not tried again.
    #[error(transparent)]
    Link(LinkError),
    /// There is nothing to be woken by.
    #[error("no pair of sockets to be woken by: raise the limit of open files ({0})")]
    Wake(io::Error),
}
