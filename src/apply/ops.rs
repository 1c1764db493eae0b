//! One planned operation, carried out on the keyspace and propagated.
//!
//! Strings and hash fields go through the keyspace's low-level functions, which are faster than the
//! commands (docs/results.md); they neither propagate nor notify, so that is done here. Record stores are this module's
//! own. Everything else is the command itself, called with "!".

use std::ffi::CStr;
use std::ops::Deref;

use mirror_engine::{Batch, Op, OpKind};
use redis_context::{
    CallFlags, ContextFlags, Error, HashCondition, KeyType, NotifyFlags, RedisString, ReplicateFlags,
    ReplyView, WriteContext,
};

use super::strings;
use crate::propagation;
use crate::records;
use crate::text::without_quotes;

/// Why an operation had no effect, or not the source's.
///
/// The key here is then not what it was at the source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// In the server's words.
    #[error("this server refused an operation: {0}")]
    Refused(String),
    /// A field that it works on has ended here.
    #[error("a field of a hash has ended here before the source's word on it")]
    MissingField,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// The keyspace, and whether what is written to it has to be told on.
pub struct Writer<'a, 'cx> {
    ctx: &'a WriteContext<'cx>,
    propagates: bool,
}

impl<'a, 'cx> Writer<'a, 'cx> {
    /// For one slice: the answer is good until the slice ends.
    pub fn new(ctx: &'a WriteContext<'cx>) -> Self {
        Self { ctx, propagates: propagation::is_needed(ctx) }
    }

    /// How the server replies to calls made here: errors come back as replies, effects are propagated.
    fn flags(&self) -> CallFlags {
        let errors = CallFlags::ERRORS_AS_REPLIES;
        if self.propagates { errors | CallFlags::REPLICATE } else { errors }
    }

    /// The server's state.
    pub fn server_flags(&self) -> ContextFlags {
        self.ctx.flags()
    }

    fn replicate(&self, name: &CStr, args: &[&[u8]]) -> Result<(), Error> {
        if self.propagates { self.ctx.replicate(name, ReplicateFlags::ALL, args) } else { Ok(()) }
    }
}

impl<'cx> Deref for Writer<'_, 'cx> {
    type Target = WriteContext<'cx>;
    fn deref(&self) -> &WriteContext<'cx> {
        self.ctx
    }
}

/// Up to this length SET stores a string together with its object (`OBJ_ENCODING_EMBSTR_SIZE_LIMIT`,
/// object.c).
const EMBEDDED_BYTES_MAX: usize = 44;

/// Arguments of most commands fit here; longer lists are collected on the heap.
const ARGS_INLINE: usize = 12;

/// The longest number that fits 64 bits, in digits with its sign.
const LONGEST_COMPACT_INTEGER: usize = 20;

/// Carries out an operation that concerns keys one by one. Those that concern the whole scope (flush, swap,
/// resync, repair) are the caller's.
pub fn apply(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    match op.kind {
        OpKind::Call => call_planned(ctx, batch, op),
        OpKind::SetString { expire_at_ms } | OpKind::LoadString { expire_at_ms } => {
            let mut args = batch.args(op);
            let (Some(key), Some(value)) = (args.next(), args.next()) else { return Ok(()) };
            strings::check(value)?;
            set_string(ctx, key, value, expire_at_ms)
        }
        OpKind::HashSet => hash_set(ctx, batch, op),
        OpKind::LoadRestore { expire_at_ms } => restore(ctx, batch, op, expire_at_ms),
        OpKind::RecordCommit => follow_records(ctx, batch, op),
        _ => Ok(()),
    }
}

fn call_planned(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    let Some(command) = op.command else { return Ok(()) };
    if batch.expects_fields(op) {
        return with_args(batch, op, |args| call_on_fields(ctx, command.c_name(), args));
    }
    with_args(batch, op, |args| call(ctx, command.c_name(), args))?;
    if batch.builds_string(op) { strings::check_built(ctx, batch, op) } else { Ok(()) }
}

/// Gathers an operation's arguments, on the stack if they are few.
#[inline]
fn with_args<R>(batch: &Batch, op: &Op, act: impl FnOnce(&[&[u8]]) -> R) -> R {
    let args = batch.args(op);
    if args.len() > ARGS_INLINE {
        return act(&args.collect::<Vec<_>>());
    }
    let mut inline: [&[u8]; ARGS_INLINE] = [b""; ARGS_INLINE];
    let count = args.len();
    for (place, arg) in inline.iter_mut().zip(args) {
        *place = arg;
    }
    act(&inline[..count])
}

