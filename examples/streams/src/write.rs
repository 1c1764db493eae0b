//! What changes a stream.

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, NewStreamId, RedisStr,
    ReplicateFlags, Reply, StreamId, StreamOrder, StreamTrim,
};

static PUT: CommandInfo = CommandInfo {
    summary: Some(c"Adds an entry to a stream."),
    complexity: Some(c"O(N) with N fields"),
    arity: -5,
    args: &[
        Arg::key(c"key", 0),
        Arg::string(c"id"),
        Arg::block(c"data", &[Arg::string(c"field"), Arg::string(c"value")]).multiple(),
    ],
    ..CommandInfo::EMPTY
};

static PURGE: CommandInfo = CommandInfo {
    summary: Some(c"Deletes the entries whose field has this value, and tells how many they were."),
    complexity: Some(c"O(N) with N entries"),
    arity: 4,
    args: &[Arg::key(c"key", 0), Arg::string(c"field"), Arg::string(c"value")],
    ..CommandInfo::EMPTY
};

static REMOVE: CommandInfo = CommandInfo {
    summary: Some(c"Deletes an entry, and tells how many there were."),
    complexity: Some(c"O(1)"),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::string(c"id")],
    ..CommandInfo::EMPTY
};

static KEEP: CommandInfo = CommandInfo {
    summary: Some(c"Deletes the oldest entries until so many are left, and tells how many they were."),
    complexity: Some(c"O(N) with N deleted entries"),
    arity: -3,
    args: &[
        Arg::key(c"key", 0),
        Arg::integer(c"count"),
        Arg::word(c"approximately", c"APPROXIMATELY").optional(),
    ],
    ..CommandInfo::EMPTY
};

static FORGET: CommandInfo = CommandInfo {
    summary: Some(c"Deletes the entries below an id, and tells how many they were."),
    complexity: Some(c"O(N) with N deleted entries"),
    arity: -3,
    args: &[
        Arg::key(c"key", 0),
        Arg::string(c"id"),
        Arg::word(c"approximately", c"APPROXIMATELY").optional(),
    ],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = |name| Command::new(name).flags(CommandFlags::WRITE).keys(1, 1, 1);
    let grow = CommandFlags::WRITE | CommandFlags::DENY_OOM | CommandFlags::FAST;
    load.command(Command::new(c"streams.put").flags(grow).keys(1, 1, 1).info(&PUT), put)?;
    load.command(write(c"streams.purge").info(&PURGE), purge)?;
    load.command(write(c"streams.remove").info(&REMOVE), remove)?;
    load.command(write(c"streams.keep").info(&KEEP), keep)?;
    load.command(write(c"streams.forget").info(&FORGET), forget)
}

/// STREAMS.PUT key id field value [field value ..]
fn put<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let id = if args.take_keyword("*") {
        NewStreamId::Auto
    } else {
        NewStreamId::At(StreamId::parse(args.next_arg()?)?)
    };
    let mut fields: Vec<(RedisStr<'_>, RedisStr<'_>)> = Vec::with_capacity(args.len() / 2);
    while !args.is_empty() {
        fields.push((args.next_arg()?, args.next_arg()?));
    }
    let id = ctx.open_write(name)?.stream_add(id, &fields)?.to_redis_string();
    let mut xadd = vec![name.as_bytes(), id.as_bytes()];
    xadd.extend(fields.iter().flat_map(|(field, value)| [field.as_bytes(), value.as_bytes()]));
    ctx.replicate(c"XADD", ReplicateFlags::ALL, &xadd)?;
    Ok(Reply::bulk(&id))
}

/// STREAMS.PURGE key field value: one walk, which deletes on its way.
fn purge<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, field, value) = (args.next_arg()?, args.next_arg()?, args.next_arg()?);
    let mut key = ctx.open_write(name)?;
    let mut gone: Vec<String> = Vec::new();
    let mut entries = key.stream_range_mut(.., StreamOrder::Ascending)?;
    while let Some(mut entry) = entries.next_entry() {
        let mut matches = false;
        while let Some((found, held)) = entry.next_field() {
            matches |= found.as_redis_str() == field && held.as_redis_str() == value;
        }
        if matches {
            gone.push(entry.id().to_string());
            entry.delete();
        }
    }
    drop(entries);
    drop(key);
    if !gone.is_empty() {
        let mut xdel = vec![name.as_bytes()];
        xdel.extend(gone.iter().map(String::as_bytes));
        ctx.replicate(c"XDEL", ReplicateFlags::ALL, &xdel)?;
    }
    Ok(Reply::Int(gone.len() as i64))
}

/// STREAMS.REMOVE key id
fn remove<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, id) = (args.next_arg()?, StreamId::parse(args.next_arg()?)?);
    let existed = ctx.open_write(name)?.stream_delete(id)?;
    if existed {
        ctx.replicate(c"XDEL", ReplicateFlags::ALL, &[name.as_bytes(), id.to_string().as_bytes()])?;
    }
    Ok(Reply::Int(existed.into()))
}

/// STREAMS.KEEP key count [APPROXIMATELY]
fn keep<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, count) = (args.next_arg()?, args.next_u64()?);
    let how = precision(&mut args)?;
    let mut key = ctx.open_write(name)?;
    let deleted = key.stream_trim_to_len(count, how)?;
    let left = key.value_len().to_string();
    drop(key);
    if deleted > 0 {
        // What "approximately" came to: exactly so many.
        let xtrim = [name.as_bytes(), b"MAXLEN", left.as_bytes()];
        ctx.replicate(c"XTRIM", ReplicateFlags::ALL, &xtrim)?;
    }
    Ok(Reply::Int(deleted as i64))
}

/// STREAMS.FORGET key id [APPROXIMATELY]
fn forget<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, id) = (args.next_arg()?, StreamId::parse(args.next_arg()?)?);
    let how = precision(&mut args)?;
    let mut key = ctx.open_write(name)?;
    let deleted = key.stream_trim_below(id, how)?;
    let left = key.value_len().to_string();
    drop(key);
    if deleted > 0 {
        let xtrim = [name.as_bytes(), b"MAXLEN", left.as_bytes()];
        ctx.replicate(c"XTRIM", ReplicateFlags::ALL, &xtrim)?;
    }
    Ok(Reply::Int(deleted as i64))
}

fn precision(args: &mut Args<'_>) -> Result<StreamTrim, Error> {
    let is_rough = args.take_keyword("approximately");
    args.finish()?;
    Ok(if is_rough { StreamTrim::Approximate } else { StreamTrim::Exact })
}
