//! Clients that wait until another client tells them something: no thread is needed for that.

use std::time::Duration;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, MainCell, Outcome,
    Reply, Unblocker,
};

/// Clients that wait at once.
const WAITING_MAX: usize = 100_000;

static WAITING: MainCell<Vec<Unblocker<Vec<u8>>>> = MainCell::new(Vec::new());

static WAIT: CommandInfo = CommandInfo {
    summary: Some(c"Waits for a JOB.TELL; 0 milliseconds are for ever."),
    arity: 2,
    args: &[Arg::integer(c"milliseconds")],
    ..CommandInfo::EMPTY
};
static TELL: CommandInfo = CommandInfo {
    summary: Some(c"Tells all clients that wait, and answers how many heard it."),
    arity: 2,
    args: &[Arg::string(c"text")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let blocking = CommandFlags::BLOCKING | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"job.wait").flags(blocking).info(&WAIT), wait)?;
    load.command(Command::new(c"job.tell").info(&TELL), tell)
}

/// JOB.WAIT milliseconds
fn wait<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let timeout = Duration::from_millis(args.next_u64()?);
    args.finish()?;
    let mut waiting = WAITING.try_borrow_mut(ctx)?;
    // Those that timed out or left are still in the list.
    waiting.retain(|unblocker| !unblocker.is_client_gone());
    if waiting.len() >= WAITING_MAX {
        return Err(Error::module("too many clients wait already"));
    }
    let block = ctx.block().timeout(timeout).on_reply(|_, text| Ok(Reply::Bulk(text)));
    let (blocked, unblocker) = block.start()?;
    waiting.push(unblocker);
    Ok(blocked.into())
}

/// JOB.TELL text
fn tell<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let text = args.next_arg()?.as_bytes();
    args.finish()?;
    let mut heard = 0;
    for unblocker in WAITING.take(ctx)? {
        heard += i64::from(!unblocker.is_client_gone());
        unblocker.unblock(text.to_vec());
    }
    Ok(Reply::Int(heard))
}