/// Calls a command with its effects propagated.
pub fn call(ctx: &Writer<'_, '_>, name: &CStr, args: &[&[u8]]) -> Result<(), Refusal> {
    let reply = ctx.call(name, ctx.flags(), args).map_err(Error::from)?;
    match reply.view() {
        ReplyView::Error(text) => Err(Refusal::Refused(without_quotes(&String::from_utf8_lossy(text)))),
        _ => Ok(()),
    }
}

/// Calls a command whose reply tells of each field whether it was there.
fn call_on_fields(ctx: &Writer<'_, '_>, name: &CStr, args: &[&[u8]]) -> Result<(), Refusal> {
    /// No such field (t_hash.c, `HFE_NO_FIELD`).
    const NO_FIELD: i64 = -2;
    let reply = ctx.call(name, ctx.flags(), args).map_err(Error::from)?;
    let is_missing = |item: ReplyView<'_>| matches!(item, ReplyView::Null | ReplyView::Int(NO_FIELD));
    match reply.view() {
        ReplyView::Error(text) => Err(Refusal::Refused(without_quotes(&String::from_utf8_lossy(text)))),
        ReplyView::Array(items) if items.clone().any(|item| is_missing(item.view())) => {
            Err(Refusal::MissingField)
        }
        ReplyView::Null => Err(Refusal::MissingField),
        _ => Ok(()),
    }
}

fn set_string(
    ctx: &Writer<'_, '_>,
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
    let name = RedisString::new(key);
    store_string(ctx, &name, value, expire_at_ms)?;
    match expire {
        None => ctx.replicate(c"SET", &[key, value])?,
        Some(at) => ctx.replicate(c"SET", &[key, value, b"PXAT", at])?,
    }
    ctx.notify(NotifyFlags::STRING, c"set", &name)?;
    Ok(())
}

/// Stores a string as SET does. A long one replaces a string in its own memory: that spares the server
/// three of four look-ups.
fn store_string(
    ctx: &Writer<'_, '_>,
    name: &RedisString,
    value: &[u8],
    expire_at_ms: Option<u64>,
) -> Result<(), Error> {
    let mut open = ctx.open_write(name)?;
    ctx.signal_modified(name.as_redis_str());
    if value.len() > EMBEDDED_BYTES_MAX && open.key_type() == KeyType::String {
        open.overwrite_string(value)?;
        if expire_at_ms.is_none() && open.expire_at_ms().is_some() {
            open.remove_expire()?;
        }
    } else {
        open.set_string(&RedisString::new(value))?;
    }
    expire_at_ms.map_or(Ok(()), |at| open.set_expire_at(at))
}

/// Whether SET would store the value as a number (`tryObjectEncoding`, object.c).
fn is_compact_integer(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    !digits.is_empty() && value.len() <= LONGEST_COMPACT_INTEGER && digits.iter().all(u8::is_ascii_digit)
}

#[inline]
fn hash_set(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    with_args(batch, op, |args| {
        let [key, pairs @ ..] = args else { return Ok(()) };
        let name = RedisString::new(key);
        store_fields(ctx, &name, pairs)?;
        ctx.replicate(c"HSET", args)?;
        ctx.notify(NotifyFlags::HASH, c"hset", &name)?;
        Ok(())
    })
}

#[inline]
fn store_fields(ctx: &Writer<'_, '_>, name: &RedisString, pairs: &[&[u8]]) -> Result<(), Error> {
    let mut open = ctx.open_write(name)?;
    ctx.signal_modified(name.as_redis_str());
    for [field, value] in pairs.as_chunks::<2>().0 {
        let (field, value) = (RedisString::new(field), RedisString::new(value));
        open.hash_set(&[((&field).into(), (&value).into())], HashCondition::Always)?;
    }
    Ok(())
}

fn restore(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op, expire_at_ms: Option<u64>) -> Result<(), Refusal> {
    let mut args = batch.args(op);
    let (Some(key), Some(payload)) = (args.next(), args.next()) else { return Ok(()) };
    let mut digits = itoa::Buffer::new();
    let at = digits.format(expire_at_ms.unwrap_or(0)).as_bytes();
    call(ctx, c"restore", &[key, at, payload, b"REPLACE", b"ABSTTL"])
}

/// What the source decided on a record store. One that doesn't follow what is here is refused, as somebody else has
/// written here.
fn follow_records(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    let mut args = batch.args(op);
    let (Some(key), Some(commit)) = (args.next(), args.next()) else { return Ok(()) };
    let name = RedisString::new(key);
    let followed = records::follow(ctx, name.as_redis_str(), commit)
        .map_err(|error| Refusal::Refused(error.to_string()))?;
    ctx.replicate(c"RECORD.APPLY", &[key, b"COMMIT", commit])?;
    Ok(followed.tell(ctx, name.as_redis_str())?)
}
