//! HK.RESET: empties the data set, or is refused. HK.FLUSHES: what was heard of it.

use std::cell::Cell;
use std::ops::ControlFlow;

use redis_context::events::{self, FlushDbEvent};
use redis_context::{
    AofAfterReset, Args, Command, CommandContext, CommandFlags, Error, Freeing, LoadContext, MainCell,
    NotifyFlags, Reply, ScanCursor, ScanProgress, WriteContext,
};

static FLUSHES: MainCell<Cell<i64>> = MainCell::new(Cell::new(0));
static IN_JOB: MainCell<Option<String>> = MainCell::new(None);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<events::FlushDb>(|ctx, event| {
        if matches!(event, FlushDbEvent::Ended { .. }) {
            let flushes = FLUSHES.borrow(ctx);
            flushes.set(flushes.get() + 1);
        }
    })?;
    load.subscribe(NotifyFlags::EXPIRED | NotifyFlags::STRING, |ctx, event| {
        let wanted: &[u8] = if event.class == NotifyFlags::EXPIRED { b"reset:expired" } else { b"reset:set" };
        if event.key.as_bytes() != wanted {
            return;
        }
        // A refusal here is a replica's, where nothing expires by itself.
        let _ = ctx.after(|ctx| {
            let told = ctx.may_write_now().map(|ctx| reset(&ctx, Freeing::Now, AofAfterReset::GoesOn));
            let _ = IN_JOB.replace(ctx, Some(format!("{told:?}")));
        });
    })?;
    let flags = CommandFlags::WRITE | CommandFlags::ALLOW_LOADING;
    load.command(Command::new(c"hk.reset").flags(flags), command)?;
    load.command(Command::new(c"hk.flushes").flags(CommandFlags::READONLY), flushes)
}

fn reset(ctx: &WriteContext<'_>, freeing: Freeing, aof: AofAfterReset) -> Result<(), Error> {
    ctx.reset_dataset(freeing, aof)
}

/// HK.RESET [LATER] [ANEW] [OPEN key | WALK]
fn command<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let freeing = if args.take_keyword("later") { Freeing::InBackground } else { Freeing::Now };
    let aof = if args.take_keyword("anew") { AofAfterReset::BeginsAnew } else { AofAfterReset::GoesOn };
    if args.take_keyword("walk") {
        let (mut cursor, mut told) = (ScanCursor::new(ctx), Ok(()));
        while cursor.step(ctx, |_, _, _| {
            told = reset(ctx, freeing, aof);
            ControlFlow::Break(())
        }) == ScanProgress::More
        {}
        return told.map(|()| Reply::OK);
    }
    let open = args.take_option("open")?.map(|key| ctx.open_read(key)).transpose()?;
    let told = reset(ctx, freeing, aof).map(|()| Reply::OK);
    drop(open);
    told
}

/// HK.FLUSHES: how many have ended, and what a job after the expiry of reset:expired, or after SET reset:set, was
/// told when it asked for one
fn flushes<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let in_job = IN_JOB.take(ctx)?;
    Ok(Reply::Array(vec![Reply::Int(FLUSHES.borrow(ctx).take()), in_job.into()]))
}
