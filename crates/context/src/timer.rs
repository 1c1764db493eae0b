//! Timers.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::context::{Context, TimerContext};
use crate::error::Error;
use crate::guard::guard;
use crate::module::is_in_transit;
use crate::provisional;

/// The longest time a timer may be set for: 100 years. The server adds it to its clock in microseconds.
pub const TIMER_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A timer that has yet to fire. Its state `T` goes to the callback when it fires, or comes back when it is
/// stopped; never both.
///
/// Dropping the handle cancels the timer: the callback will not run, and the state is dropped at once.
/// [`Timer::detach`] lets it run without a handle. For a periodic one, the callback starts the next.
/// Timers never fire inside a busy script or a load. One that is started in `init` counts from there, and is the
/// server's from the moment on when the module is loaded.
#[must_use = "dropping a timer cancels it: keep it, or detach it"]
pub struct Timer<T: 'static> {
    shared: Rc<Shared<T>>,
}

type Callback<T> = Box<dyn for<'cx> FnOnce(&TimerContext<'cx>, T)>;

/// What the handle and the server share; the server's count is given back when the timer fires or is
/// stopped. `None` once it has fired, was stopped or cancelled.
struct Shared<T> {
    pending: Cell<Option<(T, Callback<T>)>>,
    due: Instant,
    /// `None` until the server has it.
    id: Cell<Option<raw::RedisModuleTimerID>>,
}

impl<T: 'static> Shared<T> {
    fn new(pending: (T, Callback<T>), after: Duration) -> Rc<Self> {
        let pending = Cell::new(Some(pending));
        Rc::new(Self { pending, due: Instant::now() + after, id: Cell::new(None) })
    }

    fn is_pending(&self) -> bool {
        let pending = self.pending.take();
        let is_pending = pending.is_some();
        self.pending.set(pending);
        is_pending
    }

    fn remaining(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Gives the timer to the server.
    fn start(self: Rc<Self>, ctx: &Context<'_>, after: Duration) {
        let milliseconds = after.as_nanos().div_ceil(1_000_000) as i64;
        let create = required!(RedisModule_CreateTimer);
        let data = Rc::into_raw(Rc::clone(&self)).cast::<c_void>().cast_mut();
        // SAFETY: R25: a live context; the server calls `fired::<T>` once with `data`, unless it is stopped.
        let id = unsafe { create(ctx.as_ptr(), milliseconds, Some(fired::<T>), data) };
        self.id.set(Some(id));
        if is_in_transit() {
            NOTED.borrow_mut(ctx).push(id);
        }
    }
}

/// The timers that were started while the module came or went.
static NOTED: MainCell<Vec<raw::RedisModuleTimerID>> = MainCell::new(Vec::new());

