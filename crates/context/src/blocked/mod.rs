//! Clients that wait for an answer.
//!
//! ```text
//! handler   ctx.block::<T>().on_reply(..).start()  -->  Blocked     returned by the handler
//!                                                   \-> Unblocker   kept, or sent to a thread
//! later     unblocker.unblock(value)               -->  on_reply(ctx, value)    -> the answer
//!           the time is over, or CLIENT UNBLOCK     -->  on_timeout(ctx)         -> the answer
//!           the client is gone                      -->  on_disconnect(ctx)
//! ```
//!
//! The server frees a blocked client's record only after it was unblocked, also when the client timed out
//! or left long ago. The `Unblocker` sees to that: it unblocks when it is dropped, at the latest.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::context::{BlockedContext, CommandContext, Context};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::outcome::{ErrorReply, Outcome};
use crate::reply::{Reply, ReplyWriter};
use crate::timer::TIMER_MAX;

type OnReply<T> = Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>, T) -> Result<Reply, ErrorReply>>;
type OnTimeout = Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>) -> Result<Reply, ErrorReply>>;
type OnDisconnect = Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>)>;

/// The proof that a command's client is blocked, which the handler returns instead of a reply.
#[must_use = "return it from the handler"]
pub struct Blocked(PhantomData<*const ()>);

impl From<Blocked> for Outcome {
    fn from(_: Blocked) -> Self {
        Self::answered()
    }
}

/// How a client is to be blocked. Made by [`CommandContext::block`].
#[must_use = "start() blocks the client"]
pub struct BlockBuilder<'c, 'cx, T: Send + 'static> {
    ctx: &'c CommandContext<'cx>,
    timeout: Duration,
    callbacks: Callbacks<T>,
}

/// What runs on the main thread when the wait ends; each at most once.
struct Callbacks<T> {
    on_reply: Cell<Option<OnReply<T>>>,
    on_timeout: Cell<Option<OnTimeout>>,
    on_disconnect: Cell<Option<OnDisconnect>>,
    client_gone: Arc<AtomicBool>,
}

impl<'cx> CommandContext<'cx> {
    /// Blocks this command's client until `T` is there; see [`BlockBuilder`].
    pub fn block<T: Send + 'static>(&self) -> BlockBuilder<'_, 'cx, T> {
        let callbacks = Callbacks {
            on_reply: Cell::new(None),
            on_timeout: Cell::new(None),
            on_disconnect: Cell::new(None),
            client_gone: Arc::new(AtomicBool::new(false)),
        };
        BlockBuilder { ctx: self, timeout: Duration::ZERO, callbacks }
    }
}

impl<T: Send + 'static> BlockBuilder<'_, '_, T> {
    /// How long the client waits at most, rounded up to milliseconds. Zero, the default, is for ever.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes the answer out of what [`Unblocker::unblock`] is given. Without it the answer is null. A panic
    /// is answered with an error.
    pub fn on_reply(
        self,
        make: impl for<'cx> FnOnce(&BlockedContext<'cx>, T) -> Result<Reply, ErrorReply> + 'static,
    ) -> Self {
        self.callbacks.on_reply.set(Some(Box::new(make)));
        self
    }

    /// Makes the answer when the time is over or someone says CLIENT UNBLOCK .. TIMEOUT. Without it the
    /// answer is null. A panic is answered with an error.
    pub fn on_timeout(
        self,
        make: impl for<'cx> FnOnce(&BlockedContext<'cx>) -> Result<Reply, ErrorReply> + 'static,
    ) -> Self {
        self.callbacks.on_timeout.set(Some(Box::new(make)));
        self
    }

    /// Hears that the client left, was killed, or was unblocked with CLIENT UNBLOCK .. ERROR (which the
    /// server answers itself).
    pub fn on_disconnect(self, hear: impl for<'cx> FnOnce(&BlockedContext<'cx>) + 'static) -> Self {
        self.callbacks.on_disconnect.set(Some(Box::new(hear)));
        self
    }

    /// Blocks the client.
    ///
    /// # Errors
    /// [`Error::BlockingDenied`] inside MULTI, a script, or another module's call: answer at once, or
    /// return the error. [`Error::AlreadyAnswered`] if the client is blocked or answered.
    /// [`Error::Invalid`] for a time above [`TIMER_MAX`].
    pub fn start(self) -> Result<(Blocked, Unblocker<T>), Error> {
        if self.ctx.is_answer_started() {
            return Err(Error::AlreadyAnswered);
        }
        if is_blocking_denied(self.ctx) {
            return Err(Error::BlockingDenied);
        }
        let milliseconds = milliseconds(self.timeout)?;
        detached::prepare(self.ctx);
        let client_gone = Arc::clone(&self.callbacks.client_gone);
        let handle = block_client::<T>(self.ctx, milliseconds)?;
        self.ctx.start_answer()?;
        WAITING.borrow_mut(self.ctx).insert(handle.as_ptr().addr(), Rc::new(self.callbacks));
        Ok((Blocked(PhantomData), Unblocker { handle, client_gone, value: None }))
    }
}

