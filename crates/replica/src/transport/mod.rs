//! The one room with sockets and clocks (feature `net`): connecting, a small blocking client, and a driver that
//! follows a source for ever.
//!
//! Everything else in this crate is told the time and handed bytes; what is here does the telling and handing, on
//! ordinary threads and without a runtime. A program with its own event loop uses
//! [`Connection`](crate::Connection) directly, and perhaps [`Backoff`] and [`Client`].

mod backoff;
mod client;
mod connect;
mod dial;
mod driver;
mod file;
mod group;
mod observer;
mod replica;
mod second;
mod sentinel;
mod source;
mod stream;
mod teller;
#[cfg(feature = "tls")]
pub mod tls;
mod url;
mod wake;

pub use backoff::{Backoff, BackoffConfig};
pub use client::{
    Client, ClientConfig, ClientError, ClientHandle, ConnectionHandle, Mover, OwnChanges, Protocol,
    PushConfig, TrackedKeys, Tracking,
};
pub use connect::{ConnectError, Endpoint, connect, resolve};
pub use driver::{Driver, DriverConfig, DriverError, LinkError, Reconnect};
pub use file::{FileConfig, FileError, Replayed, TruncatedTail, replay, replay_reader};
pub use observer::{Observer, ObserverError};
pub use replica::{
    CallError, Options, Prepared, Replica, ReplicaHandle, ReplicaState, Start, StartError, Status,
    Transactions,
};
pub use sentinel::{SentinelError, Sentinels, SourceRole};
pub use source::Source;
pub use stream::Stream;
pub use url::{Scheme, SourceUrl, UrlError};
pub use wake::{StopHandle, Waker};
