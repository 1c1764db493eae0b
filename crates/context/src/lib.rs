//! A safe wrapper of the module API of Redis and Valkey: everything a server offers its modules, with
//! no `unsafe` in the module's own code.

#[cfg(panic = "abort")]
compile_error!("redis-context turns panics into errors: build with panic = \"unwind\"");

mod api;
mod call;
mod cell;
mod context;
mod error;
mod guard;
mod log;
mod outcome;
mod reply;
mod server;
mod string;

pub use call::CallError;
pub use cell::MainCell;
pub use error::Error;
pub use log::{LogLevel, log, log_fmt};
pub use outcome::{ErrorReply, Outcome, Streamed};
pub use reply::{Reply, ReplyWriter, VerbatimFormat};
pub use server::{Family, Server, Version, server};
pub use string::{RedisStr, RedisString};

pub use context::{
    BlockedContext, CommandContext, Context, EventContext, LoadContext, NotificationContext, TimerContext,
    UnloadContext, WriteContext,
};
