//! WORK.COUNT and WORK.TOUCH: a thread that takes the server's lock now and then, and a job for the main thread.

use std::ops::ControlFlow;
use std::time::Duration;

use redis_context::{
    Arg, Args, CallFlags, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply, LoadContext,
    LockError, MainCell, MainThread, Outcome, Reply, ScanCursor, ScanProgress, ServerLock, TimerContext,
    Unblocker, thread,
};

static LOCK: MainCell<Option<ServerLock>> = MainCell::new(None);
static MAIN_THREAD: MainCell<Option<MainThread>> = MainCell::new(None);

/// The lock is unfair: between two steps of a walk the main thread has its turn.
const PAUSE: Duration = Duration::from_millis(1);

/// How many keys are looked at under the lock at once.
const STEP: usize = 100;

static COUNT: CommandInfo = CommandInfo {
    summary: Some(c"Counts the keys that begin with a prefix."),
    arity: 2,
    args: &[Arg::string(c"prefix")],
    ..CommandInfo::EMPTY
};
static TOUCH: CommandInfo = CommandInfo {
    summary: Some(c"Counts the keys that begin with a prefix and writes the number to touched:<prefix>."),
    arity: 2,
    args: &[Arg::string(c"prefix")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    LOCK.replace(load, Some(load.server_lock()?))?;
    MAIN_THREAD.replace(load, Some(load.main_thread()?))?;
    let read = CommandFlags::READONLY | CommandFlags::BLOCKING | CommandFlags::DENY_SCRIPT;
    let write = CommandFlags::WRITE | CommandFlags::BLOCKING | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"work.count").flags(read).info(&COUNT), |ctx, args| begin(ctx, args, answer))?;
    load.command(Command::new(c"work.touch").flags(write).info(&TOUCH), |ctx, args| begin(ctx, args, touch))
}

/// What the thread does with what it has found.
type Finish = fn(&MainThread, Vec<u8>, i64, Unblocker<Found>);
type Found = Result<i64, String>;

fn begin<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>, finish: Finish) -> Result<Outcome, Error> {
    let prefix = args.next_arg()?.as_bytes().to_vec();
    let not_loaded = || Error::module("the module is not loaded");
    let lock = LOCK.try_borrow(ctx)?.clone().ok_or_else(not_loaded)?;
    let main_thread = MAIN_THREAD.try_borrow(ctx)?.clone().ok_or_else(not_loaded)?;
    let block = ctx.block::<Found>().on_reply(|_, found| found.map(Reply::Int).map_err(ErrorReply::err));
    let (blocked, unblocker) = block.start()?;
    let body = move || match count(&lock, &prefix) {
        Ok(count) => finish(&main_thread, prefix, count, unblocker),
        Err(error) => unblocker.unblock(Err(error.to_string())),
    };
    // Without a thread the unblocker is dropped, which answers with an error.
    let _ = thread::spawn("count-keys", body);
    Ok(blocked.into())
}

fn answer(_: &MainThread, _: Vec<u8>, count: i64, unblocker: Unblocker<Found>) {
    unblocker.unblock(Ok(count));
}

/// What is written belongs on the main thread: a thread that waits for the lock does not hold up a pause or a failover.
fn touch(main_thread: &MainThread, prefix: Vec<u8>, count: i64, unblocker: Unblocker<Found>) {
    let key = [b"touched:", prefix.as_slice()].concat();
    // A queue that is full drops the job, and with it the unblocker.
    let _ = main_thread.post(move |ctx| unblocker.unblock(write(ctx, &key, count)));
}

fn write(ctx: &TimerContext<'_>, key: &[u8], count: i64) -> Found {
    let write = ctx.may_write_now().map_err(|not_now| not_now.to_string())?;
    let value = count.to_string();
    let set = write.call(c"SET", CallFlags::REPLICATE, &[key, value.as_bytes()]);
    set.map(|_| count).map_err(|error| error.to_string())
}

/// Walks over the keys of database 0, a few steps for each time that the lock is taken.
fn count(lock: &ServerLock, prefix: &[u8]) -> Result<i64, LockError> {
    let mut cursor = lock.run(|ctx| ScanCursor::new(ctx))?;
    let mut count = 0;
    loop {
        let progress = lock.run(|ctx| {
            let mut seen = 0;
            loop {
                let progress = cursor.step(ctx, |_, name, _| {
                    seen += 1;
                    count += i64::from(name.as_bytes().starts_with(prefix));
                    ControlFlow::Continue(())
                });
                if progress != ScanProgress::More || seen >= STEP {
                    return progress;
                }
            }
        })?;
        if progress != ScanProgress::More {
            return Ok(count);
        }
        std::thread::sleep(PAUSE);
    }
}
