//! Blocked clients: HE.WAIT.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, Outcome, Reply, Unblocker,
};

use crate::journal::{note, text};

/// The clients that wait, first come first served. Reached from threads too.
static WAITING: Mutex<Vec<Unblocker<Vec<u8>>>> = Mutex::new(Vec::new());

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"he.wait").flags(CommandFlags::READONLY), wait)?;
    load.command(Command::new(c"he.serve").flags(CommandFlags::READONLY), serve)?;
    load.command(Command::new(c"he.abandon").flags(CommandFlags::READONLY), abandon)?;
    load.command(Command::new(c"he.waiting").flags(CommandFlags::READONLY), waiting)
}

/// HE.WAIT ms [PANIC] [BARE] [TWICE]: waits until HE.SERVE or HE.ABANDON, at most ms (0: for ever).
fn wait<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let timeout = Duration::from_millis(args.next_u64()?);
    let (panics, bare) = (args.take_keyword("panic"), args.take_keyword("bare"));
    let block = ctx.block::<Vec<u8>>().timeout(timeout);
    let block = if bare {
        block
    } else {
        block
            .on_reply(move |ctx, value| {
                note(ctx, "wait: reply");
                assert!(!panics, "in a blocked client's reply");
                Ok(Reply::Bulk(value))
            })
            .on_timeout(move |ctx| {
                note(ctx, "wait: timeout");
                assert!(!panics, "in a blocked client's time-out");
                Ok(Reply::from("timeout"))
            })
            .on_disconnect(move |ctx| {
                note(ctx, "wait: disconnect");
                assert!(!panics, "in a blocked client's disconnection");
            })
    };
    let (blocked, unblocker) = block.start()?;
    lock().push(unblocker);
    if args.take_keyword("twice") {
        let again = ctx.block::<()>().start().err();
        note(ctx, format!("wait: again {again:?}"));
    }
    Ok(blocked.into())
}

/// HE.SERVE text: a thread answers the first that waits.
fn serve<'cx>(_ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let value = text(args.next_arg()?).into_bytes();
    let first = first();
    let found = first.is_some();
    std::thread::spawn(move || first.map(|unblocker| unblocker.unblock(value)));
    Ok(Reply::Int(found.into()))
}

/// HE.ABANDON: a thread drops the first that waits.
fn abandon<'cx>(_ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let first = first();
    let found = first.is_some();
    std::thread::spawn(move || drop(first));
    Ok(Reply::Int(found.into()))
}

/// HE.WAITING: how many wait, and of how many the client is gone.
fn waiting<'cx>(_ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let waiting = lock();
    let gone = waiting.iter().filter(|unblocker| unblocker.is_client_gone()).count();
    Ok(Reply::array([waiting.len() as i64, gone as i64]))
}

fn first() -> Option<Unblocker<Vec<u8>>> {
    let mut waiting = lock();
    if waiting.is_empty() { None } else { Some(waiting.remove(0)) }
}

fn lock() -> std::sync::MutexGuard<'static, Vec<Unblocker<Vec<u8>>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}
