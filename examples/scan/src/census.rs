//! CENSUS: counts the keys of database 0 without keeping the server: one step of the walk at each tick of a timer.

use std::ops::ControlFlow;
use std::time::Duration;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Context, Error, LoadContext, LogLevel,
    MainCell, Reply, ScanCursor, ScanProgress, Timer, TimerContext,
};

/// How long the server is left alone between two steps.
const PAUSE: Duration = Duration::from_millis(1);

static CENSUS: CommandInfo = CommandInfo {
    summary: Some(c"Counts the keys a few at a time."),
    arity: 2,
    args: &[Arg::one_of(c"action", &[Arg::word(c"start", c"START"), Arg::word(c"result", c"RESULT")])],
    ..CommandInfo::EMPTY
};

#[derive(Clone, Copy, Default)]
struct Census {
    is_running: bool,
    keys: i64,
}

static LATEST: MainCell<Census> = MainCell::new(Census { is_running: false, keys: 0 });

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let command = Command::new(c"census").flags(CommandFlags::READONLY).info(&CENSUS);
    load.command(command, census)
}

fn census<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.take_keyword("start") {
        if LATEST.borrow(ctx).is_running {
            return Err(Error::module("a census is running"));
        }
        continue_later(ctx, ScanCursor::new(ctx))?;
        LATEST.replace(ctx, Census { is_running: true, keys: 0 })?;
        return Ok(Reply::OK);
    }
    if !args.take_keyword("result") {
        return Err(Error::Syntax);
    }
    let Census { is_running, keys } = *LATEST.borrow(ctx);
    Ok(Reply::Array(vec![if is_running { "running" } else { "done" }.into(), Reply::Int(keys)]))
}

/// The cursor is the timer's: it is freed with the timer, should the module go.
fn continue_later(ctx: &Context<'_>, cursor: ScanCursor) -> Result<(), Error> {
    Timer::start(ctx, PAUSE, cursor, tick).map(Timer::detach)
}

fn tick(ctx: &TimerContext<'_>, mut cursor: ScanCursor) {
    let mut keys = 0;
    let progress = cursor.step(ctx, |_, _, _| {
        keys += 1;
        ControlFlow::Continue(())
    });
    let next = match progress {
        ScanProgress::More => continue_later(ctx, cursor),
        ScanProgress::Done | ScanProgress::Stopped => Ok(()),
    };
    let mut latest = LATEST.borrow_mut(ctx);
    latest.keys += keys;
    latest.is_running = progress == ScanProgress::More && next.is_ok();
    if let Err(error) = next {
        ctx.log(LogLevel::Warning, format!("the census ends: {error}"));
    }
}
