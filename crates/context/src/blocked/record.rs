//! What this crate keeps of a blocked client, and the functions that the server calls for it.

use std::cell::{Cell, UnsafeCell};
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use redis_module::raw;

use super::answer;
use super::leaving::Leaving;
use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::{BlockedContext, Context};
use crate::detached;
use crate::guard::guard;
use crate::outcome::ErrorReply;
use crate::reply::ReplyWriter;

type OnReply<T> =
    Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>, T, &mut ReplyWriter<'_>) -> Result<(), ErrorReply>>;
type OnTimeout =
    Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>, &mut ReplyWriter<'_>) -> Result<(), ErrorReply>>;
type OnDisconnect = Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>)>;
type OnUndelivered<T> = Box<dyn for<'cx> FnOnce(&Context<'cx>, T)>;

/// The server's private data of a blocked client, the same address from `attach` to `freed`. What runs on the
/// main thread when the wait ends is called at most once each.
pub(super) struct Record<T> {
    /// The address of the server's record.
    handle: Cell<usize>,
    pub(super) on_reply: Cell<Option<OnReply<T>>>,
    pub(super) on_timeout: Cell<Option<OnTimeout>>,
    pub(super) on_disconnect: Cell<Option<OnDisconnect>>,
    pub(super) on_undelivered: Cell<Option<OnUndelivered<T>>>,
    /// When the server will say that the time is over.
    pub(super) deadline: Cell<Option<Instant>>,
    /// Set on the main thread, read from any.
    pub(super) client_gone: AtomicBool,
    /// Set by the `Unblocker` once the value is written.
    pub(super) is_answered: AtomicBool,
    /// Written by the `Unblocker` before it unblocks, read on the main thread afterwards.
    pub(super) value: UnsafeCell<Option<T>>,
}

impl<T: Send + 'static> Record<T> {
    pub(super) fn new() -> Self {
        Self {
            handle: Cell::new(0),
            on_reply: Cell::new(None),
            on_timeout: Cell::new(None),
            on_disconnect: Cell::new(None),
            on_undelivered: Cell::new(None),
            deadline: Cell::new(None),
            client_gone: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
            value: UnsafeCell::new(None),
        }
    }

    /// Whether its answer was given, and its time was over before the server came to send it. Redis 7.0 then takes the
    /// client for answered by its time-out, which it has left out because there is an answer (`checkBlockedClientTimeout`,
    /// timeout.c; `moduleBlockedClientTimedOut`, module.c), and tells of a disconnection: nobody would answer the client.
    /// If it has been killed in that moment, the answer goes with it.
    fn is_passed_over(&self) -> bool {
        api!(RedisModule_BlockClientSetPrivateData, "Redis 7.2 and Valkey 7.2").is_err()
            && self.is_answered.load(Ordering::Acquire)
            && self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Makes it the client's private data. The server gives it up in `freed`.
    pub(super) fn attach(
        self,
        ctx: &Context<'_>,
        handle: NonNull<raw::RedisModuleBlockedClient>,
    ) -> NonNull<Self> {
        self.handle.set(handle.as_ptr().addr());
        let record = NonNull::from(Box::leak(Box::new(self)));
        match api!(RedisModule_BlockClientSetPrivateData, "Redis 7.2 and Valkey 7.2") {
            // SAFETY: R42: the client that was just blocked, with the record of its own `T`.
            Ok(set) => unsafe { set(handle.as_ptr(), record.as_ptr().cast()) },
            Err(_) => {
                WAITING.borrow_mut(ctx).insert(handle.as_ptr().addr(), record.cast());
            }
        }
        record
    }
}

/// Redis 7.0 has no private data before the unblocking: there the records are found by the address of the
/// server's own.
static WAITING: MainCell<BTreeMap<usize, NonNull<c_void>>> = MainCell::new(BTreeMap::new());

/// Forgets the record of a client whose blocking was aborted, so that `freed` is not called.
///
/// # Safety
/// The client was unblocked with NULL, and nobody uses the record any more. Main thread.
pub(super) unsafe fn forget<T>(
    ctx: &Context<'_>,
    handle: NonNull<raw::RedisModuleBlockedClient>,
    record: NonNull<Record<T>>,
) {
    WAITING.borrow_mut(ctx).remove(&handle.as_ptr().addr());
    // SAFETY: R42: made by `attach`; the caller's promise.
    drop(unsafe { Box::from_raw(record.as_ptr()) });
}

/// The record of a client that still waits.
///
/// # Safety
/// `handle` is a client that was blocked for this `T`, and lives for `'a`.
unsafe fn waiting<'a, T>(
    ctx: &'a Context<'_>,
    handle: *mut raw::RedisModuleBlockedClient,
) -> Option<&'a Record<T>> {
    let data = match api!(RedisModule_BlockClientGetPrivateData, "Redis 7.2 and Valkey 7.2") {
        // SAFETY: R42: a live handle; what it has is its record, or NULL after it was aborted.
        Ok(get) => NonNull::new(unsafe { get(handle) }),
        Err(_) => WAITING.borrow(ctx).get(&handle.addr()).copied(),
    };
    // SAFETY: R42: the record of this client, which lives until `freed`.
    data.map(|data| unsafe { data.cast().as_ref() })
}

