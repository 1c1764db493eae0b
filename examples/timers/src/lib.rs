//! Timers: once, periodic, stopped, asked.
//!
//! ```text
//! > TIMER.ONCE 60000 hello             (integer) 1       # in a minute
//! > TIMER.LEFT 1                       (integer) ..      # milliseconds
//! > TIMER.STOP 1                       "hello"           # its text comes back
//! > TIMER.STOP 1                       (nil)
//! > TIMER.EVERY 100 ticks              (integer) 2       # adds 1 to the key `ticks`, ten times a second
//! > GET ticks                          ".."              # soon
//! > TIMER.STOP 2                       "ticks"
//! ```
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use redis_context::{
    Arg, Args, CallFlags, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, LogLevel,
    MainCell, Reply, Timer, TimerContext,
};

redis_context::module! {
    name: "timers",
    version: 1,
    init: init,
}

/// Timers at once.
const TIMERS_MAX: usize = 10_000;
/// A periodic timer that fired more often would leave the server little time for clients.
const PERIOD_MIN: u64 = 10;

/// A timer's state goes to its callback, or comes back when it is stopped.
struct Job {
    id: i64,
    text: String,
    period: Option<Duration>,
}

#[derive(Default)]
struct Timers {
    last_id: i64,
    pending: BTreeMap<i64, Timer<Job>>,
}

static TIMERS: MainCell<Timers> = MainCell::new(Timers { last_id: 0, pending: BTreeMap::new() });

static ONCE: CommandInfo = CommandInfo {
    summary: Some(c"Logs a text once the time is over."),
    arity: 3,
    args: &[Arg::integer(c"milliseconds"), Arg::string(c"text")],
    ..CommandInfo::EMPTY
};
static EVERY: CommandInfo = CommandInfo {
    summary: Some(c"Adds 1 to a key again and again."),
    arity: 3,
    args: &[Arg::integer(c"milliseconds"), Arg::key(c"key", 0)],
    ..CommandInfo::EMPTY
};
static LEFT: CommandInfo = CommandInfo {
    summary: Some(c"Milliseconds until a timer fires."),
    arity: 2,
    args: &[Arg::integer(c"timer")],
    ..CommandInfo::EMPTY
};
static STOP: CommandInfo = CommandInfo {
    summary: Some(c"Stops a timer and answers its text."),
    arity: 2,
    args: &[Arg::integer(c"timer")],
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"timer.once").info(&ONCE), once)?;
    let write = CommandFlags::WRITE | CommandFlags::DENY_OOM;
    load.command(Command::new(c"timer.every").flags(write).keys(2, 2, 1).info(&EVERY), every)?;
    load.command(Command::new(c"timer.left").flags(CommandFlags::FAST).info(&LEFT), left)?;
    load.command(Command::new(c"timer.stop").flags(CommandFlags::FAST).info(&STOP), stop)
}

/// TIMER.ONCE milliseconds text
fn once<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let after = Duration::from_millis(args.next_u64()?);
    let text = args.next_str()?.to_owned();
    args.finish()?;
    start_new(ctx, after, text, None)
}

/// TIMER.EVERY milliseconds key
fn every<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let period = Duration::from_millis(args.next_u64()?.max(PERIOD_MIN));
    let text = args.next_str()?.to_owned();
    args.finish()?;
    start_new(ctx, period, text, Some(period))
}

fn start_new(
    ctx: &CommandContext<'_>,
    after: Duration,
    text: String,
    period: Option<Duration>,
) -> Result<i64, Error> {
    let mut timers = TIMERS.try_borrow_mut(ctx)?;
    if timers.pending.len() >= TIMERS_MAX {
        return Err(Error::module("too many timers are running"));
    }
    timers.last_id += 1;
    let id = timers.last_id;
    let timer = Timer::start(ctx, after, Job { id, text, period }, fired)?;
    timers.pending.insert(id, timer);
    Ok(id)
}

fn fired(ctx: &TimerContext<'_>, job: Job) {
    let (id, after) = (job.id, job.period);
    match after {
        None => ctx.log(LogLevel::Notice, format!("timer {id}: {}", job.text)),
        Some(_) => tick(ctx, &job.text),
    }
    let mut timers = TIMERS.borrow_mut(ctx);
    timers.pending.remove(&id);
    // A periodic timer is one that its own callback starts again.
    let next = after.map(|after| Timer::start(ctx, after, job, fired));
    if let Some(Ok(next)) = next {
        timers.pending.insert(id, next);
    }
}

/// Nobody has asked for this write, so it is not always allowed: a tick is left out while the server is paused, loads
/// or is a replica.
fn tick(ctx: &TimerContext<'_>, key: &str) {
    let added = match ctx.may_write_now() {
        Ok(write) => write.call(c"INCR", CallFlags::REPLICATE, &[key.as_bytes()]).map(|_| ()),
        Err(not_now) => return ctx.log(LogLevel::Verbose, format!("no tick: {not_now}")),
    };
    if let Err(error) = added {
        ctx.log(LogLevel::Warning, format!("no tick: {error}"));
    }
}

/// TIMER.LEFT timer
fn left<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let timers = TIMERS.try_borrow(ctx)?;
    let left = timers.pending.get(&args.next_i64()?).and_then(|timer| timer.remaining(ctx));
    Ok(left.map(|left| left.as_millis() as i64).into())
}

/// TIMER.STOP timer
fn stop<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let id = args.next_i64()?;
    let timer = TIMERS.try_borrow_mut(ctx)?.pending.remove(&id);
    Ok(timer.and_then(|timer| timer.stop(ctx)).map(|job| job.text).into())
}
