//! A list of things to do: QUEUE.PUSH, QUEUE.POP, QUEUE.AT, QUEUE.PUT, QUEUE.REPLACE, QUEUE.DROP, QUEUE.ALL.

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, ListEnd, LoadContext, RedisString,
    Reply,
};

const fn info(summary: &'static std::ffi::CStr, arity: i32, args: &'static [Arg]) -> CommandInfo {
    CommandInfo { summary: Some(summary), arity, args, ..CommandInfo::EMPTY }
}

const QUEUE: Arg = Arg::key(c"queue", 0);
const INDEX: Arg = Arg::integer(c"index");
const THING: Arg = Arg::string(c"thing");

static PUSH: CommandInfo = info(
    c"Adds a thing; answers how many there are.",
    -3,
    &[QUEUE, THING, Arg::word(c"first", c"FIRST").optional()],
);
static POP: CommandInfo =
    info(c"Takes the first thing, or the last.", -2, &[QUEUE, Arg::word(c"last", c"LAST").optional()]);
static AT: CommandInfo = info(c"The thing at an index; -1 is the last.", 3, &[QUEUE, INDEX]);
static PUT: CommandInfo = info(c"Puts a thing in at an index.", 4, &[QUEUE, INDEX, THING]);
static REPLACE: CommandInfo = info(c"Replaces the thing at an index.", 4, &[QUEUE, INDEX, THING]);
static DROP: CommandInfo = info(c"Removes the thing at an index.", 3, &[QUEUE, INDEX]);
static ALL: CommandInfo = info(c"All things.", 2, &[QUEUE]);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = CommandFlags::WRITE | CommandFlags::DENY_OOM;
    let write = |name, info| Command::new(name).flags(write).keys(1, 1, 1).info(info);
    let read = |name, info| Command::new(name).flags(CommandFlags::READONLY).keys(1, 1, 1).info(info);
    load.command(write(c"queue.push", &PUSH), push)?;
    load.command(write(c"queue.pop", &POP), pop)?;
    load.command(read(c"queue.at", &AT), at)?;
    load.command(write(c"queue.put", &PUT), put)?;
    load.command(write(c"queue.replace", &REPLACE), replace)?;
    load.command(write(c"queue.drop", &DROP), drop_at)?;
    load.command(read(c"queue.all", &ALL), all)
}

fn push<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let (queue, thing) = (args.next_arg()?, args.next_arg()?);
    let end = if args.take_keyword("first") { ListEnd::Head } else { ListEnd::Tail };
    args.finish()?;
    let mut queue = ctx.open_write(queue)?;
    queue.list_push(end, thing)?;
    let len = queue.value_len() as i64;
    ctx.replicate_verbatim()?;
    Ok(len)
}

fn pop<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let queue = args.next_arg()?;
    let end = if args.take_keyword("last") { ListEnd::Tail } else { ListEnd::Head };
    args.finish()?;
    let thing = ctx.open_write(queue)?.list_pop(end)?;
    if thing.is_some() {
        ctx.replicate_verbatim()?;
    }
    Ok(shown(thing))
}

fn at<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let queue = ctx.open_read(args.next_arg()?)?;
    Ok(shown(queue.list_get(args.next_i64()?)?))
}

fn put<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let mut queue = ctx.open_write(args.next_arg()?)?;
    let put = queue.list_insert(args.next_i64()?, args.next_arg()?)?;
    told(ctx, put)
}

fn replace<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let mut queue = ctx.open_write(args.next_arg()?)?;
    let replaced = queue.list_set(args.next_i64()?, args.next_arg()?)?;
    told(ctx, replaced)
}

fn drop_at<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let mut queue = ctx.open_write(args.next_arg()?)?;
    let dropped = queue.list_delete(args.next_i64()?)?;
    told(ctx, dropped)
}

/// Index by index is no slower than any other way: the key remembers where it was.
fn all<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let queue = ctx.open_read(args.next_arg()?)?;
    let things = (0..).map_while(|index| queue.list_get(index).transpose());
    Ok(Reply::Array(things.map(|thing| Ok(Reply::bulk(thing?))).collect::<Result<_, Error>>()?))
}

fn told(ctx: &CommandContext<'_>, has_changed: bool) -> Result<i64, Error> {
    if has_changed {
        ctx.replicate_verbatim()?;
    }
    Ok(has_changed.into())
}

fn shown(thing: Option<RedisString>) -> Reply {
    thing.map_or(Reply::Null, Reply::bulk)
}