pub(super) unsafe extern "C" fn replied<T: Send + 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: R28: the context of this callback.
    let ctx = unsafe { BlockedContext::from_raw(ctx) };
    let data = required!(RedisModule_GetBlockedClientPrivateData);
    // SAFETY: R42: the record, alive until `freed`.
    let record = unsafe { &*data(ctx.as_ptr()).cast::<Record<T>>() };
    // SAFETY: R28: this callback owes its client one reply, and the value was written before the unblocking.
    unsafe { reply(&ctx, record) };
    raw::REDISMODULE_OK as c_int
}

/// Answers with the value.
///
/// # Safety
/// `ctx` is the context of a callback that owes the client of this record exactly one reply, and the value is written.
unsafe fn reply<T: Send + 'static>(ctx: &BlockedContext<'_>, record: &Record<T>) {
    let write = |writer: &mut ReplyWriter<'_>| {
        // SAFETY: R42: nobody writes it any more.
        let value = unsafe { (*record.value.get()).take() };
        let value = value.ok_or_else(|| ErrorReply::err("the module gave this request up"))?;
        match record.on_reply.take() {
            Some(write) => write(ctx, value, writer),
            None => Ok(writer.null()?),
        }
    };
    // SAFETY: R28: the caller's promise.
    unsafe { answer(ctx, "the reply of a blocked client", write) };
}

pub(super) unsafe extern "C" fn timed_out<T: Send + 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: R28: the context of this callback.
    let ctx = unsafe { BlockedContext::from_raw(ctx) };
    let write = |writer: &mut ReplyWriter<'_>| {
        let handle = required!(RedisModule_GetBlockedClientHandle);
        // SAFETY: R28: a blocked client's context, and the client it is of.
        let record = unsafe { waiting::<T>(&ctx, handle(ctx.as_ptr())) };
        if let Some(record) = record {
            record.client_gone.store(true, Ordering::Release);
        }
        match record.and_then(|record| record.on_timeout.take()) {
            Some(write) => write(&ctx, writer),
            None => Ok(writer.null()?),
        }
    };
    // SAFETY: R28: this callback owes its client one reply.
    unsafe { answer(&ctx, "the time-out of a blocked client", write) };
    raw::REDISMODULE_OK as c_int
}

pub(super) unsafe extern "C" fn disconnected<T: Send + 'static>(
    ctx: *mut raw::RedisModuleCtx,
    handle: *mut raw::RedisModuleBlockedClient,
) {
    guard(
        "the disconnection of a blocked client",
        || (),
        || {
            // SAFETY: R28: the context of this callback.
            let ctx = unsafe { BlockedContext::from_raw(ctx) };
            // SAFETY: R28: the client that is going.
            let Some(record) = (unsafe { waiting::<T>(&ctx, handle) }) else { return };
            if record.is_passed_over() {
                // SAFETY: R28: the client is there, and will get no other reply; the value is written.
                return unsafe { reply(&ctx, record) };
            }
            record.client_gone.store(true, Ordering::Release);
            if let Some(hear) = record.on_disconnect.take() {
                let _leaving = Leaving::begin(&ctx);
                hear(&ctx);
            }
        },
    );
}

/// Called once for each unblocking, with the client still there or not: this context may have no client, so
/// it only serves as the proof of being on the main thread.
pub(super) unsafe extern "C" fn freed<T: Send + 'static>(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    guard(
        "the end of a blocked client",
        || (),
        || {
            // SAFETY: R42: the box of `attach`, freed here only.
            let record = unsafe { Box::from_raw(data.cast::<Record<T>>()) };
            // SAFETY: R28: the context of this callback.
            let proof = unsafe { Context::from_raw(ctx) };
            WAITING.borrow_mut(&proof).remove(&record.handle.get());
            let is_gone = required!(RedisModule_BlockedClientDisconnected);
            // SAFETY: R28: the context of this callback; only its flags are read.
            let is_gone = unsafe { is_gone(ctx) != 0 };
            undelivered(*record, is_gone);
        },
    );
}

/// Gives a value back that nobody waits for any more.
fn undelivered<T>(record: Record<T>, is_gone: bool) {
    if let (true, Some(value), Some(take)) =
        (is_gone, record.value.into_inner(), record.on_undelivered.into_inner())
    {
        // SAFETY: R27: the main thread, inside a callback; `start` has prepared the context.
        unsafe { detached::with(|ctx| take(ctx, value)) };
    }
}