/// Asks before the server is asked: it would answer the client itself (moduleBlockClient).
fn is_blocking_denied(ctx: &Context<'_>) -> bool {
    let flags = required!(RedisModule_GetContextFlags);
    let denied = raw::REDISMODULE_CTX_FLAGS_LUA
        | raw::REDISMODULE_CTX_FLAGS_MULTI
        | raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING;
    // SAFETY: R11: a live context.
    unsafe { flags(ctx.as_ptr()) }.cast_unsigned() & denied != 0
}

fn milliseconds(timeout: Duration) -> Result<i64, Error> {
    if timeout > TIMER_MAX {
        return Err(Error::Invalid { what: "the time to wait", reason: "at most 100 years" });
    }
    Ok(timeout.as_nanos().div_ceil(1_000_000) as i64)
}

fn block_client<T: Send + 'static>(
    ctx: &CommandContext<'_>,
    milliseconds: i64,
) -> Result<NonNull<raw::RedisModuleBlockedClient>, Error> {
    let block = required!(RedisModule_BlockClient);
    // SAFETY: R28: a command's context, which may block; the callbacks are functions of this module, all of
    // them for the same `T`.
    let handle = unsafe {
        block(ctx.as_ptr(), Some(replied::<T>), Some(timed_out::<T>), Some(freed::<T>), milliseconds)
    };
    let handle = NonNull::new(handle)
        .ok_or(Error::Refused { function: "RedisModule_BlockClient", reason: "it blocked nothing" })?;
    let set_disconnect = required!(RedisModule_SetDisconnectCallback);
    // SAFETY: R28: the handle that was just made.
    unsafe { set_disconnect(handle.as_ptr(), Some(disconnected::<T>)) };
    Ok(handle)
}

/// Ends the wait of one client, once, from any thread. Dropping it ends the wait with an error reply. If
/// the client has timed out or left, nothing is sent and the value is dropped on the main thread.
#[must_use = "dropping it answers the client with an error"]
pub struct Unblocker<T: Send + 'static> {
    handle: NonNull<raw::RedisModuleBlockedClient>,
    client_gone: Arc<AtomicBool>,
    /// Set by `unblock`; delivered when this is dropped.
    value: Option<T>,
}

// SAFETY: R28: RM_UnblockClient may be called from any thread (it takes its own lock); the value is `Send`.
unsafe impl<T: Send + 'static> Send for Unblocker<T> {}
// SAFETY: R28: a shared reference only reads the flag; the value is out of its reach.
unsafe impl<T: Send + 'static> Sync for Unblocker<T> {}

impl<T: Send + 'static> Unblocker<T> {
    /// Ends the wait: the client gets what `on_reply` makes of `value`.
    pub fn unblock(mut self, value: T) {
        self.value = Some(value);
    }

    /// Whether nobody waits any more: the client timed out or left. Work for it can stop.
    pub fn is_client_gone(&self) -> bool {
        self.client_gone.load(Ordering::Acquire)
    }
}

impl<T: Send + 'static> Drop for Unblocker<T> {
    fn drop(&mut self) {
        let delivery = Delivery { value: Cell::new(self.value.take()), handle: self.handle.as_ptr().addr() };
        let data = Box::into_raw(Box::new(delivery));
        let unblock = required!(RedisModule_UnblockClient);
        // SAFETY: R28: the handle is live until it is unblocked, which happens here only, once; the server
        // gives `data` to `replied` and then to `freed`.
        unsafe { unblock(self.handle.as_ptr(), data.cast()) };
    }
}

/// What travels with the unblocking; `None` when the `Unblocker` was dropped.
struct Delivery<T> {
    value: Cell<Option<T>>,
    handle: usize,
}

