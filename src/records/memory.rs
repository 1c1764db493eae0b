//! A server without memory (`maxmemory`): what takes more is refused as the server refuses it, the rest is done.
//!
//! Commands that also give memory back don't have the flag `deny-oom`, which would refuse them whatever they are told.

use record_store::Store;
use redis_context::{CallError, CallFlags, CommandContext, ContextFlags, ErrorReply, RedisStr};

use super::writing::read;

/// Refuses what takes memory, if there is none.
///
/// # Errors
/// OOM, as the server says it.
pub fn refuse(ctx: &CommandContext<'_>, key: RedisStr<'_>) -> Result<(), ErrorReply> {
    if is_used_up(ctx, key) { Err(oom()) } else { Ok(()) }
}

/// Refuses what makes something new, if there is no memory for it: to change what is there takes none.
///
/// # Errors
/// OOM, or what is wrong with the key.
pub fn refuse_new(
    ctx: &CommandContext<'_>,
    key: RedisStr<'_>,
    is_there: impl FnOnce(&Store) -> bool,
) -> Result<(), ErrorReply> {
    if !is_used_up(ctx, key) || read(ctx, key, |store| Ok(is_there(store)))? { Ok(()) } else { Err(oom()) }
}

fn oom() -> ErrorReply {
    ErrorReply::new("OOM", "command not allowed when used memory > 'maxmemory'.")
}

/// Whether the server would refuse a command with `deny-oom`. It looks once (`processCommand`, server.c): before the
/// command, the transaction or the script, and not again in the middle of it. A server that evicts says no only if it
/// can't. The flag of the context is of this instant (`getMaxmemoryState`); what the server has seen, a call tells.
fn is_used_up(ctx: &CommandContext<'_>, key: RedisStr<'_>) -> bool {
    ctx.flags().contains(ContextFlags::OOM) && is_call_refused(ctx, key)
}

/// The call is of a command that does nothing: a range of no bytes is not set, whatever the key holds. Redis 7.0 has to
/// run it, others don't.
fn is_call_refused(ctx: &CommandContext<'_>, key: RedisStr<'_>) -> bool {
    let call = |more| {
        let flags = CallFlags::RESPECT_DENY_OOM.union(more);
        ctx.call(c"setrange", flags, &[key.as_bytes(), b"0", b""])
    };
    match call(CallFlags::DRY_RUN) {
        Err(CallError::Unsupported { .. }) => call(CallFlags::empty()).is_err(),
        checked => checked.map_or(true, |reply| reply.check().is_err()),
    }
}
