//! Running the server's commands and replicating.

use std::ffi::CString;

use redis_context::{
    Args, CallError, CallFlags, Command, CommandContext, CommandFlags, Error, ErrorReply, LoadContext,
    ReplicateFlags, Reply,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = CommandFlags::WRITE | CommandFlags::DENY_OOM;
    load.command(Command::new(c"hello.call").flags(write), call)?;
    let any_time = CommandFlags::ALLOW_BUSY | CommandFlags::ALLOW_LOADING | CommandFlags::ALLOW_STALE;
    // It says that it reads, so that a load lets it be called, too.
    load.command(Command::new(c"hello.anytime").flags(CommandFlags::READONLY | any_time), call)?;
    load.command(Command::new(c"hello.put").flags(write | any_time).keys(1, 1, 1), |ctx, mut args| {
        let (key, value) = (args.next_arg()?, args.next_arg()?);
        ctx.open_write(key)?.set_string(value)?;
        ctx.replicate_verbatim()?;
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"hello.loop").flags(write), call_loop)?;
    load.command(Command::new(c"hello.replicate").flags(write), replicate)?;
    load.command(Command::new(c"hello.verbatim").flags(write).keys(1, 1, 1), |ctx, mut args| {
        ctx.call(c"INCR", CallFlags::empty(), &[args.next_arg()?.as_bytes()])?;
        ctx.replicate_verbatim()?;
        Ok::<_, Error>(Reply::OK)
    })
}

/// `HELLO.CALL flags command arg..`: flags is `-` or a list of names with commas.
fn call(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, ErrorReply> {
    let flags = args.next_str()?.split(',').filter_map(CallFlags::from_name).collect();
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let buffers: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    match ctx.call(&name, flags, &buffers) {
        Ok(reply) => Ok(reply.to_reply()),
        Err(error @ CallError::Unsupported { .. }) => Err(ErrorReply::new("UNSUPPORTED", error.to_string())),
        Err(error) => Err(ErrorReply::new("CALL", format!("{error:?}"))),
    }
}

/// `HELLO.LOOP n`: sets as many keys, with propagation.
fn call_loop(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<i64, ErrorReply> {
    let count = args.next_i64()?;
    let mut key = *b"key:0000000000";
    for number in 0..count {
        for (digit, place) in key[4..].iter_mut().rev().zip(0..) {
            *digit = b'0' + (number / 10i64.pow(place) % 10) as u8;
        }
        ctx.call(c"SET", CallFlags::REPLICATE, &[&key, b"value"]).map_err(Error::from)?.check()?;
    }
    Ok(count)
}

/// `HELLO.REPLICATE command arg..`
fn replicate(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let buffers: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    ctx.replicate(&name, ReplicateFlags::ALL, &buffers)?;
    Ok(Reply::OK)
}
