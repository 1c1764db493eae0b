//! CALLS.LATER: commands that block, whose replies come later.

use std::ffi::CString;

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, MainCell,
    Outcome, Promise, Promised, Reply,
};

/// Replies that are kept for CALLS.CAME.
const KEPT_MAX: usize = 100;

static CAME: MainCell<Vec<String>> = MainCell::new(Vec::new());
static WAITING: MainCell<Vec<Promise>> = MainCell::new(Vec::new());

static LATER: CommandInfo = CommandInfo {
    summary: Some(c"Runs a command that may block; a reply that comes later is kept."),
    arity: -2,
    ..CommandInfo::EMPTY
};
static SHOW: CommandInfo =
    CommandInfo { summary: Some(c"The replies that came later."), arity: 1, ..CommandInfo::EMPTY };
static CANCEL: CommandInfo = CommandInfo {
    summary: Some(c"Takes back what still waits, and answers how many commands."),
    arity: 1,
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>, flags: CommandFlags) -> Result<(), Error> {
    load.command(Command::new(c"calls.later").flags(flags).info(&LATER), later)?;
    load.command(Command::new(c"calls.came").info(&SHOW), came)?;
    load.command(Command::new(c"calls.cancel").info(&CANCEL), cancel)
}

/// CALLS.LATER command [arg ..]: the reply, or null if it comes later.
fn later<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let rest: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let title = name.to_string_lossy().into_owned();
    let called = ctx.call_promise(&name, CallFlags::REPLICATE, &rest, move |ctx, reply| {
        let text = match &reply {
            Ok(reply) => match reply.get::<Option<Vec<String>>>() {
                Ok(Some(items)) => items.join(" "),
                Ok(None) => "nothing came".to_owned(),
                Err(_) => format!("{reply:?}"),
            },
            Err(error) => error.to_string(),
        };
        let mut came = CAME.borrow_mut(ctx);
        if came.len() < KEPT_MAX {
            came.push(format!("{title}: {text}"));
        }
    })?;
    match called {
        Promised::Reply(reply) => Ok(ctx.stream(|writer| writer.call_reply(reply.as_reply()))?.into()),
        Promised::Later(promise) => {
            let mut waiting = WAITING.try_borrow_mut(ctx)?;
            waiting.retain(Promise::is_pending);
            waiting.push(promise);
            Ok(Reply::Null.into())
        }
    }
}

/// CALLS.CAME
fn came<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::from(CAME.take(ctx)?))
}

/// CALLS.CANCEL
fn cancel<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let waiting = WAITING.take(ctx)?;
    let count = waiting.iter().filter(|promise| promise.is_pending()).count();
    for promise in waiting {
        promise.abort(ctx);
    }
    Ok(Reply::Int(count as i64))
}
