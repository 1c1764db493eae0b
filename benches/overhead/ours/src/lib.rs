//! The commands of the overhead bench with redis-context.
#![forbid(unsafe_code)]

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Error, LoadContext, Reply, Streamed,
};

redis_context::module! {
    name: "overhead_ours",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let command = |name| Command::new(name).flags(CommandFlags::READONLY | CommandFlags::FAST).keys(1, 1, 1);
    load.command(command(c"ours.echo"), echo)?;
    load.command(command(c"ours.get"), get)?;
    load.command(command(c"ours.call"), call)?;
    load.command(command(c"ours.noop"), noop)
}

fn echo(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Streamed, Error> {
    let text = args.next_arg()?;
    args.finish()?;
    ctx.stream(|reply| reply.bulk(text))
}

fn get(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Streamed, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    args.finish()?;
    let value = key.string_bytes()?;
    ctx.stream(|reply| match value {
        Some(bytes) => reply.bulk(bytes),
        None => reply.null(),
    })
}

fn call(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Streamed, Error> {
    let key = args.next_arg()?;
    args.finish()?;
    let answer = ctx.call_strings(c"GET", CallFlags::empty(), &[key])?;
    ctx.stream(|reply| reply.call_reply(answer.as_reply()))
}

fn noop(_ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    args.next_arg()?;
    args.finish()?;
    Ok(Reply::OK)
}
