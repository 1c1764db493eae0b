//! Walks over the elements of one key: KEY.ELEMENTS shows them, KEY.FIND stops at the first that it looks for.

use std::ops::ControlFlow;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Element, ElementCursor, Error,
    LoadContext, ReadKey, Reply, ScanProgress,
};

/// How many elements one reply holds at most.
const SHOWN_MAX: usize = 10_000;

static ELEMENTS: CommandInfo = CommandInfo {
    summary: Some(c"The elements of a hash, a set or a sorted set, with their values and scores."),
    complexity: Some(c"O(N)"),
    arity: 2,
    args: &[Arg::key(c"key", 0)],
    ..CommandInfo::EMPTY
};
static FIND: CommandInfo = CommandInfo {
    summary: Some(c"An element whose name begins as asked for: `re*`."),
    complexity: Some(c"O(N)"),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::pattern(c"prefix")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let read = |name, info| Command::new(name).flags(CommandFlags::READONLY).keys(1, 1, 1).info(info);
    load.command(read(c"key.elements", &ELEMENTS), elements)?;
    load.command(read(c"key.find", &FIND), find)
}

/// Shows all elements to `visit`, until it breaks off.
fn walk(
    ctx: &CommandContext<'_>,
    key: &ReadKey<'_>,
    mut visit: impl FnMut(Element<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut cursor = ElementCursor::new(ctx);
    while cursor.step(key, &mut visit)? == ScanProgress::More {}
    Ok(())
}

fn elements<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let mut shown = Vec::new();
    walk(ctx, &key, |element| {
        shown.push(Reply::bulk(element.name()));
        shown.extend(match element.score() {
            Some(score) => Some(Reply::Double(score)),
            None => element.value().map(Reply::bulk),
        });
        if shown.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(Reply::Array(shown))
}

fn find<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let prefix = args.next_arg()?.as_bytes();
    let prefix = prefix.strip_suffix(b"*").unwrap_or(prefix);
    let mut found = Reply::Null;
    walk(ctx, &key, |element| {
        if !element.name().as_bytes().starts_with(prefix) {
            return ControlFlow::Continue(());
        }
        found = Reply::bulk(element.name());
        ControlFlow::Break(())
    })?;
    Ok(found)
}
