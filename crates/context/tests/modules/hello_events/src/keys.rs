//! Keys: HE.KEY.*

use std::ops::ControlFlow;

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Error, HashCondition, LoadContext, OpenFlags,
    RedisStr, RedisString, Reply, ScanCursor, ScanProgress, Streamed,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = |name| Command::new(name).flags(CommandFlags::WRITE).keys(1, 1, 1);
    let read = |name| Command::new(name).flags(CommandFlags::READONLY).keys(1, 1, 1);
    load.command(write(c"he.key.set"), set)?;
    load.command(read(c"he.key.read"), read_key)?;
    load.command(write(c"he.key.change"), change)?;
    load.command(write(c"he.key.hset"), hash_set)?;
    load.command(read(c"he.key.hget"), hash_get)?;
    load.command(write(c"he.key.hdel"), hash_delete)?;
    load.command(write(c"he.key.misuse"), misuse)?;
    load.command(write(c"he.key.view"), view)?;
    load.command(write(c"he.key.databases"), databases)?;
    load.command(write(c"he.key.many"), many)?;
    load.command(Command::new(c"he.key.scan").flags(CommandFlags::READONLY), scan)
}

/// HE.KEY.SET key value [PXAT ms]
fn set<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let value = RedisString::new(args.next_arg()?.as_bytes());
    let expire = if args.take_keyword("pxat") { Some(args.next_u64()?) } else { None };
    args.finish()?;
    let mut key = ctx.open_write(name)?;
    key.set_string(&value)?;
    if let Some(unix_ms) = expire {
        key.set_expire_at(unix_ms)?;
    }
    drop(key);
    ctx.notify(redis_context::NotifyFlags::STRING, c"he.set", name)?;
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

/// HE.KEY.READ key: type, length, expiry, string.
fn read_key<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let key = ctx.open_read_with(name, OpenFlags::NO_TOUCH)?;
    let expire = key.expire_at_ms().and_then(|ms| i64::try_from(ms).ok());
    let string = key.string().ok().flatten();
    Ok(Reply::array([
        format!("{:?}", key.key_type()).into(),
        Reply::from(key.value_len() as i64),
        expire.into(),
        string.into(),
    ]))
}

/// HE.KEY.CHANGE key DELETE | UNLINK | PERSIST | TRUNCATE n | EXPIRE ms
fn change<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    if args.take_keyword("delete") {
        return Ok(key.delete().into());
    }
    if args.take_keyword("unlink") {
        return Ok(key.unlink().into());
    }
    if args.take_keyword("persist") {
        key.remove_expire()?;
    } else if args.take_keyword("truncate") {
        key.truncate(usize::try_from(args.next_u64()?).unwrap_or(usize::MAX))?;
    } else if args.take_keyword("expire") {
        key.set_expire_at(args.next_u64()?)?;
    } else {
        return Err(Error::Syntax);
    }
    Ok(Reply::OK)
}

/// HE.KEY.HSET key ALWAYS | NX | XX field value ..
fn hash_set<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let condition = if args.take_keyword("nx") {
        HashCondition::IfMissing
    } else if args.take_keyword("xx") {
        HashCondition::IfPresent
    } else {
        args.take_keyword("always");
        HashCondition::Always
    };
    let mut fields: Vec<(RedisStr<'_>, RedisStr<'_>)> = Vec::new();
    while !args.is_empty() {
        fields.push((args.next_arg()?, args.next_arg()?));
    }
    let count = ctx.open_write(name)?.hash_set(&fields, condition)?;
    Ok(Reply::from(count as i64))
}

/// HE.KEY.HGET key field: value, and whether it exists.
fn hash_get<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let field = args.next_arg()?;
    let value = key.hash_get(field)?.map(|value| value.as_bytes().to_vec());
    Ok(Reply::array([Reply::from(value), Reply::Int(key.hash_exists(field)?.into())]))
}

