//! The one room with sockets and clocks (feature `net`): connecting, a small blocking client, and a driver that
//! follows a source for ever.
//!
//! Everything else in this crate is told the time and handed bytes; what is here does the telling and handing, with
//! plain blocking sockets and, but for feature `tls`, the standard library alone. A program with its own event loop uses
//! [`Connection`](crate::Connection) directly, and perhaps [`Backoff`] and [`Client`].

mod backoff;
mod client;
mod connect;
mod driver;
mod group;
mod observer;
mod stop;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;

pub use backoff::{Backoff, BackoffConfig};
pub use client::{
    Client, ClientConfig, ClientError, ClientHandle, ConnectionHandle, Mover, OwnChanges, Protocol,
    PushConfig, TrackedKeys, Tracking,
};
pub use connect::{ConnectError, Endpoint, connect, resolve};
pub use driver::{Driver, DriverConfig, DriverError, LinkError, Reconnect};
pub use observer::{Observer, ObserverError};
pub use stop::StopHandle;
pub use stream::Stream;
