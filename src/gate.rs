//! The gate: may work that no client asked for write now?
//!
//! A write while the server is paused aborts it, a write while it loads or runs a script corrupts what it
//! does, and a write without memory evicts the user's keys. Closed, the gate costs nothing: the event loop
//! sleeps, and a timer looks again.

use std::cell::Cell;
use std::time::Duration;

use redis_context::{Context, ContextFlags, EventContext, MainCell, NotNow, Timer, Waker, WriteContext};

/// Why nothing may be applied now. Shown by MIRROR.STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The server says so.
    NotNow(NotNow),
    /// `maxmemory` is reached.
    Memory,
}

/// How long a closed gate stays unvisited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

static PARKED: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));

/// A context that writes, or why there is none.
pub fn open<'cx>(ctx: &EventContext<'cx>) -> Result<WriteContext<'cx>, Closed> {
    let write = ctx.may_write_now().map_err(Closed::NotNow)?;
    if ctx.flags().contains(ContextFlags::OOM) {
        return Err(Closed::Memory);
    }
    Ok(write)
}

/// The same for a walk that a client waits for: it deletes at most, which a server without memory needs.
pub fn open_to_walk<'cx>(ctx: &EventContext<'cx>) -> Result<WriteContext<'cx>, Closed> {
    ctx.may_write_now().map_err(Closed::NotNow)
}

/// One word on whether work may write: `open`, or why not.
pub fn state(ctx: &Context<'_>) -> &'static str {
    let flags = ctx.flags();
    if flags.intersects(ContextFlags::LOADING | ContextFlags::ASYNC_LOADING) {
        "loading"
    } else if flags.contains(ContextFlags::REPLICA) {
        "replica"
    } else if flags.contains(ContextFlags::OOM) {
        "memory"
    } else if PARKED.borrow(ctx).get() {
        "paused-writes"
    } else {
        "open"
    }
}

/// Has the loop woken later: no event tells when a pause or a lack of memory ends.
pub fn look_again(ctx: &Context<'_>, waker: &Waker) {
    if PARKED.borrow(ctx).replace(true) {
        return;
    }
    let started = Timer::start(ctx, LOOK_AGAIN, waker.clone(), |ctx, waker| {
        PARKED.borrow(ctx).set(false);
        waker.wake();
    });
    match started {
        Ok(timer) => timer.detach(),
        Err(_) => PARKED.borrow(ctx).set(false),
    }
}
