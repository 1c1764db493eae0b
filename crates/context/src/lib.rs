//! A safe wrapper of the module API of Redis and Valkey: everything a server offers its modules, with
//! no `unsafe` in the module's own code.

#[cfg(panic = "abort")]
compile_error!("redis-context turns panics into errors: build with panic = \"unwind\"");

mod context;

pub use context::{
    BlockedContext, CommandContext, Context, EventContext, LoadContext, NotificationContext, TimerContext,
    WriteContext,
};
