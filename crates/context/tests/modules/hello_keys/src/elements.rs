//! HK.ELEMENTS: a walk over the elements of a key that goes wrong in one way or another. HK.THREAD: a cursor that a
//! thread has held.

use std::ops::ControlFlow;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, ElementCursor, Error, LoadContext, OpenFlags,
    ReadKey, RedisString, Reply, ScanProgress,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let read = CommandFlags::READONLY;
    load.command(Command::new(c"hk.elements").flags(read).keys(1, 1, 1), elements)?;
    load.command(Command::new(c"hk.thread").flags(read).keys(1, 1, 1), thread)
}

/// HK.ELEMENTS key [STOP | PANIC | NESTED | READ other | ALL]: what was shown, and how it ended
fn elements<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let (stop, panics) = (args.take_keyword("stop"), args.take_keyword("panic"));
    let nested = args.take_keyword("nested");
    let other = args.take_option("read")?;
    let all = args.take_keyword("all");
    let key = ctx.open_read_with(name, if all { OpenFlags::ACCESS_EXPIRED } else { OpenFlags::empty() })?;
    let mut shown = Vec::new();
    let mut cursor = ElementCursor::new(ctx);
    let mut progress = ScanProgress::More;
    while progress == ScanProgress::More {
        progress = cursor.step(&key, |element| {
            assert!(!panics, "in a walk over elements");
            let (name, value) = (element.name().to_owned(), element.value().map(|value| value.to_owned()));
            shown.push(Reply::bulk(&name));
            shown.push(value.map_or(Reply::Null, Reply::bulk));
            if nested {
                shown.push(inner(ctx, &key));
            }
            if let Some(other) = other {
                shown.push(disturbed(ctx, &key, &name, &RedisString::new(other.as_bytes())));
            }
            if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    let over = cursor.step(&key, |_| ControlFlow::Continue(()))?;
    shown.push(Reply::from(format!("{progress:?} {over:?}")));
    Ok(Reply::Array(shown))
}

/// How many elements another cursor sees meanwhile.
fn inner(ctx: &Context<'_>, key: &ReadKey<'_>) -> Reply {
    let (mut cursor, mut seen) = (ElementCursor::new(ctx), 0);
    while cursor.step(key, |_| {
        seen += 1;
        ControlFlow::Continue(())
    }) == Ok(ScanProgress::More)
    {}
    Reply::Int(seen)
}

/// What may and what may not be done in a walk: reading other keys, and the same one through its handle.
fn disturbed(ctx: &Context<'_>, key: &ReadKey<'_>, element: &RedisString, other: &RedisString) -> Reply {
    let again = key.name().is_some_and(|name| ctx.open_read(name).is_err());
    let opened = ctx.open_read(other).map(|other| other.value_len());
    let found = key.hash_exists(element).or_else(|_| key.zset_score(element).map(|score| score.is_some()));
    let random = ctx.random_key().is_err();
    Reply::from(format!("{again} {opened:?} {found:?} {random}"))
}

/// HK.THREAD key: a cursor is handed to a thread and comes back half-way
fn thread<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let (mut cursor, mut seen) = (ElementCursor::new(ctx), 0);
    let mut progress = ScanProgress::More;
    while progress == ScanProgress::More {
        progress = cursor.step(&key, |_| {
            seen += 1;
            ControlFlow::Continue(())
        })?;
        cursor =
            std::thread::spawn(move || cursor).join().map_err(|_| Error::module("the thread panicked"))?;
    }
    cursor.restart();
    let other = std::thread::spawn(move || drop(cursor)).join().is_ok();
    Ok(Reply::Array(vec![Reply::Int(seen), Reply::Bool(other)]))
}
