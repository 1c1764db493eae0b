//! Commands that block, called by the module: HW.PROMISE, HW.PROMISES.

use std::ffi::CString;

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Error, LoadContext, MainCell, Promise, Promised,
    Reply,
};

use crate::tally::{Counted, note};

static KEPT: MainCell<Vec<Promise>> = MainCell::new(Vec::new());

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let flags = CommandFlags::WRITE;
    let any_time = CommandFlags::ALLOW_BUSY | CommandFlags::ALLOW_LOADING;
    load.command(Command::new(c"hw.promise").flags(flags | any_time), promise)?;
    load.command(Command::new(c"hw.promises").flags(flags), promises)
}

/// HW.PROMISE how command ..: KEEP, DETACH, DROP, PANIC, DROPALL, UNBLOCK, USER.
fn promise<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let how = args.next_str()?.to_owned();
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let rest: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let (counted, then) = (Counted::new(), how.clone());
    let flags = if how == "USER" { CallFlags::AS_USER } else { CallFlags::REPLICATE };
    let called = ctx.call_promise(&name, flags, &rest, move |ctx, reply| {
        let _counted = &counted;
        match reply {
            Ok(reply) => note(format!("promise: {reply:?}")),
            Err(error) => note(format!("promise failed: {error:?}")),
        }
        match then.as_str() {
            "PANIC" => panic!("in the handler of a promise"),
            // The other promises wait for the same key: they are next in the list that the server walks over.
            "DROPALL" => drop(KEPT.take(ctx)),
            "UNBLOCK" => match ctx.may_write_now() {
                Ok(write) => {
                    let called = write.call(c"CLIENT", CallFlags::empty(), &[b"UNBLOCK", b"1"]);
                    note(format!("promise: {:?}", called.map(|_| ())));
                    let written = write.call(c"INCR", CallFlags::REPLICATE, &[b"handled"]);
                    note(format!("promise: {:?}", written.map(|reply| reply.to_reply())));
                }
                Err(not_now) => note(format!("promise: {not_now}")),
            },
            _ => {}
        }
    })?;
    match called {
        Promised::Reply(reply) => Ok(Reply::Array(vec!["at once".into(), reply.to_reply()])),
        Promised::Later(promise) => {
            match how.as_str() {
                "DETACH" => promise.detach(),
                "DROP" => drop(promise),
                _ => KEPT.try_borrow_mut(ctx)?.push(promise),
            }
            Ok(Reply::from("later"))
        }
    }
}

/// HW.PROMISES [ABORT]: how many are kept, how many wait.
fn promises<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let kept = KEPT.take(ctx)?;
    let counts = [kept.len(), kept.iter().filter(|promise| promise.is_pending()).count()];
    if args.take_keyword("abort") {
        kept.into_iter().for_each(|promise| promise.abort(ctx));
    } else {
        KEPT.replace(ctx, kept)?;
    }
    Ok(Reply::array(counts.map(|count| count as i64)))
}
