//! Values in keys, and as bytes.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, LongDoubleFormat, RedisString, Reply,
};

use crate::probe::{Probe, handle};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let (write, read) = (CommandFlags::WRITE, CommandFlags::READONLY);
    load.command(Command::new(c"tp.set").flags(write).keys(1, 1, 1), set)?;
    load.command(Command::new(c"tp.get").flags(read).keys(1, 1, 1), get)?;
    load.command(Command::new(c"tp.replace").flags(write).keys(1, 1, 1), replace)?;
    load.command(Command::new(c"tp.encode").flags(read).keys(1, 1, 1), encode)?;
    load.command(Command::new(c"tp.decode").flags(read), decode)
}

fn probe(args: &mut Args<'_>) -> Result<Probe, Error> {
    let text = args.next_arg()?.as_bytes().to_vec();
    let float = args.next_str()?.parse().map_err(|_| Error::Syntax)?;
    let number = args.next_arg()?.to_long_double()?;
    Ok(Probe { text, float, number, parts: args.map(|part| part.as_bytes().to_vec()).collect() })
}

fn shown(probe: &Probe) -> Result<Reply, Error> {
    let number = RedisString::from_long_double(probe.number, LongDoubleFormat::Short)?;
    Ok(Reply::array([
        Reply::bulk(&probe.text),
        Reply::bulk(probe.float.to_string()),
        Reply::bulk(&number),
        Reply::array(probe.parts.clone()),
    ]))
}

/// TP.SET key text float number [part ...]
fn set<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    key.set_value(handle(ctx)?, probe(&mut args)?)?;
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

/// TP.GET key
fn get<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    shown(key.value(handle(ctx)?)?.ok_or(Error::NoSuchKey)?)
}

/// TP.REPLACE key text float number [part ...]: the value that was there.
fn replace<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let old = key.replace_value(handle(ctx)?, probe(&mut args)?)?;
    ctx.replicate_verbatim()?;
    shown(&old)
}

/// TP.ENCODE key
fn encode<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let of = handle(ctx)?;
    let key = ctx.open_read(args.next_arg()?)?;
    Ok(Reply::bulk(of.encode(ctx, key.value(of)?.ok_or(Error::NoSuchKey)?)?))
}

/// TP.DECODE bytes version [LATER]: LATER does it in a timer, where no client's command runs, and notes the outcome.
fn decode<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let bytes = args.next_arg()?;
    let version = u16::try_from(args.next_u64()?).map_err(|_| Error::NotAnInteger)?;
    if !args.take_keyword("later") {
        return shown(&handle(ctx)?.decode(ctx, bytes, version)?);
    }
    let bytes = bytes.as_bytes().to_vec();
    crate::snapshots::later(ctx, move |ctx| {
        let decoded = handle(ctx).and_then(|of| of.decode(ctx, &RedisString::new(&bytes), version));
        decoded.map(drop)
    })
}
