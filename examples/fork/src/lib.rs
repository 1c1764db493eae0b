//! Work in a forked child, which has a copy of all data as it was when it began: here it counts the keys by type while
//! the server goes on.
//!
//! ```text
//! > MSET a 1 b 2              OK
//! > RPUSH list x              (integer) 1
//! > CENSUS.START              OK
//! > CENSUS.START
//! (error) ERR the server refused RedisModule_Fork: another child is running (BGSAVE, ..)
//! > CENSUS.SHOW               "list 1, string 2"      # soon
//! > CENSUS.START              OK                      # soon: the server looks after its children now and then
//! > CENSUS.STOP               (integer) 1
//! ```
//!
//! The result comes by a pipe: what the child changes in its memory nobody else sees.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{PipeReader, Read, Write, pipe};
use std::ops::ControlFlow;

use redis_context::{
    Args, ChildContext, ChildEnd, Command, CommandContext, CommandFlags, CommandInfo, Context, Error,
    ForkedChild, KeyType, LoadContext, LogLevel, MainCell, Reply, ScanCursor, ScanProgress,
};

redis_context::module! {
    name: "fork",
    version: 1,
    init: init,
}

/// The count that runs.
static RUNNING: MainCell<Option<ForkedChild>> = MainCell::new(None);

/// What the last one has found.
static CENSUS: MainCell<Option<String>> = MainCell::new(None);

static START: CommandInfo =
    CommandInfo { summary: Some(c"Begins to count the keys by type."), arity: 1, ..CommandInfo::EMPTY };
static SHOW: CommandInfo =
    CommandInfo { summary: Some(c"Shows what the last count found."), arity: 1, ..CommandInfo::EMPTY };
static STOP: CommandInfo = CommandInfo { summary: Some(c"Ends the count."), arity: 1, ..CommandInfo::EMPTY };

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let admin = CommandFlags::ADMIN | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"census.start").flags(admin).info(&START), start)?;
    load.command(Command::new(c"census.show").flags(CommandFlags::FAST).info(&SHOW), show)?;
    load.command(Command::new(c"census.stop").flags(admin).info(&STOP), stop)
}

fn start<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let (reader, mut writer) = pipe().map_err(|error| Error::module(error.to_string()))?;
    let child = ctx.fork(
        move |ctx| match writer.write_all(count(ctx).as_bytes()) {
            Ok(()) => 0,
            Err(_) => 1,
        },
        move |ctx, end| finish(ctx, end, reader),
    )?;
    RUNNING.replace(ctx, Some(child))?;
    Ok(Reply::OK)
}

/// In the child.
fn count(ctx: &ChildContext<'_>) -> String {
    let mut counts = BTreeMap::new();
    let mut seen = 0;
    let mut cursor = ScanCursor::new(ctx);
    loop {
        let progress = cursor.step(ctx, |_, _, key| {
            let kind = key.map_or(KeyType::Missing, |key| key.key_type());
            *counts.entry(name(kind)).or_insert(0) += 1;
            seen += 1;
            ControlFlow::Continue(())
        });
        ctx.heartbeat(f64::from(seen) / ctx.db_size().max(1) as f64);
        if progress != ScanProgress::More {
            break;
        }
    }
    let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    counts.join(", ")
}

fn name(kind: KeyType) -> &'static str {
    match kind {
        KeyType::String => "string",
        KeyType::List => "list",
        KeyType::Hash => "hash",
        KeyType::Set => "set",
        KeyType::SortedSet => "zset",
        KeyType::Stream => "stream",
        _ => "other",
    }
}

/// In the server again. The text is short, and the pipe has room for it: the child has not waited for us.
fn finish(ctx: &Context<'_>, end: ChildEnd, mut reader: PipeReader) {
    let mut census = String::new();
    let read = reader.read_to_string(&mut census);
    if end != ChildEnd::Exited(0) || read.is_err() {
        return ctx.log_fmt(LogLevel::Warning, format_args!("the count has failed: {end:?}"));
    }
    if CENSUS.replace(ctx, Some(census)).is_err() || RUNNING.take(ctx).is_err() {
        ctx.log(LogLevel::Warning, "the count is lost: a command that shows it is running");
    }
}

fn show<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    Ok(CENSUS.try_borrow(ctx)?.clone().into())
}

fn stop<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let child = RUNNING.take(ctx)?;
    Ok(child.is_some_and(|child| child.kill(ctx)).into())
}
