//! A versioned record store with change feeds, leases, options and retention, without IO.
//!
//! A [`Store`] holds records by type and id. Each change takes the next version, and the latest changes are kept in a
//! log, so that a reader who knows a [`Cursor`] (an epoch and a version) gets just what came after it, or is told that it
//! can't be served exactly ([`CursorError`]): nothing is skipped silently.
//!
//! ```text
//!            base                 log, in order, no gaps
//!  records   [ .. live ones ]     [ c+1 | c+2 | set b | delete a | .. | v ]
//!            older than c          ^ compact_version c                 ^ version v
//! ```
//!
//! A change in the log and the record it made share one allocation. Nothing here reads a clock, does IO or starts a
//! thread: the time and random numbers are arguments.
//!
//! Every write goes through [`Store`]'s methods with a [`Write`] context and gives a [`Commit`]: what was decided, with
//! versions, times and evictions resolved. A replica applies it ([`Store::apply`]) and is equal afterwards, without
//! deciding anything. [`Store::dump`] gives the whole store in chunks, [`Loader`] reads them; both take what they are
//! fed for hostile.
//!
//! | module | subject |
//! |---|---|
//! | [`change`] | a change, which is also a record |
//! | [`epoch`] | which history a version belongs to: epochs and cursors |
//! | [`put`], [`lease`], [`options`], [`upkeep`] | writes |
//! | [`feed`], [`list`], [`query`], [`filter`] | reads |
//! | [`commit`], [`dump`] | what is replicated and stored |
//! | [`limits`] | how large anything may be |

#![forbid(unsafe_code)]

pub mod change;
mod codec;
pub mod commit;
pub mod dump;
pub mod epoch;
pub mod feed;
pub mod filter;
pub mod lease;
pub mod limits;
pub mod list;
mod log;
mod memory;
mod merge;
pub mod options;
pub mod put;
pub mod query;
mod store;
mod types;
pub mod upkeep;
mod write;

/// The README's example holds.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use change::{Change, Kind, Reason};
pub use commit::{Commit, Damaged, Item};
pub use dump::Loader;
pub use epoch::{Cursor, CursorError, EpochId, View};
pub use filter::{Filter, FilterError};
pub use lease::{Lease, LeaseError};
pub use limits::{LimitError, Limits};
pub use options::{StoreOptions, TypeOptions};
pub use store::{Store, Versions};
pub use write::Write;