/// The clients that are blocked, by the address of the server's record, from `start` until it is freed.
/// The server passes nothing else to the time-out's callback (its private data comes with the
/// unblocking, before Redis 7.2).
static WAITING: MainCell<BTreeMap<usize, Rc<dyn Any>>> = MainCell::new(BTreeMap::new());

fn callbacks<T: 'static>(ctx: &Context<'_>, handle: usize) -> Option<Rc<Callbacks<T>>> {
    let waiting = WAITING.borrow(ctx).get(&handle).cloned()?;
    waiting.downcast().ok()
}

unsafe extern "C" fn replied<T: Send + 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    let make = |ctx: &BlockedContext<'_>| {
        let data = required!(RedisModule_GetBlockedClientPrivateData);
        // SAFETY: R28: what the `Unblocker` passed, alive until `freed`.
        let delivery = unsafe { &*data(ctx.as_ptr()).cast::<Delivery<T>>() };
        let Some(value) = delivery.value.take() else {
            return Err(ErrorReply::err("the module gave this request up"));
        };
        let on_reply = callbacks::<T>(ctx, delivery.handle).and_then(|found| found.on_reply.take());
        on_reply.map_or(Ok(Reply::Null), |make| make(ctx, value))
    };
    // SAFETY: R28: the context of this callback, which owes its client one reply.
    unsafe { answer(ctx, "the reply of a blocked client", make) }
}

unsafe extern "C" fn timed_out<T: Send + 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    let make = |ctx: &BlockedContext<'_>| {
        let handle = required!(RedisModule_GetBlockedClientHandle);
        // SAFETY: R28: a blocked client's context; only the address is used.
        let handle = unsafe { handle(ctx.as_ptr()) }.addr();
        let Some(found) = callbacks::<T>(ctx, handle) else { return Ok(Reply::Null) };
        found.client_gone.store(true, Ordering::Release);
        found.on_timeout.take().map_or(Ok(Reply::Null), |make| make(ctx))
    };
    // SAFETY: R28: the context of this callback, which owes its client one reply.
    unsafe { answer(ctx, "the time-out of a blocked client", make) }
}

/// Makes one answer and writes it.
///
/// # Safety
/// `ctx` is the context of a callback that owes its client exactly one reply.
unsafe fn answer(
    ctx: *mut raw::RedisModuleCtx,
    what: &'static str,
    make: impl FnOnce(&BlockedContext<'_>) -> Result<Reply, ErrorReply>,
) -> c_int {
    // SAFETY: R28: the caller's promise.
    let ctx = unsafe { BlockedContext::from_raw(ctx) };
    let panicked = || Err(ErrorReply::err("internal error"));
    let reply = guard(what, panicked, || make(&ctx)).unwrap_or_else(Reply::Error);
    guard(
        what,
        || (),
        || {
            // SAFETY: R28: the one reply that is owed.
            let mut writer = unsafe { ReplyWriter::new(ctx.as_ptr()) };
            // What could not be written was filled with nulls by the writer.
            let _ = writer.value(&reply);
        },
    );
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn disconnected<T: Send + 'static>(
    ctx: *mut raw::RedisModuleCtx,
    handle: *mut raw::RedisModuleBlockedClient,
) {
    guard(
        "the disconnection of a blocked client",
        || (),
        || {
            // SAFETY: R28: the context of this callback.
            let ctx = unsafe { BlockedContext::from_raw(ctx) };
            let Some(found) = callbacks::<T>(&ctx, handle.addr()) else { return };
            found.client_gone.store(true, Ordering::Release);
            if let Some(hear) = found.on_disconnect.take() {
                hear(&ctx);
            }
        },
    );
}

/// Called once for each unblocking, with the client still there or not: before Redis 7.2 this context may
/// have no client, so it only serves as the proof of being on the main thread.
unsafe extern "C" fn freed<T: Send + 'static>(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    guard(
        "the end of a blocked client",
        || (),
        || {
            // SAFETY: R28: the context of this callback.
            let ctx = unsafe { Context::from_raw(ctx) };
            // SAFETY: R28: the box of `finish`, freed here only.
            let delivery = unsafe { Box::from_raw(data.cast::<Delivery<T>>()) };
            let waiting = WAITING.borrow_mut(&ctx).remove(&delivery.handle);
            drop((waiting, delivery));
        },
    );
}
