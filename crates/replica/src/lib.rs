//! A replication client for Redis and Valkey: snapshot, then live commands, resumed after every break without losing
//! or repeating one.
//!
//! - [`Connection`] is the protocol without IO: bytes and the time go in; events, bytes to send and timeouts come
//!   out. It reads no clock and opens no socket.
//! - [`rdb`] reads and validates snapshots, [`resp`] replies and the command stream; both without IO too.
//! - [`typed`] says what a command is about: numbers parsed, options named, nothing copied.
//! - [`push`] says where the pushes of a RESP3 connection go: to handlers by name, or to its subscriptions.
//! - `transport` (feature `net`, on by default) is the one room with sockets and clocks: `Driver` follows a source
//!   for ever and tells an `Observer`, `Replica` does so on a thread and calls a [`callback::Handler`], `Client` sends single
//!   commands.
//! - `transport::tls` (feature `tls`, off by default) encrypts a link: rustls with ring, TLS 1.2 and 1.3, the server
//!   verified unless told otherwise.
//!
//! What a source sends is hostile until checked: every length, depth and count has a limit ([`Limits`]), every
//! failure a name ([`Error`]) that says whether trying again can help ([`Retry`]).
//!
//! ```no_run
//! # #[cfg(feature = "net")] {
//! use redis_replica::transport::{Driver, DriverConfig, Endpoint, Observer, ObserverError};
//! use redis_replica::{Command, rdb};
//!
//! struct Print;
//!
//! impl Observer for Print {
//!     fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
//!         if let rdb::Item::Entry(entry) = item {
//!             println!("{}: {}", entry.db, entry.key.escape_ascii());
//!         }
//!         Ok(())
//!     }
//!
//!     fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
//!         println!("{} at {}: {:?}", command.db, command.end_offset, command.view);
//!         Ok(())
//!     }
//! }
//!
//! Driver::new(DriverConfig::new(Endpoint::new("127.0.0.1", 6379))).run(&mut Print)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod callback;
pub mod connection;
pub mod keys;
mod manifest;
mod position;
pub mod projection;
pub mod push;
pub mod rdb;
pub mod resp;
#[cfg(feature = "net")]
pub mod transport;
pub mod typed;

pub use connection::{
    AckPolicy, Command, CommandNames, Config, Connection, Credentials, DualChannel, Error, Event, Goal,
    Limits, Place, Recording, Retry, SnapshotScope, State, Tail, Timeouts,
};
pub use manifest::{Manifest, ManifestError};
pub use position::{InvalidReplId, Position, ReplId};

/// The README's example compiles.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
struct Readme;
