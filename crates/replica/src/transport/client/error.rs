//! Why a call of a client failed.

use std::error::Error as StdError;
use std::io;

use crate::connection::Error;
use crate::push::{PushError, chain};
use crate::resp::{ProtocolError, Value};

use super::super::connect::ConnectError;

/// Why a call failed. Except for [`NotQueued`](ClientError::NotQueued), [`Aborted`](ClientError::Aborted),
/// [`Refused`](ClientError::Refused), [`NotACall`](ClientError::NotACall) and [`NeedsResp3`](ClientError::NeedsResp3),
/// replies and commands no longer match afterwards: the client is of no use and says [`Broken`](ClientError::Broken).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The time given was not enough.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What arrived is no RESP, or too large.
    #[error("the reply can't be read: {0}")]
    Protocol(#[from] ProtocolError),
    /// AUTH was refused.
    #[error(transparent)]
    Auth(Error),
    /// The server does not know `HELLO 3`.
    #[error("the server does not speak RESP3 (it is older than Redis 6.0): use RESP2")]
    Resp3Unsupported,
    /// Subscriptions and tracking need pushes, and so RESP3.
    #[error("subscriptions and tracking need RESP3: configure the client for it")]
    NeedsResp3,
    /// A command that has not one reply, or changes what replies look like.
    #[error("{command} is no command with one reply: {instead}")]
    NotACall {
        /// The command.
        command: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// The server refused to subscribe, to track or to begin the connection.
    #[error("the server refused {request}")]
    Refused {
        /// What was asked.
        request: &'static str,
        /// The error reply: the peer's words.
        reply: Value,
    },
    /// The server did not queue a command of a transaction; none of it was run.
    #[error("command {index} of the transaction was refused: nothing was run")]
    NotQueued {
        /// Which command, from 0.
        index: usize,
        /// The error reply: the peer's words.
        reply: Value,
    },
    /// A transaction was not run, because a watched key changed or the server refused EXEC.
    #[error("the transaction was not run")]
    Aborted,
    /// A reply of a type that does not fit the request.
    #[error("the reply does not fit the request: the peer may be no Redis or Valkey server")]
    UnexpectedReply,
    /// The processor of pushes failed.
    #[error("pushes can't be handed out: {0}")]
    Push(#[source] PushError),
    /// There is no connection to the address that the server moves to.
    #[error("can't move to another address: {0}")]
    Move(#[source] ConnectError),
    /// An earlier call failed.
    #[error("an earlier call failed: connect again")]
    Broken,
}

impl From<PushError> for ClientError {
    /// What can't be read is told as such, whoever came upon it.
    fn from(error: PushError) -> Self {
        let unreadable = chain(&error)
            .find_map(|cause: &(dyn StdError + 'static)| cause.downcast_ref::<ProtocolError>().copied());
        match unreadable {
            Some(protocol) => ClientError::Protocol(protocol),
            None => ClientError::Push(error),
        }
    }
}
