//! A source's history as calls: what a [`Handler`] is told, and [`Filter`]s before it. Without IO.
//!
//! Snapshot and live commands come by the same call, [`Handler::batch`], as commands with lower-case names and binary
//! arguments: a snapshot's value as what builds it (`SET`, `RPUSH`, `SADD`, `ZADD`, `HSET`, `XADD` ..), followed by
//! `PEXPIREAT` if it expires. `SELECT`, `PING` and `REPLCONF` are never among them.
//!
//! `transport::Replica` (feature `net`) follows a source and makes these calls.

mod batch;
mod filter;
mod handler;
mod snapshot;

pub use batch::{Batch, Entry, Phase, Whereabouts};
pub use filter::{Combined, Filter, Filtered, Verdict, combine};
pub use handler::{Handler, HandlerError, LeftOut, Message};
pub use snapshot::{BatchLimits, Unpacker};
