//! OW.ALL word: a timer, a job, a watched descriptor, a thread under the lock; each notes the word and writes if it may.
//! OW.GATE, for scripts that wait.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis_context::events::{self, EventLoopEvent};
use redis_context::{
    Args, CallFlags, Command, CommandContext, Context, Error, FdWatcher, LoadContext, MainCell, MainThread,
    NotNow, Readiness, Reply, Timer, WriteContext, thread,
};

use crate::lock::LOCK;
use crate::{ANY, note};

static MAIN_THREAD: MainCell<Option<MainThread>> = MainCell::new(None);
static WATCHER: MainCell<Option<FdWatcher>> = MainCell::new(None);

/// What the next EventLoop event is to note.
static EVENT_WORD: MainCell<Option<String>> = MainCell::new(None);
static GATE_IS_OPEN: AtomicBool = AtomicBool::new(false);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    MAIN_THREAD.replace(load, Some(load.main_thread()?))?;
    load.on::<events::EventLoop>(|ctx, event| {
        let word =
            if event == EventLoopEvent::AfterSleep { EVENT_WORD.take(ctx).ok().flatten() } else { None };
        if let Some(word) = word {
            ran(ctx, "event", &word, ctx.may_write_now());
        }
    })?;
    load.on::<events::Loading>(|ctx, event| note(ctx, format!("loading {event:?}")))?;
    load.command(Command::new(c"ow.gate").flags(ANY), |_: &CommandContext<'_>, mut args: Args<'_>| {
        if !args.is_empty() {
            GATE_IS_OPEN.store(args.take_keyword("open"), Ordering::Release);
        }
        Ok::<_, Error>(Reply::Int(GATE_IS_OPEN.load(Ordering::Acquire).into()))
    })?;
    load.command(Command::new(c"ow.note").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        note(ctx, args.next_str()?);
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"ow.all").flags(ANY), all)
}

fn ran(ctx: &Context<'_>, what: &str, word: &str, may: Result<WriteContext<'_>, NotNow>) {
    let wrote = match may {
        Ok(write) => format!("{}", write.call(c"INCR", CallFlags::REPLICATE, &[b"ow"]).is_ok()),
        Err(error) => format!("{error:?}"),
    };
    note(ctx, format!("{what} {word} {wrote}"));
}

fn all<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let word = args.next_str()?.to_owned();
    Timer::start(ctx, Duration::ZERO, word.clone(), |ctx, word| {
        ran(ctx, "timer", &word, ctx.may_write_now())
    })?
    .detach();
    let main_thread = MAIN_THREAD.borrow(ctx).clone().ok_or_else(|| Error::module("not loaded"))?;
    let posted = word.clone();
    let post = main_thread.post(move |ctx| ran(ctx, "job", &posted, ctx.may_write_now()));
    post.map_err(|full| Error::module(full.to_string()))?;
    EVENT_WORD.replace(ctx, Some(word.clone()))?;
    watch(ctx, word.clone())?;
    let lock = LOCK.borrow(ctx).clone().ok_or_else(|| Error::module("not loaded"))?;
    let under_lock = move || {
        let _ = lock.run(|ctx| ran(ctx, "lock", &word, ctx.may_write_now()));
    };
    thread::spawn("under-lock", under_lock).map_err(|error| Error::module(error.to_string()))?;
    Ok(Reply::OK)
}

fn watch(ctx: &CommandContext<'_>, word: String) -> Result<(), Error> {
    let io = |error: std::io::Error| Error::module(error.to_string());
    let (ours, mut theirs) = UnixStream::pair().map_err(io)?;
    theirs.write_all(b"x").map_err(io)?;
    let mut ours_too = ours.try_clone().map_err(io)?;
    let watcher = FdWatcher::start(ctx, OwnedFd::from(ours), Readiness::READABLE, move |ctx, _, _| {
        let mut buffer = [0; 1];
        if ours_too.read(&mut buffer).is_ok_and(|len| len == 1) {
            ran(ctx, "fd", &word, ctx.may_write_now());
        }
        let _ = WATCHER.take(ctx);
    })?;
    WATCHER.replace(ctx, Some(watcher))?;
    Ok(())
}

pub fn gate_is_open() -> bool {
    GATE_IS_OPEN.load(Ordering::Acquire)
}
