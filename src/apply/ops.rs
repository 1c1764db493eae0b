//! One planned operation, carried out on the keyspace and propagated.
//!
//! Strings and hash fields go through the keyspace's low-level functions, which are faster than the
//! commands (docs/results.md); they neither propagate nor notify, so that is done here. Everything else is
//! the command itself, called with "!".

use mirror_engine::{Batch, Op, OpKind};
use redis_context::{CallFlags, Error, NotifyFlags, RedisString, ReplicateFlags, ReplyView, WriteContext};

/// Why an operation had no effect, or not the source's.
///
/// The key here is then not what it was at the source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this server refused an operation: {0}")]
pub struct Refusal(String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

/// How the server replies to calls made here: errors come back as replies, effects are propagated.
fn flags() -> CallFlags {
    CallFlags::REPLICATE | CallFlags::ERRORS_AS_REPLIES
}

/// Arguments of most commands fit here; longer lists are collected on the heap.
const ARGS_INLINE: usize = 12;

/// Fields that one call of the low-level function sets.
const LONGEST_COMPACT_INTEGER: usize = 20;

/// Carries out an operation that concerns keys one by one. Those that concern the whole scope (flush, swap,
/// resync, repair) are the caller's.
pub fn apply(ctx: &WriteContext<'_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    match op.kind {
        OpKind::Call => call_planned(ctx, batch, op),
        OpKind::SetString { expire_at_ms } | OpKind::LoadString { expire_at_ms } => {
            let mut args = batch.args(op);
            let (Some(key), Some(value)) = (args.next(), args.next()) else { return Ok(()) };
            set_string(ctx, key, value, expire_at_ms)
        }
        OpKind::HashSet => hash_set(ctx, batch, op),
        OpKind::LoadRestore { expire_at_ms } => restore(ctx, batch, op, expire_at_ms),
        _ => Ok(()),
    }
}

fn call_planned(ctx: &WriteContext<'_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    let Some(command) = op.command else { return Ok(()) };
    let args = batch.args(op);
    if args.len() > ARGS_INLINE {
        return call(ctx, command.c_name(), &args.collect::<Vec<_>>());
    }
    let mut inline: [&[u8]; ARGS_INLINE] = [b""; ARGS_INLINE];
    let count = args.len();
    for (place, arg) in inline.iter_mut().zip(args) {
        *place = arg;
    }
    call(ctx, command.c_name(), &inline[..count])
}

/// Calls a command with its effects propagated.
pub fn call(ctx: &WriteContext<'_>, name: &std::ffi::CStr, args: &[&[u8]]) -> Result<(), Refusal> {
    let reply = ctx.call(name, flags(), args).map_err(Error::from)?;
    match reply.view() {
        ReplyView::Error(text) => Err(Refusal(String::from_utf8_lossy(text).into_owned())),
        _ => Ok(()),
    }
}

fn set_string(
    ctx: &WriteContext<'_>,
    key: &[u8],
    value: &[u8],
    expire_at_ms: Option<u64>,
) -> Result<(), Refusal> {
    let mut digits = itoa::Buffer::new();
    let expire = expire_at_ms.map(|at| digits.format(at).as_bytes());
    // A value set below stays a plain string; SET stores a number in its compact form, as the source does.
    if is_compact_integer(value) {
        return match expire {
            None => call(ctx, c"set", &[key, value]),
            Some(at) => call(ctx, c"set", &[key, value, b"PXAT", at]),
        };
    }
    let (name, shared) = (RedisString::new(key), RedisString::new(value));
    let mut open = ctx.open_write(&name)?;
    open.set_string(&shared)?;
    if let Some(at) = expire_at_ms {
        open.set_expire_at(at)?;
    }
    drop(open);
    match expire {
        None => ctx.replicate(c"SET", ReplicateFlags::ALL, &[key, value])?,
        Some(at) => ctx.replicate(c"SET", ReplicateFlags::ALL, &[key, value, b"PXAT", at])?,
    }
    ctx.notify(NotifyFlags::STRING, c"set", &name)?;
    Ok(())
}

/// Whether SET would store the value as a number (`tryObjectEncoding`, object.c).
fn is_compact_integer(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    !digits.is_empty() && value.len() <= LONGEST_COMPACT_INTEGER && digits.iter().all(u8::is_ascii_digit)
}

fn hash_set(ctx: &WriteContext<'_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    call_named(ctx, c"hset", batch, op)
}

fn call_named(ctx: &WriteContext<'_>, name: &std::ffi::CStr, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    call(ctx, name, &batch.args(op).collect::<Vec<_>>())
}

fn restore(ctx: &WriteContext<'_>, batch: &Batch, op: &Op, expire_at_ms: Option<u64>) -> Result<(), Refusal> {
    let mut args = batch.args(op);
    let (Some(key), Some(payload)) = (args.next(), args.next()) else { return Ok(()) };
    let mut digits = itoa::Buffer::new();
    let at = digits.format(expire_at_ms.unwrap_or(0)).as_bytes();
    call(ctx, c"restore", &[key, at, payload, b"REPLACE", b"ABSTTL"])
}