/// HE.KEY.HDEL key field
fn hash_delete<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    Ok(Reply::Int(key.hash_delete(args.next_arg()?)?.into()))
}

/// HE.KEY.MISUSE key: what is refused while the key is open.
fn misuse<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let key = ctx.open_write(name)?;
    let call = ctx.call(c"DEL", CallFlags::empty(), &[name.as_bytes()]).err();
    let again = ctx.open_read(name).err();
    let notify = ctx.notify(redis_context::NotifyFlags::GENERIC, c"x", name).err();
    drop(key);
    let after = ctx.call(c"DEL", CallFlags::empty(), &[name.as_bytes()]).is_ok();
    Ok(Reply::array([
        Reply::from(call.map(|error| error.to_string())),
        again.map(|error| error.to_string()).into(),
        notify.map(|error| error.to_string()).into(),
        Reply::Int(after.into()),
    ]))
}

/// HE.KEY.VIEW key: the string where it is, of a key open for writing, and whether DEL is refused meanwhile.
fn view<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, Error> {
    let name = args.next_arg()?;
    let key = ctx.open_write(name)?;
    let value = key.string_bytes()?;
    let refused = ctx.call(c"DEL", CallFlags::empty(), &[name.as_bytes()]).is_err();
    ctx.stream(|reply| {
        reply.array(3, |reply| {
            match value {
                Some(bytes) => reply.bulk(bytes)?,
                None => reply.null()?,
            }
            reply.int(refused.into())?;
            // Asked again while the first view is still there.
            reply.int((key.string_bytes()? == value).into())
        })
    })
}

/// HE.KEY.DATABASES key: whether it can be opened beside itself, in another database and in the same.
fn databases<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let key = ctx.open_write(name)?;
    let elsewhere = ctx.with_db(1, || ctx.open_read(name).is_ok())?;
    let same = ctx.open_read(name).is_ok();
    drop(key);
    Ok(Reply::array([elsewhere, same, ctx.open_read(name).is_ok()].map(i64::from)))
}

/// HE.KEY.MANY prefix n: sets n keys, as the hot path of a mirror does.
fn many<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let prefix = args.next_str()?;
    let count = args.next_u64()?;
    for at in 0..count.min(10_000_000) {
        let name = RedisString::new(format!("{prefix}{at}").as_bytes());
        let value = RedisString::new(&[b'x'; 64]);
        let mut key = ctx.open_write(&name)?;
        key.set_string(&value)?;
        key.set_expire_at(32_503_680_000_000)?;
    }
    Ok(Reply::OK)
}

/// HE.KEY.SCAN [STOP] [PANIC] [OPEN key | NESTED]: the names of all keys, and what is refused meanwhile. With
/// OPEN a key is open and with NESTED a walk is on its way, which refuses the step.
fn scan<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (stop, panics) = (args.take_keyword("stop"), args.take_keyword("panic"));
    let open = args.take_option("open")?;
    let nested = args.take_keyword("nested");
    let open = open.map(|name| ctx.open_read(name)).transpose()?;
    let other = RedisString::new(b"some other key");
    let mut names = Vec::new();
    let mut cursor = ScanCursor::new(ctx);
    let mut progress = ScanProgress::More;
    while progress == ScanProgress::More {
        progress = cursor.step(ctx, |ctx, name, key| {
            assert!(!panics, "in a walk over the keys");
            if nested {
                ScanCursor::new(ctx).step(ctx, |_, _, _| ControlFlow::Continue(()));
            }
            // Reading a string may replace it by its plain form (RM_StringDMA), here under the walk's eyes.
            let _ = key.map(|key| key.string());
            let found = key.map_or_else(|| "?".to_owned(), |key| format!("{:?}", key.key_type()));
            let refused = ctx.open_read(&other).is_err();
            names.push(format!("{} {found} {refused}", String::from_utf8_lossy(name.as_bytes())));
            if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    names.sort();
    names.push(format!("{progress:?}"));
    drop(open);
    Ok(Reply::array(names))
}
