//! What reads a stream, or a hash.

use std::ops::Bound;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, RedisString, Reply,
    StreamEntries, StreamEntry, StreamId, StreamOrder,
};

static LATEST: CommandInfo = CommandInfo {
    summary: Some(c"Returns the newest entries of a stream, newest first."),
    complexity: Some(c"O(N) with N entries returned"),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::integer(c"count")],
    ..CommandInfo::EMPTY
};

static BETWEEN: CommandInfo = CommandInfo {
    summary: Some(c"Returns the entries of a stream from one id to another; '(' before an id leaves it out."),
    complexity: Some(c"O(N) with N entries returned"),
    arity: 4,
    args: &[Arg::key(c"key", 0), Arg::string(c"from"), Arg::string(c"to")],
    ..CommandInfo::EMPTY
};

static EXPIRY: CommandInfo = CommandInfo {
    summary: Some(c"Tells when a field of a hash expires, in Unix milliseconds. Redis 8.0 on."),
    complexity: Some(c"O(1)"),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::string(c"field")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let read = |name| Command::new(name).flags(CommandFlags::READONLY).keys(1, 1, 1);
    load.command(read(c"streams.latest").info(&LATEST), latest)?;
    load.command(read(c"streams.between").info(&BETWEEN), between)?;
    load.command(read(c"streams.expiry").info(&EXPIRY), expiry)
}

/// STREAMS.LATEST key count
fn latest<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let count = args.next_u64()?;
    Ok(listed(key.stream_range(.., StreamOrder::Descending)?, count))
}

/// STREAMS.BETWEEN key from to
fn between<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let from = bound(args.next_arg()?.as_bytes(), 0)?;
    let to = bound(args.next_arg()?.as_bytes(), u64::MAX)?;
    Ok(listed(key.stream_range((from, to), StreamOrder::Ascending)?, u64::MAX))
}

/// An end of a range as XRANGE takes it: without a number after the milliseconds all of that millisecond is meant.
fn bound(text: &[u8], missing_seq: u64) -> Result<Bound<StreamId>, Error> {
    let (id, is_excluded) = text.strip_prefix(b"(").map_or((text, false), |id| (id, true));
    let mut parsed = StreamId::parse(&RedisString::new(id))?;
    if id.iter().all(u8::is_ascii_digit) {
        parsed.seq = missing_seq;
    }
    Ok(if is_excluded { Bound::Excluded(parsed) } else { Bound::Included(parsed) })
}

fn listed(mut entries: StreamEntries<'_>, count: u64) -> Reply {
    let mut replies: Vec<Reply> = Vec::new();
    while (replies.len() as u64) < count {
        let Some(entry) = entries.next_entry() else { break };
        replies.push(shown(entry));
    }
    Reply::array(replies)
}

fn shown(mut entry: StreamEntry<'_>) -> Reply {
    let mut fields = Vec::with_capacity(2 * entry.field_count());
    while let Some((field, value)) = entry.next_field() {
        fields.extend([Reply::bulk(field), Reply::bulk(value)]);
    }
    Reply::array([Reply::bulk(entry.id().to_string()), Reply::array(fields)])
}

/// STREAMS.EXPIRY key field
fn expiry<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let at_ms = key.hash_field_expire_at_ms(args.next_arg()?)?;
    Ok(at_ms.and_then(|at_ms| i64::try_from(at_ms).ok()).into())
}