impl<T: 'static> Timer<T> {
    /// Has `callback` called once, `after` from now (rounded up to milliseconds), with `state`.
    ///
    /// # Errors
    /// [`Error::Invalid`] above [`TIMER_MAX`].
    pub fn start(
        ctx: &Context<'_>,
        after: Duration,
        state: T,
        callback: impl for<'cx> FnOnce(&TimerContext<'cx>, T) + 'static,
    ) -> Result<Self, Error> {
        if after > TIMER_MAX {
            return Err(Error::Invalid { what: "the timer's time", reason: "at most 100 years" });
        }
        let shared = Shared::new((state, Box::new(callback) as Callback<T>), after);
        let servers = Rc::clone(&shared);
        if provisional::puts_off() {
            let later = move |ctx: &Context<'_>| {
                let is_pending = servers.is_pending();
                if is_pending {
                    let remaining = servers.remaining();
                    servers.start(ctx, remaining);
                }
                is_pending
            };
            provisional::put_off(ctx, Box::new(later));
        } else {
            servers.start(ctx, after);
        }
        Ok(Self { shared })
    }

    /// Stops the timer and gives its state back; `None` if it has fired, which includes "is firing now".
    pub fn stop(self, ctx: &Context<'_>) -> Option<T> {
        let (state, _) = self.shared.pending.take()?;
        let Some(id) = self.shared.id.get() else { return Some(state) };
        let stop = required!(RedisModule_StopTimer);
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: R25: it is pending, so the server still has it: not in its own callback, where stopping
        // it would free it twice (moduleTimerHandler).
        let status = unsafe { stop(ctx.as_ptr(), id, &raw mut data) };
        if status == raw::REDISMODULE_OK as i32 {
            // SAFETY: R25: the count that `start` gave to the server, which no longer has it.
            drop(unsafe { Rc::from_raw(data.cast::<Shared<T>>().cast_const()) });
        }
        Some(state)
    }

    /// Lets the timer run without a handle.
    pub fn detach(self) {
        let timer = std::mem::ManuallyDrop::new(self);
        // SAFETY: R25: read once; `timer` is not dropped.
        drop(unsafe { ptr::read(&raw const timer.shared) });
    }

    /// Whether the timer will still fire.
    pub fn is_pending(&self) -> bool {
        self.shared.is_pending()
    }

    /// How long until it fires; `None` once it has fired.
    pub fn remaining(&self, ctx: &Context<'_>) -> Option<Duration> {
        if !self.is_pending() {
            return None;
        }
        let Some(id) = self.shared.id.get() else { return Some(self.shared.remaining()) };
        let info = required!(RedisModule_GetTimerInfo);
        let mut remaining: u64 = 0;
        // SAFETY: R25: a pending timer; its data is not asked for.
        let status = unsafe { info(ctx.as_ptr(), id, &raw mut remaining, ptr::null_mut()) };
        (status == raw::REDISMODULE_OK as i32).then(|| Duration::from_millis(remaining))
    }
}

impl<T> Drop for Timer<T> {
    fn drop(&mut self) {
        drop(self.shared.pending.take());
    }
}

/// Forgets which timers were started, for the module stays.
pub(crate) fn keep(ctx: &Context<'_>) {
    drop(NOTED.take(ctx));
}

/// Stops the timers that a module has started in a load that failed, or at its end: no server does, and they
/// would fire into code that is gone. Their states are leaked, for nobody knows their types any more.
pub(crate) fn abandon(ctx: &Context<'_>) {
    let stop = required!(RedisModule_StopTimer);
    for id in NOTED.take(ctx).unwrap_or_default() {
        // SAFETY: R25: none has fired, for the event loop has not turned since; one that the module has stopped
        // is not found.
        unsafe { stop(ctx.as_ptr(), id, ptr::null_mut()) };
    }
}

unsafe extern "C" fn fired<T: 'static>(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    guard(
        "a timer",
        || (),
        || {
            // SAFETY: R25: the count that `start` gave to the server, which calls this once.
            let shared = unsafe { Rc::from_raw(data.cast::<Shared<T>>().cast_const()) };
            // SAFETY: R11: the context of this timer.
            let ctx = unsafe { TimerContext::from_raw(ctx) };
            if let Some((state, callback)) = shared.pending.take() {
                callback(&ctx, state);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Noted(Rc<Cell<u32>>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    fn handle(drops: &Rc<Cell<u32>>) -> (Timer<Noted>, Rc<Shared<Noted>>) {
        let callback: Callback<Noted> = Box::new(|_, _| ());
        let shared = Shared::new((Noted(Rc::clone(drops)), callback), Duration::from_secs(1));
        (Timer { shared: Rc::clone(&shared) }, shared)
    }

    #[test]
    fn dropping_the_handle_drops_the_state_once() {
        let drops = Rc::new(Cell::new(0));
        let (timer, servers) = handle(&drops);
        assert!(timer.is_pending());
        drop(timer);
        assert_eq!(drops.get(), 1);
        drop(servers);
        assert_eq!(drops.get(), 1);
    }

    #[test]
    fn a_detached_timer_keeps_its_state_until_the_server_gives_it_up() {
        let drops = Rc::new(Cell::new(0));
        let (timer, servers) = handle(&drops);
        timer.detach();
        assert_eq!((drops.get(), Rc::strong_count(&servers)), (0, 1));
        drop(servers);
        assert_eq!(drops.get(), 1);
    }
}
