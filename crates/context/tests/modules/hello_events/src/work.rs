//! Timers, jobs for the main thread, a waker and a watched descriptor: HE.TIMER, HE.POST, HE.WAKE, HE.FD.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis_context::events::{self, EventLoopEvent};
use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Context, Error, EventContext, FdWatcher,
    LoadContext, MainCell, MainThread, Readiness, Reply, Timer, TimerContext, Waker, WriteContext,
};

use crate::journal::{note, text};

static MAIN_THREAD: MainCell<Option<MainThread>> = MainCell::new(None);
static WAKER: MainCell<Option<Waker>> = MainCell::new(None);
static TIMER: MainCell<Option<Timer<String>>> = MainCell::new(None);
static WATCHER: MainCell<Option<FdWatcher>> = MainCell::new(None);
static TURNS: MainCell<Cell<(u64, u64)>> = MainCell::new(Cell::new((0, 0)));

/// What HE.GATE answers.
static GATE_IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Set by a thread that woke the event loop.
static WORK_WAITS: AtomicBool = AtomicBool::new(false);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    MAIN_THREAD.replace(load, Some(load.main_thread()?))?;
    WAKER.replace(load, Some(Waker::new(load)?))?;
    load.on::<events::EventLoop>(|ctx, event| {
        let (before, after) = TURNS.borrow(ctx).get();
        match event {
            EventLoopEvent::BeforeSleep => TURNS.borrow(ctx).set((before + 1, after)),
            EventLoopEvent::AfterSleep => {
                TURNS.borrow(ctx).set((before, after + 1));
                woken(ctx);
            }
            _ => {}
        }
    })?;
    let flags = CommandFlags::READONLY | CommandFlags::ALLOW_LOADING | CommandFlags::ALLOW_BUSY;
    load.command(Command::new(c"he.timer").flags(flags), timer)?;
    load.command(Command::new(c"he.post").flags(flags), post)?;
    load.command(Command::new(c"he.wake").flags(flags), wake)?;
    load.command(Command::new(c"he.fd").flags(flags), watch)?;
    load.command(Command::new(c"he.gate").flags(flags), gate)?;
    load.command(Command::new(c"he.note").flags(flags), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        note(ctx, text(args.next_arg()?));
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"he.turns").flags(flags), |ctx: &CommandContext<'_>, _: Args<'_>| {
        let (before, after) = TURNS.borrow(ctx).get();
        Ok::<_, Error>(Reply::array([before as i64, after as i64]))
    })
}

/// Starts one of each, as a load may.
pub fn begin(load: &LoadContext<'_>) -> Result<(), Error> {
    let soon = Duration::from_millis(20);
    Timer::start(load, soon, "at load".to_owned(), timer_fired)?.detach();
    let io = |error: std::io::Error| Error::module(error.to_string());
    let (ours, mut theirs) = UnixStream::pair().map_err(io)?;
    theirs.write_all(b"at load").map_err(io)?;
    let watcher = FdWatcher::start(load, OwnedFd::from(ours), Readiness::READABLE, |ctx, _, _| {
        note(ctx, "watched at load");
    })?;
    WATCHER.replace(load, Some(watcher))?;
    let main_thread = MAIN_THREAD.borrow(load).clone().ok_or(Error::module("not loaded"))?;
    main_thread.post(|ctx| note(ctx, "posted at load")).map_err(|full| Error::module(full.to_string()))
}

fn woken(ctx: &EventContext<'_>) {
    if WORK_WAITS.swap(false, Ordering::AcqRel) {
        if let Some(waker) = WAKER.borrow(ctx).clone() {
            waker.drain(ctx);
        }
        note(ctx, "woken");
    }
}

/// HE.TIMER START ms text | STOP | DROP | REMAINING
///
/// The texts `panic`, `stop` and `again` make the callback panic, stop its own timer, start another.
fn timer<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.take_keyword("start") {
        let after = Duration::from_millis(args.next_u64()?);
        let timer = Timer::start(ctx, after, text(args.next_arg()?), timer_fired)?;
        TIMER.replace(ctx, Some(timer))?;
        return Ok(Reply::OK);
    }
    if args.take_keyword("stop") {
        return Ok(TIMER.take(ctx)?.and_then(|timer| timer.stop(ctx)).into());
    }
    if args.take_keyword("drop") {
        return Ok(TIMER.take(ctx)?.is_some().into());
    }
    let timer = TIMER.borrow(ctx);
    let remaining = timer.as_ref().and_then(|timer| timer.remaining(ctx));
    Ok(remaining.map(|remaining| remaining.as_millis() as i64).into())
}

