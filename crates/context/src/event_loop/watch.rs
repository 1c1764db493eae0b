//! Watching file descriptors.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::{add, forget};
use crate::cell::MainCell;
use crate::context::{Context, EventContext, TimerContext};
use crate::error::Error;
use crate::events::{self, EventLoop, EventLoopEvent};
use crate::guard::guard;
use crate::module::Pin;

bitflags::bitflags! {
    /// What a descriptor is watched for, and what it is ready for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Readiness: u32 {
        /// It can be read from, or the other side is gone.
        const READABLE = raw::REDISMODULE_EVENTLOOP_READABLE;
        /// It can be written to.
        const WRITABLE = raw::REDISMODULE_EVENTLOOP_WRITABLE;
    }
}

type Callback = dyn for<'cx> FnMut(&TimerContext<'cx>, BorrowedFd<'_>, Readiness);

/// A file descriptor that the event loop watches. Dropping it ends the watch and closes the descriptor.
///
/// The callback runs at the end of the turn in which the descriptor became ready, and again each turn as
/// long as it is: read or write until the system says "would block". Inside a busy script or a load it
/// waits for the end.
#[must_use = "dropping a watcher ends the watch"]
pub struct FdWatcher {
    watched: Rc<Watched>,
}

struct Watched {
    fd: OwnedFd,
    interest: Readiness,
    ready: Cell<u32>,
    callback: RefCell<Box<Callback>>,
    /// The server calls this module's code as long as the descriptor is watched.
    pin: Cell<Option<Pin>>,
}

static WATCHERS: MainCell<Vec<Weak<Watched>>> = MainCell::new(Vec::new());

/// Whether any watcher became ready, so that a turn without any costs nothing.
static ANY_READY: AtomicBool = AtomicBool::new(false);

/// What the server watches for watchers; they are forgotten.
pub(super) fn abandon(ctx: &Context<'_>) -> Vec<(RawFd, u32)> {
    SUBSCRIBED.borrow(ctx).set(false);
    let watchers = WATCHERS.take(ctx).unwrap_or_default();
    let forgotten = |watched: Rc<Watched>| {
        drop(watched.pin.take());
        (watched.fd.as_raw_fd(), watched.interest.bits())
    };
    watchers.iter().filter_map(Weak::upgrade).map(forgotten).collect()
}

static SUBSCRIBED: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));

impl FdWatcher {
    /// Watches `fd` and calls back when it is ready for any of `interest`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without the EventLoop event, [`Error::Invalid`] without an
    /// interest, [`Error::Os`] if the server's event loop has no room (`maxclients`).
    pub fn start(
        ctx: &Context<'_>,
        fd: OwnedFd,
        interest: Readiness,
        callback: impl for<'cx> FnMut(&TimerContext<'cx>, BorrowedFd<'_>, Readiness) + 'static,
    ) -> Result<Self, Error> {
        // Other bits would have the server refuse to forget the descriptor.
        let interest = interest.intersection(Readiness::all());
        if interest.is_empty() {
            return Err(Error::Invalid { what: "the interest", reason: "readable, writable or both" });
        }
        subscribe_once(ctx)?;
        let watched = Rc::new(Watched {
            fd,
            interest,
            ready: Cell::new(0),
            callback: RefCell::new(Box::new(callback)),
            pin: Cell::new(Some(Pin::new())),
        });
        let mut watchers = WATCHERS.try_borrow_mut(ctx)?;
        watchers.retain(|watcher| watcher.strong_count() > 0);
        let watcher = Self { watched };
        watcher.register()?;
        watchers.push(Rc::downgrade(&watcher.watched));
        Ok(watcher)
    }

    /// The server has one callback for reading and one for writing, each added on its own.
    fn register(&self) -> Result<(), Error> {
        let data = Rc::as_ptr(&self.watched).cast::<c_void>().cast_mut();
        for bit in self.watched.interest.iter() {
            // SAFETY: R26: the data lives until `forget`, which comes before the last handle goes; the
            // handle holds an `Rc`, so this is the main thread.
            unsafe { add(self.watched.fd.as_raw_fd(), bit.bits(), became_ready, data) }?;
        }
        Ok(())
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.watched.fd)
    }
}

impl Drop for FdWatcher {
    fn drop(&mut self) {
        // SAFETY: R26: this type is not `Send`: the main thread. A callback that is running holds an `Rc`.
        unsafe { forget(self.watched.fd.as_raw_fd(), self.watched.interest.bits()) };
        self.watched.ready.set(0);
    }
}

unsafe extern "C" fn became_ready(_fd: c_int, data: *mut c_void, mask: c_int) {
    // SAFETY: R26: the `Watched` of a watcher that is still registered, on the main thread.
    let watched = unsafe { ManuallyDrop::new(Rc::from_raw(data.cast::<Watched>().cast_const())) };
    watched.ready.set(watched.ready.get() | mask.cast_unsigned());
    ANY_READY.store(true, Ordering::Relaxed);
}

fn subscribe_once(ctx: &Context<'_>) -> Result<(), Error> {
    if SUBSCRIBED.borrow(ctx).get() {
        return Ok(());
    }
    events::subscribe::<EventLoop>(ctx, |ctx, event| {
        if event == EventLoopEvent::BeforeSleep && ANY_READY.swap(false, Ordering::Relaxed) {
            run_ready(ctx);
        }
    })?;
    SUBSCRIBED.borrow(ctx).set(true);
    Ok(())
}

/// Calls back for each watcher that became ready. Nothing is borrowed meanwhile: a callback may start and
/// drop watchers, its own too.
fn run_ready(ctx: &EventContext<'_>) {
    // SAFETY: R11: the same callback; BEFORE_SLEEP is a role that may ask to write.
    let timer = unsafe { TimerContext::from_raw(ctx.as_ptr()) };
    let watchers = WATCHERS.borrow(ctx).clone();
    for watched in watchers.iter().filter_map(Weak::upgrade) {
        let ready = Readiness::from_bits_truncate(watched.ready.replace(0));
        if !ready.is_empty() {
            guard("a file descriptor's watcher", || (), || watched.call(&timer, ready));
        }
    }
}

impl Watched {
    fn call(&self, ctx: &TimerContext<'_>, ready: Readiness) {
        let mut callback = self.callback.borrow_mut();
        (*callback)(ctx, std::os::fd::AsFd::as_fd(&self.fd), ready);
    }
}
