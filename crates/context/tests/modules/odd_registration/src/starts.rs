//! What goes on after `init`: timers, threads, descriptors.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis_context::LogLevel;
use redis_context::{
    Command, Error, FdWatcher, FilterScope, LoadContext, LockError, MainCell, NotifyFlags, Readiness, Timer,
    UnloadContext, Waker, events, log, thread,
};

static FIRED: AtomicU64 = AtomicU64::new(0);
static MAY_LEAVE: AtomicBool = AtomicBool::new(true);
static WATCHER: MainCell<Option<FdWatcher>> = MainCell::new(None);
static WAKER: MainCell<Option<Waker>> = MainCell::new(None);
static TIMER: MainCell<Option<Timer<u64>>> = MainCell::new(None);

/// Its `Drop` panics once, as what listeners hold may.
struct Grudge(Cell<bool>);

impl Drop for Grudge {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.0.take() {
            panic!("dropped");
        }
    }
}

pub fn start(load: &LoadContext<'_>, what: &str) -> Result<(), Error> {
    match what {
        "TIMER" => timers(load),
        "THREAD" => spawn("", || wait(150)),
        "LOCK" => lock(load),
        "JOB" => jobs(load),
        "WATCHER" => watch(load),
        "WAKER" => {
            WAKER.replace(load, Some(Waker::new(load)?))?;
            Ok(())
        }
        "GRUDGE" => grudges(load),
        "COVER" => cover(load),
        "STAY" => {
            MAY_LEAVE.store(false, Ordering::Relaxed);
            Ok(())
        }
        "FIRED" => load.command(Command::new(c"odd.fired"), |_, _| {
            Ok::<_, Error>(FIRED.load(Ordering::Relaxed).cast_signed())
        }),
        _ => Err(Error::Syntax),
    }
}

fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::spawn(name, body).map(drop).map_err(|error| Error::module(error.to_string()))
}

/// One that runs, one that is stopped, one that is cancelled, one far away, and one that is kept.
fn timers(load: &LoadContext<'_>) -> Result<(), Error> {
    let started = |after, state| {
        Timer::start(load, Duration::from_millis(after), state, |_, state| {
            FIRED.fetch_add(state, Ordering::Relaxed);
        })
    };
    started(0, 1)?.detach();
    started(1, 10)?.detach();
    let stopped = started(0, 100)?;
    assert!(stopped.is_pending() && stopped.remaining(load).is_some());
    assert_eq!(stopped.stop(load), Some(100));
    drop(started(0, 1000)?);
    started(1_000_000, 10_000)?.detach();
    TIMER.replace(load, Some(started(2_000_000, 100_000)?))?;
    Ok(())
}

fn lock(load: &LoadContext<'_>) -> Result<(), Error> {
    let lock = load.server_lock()?;
    spawn("locker", move || {
        let outcome = lock.run(|ctx| ctx.log(LogLevel::Warning, "odd: under the lock"));
        if outcome == Err(LockError::ModuleGone) {
            log(LogLevel::Warning, "odd: the lock is gone");
        }
        wait(200);
        let _ = lock.run(|ctx| ctx.log(LogLevel::Warning, "odd: under the lock again"));
    })
}

fn jobs(load: &LoadContext<'_>) -> Result<(), Error> {
    let main = load.main_thread()?;
    spawn("poster", move || {
        for _ in 0..20 {
            let _ = main.post(|_| {
                FIRED.fetch_add(1_000_000, Ordering::Relaxed);
            });
            wait(10);
        }
    })
}

fn watch(load: &LoadContext<'_>) -> Result<(), Error> {
    let (ours, theirs) = UnixStream::pair().map_err(|error| Error::module(error.to_string()))?;
    drop(theirs);
    let watcher = FdWatcher::start(load, OwnedFd::from(ours), Readiness::READABLE, |_, _, _| ())?;
    WATCHER.replace(load, Some(watcher))?;
    Ok(())
}

fn grudges(load: &LoadContext<'_>) -> Result<(), Error> {
    let grudge = || Rc::new(Grudge(Cell::new(true)));
    let held = grudge();
    load.on::<events::FlushDb>(move |_, _| drop(Rc::clone(&held)))?;
    for _ in 0..2 {
        let held = grudge();
        load.filter_commands(FilterScope::All, move |_| drop(Rc::clone(&held)))?.keep();
        let held = grudge();
        load.subscribe(NotifyFlags::GENERIC, move |_, _| drop(Rc::clone(&held)))?;
    }
    let held = grudge();
    Timer::start(load, Duration::ZERO, held, |_, _| ()).map(Timer::detach)?;
    Ok(())
}

/// Has nobody see the users: ACL LIST becomes a command that answers as if there were none.
fn cover(load: &LoadContext<'_>) -> Result<(), Error> {
    let filter = load.filter_commands(FilterScope::All, |command| {
        if command.is("ACL") && command.arg(1).is_some_and(|arg| arg.as_bytes().eq_ignore_ascii_case(b"LIST"))
        {
            for (position, arg) in ["SMEMBERS", "nothing"].into_iter().enumerate() {
                assert_eq!(command.replace(position, arg), Ok(()));
            }
        }
    });
    filter?.keep();
    Ok(())
}

pub fn deinit(_ctx: &UnloadContext<'_>) -> Result<(), Error> {
    if MAY_LEAVE.swap(true, Ordering::Relaxed) { Ok(()) } else { Err(Error::module("it would rather stay")) }
}
