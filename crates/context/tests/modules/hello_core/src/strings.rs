//! Strings: numbers, order, references, growing.

use std::fmt::Write;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, MainCell, RedisString, Reply,
    STRING_BYTES_MAX, StringBuf,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let fast = CommandFlags::READONLY | CommandFlags::FAST;
    load.command(Command::new(c"hello.number").flags(fast), number)?;
    load.command(Command::new(c"hello.compare").flags(fast), |_, mut args| {
        let (one, other) = (args.next_arg()?, args.next_arg()?);
        Ok::<_, Error>(one.compare(&other) as i64)
    })?;
    load.command(Command::new(c"hello.sort").flags(fast), |_, args| {
        let mut sorted: Vec<_> = args.collect();
        sorted.sort();
        Ok::<_, Error>(Reply::array(sorted.iter().map(Reply::bulk)))
    })?;
    load.command(Command::new(c"hello.join").flags(fast), join)?;
    load.command(Command::new(c"hello.overflow").flags(fast), overflow)?;
    load.command(Command::new(c"hello.keep").flags(fast), keep)?;
    load.command(Command::new(c"hello.kept").flags(fast), kept)
}

/// `HELLO.NUMBER text`: what the text is as a number, turned into texts again.
fn number(_: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let text = args.next_arg()?;
    let shown = |string: RedisString| Reply::bulk(string.as_bytes());
    let or_error = |result: Result<RedisString, Error>| match result {
        Ok(string) => shown(string),
        Err(error) => Reply::from(error.to_string()),
    };
    Ok(Reply::array([
        or_error(text.to_i64().map(RedisString::from_i64)),
        or_error(text.to_u64().map(RedisString::from_u64)),
        or_error(text.to_f64().map(RedisString::from_f64)),
    ]))
}

/// `HELLO.JOIN text ..`: the texts behind each other, each with its length.
fn join(_: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, Error> {
    let mut joined = match args.peek() {
        Some(first) => StringBuf::from(first),
        None => StringBuf::new(b""),
    };
    for text in args.skip(1) {
        joined.push(text.as_bytes())?;
        write!(joined, "({})", text.as_bytes().len()).map_err(|_| Error::module("too long"))?;
    }
    joined.trim();
    let was_empty = joined.is_empty();
    let string = joined.finish();
    assert!(string.as_redis_str().retain() == string && was_empty == string.as_bytes().is_empty());
    Ok(Reply::bulk(string.as_bytes()))
}

/// `HELLO.OVERFLOW`: a string that would be too long, and what is left of it.
fn overflow(_: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    let mut long = StringBuf::new(b"x");
    let refused = long.push(&vec![0; STRING_BYTES_MAX]).err().map(|error| error.to_string());
    long.push(b"y")?;
    Ok(Reply::array([Reply::from(refused), Reply::bulk(long.as_bytes())]))
}

static KEPT: MainCell<Vec<RedisString>> = MainCell::new(Vec::new());

/// `HELLO.KEEP text ..`: keeps them without copies.
fn keep(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<i64, Error> {
    let mut kept = KEPT.try_borrow_mut(ctx)?;
    kept.extend(args.map(|text| text.retain()));
    Ok(kept.len() as i64)
}

/// `HELLO.KEPT`: gives what is kept, and keeps it no more.
fn kept(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    let copies: Vec<RedisString> = KEPT.try_borrow(ctx)?.clone();
    KEPT.take(ctx)?;
    Ok(Reply::array(copies.iter().map(|text| Reply::bulk(text.as_bytes()))))
}
