//! A safe wrapper of the module API of Redis and Valkey: everything a server offers its modules, with
//! no `unsafe` in the module's own code.

#[cfg(panic = "abort")]
compile_error!("redis-context turns panics into errors: build with panic = \"unwind\"");

mod api;
mod call;
mod cell;
mod context;
mod error;
mod event_loop;
pub mod events;
mod guard;
mod key;
mod keyspace;
mod log;
mod outcome;
mod reply;
mod server;
mod string;
mod timer;
mod write;

pub use call::CallError;
pub use cell::MainCell;
pub use error::Error;
pub use event_loop::{FdWatcher, MainThread, POSTED_JOBS_MAX, QueueFull, Readiness, Waker};
pub use key::{HASH_FIELDS_PER_CALL, HashCondition, KeyType, OpenFlags, ReadKey, STRING_BYTES_MAX, WriteKey};
pub use keyspace::{KEYSPACE_SUBSCRIPTIONS_MAX, KeyspaceEvent, NotifyFlags};
pub use log::{LogLevel, log, log_fmt};
pub use outcome::{ErrorReply, Outcome, Streamed};
pub use reply::{Reply, ReplyWriter, VerbatimFormat};
pub use server::{Family, Server, Version, server};
pub use string::{RedisStr, RedisString};
pub use timer::{TIMER_MAX, Timer};
pub use write::NotNow;

pub use context::{
    BlockedContext, CommandContext, Context, EventContext, LoadContext, NotificationContext, TimerContext,
    UnloadContext, WriteContext,
};
