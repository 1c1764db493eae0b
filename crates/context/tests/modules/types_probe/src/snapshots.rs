//! Snapshots whenever the module wants.

use std::ffi::CString;
use std::time::Duration;

use redis_context::{Args, Command, CommandContext, CommandFlags, Error, LoadContext, Reply, TimerContext};

use crate::probe::note;

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"tp.save").flags(CommandFlags::READONLY), save)?;
    load.command(Command::new(c"tp.load").flags(CommandFlags::WRITE), load_file)
}

fn path(args: &mut Args<'_>) -> Result<CString, Error> {
    CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::module("a path holds no NUL"))
}

/// Runs `body` in a timer and notes how it ended.
pub fn later(
    ctx: &CommandContext<'_>,
    body: impl FnOnce(&TimerContext<'_>) -> Result<(), Error> + 'static,
) -> Result<Reply, Error> {
    let timer = redis_context::Timer::start(ctx, Duration::ZERO, (), move |ctx, ()| {
        note(match body(ctx) {
            Ok(()) => "later: OK".into(),
            Err(error) => format!("later: {error}"),
        });
    })?;
    timer.detach();
    Ok(Reply::OK)
}

/// TP.SAVE path [OPEN key]
fn save<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let path = path(&mut args)?;
    let open = args.take_option("open")?.map(|name| ctx.open_read(name)).transpose()?;
    ctx.save_rdb(&path)?;
    drop(open);
    Ok(Reply::OK)
}

/// TP.LOAD path [OPEN key | LATER]
fn load_file<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let path = path(&mut args)?;
    if args.take_keyword("later") {
        return later(ctx, move |ctx| ctx.load_rdb(&path));
    }
    let open = args.take_option("open")?.map(|name| ctx.open_read(name)).transpose()?;
    ctx.load_rdb(&path)?;
    drop(open);
    Ok(Reply::OK)
}
