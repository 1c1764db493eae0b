//! A source's history as calls: what a [`Handler`] is told, and [`Filter`]s before it. Without IO.
//!
//! Snapshot and live commands come by the same call, [`Handler::batch`], as commands with lower-case names and binary
//! arguments: a snapshot's value as what builds it (`SET`, `RPUSH`, `SADD`, `ZADD`, `HSET`, `XADD` ..), followed by
//! `PEXPIREAT` if it expires. `SELECT`, `PING` and `REPLCONF` are never among them.
//!
//! A live batch is one command or one transaction, the smallest part of a source's history behind which it can be resumed.
//! Once [`Handler::batch`] returns, its last offset counts as applied and is acknowledged: nothing that has arrived waits
//! here for what has yet to come, and no position is ever ahead of what a handler was told.
//!
//! `transport::Replica` (feature `net`) follows a source and makes these calls.

mod batch;
mod filter;
mod handler;
mod snapshot;

pub use batch::{Batch, Entry, Phase, Whereabouts};
pub use filter::{Combined, Filter, Filtered, Verdict, combine};
pub use handler::{Handled, Handler, HandlerError, LeftOut, Message};
pub use snapshot::{BatchLimits, Unpacker};
