//! Clients that wait: time-outs, disconnections, a thread that answers.
//!
//! `2>` is what a second client says meanwhile.
//!
//! ```text
//! > JOB.RUN 100000 30000                 # a thread counts the primes up to 100000, for 30 s at most
//! 1) "primes"
//! 2) (integer) 9592
//! > JOB.RUN 4000000000 10
//! (error) TIMEOUT the job took longer than 10 ms
//! > MULTI                                OK
//! > JOB.RUN 10 0                         QUEUED
//! > EXEC
//! 1) (error) ERR a blocking command is not allowed inside a transaction or a script
//! > INFO commandstats                    # the thread's time is part of usec
//! ..
//! cmdstat_job.run:calls=..,usec=..
//! ..
//! > JOB.WAIT 0
//! 2> JOB.TELL hello                      (integer) 1
//! "hello"
//! > JOB.STATS                            # soon: the thread looks now and then whether it is to go on
//! 1) "running"
//! 2) (integer) 0
//! 3) "timed out"
//! 4) (integer) 1
//! 5) "left"
//! 6) (integer) 0
//! 7) "in vain"
//! 8) (integer) 0
//! ```
#![forbid(unsafe_code)]

mod primes;
mod wait;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use redis_context::{
    Arg, Args, BlockedContext, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply,
    LoadContext, LogLevel, Outcome, Reply, thread,
};

redis_context::module! {
    name: "blocking",
    version: 1,
    init: init,
}

/// Threads at once.
const JOBS_MAX: i64 = 64;

/// Counted on several threads.
static RUNNING: AtomicI64 = AtomicI64::new(0);
static TIMED_OUT: AtomicI64 = AtomicI64::new(0);
static LEFT: AtomicI64 = AtomicI64::new(0);
static IN_VAIN: AtomicI64 = AtomicI64::new(0);

static RUN: CommandInfo = CommandInfo {
    summary: Some(c"Counts the primes up to a limit, in a thread."),
    complexity: Some(c"O(N*sqrt(N)) outside of the server's main thread"),
    arity: 3,
    args: &[Arg::integer(c"limit"), Arg::integer(c"milliseconds")],
    ..CommandInfo::EMPTY
};
static STATS: CommandInfo =
    CommandInfo { summary: Some(c"How the jobs fared."), arity: 1, ..CommandInfo::EMPTY };

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let flags = CommandFlags::BLOCKING | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"job.run").flags(flags).info(&RUN), run)?;
    load.command(Command::new(c"job.stats").flags(CommandFlags::FAST).info(&STATS), stats)?;
    wait::register(load)
}

/// JOB.RUN limit milliseconds
fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let limit = args.next_u64()?;
    let millis = args.next_u64()?;
    args.finish()?;
    let (blocked, mut unblocker) = ctx
        .block::<u64>()
        .timeout(Duration::from_millis(millis))
        .on_reply_stream(|_, count, writer| {
            Ok(writer.array(2, |writer| {
                writer.bulk("primes")?;
                writer.int(count as i64)
            })?)
        })
        .on_timeout(move |_| {
            TIMED_OUT.fetch_add(1, Ordering::Relaxed);
            Err(ErrorReply::new("TIMEOUT", format!("the job took longer than {millis} ms")))
        })
        .on_disconnect(left)
        .on_undelivered(|_, _| {
            IN_VAIN.fetch_add(1, Ordering::Relaxed);
        })
        .start()?;
    if RUNNING.load(Ordering::Relaxed) >= JOBS_MAX {
        // Nothing was promised to anybody yet: the client is answered here after all.
        unblocker.abort(ctx)?;
        return Err(Error::module("too many jobs are running"));
    }
    RUNNING.fetch_add(1, Ordering::Relaxed);
    let job = move || {
        let _running = Running;
        let measured = unblocker.measure();
        let count = primes::count(limit, || measured.is_client_gone());
        drop(measured);
        // A job that was given up has no result: dropping the unblocker does.
        if let Some(count) = count {
            unblocker.unblock(count);
        }
    };
    if let Err(error) = thread::spawn("primes", job) {
        // The closure is gone, and with it the unblocker, whose client gets an error.
        ctx.log(LogLevel::Warning, format!("no thread could be started: {error}"));
    }
    Ok(blocked.into())
}

/// Counts down also when the job panics.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn left(ctx: &BlockedContext<'_>) {
    ctx.log(LogLevel::Notice, "a client has left before its job was done");
    LEFT.fetch_add(1, Ordering::Relaxed);
}

/// JOB.STATS
fn stats<'cx>(_: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let count = |counter: &AtomicI64| Reply::Int(counter.load(Ordering::Relaxed));
    Ok(Reply::map([
        ("running", count(&RUNNING)),
        ("timed out", count(&TIMED_OUT)),
        ("left", count(&LEFT)),
        ("in vain", count(&IN_VAIN)),
    ]))
}
