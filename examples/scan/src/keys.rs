//! Walks over the keys: KEYSPACE.TYPES in one command, WALK.NEXT and WALK.RESTART in steps.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, CommandInfo, Error, KeyType, LoadContext, MainCell, Reply,
    ScanCursor, ScanProgress,
};

static TYPES: CommandInfo = CommandInfo {
    summary: Some(c"How many keys of each type the database holds."),
    complexity: Some(c"O(N), all at once: for small databases"),
    arity: 1,
    ..CommandInfo::EMPTY
};
static NEXT: CommandInfo = CommandInfo {
    summary: Some(c"Some more keys of the walk that all clients share."),
    arity: 1,
    ..CommandInfo::EMPTY
};
static RESTART: CommandInfo =
    CommandInfo { summary: Some(c"Begins the shared walk again."), arity: 1, ..CommandInfo::EMPTY };

/// The walk that is kept between commands. Every step is taken in database 0.
static WALK: MainCell<Option<ScanCursor>> = MainCell::new(None);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let read = |name, info| Command::new(name).flags(CommandFlags::READONLY).info(info);
    load.command(read(c"keyspace.types", &TYPES), types)?;
    load.command(read(c"walk.next", &NEXT), next)?;
    load.command(read(c"walk.restart", &RESTART), restart)
}

fn types<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let mut counts = BTreeMap::new();
    let mut cursor = ScanCursor::new(ctx);
    let mut count = |key_type| *counts.entry(name_of(key_type)).or_insert(0) += 1;
    while cursor.step(ctx, |_, _, key| {
        count(key.map_or(KeyType::Missing, |key| key.key_type()));
        ControlFlow::Continue(())
    }) == ScanProgress::More
    {}
    Ok(Reply::map(counts.into_iter().map(|(name, count)| (name, Reply::Int(count)))))
}

fn name_of(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::String => "string",
        KeyType::List => "list",
        KeyType::Hash => "hash",
        KeyType::Set => "set",
        KeyType::SortedSet => "zset",
        KeyType::Stream => "stream",
        KeyType::Module => "module",
        _ => "other",
    }
}

fn next<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    // It is taken out for the step, during which nothing of this module is borrowed.
    let mut cursor = WALK.take(ctx)?.unwrap_or_else(|| ScanCursor::new(ctx));
    let mut seen = Vec::new();
    let progress = ctx.with_db(0, || {
        cursor.step(ctx, |_, name, _| {
            seen.push(Reply::bulk(name));
            ControlFlow::Continue(())
        })
    })?;
    WALK.replace(ctx, Some(cursor))?;
    seen.insert(0, if progress == ScanProgress::More { "more" } else { "done" }.into());
    Ok(Reply::Array(seen))
}

fn restart<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    if let Some(cursor) = &mut *WALK.try_borrow_mut(ctx)? {
        cursor.restart();
    }
    Ok(Reply::OK)
}