fn timer_fired(ctx: &TimerContext<'_>, state: String) {
    note(ctx, format!("timer {state}"));
    match state.as_str() {
        "panic" => panic!("in a timer"),
        "stop" => {
            let stopped = TIMER.take(ctx).ok().flatten().and_then(|timer| timer.stop(ctx));
            note(ctx, format!("stopping it from inside: {stopped:?}"));
        }
        "again" => {
            if let Ok(timer) = Timer::start(ctx, Duration::ZERO, "second".to_owned(), timer_fired) {
                timer.detach();
            }
        }
        _ => {}
    }
}

/// HE.POST text: a thread posts a job that notes the text, and ends before the reply. `panic` panics,
/// `incr:key` writes if it may, `unload:module` unloads another module.
fn post<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let line = text(args.next_arg()?);
    let main_thread = MAIN_THREAD.borrow(ctx).clone().ok_or(Error::module("not loaded"))?;
    let poster = std::thread::spawn(move || main_thread.post(move |ctx| posted(ctx, &line)));
    match poster.join() {
        Ok(Ok(())) => Ok(Reply::OK),
        Ok(Err(full)) => Err(Error::module(full.to_string())),
        Err(_) => Err(Error::module("the thread panicked")),
    }
}

fn posted(ctx: &TimerContext<'_>, line: &str) {
    if line == "panic" {
        note(ctx, "posted panic");
        panic!("in a posted job");
    }
    if let Some(module) = line.strip_prefix("unload:") {
        let unload = |write: WriteContext<'_>| {
            write.call(c"MODULE", CallFlags::empty(), &[b"unload", module.as_bytes()]).map(|_| ())
        };
        return note(ctx, format!("posted unload {:?}", ctx.may_write_now().map(unload)));
    }
    let Some(key) = line.strip_prefix("incr:") else {
        return note(ctx, format!("posted {line}"));
    };
    let outcome = match ctx.may_write_now() {
        Ok(write) => format!("{}", write.call(c"INCR", CallFlags::REPLICATE, &[key.as_bytes()]).is_ok()),
        Err(error) => format!("{error:?}"),
    };
    note(ctx, format!("posted incr {outcome}"));
}

/// HE.GATE [OPEN | SHUT]: whether the gate is open, for scripts that wait.
fn gate<'cx>(_ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.take_keyword("open") {
        GATE_IS_OPEN.store(true, Ordering::Release);
    } else if args.take_keyword("shut") {
        GATE_IS_OPEN.store(false, Ordering::Release);
    }
    Ok(Reply::Int(GATE_IS_OPEN.load(Ordering::Acquire).into()))
}

/// HE.WAKE: a thread wakes the event loop.
fn wake<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let waker = WAKER.borrow(ctx).clone().ok_or(Error::module("not loaded"))?;
    std::thread::spawn(move || {
        WORK_WAITS.store(true, Ordering::Release);
        waker.wake();
    });
    Ok(Reply::OK)
}

/// HE.FD text: a thread writes the text into a socket whose other end is watched. `panic` panics, `close`
/// has the watcher drop itself.
fn watch<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let line = text(args.next_arg()?);
    let (ours, theirs) = UnixStream::pair().map_err(|error| Error::module(error.to_string()))?;
    // A bit that no server knows is left out.
    let interest = Readiness::READABLE | Readiness::from_bits_retain(1 << 30);
    let seen = Rc::new(Cell::new(0_u32));
    let watcher = FdWatcher::start(ctx, OwnedFd::from(ours), interest, move |ctx, fd, _| {
        seen.set(seen.get() + 1);
        readable(ctx, fd.try_clone_to_owned().map(UnixStream::from));
    })?;
    WATCHER.replace(ctx, Some(watcher))?;
    std::thread::spawn(move || (&theirs).write_all(line.as_bytes()));
    Ok(Reply::OK)
}

fn readable(ctx: &Context<'_>, stream: std::io::Result<UnixStream>) {
    let mut buffer = [0; 64];
    let len = stream.and_then(|mut stream| stream.read(&mut buffer)).unwrap_or(0);
    let line = text(&buffer[..len]);
    note(ctx, format!("fd {line:?}"));
    assert!(line != "panic", "in a watcher");
    if line.is_empty() || line == "close" {
        let _ = WATCHER.take(ctx);
    }
}
