//! Clients that wait for anything: HW.WAIT, HW.END, HW.NOTHREAD, HW.SWAP.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis_context::{
    Args, BlockedContext, Command, CommandContext, CommandFlags, Error, ErrorReply, LoadContext, MainCell,
    Outcome, Reply, Unblocker, VerbatimFormat, thread,
};

use crate::tally::{Counted, note};

type Value = (Vec<u8>, Counted);

static WAITING: Mutex<Vec<Unblocker<Value>>> = Mutex::new(Vec::new());
static OTHER: MainCell<Option<Unblocker<()>>> = MainCell::new(None);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"hw.wait").flags(CommandFlags::BLOCKING), wait)?;
    load.command(Command::new(c"hw.end"), end)?;
    load.command(Command::new(c"hw.busy"), busy)?;
    load.command(Command::new(c"hw.nothread"), no_thread)?;
    load.command(Command::new(c"hw.swap"), swap)
}

fn lock() -> MutexGuard<'static, Vec<Unblocker<Value>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// HW.WAIT ms [HALF | NONE | PANIC | BARE | CLOSE]: the callbacks share one function, and say what they are called for.
fn wait<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let timeout = Duration::from_millis(args.next_u64()?);
    let how = args.next().map(|how| how.as_bytes().to_ascii_uppercase()).unwrap_or_default();
    let moment = |ctx: &BlockedContext<'_>, _: &Counted| note(format!("{:?}", ctx.moment()));
    let counted = [Counted::new(), Counted::new(), Counted::new(), Counted::new()];
    let [replies, times, leaves, returns] = counted;
    let block = ctx.block::<Value>().timeout(timeout);
    let block = if how == b"BARE" {
        block
    } else {
        let panics = how == b"PANIC";
        let closed = (how == b"CLOSE").then(|| ctx.client_id());
        block
            .on_reply_stream(move |ctx, (text, _counted), writer| {
                moment(ctx, &replies);
                match how.as_slice() {
                    b"HALF" => {
                        writer.array(3, |writer| {
                            writer.bulk(&text)?;
                            Err(Error::module("half-way"))
                        })?;
                    }
                    b"NONE" => return Err(ErrorReply::new("NONE", "nothing was written")),
                    b"PANIC" => panic!("in a blocked client's reply"),
                    _ => writer.array(2, |writer| {
                        writer.bulk(&text)?;
                        writer.verbatim(VerbatimFormat::Text, &text)
                    })?,
                }
                Ok(())
            })
            .on_timeout(move |ctx| {
                moment(ctx, &times);
                assert!(!panics, "in a blocked client's time-out");
                Ok(Reply::from("timeout"))
            })
            .on_disconnect(move |ctx| {
                moment(ctx, &leaves);
                closed.into_iter().for_each(|client| note_closing(ctx, client));
                assert!(!panics, "in a blocked client's disconnection");
            })
            .on_undelivered(move |ctx, (_text, _counted)| {
                let _returns = &returns;
                // This context has a client, although the one that has waited is gone.
                note(format!("undelivered in {}", ctx.selected_db()));
                assert!(!panics, "in a value that comes back");
            })
    };
    let (blocked, unblocker) = block.start()?;
    lock().push(unblocker);
    Ok(blocked.into())
}

/// Closes a client that is on its way out.
pub fn note_closing(ctx: &BlockedContext<'_>, client: u64) {
    note(format!("closed: {:?}", ctx.close_client(client).is_ok()));
}

/// HW.END every text: a thread ends each wait whose place divides by `every`, and drops the unblocker of every
/// other one of those.
fn end<'cx>(_: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let every = args.next_u64()?.max(1) as usize;
    let text = args.next_arg()?.as_bytes().to_vec();
    let work = move || {
        let mut ended = 0;
        let mut waiting = std::mem::take(&mut *lock());
        let mut kept = Vec::new();
        for (place, unblocker) in waiting.drain(..).enumerate() {
            if place % every != 0 {
                kept.push(unblocker);
                continue;
            }
            ended += 1;
            if ended % 2 == 1 { unblocker.unblock((text.clone(), Counted::new())) } else { drop(unblocker) }
        }
        lock().append(&mut kept);
    };
    thread::spawn("enders", work).map_err(|error| Error::module(error.to_string()))?;
    Ok(Reply::OK)
}

/// HW.BUSY us times [FORGET]: a thread is busy so often for so long, which is measured, and then answers.
fn busy<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let busy = Duration::from_micros(args.next_u64()?);
    let times = args.next_u64()?;
    let forgets = args.take_keyword("forget");
    let (blocked, mut unblocker) = ctx.block::<i64>().on_reply(|_, times| Ok(Reply::Int(times))).start()?;
    let work = move || {
        for _ in 0..times {
            let measured = unblocker.measure();
            std::thread::sleep(busy);
            if forgets {
                std::mem::forget(measured);
            }
        }
        unblocker.unblock(times as i64);
    };
    thread::spawn("busy", work).map_err(|error| Error::module(error.to_string()))?;
    Ok(blocked.into())
}

/// HW.NOTHREAD: blocks and takes it back.
fn no_thread<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Outcome, Error> {
    let counted = Counted::new();
    let block = ctx.block::<Counted>().on_disconnect(move |_| {
        let _counted = &counted;
        note("heard of an aborted client");
    });
    let (_blocked, unblocker) = block.start()?;
    unblocker.abort(ctx)?;
    // To the server it is still blocked.
    let again = ctx.block::<Counted>().start().err();
    Ok(Reply::from(format!("no thread, {}", again.is_some())).into())
}

/// HW.SWAP: the first keeps its unblocker; the second blocks, and aborts the first one's.
fn swap<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Outcome, Error> {
    let first = OTHER.take(ctx)?;
    let (blocked, unblocker) = ctx.block::<()>().start()?;
    match first {
        None => {
            OTHER.replace(ctx, Some(unblocker))?;
        }
        Some(first) => {
            note(format!("{:?}", first.abort(ctx)));
            unblocker.unblock(());
        }
    }
    Ok(blocked.into())
}
