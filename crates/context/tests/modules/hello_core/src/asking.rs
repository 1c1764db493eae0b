//! Asking the server: flags, clocks, the command's name, where keys are; the module's arguments.

use std::ffi::CString;

use redis_context::{
    Args, CallError, ChannelAccess, Command, CommandContext, CommandFlags, ContextFlags, Error, ErrorReply,
    KeyAccess, LoadContext, ModuleOptions, Reply, Streamed,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let fast = CommandFlags::READONLY | CommandFlags::FAST;
    if load.update_load_arguments(&[]).is_ok() {
        return Err(Error::module("arguments were changed while the module was loading"));
    }
    load.command(Command::new(c"hello.supported").flags(fast), supported)?;
    load.command(Command::new(c"hello.clocks").flags(fast), clocks)?;
    load.command(Command::new(c"hello.name").flags(fast), name)?;
    load.command(Command::new(c"hello.arity").flags(fast), arity)?;
    load.command(Command::new(c"hello.keysof").flags(fast), keys_of)?;
    load.command(Command::new(c"hello.has").flags(fast), |ctx, mut args| {
        let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
        Ok::<_, Error>(ctx.has_function(&name))
    })?;
    load.command(Command::new(c"hello.rearg").flags(CommandFlags::ADMIN), rearg)?;
    load.command(Command::new(c"hello.reserve").flags(fast), reserve)?;
    load.command_with_channels(Command::new(c"hello.tell").flags(CommandFlags::PUBSUB), name, |positions| {
        match positions.args().next().map(|channel| channel.as_bytes()) {
            Some(b"panic") => panic!("asked to, for channels"),
            Some(channel) if channel.contains(&b'*') => {
                positions.channel(1, ChannelAccess::SUBSCRIBE | ChannelAccess::PATTERN);
            }
            _ => positions.channel(1, ChannelAccess::PUBLISH),
        }
        // Neither a key nor outside the arguments: left out.
        positions.key(1, KeyAccess::RO);
        positions.channel(1000, ChannelAccess::PUBLISH);
    })?;
    let group = load.command_group(Command::new(c"hello.group"))?;
    group.subcommand(Command::new(c"name").flags(fast), name)?;
    group.subcommand(Command::new(c"arity").flags(fast), arity)?;
    load.command_with_keys(Command::new(c"hello.fullkey").flags(fast), name, |positions| {
        positions.key_with_full_access(positions.args().len());
        positions.key_with_full_access(1000);
        positions.key_with_full_access(0);
    })
}

/// `HELLO.SUPPORTED`
fn supported(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    let flags = ctx.supported_flags();
    assert!(flags.contains(ctx.flags() & ContextFlags::all()), "a flag that is not supported");
    Ok(Reply::array([
        Reply::Bool(flags.contains(ContextFlags::RESP3 | ContextFlags::ASYNC_LOADING)),
        Reply::Bool(flags.contains(ContextFlags::SERVER_STARTUP)),
        match ctx.supported_options() {
            Ok(options) => Reply::Bool(options == expected_options()),
            Err(error) => Reply::from(error.to_string()),
        },
        Reply::from(ctx.declared_version().to_string()),
    ]))
}

/// `HELLO.CLOCKS`: microseconds of each clock.
fn clocks(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    let micros = |time: std::time::Duration| Reply::Int(time.as_micros() as i64);
    let or_error = |time: Result<std::time::Duration, Error>| match time {
        Ok(time) => micros(time),
        Err(error) => Reply::from(error.to_string()),
    };
    Ok(Reply::array([
        micros(ctx.now()),
        or_error(ctx.now_precise()),
        or_error(ctx.cached_now()),
        micros(ctx.monotonic()),
        micros(ctx.monotonic()),
    ]))
}

/// `HELLO.NAME`, `HELLO.GROUP NAME`
fn name(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    Ok(Reply::from(ctx.command_name()))
}

/// `HELLO.ARITY`, `HELLO.GROUP ARITY`
fn arity(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Streamed, Error> {
    let answered = ctx.wrong_arity()?;
    assert_eq!(ctx.wrong_arity().err(), Some(Error::AlreadyAnswered));
    Ok(answered)
}

/// `HELLO.KEYSOF command arg ..`: positions and uses of the keys.
fn keys_of(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, ErrorReply> {
    let command: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let failed = |error: CallError| ErrorReply::new("KEYS", format!("{error:?}"));
    let keys = ctx.command_keys(&command).map_err(failed)?;
    let positions = ctx.command_key_positions(&command).map_err(failed)?;
    assert!(keys.iter().map(|key| key.position).eq(positions), "both ways find the same");
    let shown = |access: KeyAccess| access.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join(" ");
    Ok(Reply::array(
        keys.iter()
            .map(|key| Reply::array([Reply::Int(key.position as i64), Reply::from(shown(key.access))])),
    ))
}

/// `HELLO.REARG argument ..`
fn rearg(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, Error> {
    let arguments: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    ctx.update_load_arguments(&arguments)?;
    Ok(Reply::OK)
}

/// `HELLO.RESERVE bytes`: whether so much memory can be had, new, zeroed, and by growing.
fn reserve(_: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let bytes = args.next_u64()? as usize;
    let (mut new, mut grown) = (Vec::<u8>::new(), vec![7u8; 100]);
    let has_grown = grown.try_reserve_exact(bytes).is_ok();
    assert!(grown.iter().all(|&byte| byte == 7));
    let zeroed = vec![0u8; bytes.min(1000)];
    assert!(std::hint::black_box(&zeroed).iter().all(|&byte| byte == 0));
    let layout = std::alloc::Layout::array::<u8>(bytes).map_err(|_| Error::Syntax)?;
    Ok(Reply::array([
        Reply::Bool(new.try_reserve_exact(bytes).is_ok()),
        Reply::Bool(has_grown),
        Reply::Int(layout.size() as i64),
    ]))
}

fn expected_options() -> ModuleOptions {
    let mut options = ModuleOptions::all();
    options.set(ModuleOptions::HANDLE_ATOMIC_SLOT_MIGRATION, redis_context::server().is_valkey_since(9, 0));
    options
}
