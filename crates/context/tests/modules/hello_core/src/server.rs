//! Asking the server: state, databases, users, random bytes; logging and hiding arguments.

use std::time::Duration;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, KeyAccess, LoadContext, LogLevel, ModuleUser,
    Permission, Reply,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let fast = CommandFlags::READONLY | CommandFlags::FAST;
    load.command(Command::new(c"hello.log").flags(fast), |ctx, mut args| {
        ctx.log(LogLevel::Warning, args.next_arg()?);
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"hello.about").flags(fast), about)?;
    load.command(Command::new(c"hello.db").flags(fast), in_db)?;
    load.command(Command::new(c"hello.may").flags(fast), may)?;
    load.command(Command::new(c"hello.maykey").flags(fast), may_key)?;
    load.command(Command::new(c"hello.guest").flags(fast), guest)?;
    load.command(Command::new(c"hello.from").flags(fast), |ctx, _| {
        Ok::<_, Error>(Reply::from(ctx.client_info(|client| client.address.to_vec())))
    })?;
    load.command(Command::new(c"hello.slow").flags(fast), |ctx, mut args| {
        ctx.add_latency_sample(c"hello-slow", Duration::from_millis(args.next_u64()?));
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"hello.publish"), |ctx, mut args| {
        let (channel, message) = (args.next_arg()?, args.next_arg()?);
        Ok::<_, Error>(ctx.publish(channel.as_bytes(), message.as_bytes()) as i64)
    })?;
    load.command(Command::new(c"hello.path").flags(fast), |_, mut args| {
        // The C library allocates the answer and Rust frees it: both must mean the same allocator.
        let path =
            std::fs::canonicalize(args.next_str()?).map_err(|error| Error::module(error.to_string()))?;
        Ok::<_, Error>(path.to_string_lossy().into_owned())
    })?;
    load.command(Command::new(c"hello.secret"), |ctx, mut args| {
        ctx.redact(args.position());
        args.next_arg()?;
        Ok::<_, Error>(Reply::OK)
    })
}

fn about(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    let info = ctx.server_info(c"server").ok_or(Error::NoSuchKey)?;
    let mut bytes = [0; 16];
    ctx.random_bytes(&mut bytes);
    let fields = [
        ("server", Reply::from(redis_context::server().to_string())),
        ("flags", Reply::from(format!("{:?}", ctx.flags()))),
        ("client", Reply::from(ctx.client_id() as i64)),
        ("user", Reply::from(ctx.user_name().map(|name| name.as_bytes().to_vec()))),
        ("port", Reply::from(info.unsigned(c"tcp_port").map(|port| port as i64))),
        ("run-id", Reply::from(info.text(c"run_id").map(<[u8]>::to_vec))),
        ("no-such-field", Reply::from(info.signed(c"no_such_field"))),
        ("memory", Reply::from(f64::from(ctx.used_memory_ratio()))),
        ("random", Reply::from(bytes != [0; 16])),
        ("hex", Reply::bulk(ctx.random_hex::<8>())),
        ("millis", Reply::from(ctx.now().as_millis() as i64)),
    ];
    Ok(Reply::map(fields))
}

/// `HELLO.DB n`: the size of database n, the database that is selected afterwards.
fn in_db(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let db = u32::try_from(args.next_u64()?).map_err(|_| Error::NoSuchDb)?;
    let size = ctx.with_db(db, || ctx.db_size())?;
    Ok(Reply::array([size as i64, i64::from(ctx.selected_db())]))
}

/// `HELLO.MAY user command arg..`
fn may(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<bool, Error> {
    let user = args.next_arg()?;
    let command: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    Ok(ctx.check_command(user.as_bytes(), &command)? == Permission::Allowed)
}

/// `HELLO.MAYKEY user key`: whether the user may change the key.
fn may_key(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<bool, Error> {
    let (user, key) = (args.next_arg()?, args.next_arg()?);
    Ok(ctx.check_key(user.as_bytes(), key.as_bytes(), KeyAccess::UPDATE)? == Permission::Allowed)
}

/// `HELLO.GUEST command arg..`: whether a user of the module's own, who may only read, may run it.
fn guest(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<bool, Error> {
    let guest = ModuleUser::new(ctx, c"guest", &[c"on", c"+@read", c"~*"])?;
    let command: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    Ok(guest.check_command(ctx, &command)? == Permission::Allowed)
}
