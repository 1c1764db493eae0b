//! Commands that replicate although their flags don't say so: HW.SAYS, HW.CALLS, HW.VERBATIM, HW.STRINGS.

use std::ffi::CString;

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Error, ErrorReply, LoadContext, RedisStr,
    ReplicateFlags, Reply,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let read = CommandFlags::READONLY;
    load.command(Command::new(c"hw.says").flags(read), |ctx, args| says(ctx, args, false))?;
    load.command(Command::new(c"hw.says-strings").flags(read), |ctx, args| says(ctx, args, true))?;
    load.command(Command::new(c"hw.calls").flags(read), |ctx, args| calls(ctx, args, false))?;
    load.command(Command::new(c"hw.calls-strings").flags(read), |ctx, args| calls(ctx, args, true))?;
    load.command(Command::new(c"hw.verbatim").flags(read), |ctx: &CommandContext<'_>, _: Args<'_>| {
        ctx.replicate_verbatim()?;
        Ok::<_, Error>(Reply::OK)
    })?;
    // What a client may send while writes are paused, of a command that says that it writes.
    load.command(Command::new(c"hw.pauses").flags(CommandFlags::WRITE), |ctx, args| calls(ctx, args, false))
}

fn says<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>, shares: bool) -> Result<Reply, Error> {
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let rest: Vec<RedisStr<'_>> = args.collect();
    if shares {
        ctx.replicate_strings(&name, ReplicateFlags::ALL, &rest)?;
    } else {
        let rest: Vec<&[u8]> = rest.iter().map(|arg| arg.as_bytes()).collect();
        ctx.replicate(&name, ReplicateFlags::ALL, &rest)?;
    }
    Ok(Reply::OK)
}

/// flags command ..
fn calls<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>, shares: bool) -> Result<Reply, ErrorReply> {
    let flags = args.next_str()?.split(',').filter_map(CallFlags::from_name).collect();
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let rest: Vec<RedisStr<'_>> = args.collect();
    let reply = if shares {
        ctx.call_strings(&name, flags, &rest)
    } else {
        let rest: Vec<&[u8]> = rest.iter().map(|arg| arg.as_bytes()).collect();
        ctx.call(&name, flags, &rest)
    };
    let reply = reply.map_err(|error| ErrorReply::new("CALL", format!("{error:?}")))?;
    Ok(Reply::Array(vec![reply.to_reply(), Reply::bulk(reply.as_reply().proto())]))
}
