//! Clients that wait for keys.
//!
//! ```text
//! handler   ctx.block_on_keys(&keys, state).on_ready(..).start()   -->  Blocked   returned by the handler
//! later     a key is ready                  -->  on_ready(ctx, key, &mut state)  -->  Serve(answer) | NotYet
//!           the time is over, or it is      -->  on_timeout(ctx, state)          -->  the answer
//!           unblocked all the same
//!           the client is gone              -->  on_disconnect(ctx, state)
//! ```
//!
//! A key is ready when a command has done what would wake a client of BLPOP, BZPOPMIN or XREAD, or when a module says so:
//! [`Context::signal_key_ready`].

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use redis_module::raw;

use super::leaving::Leaving;
use super::ready::Ready;
use super::{Blocked, answer, claim, may_block, ready};
use crate::api::{api, required};
use crate::context::{BlockedContext, CommandContext, Context, ReadyContext};
use crate::error::Error;
use crate::guard::guard;
use crate::outcome::ErrorReply;
use crate::reply::{Reply, ReplyWriter};
use crate::string::RedisStr;

/// How many keys a client may wait for.
pub const WAITED_KEYS_MAX: usize = 65_536;

pub(super) type OnReady<S> =
    Box<dyn for<'cx> FnMut(&ReadyContext<'cx>, RedisStr<'_>, &mut S) -> Result<Ready, ErrorReply>>;
type OnTimeout<S> = Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>, S) -> Result<Reply, ErrorReply>>;
type OnDisconnect<S> = Box<dyn for<'cx> FnOnce(&BlockedContext<'cx>, S)>;

/// The server's private data of a client blocked on keys. One count is the server's, given back in `freed`.
pub(super) struct Waiting<S> {
    /// NULL before the client is blocked and once it was served or its record is gone.
    pub(super) handle: Cell<*mut raw::RedisModuleBlockedClient>,
    /// Taken out while `on_ready` runs, and for good by what ends the wait.
    pub(super) state: Cell<Option<S>>,
    pub(super) on_ready: Cell<Option<OnReady<S>>>,
    on_timeout: Cell<Option<OnTimeout<S>>>,
    pub(super) on_disconnect: Cell<Option<OnDisconnect<S>>>,
}

/// Keys to wait for, and the module's state meanwhile: [`KeysBlock::on_ready`] comes next. Made by
/// [`CommandContext::block_on_keys`].
#[must_use = "on_ready(..).start() blocks the client"]
pub struct KeysBlock<'c, 'cx, S: 'static> {
    ctx: &'c CommandContext<'cx>,
    keys: &'c [RedisStr<'c>],
    state: S,
}

/// How a client is to be blocked on keys.
#[must_use = "start() blocks the client"]
pub struct KeysBuilder<'c, 'cx, S: 'static, W = NoTimeoutAnswer> {
    ctx: &'c CommandContext<'cx>,
    keys: &'c [RedisStr<'c>],
    timeout: Duration,
    wakes_on_deletion: bool,
    waiting: Waiting<S>,
    with: PhantomData<W>,
}

/// A [`KeysBuilder`] whose client can be unblocked by nothing but its keys, the time and CLIENT UNBLOCK.
#[derive(Debug)]
pub struct NoTimeoutAnswer(());

/// A [`KeysBuilder`] that has an `on_timeout`, which also answers when the module unblocks the client itself.
#[derive(Debug)]
pub struct TimeoutAnswer(());

impl<'cx> CommandContext<'cx> {
    /// Blocks this command's client until one of the keys, of the selected database, is ready. `state` is what the
    /// callbacks share.
    pub fn block_on_keys<'c, S: 'static>(
        &'c self,
        keys: &'c [RedisStr<'c>],
        state: S,
    ) -> KeysBlock<'c, 'cx, S> {
        KeysBlock { ctx: self, keys, state }
    }
}

impl<'c, 'cx, S: 'static> KeysBlock<'c, 'cx, S> {
    /// What tries to serve the client when a key is ready: it gets the key and says whether that was enough. It
    /// is called again for the next signal as long as it says [`Ready::NotYet`]. An error, or a panic, is the
    /// client's answer.
    ///
    /// Without [`KeysBuilder::wake_on_deletion`] it is called only while the key holds something, of whatever
    /// type. Clients are served in the order in which they came.
    pub fn on_ready(
        self,
        serve: impl for<'a> FnMut(&ReadyContext<'a>, RedisStr<'_>, &mut S) -> Result<Ready, ErrorReply> + 'static,
    ) -> KeysBuilder<'c, 'cx, S> {
        let waiting = Waiting {
            handle: Cell::new(ptr::null_mut()),
            state: Cell::new(Some(self.state)),
            on_ready: Cell::new(Some(Box::new(serve))),
            on_timeout: Cell::new(None),
            on_disconnect: Cell::new(None),
        };
        let (ctx, keys) = (self.ctx, self.keys);
        KeysBuilder {
            ctx,
            keys,
            timeout: Duration::ZERO,
            wakes_on_deletion: false,
            waiting,
            with: PhantomData,
        }
    }
}

impl<'c, 'cx, S: 'static, W> KeysBuilder<'c, 'cx, S, W> {
    /// How long the client waits at most, rounded up to milliseconds. Zero, the default, is for ever.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Calls `on_ready` also when a key is deleted, expires, or vanishes by FLUSHALL or SWAPDB. The server notices that of
    /// lists, sorted sets, streams and modules' values alone (`signalKeyAsReadyLogic`, blocked.c). Redis 7.2 and Valkey;
    /// `start` fails with [`Error::Unsupported`] on Redis 7.0.
    pub fn wake_on_deletion(mut self) -> Self {
        self.wakes_on_deletion = true;
        self
    }

    /// Hears that the client left, was killed, or was unblocked with CLIENT UNBLOCK .. ERROR (which the server
    /// answers itself), and gets the state back.
    pub fn on_disconnect(self, hear: impl for<'a> FnOnce(&BlockedContext<'a>, S) + 'static) -> Self {
        self.waiting.on_disconnect.set(Some(Box::new(hear)));
        self
    }

    /// Makes the answer when the time is over, someone says CLIENT UNBLOCK .. TIMEOUT, or the module unblocks the
    /// client: then `start` also gives the [`KeysUnblocker`] for that. Without it the answer is null. A panic is
    /// answered with an error.
    pub fn on_timeout(
        self,
        make: impl for<'a> FnOnce(&BlockedContext<'a>, S) -> Result<Reply, ErrorReply> + 'static,
    ) -> KeysBuilder<'c, 'cx, S, TimeoutAnswer> {
        self.waiting.on_timeout.set(Some(Box::new(make)));
        let Self { ctx, keys, timeout, wakes_on_deletion, waiting, with: _ } = self;
        KeysBuilder { ctx, keys, timeout, wakes_on_deletion, waiting, with: PhantomData }
    }

    fn block(self) -> Result<(Blocked, Rc<Waiting<S>>), Error> {
        let milliseconds = may_block(self.ctx, self.timeout)?;
        let count = match self.keys.len() {
            len @ 1..=WAITED_KEYS_MAX => len as c_int,
            _ => return Err(Error::Invalid { what: "the number of keys", reason: "from 1 to 65,536" }),
        };
        let waiting = Rc::new(self.waiting);
        let handle = if self.wakes_on_deletion {
            let block = api!(RedisModule_BlockClientOnKeysWithFlags, "Redis 7.2 and Valkey 7.2")?;
            // SAFETY: R44: as below.
            unsafe {
                block(
                    self.ctx.as_ptr(),
                    Some(served::<S>),
                    Some(timed_out::<S>),
                    Some(freed::<S>),
                    milliseconds,
                    RedisStr::pointers(self.keys),
                    count,
                    Rc::into_raw(Rc::clone(&waiting)).cast_mut().cast(),
                    raw::REDISMODULE_BLOCK_UNBLOCK_DELETED as c_int,
                )
            }
        } else {
            let block = required!(RedisModule_BlockClientOnKeys);
            // SAFETY: R44: a command's context, which may block; live keys, which the server shares; callbacks of
            // this module, all for the same `S`; a count of the record, given back in `freed`.
            unsafe {
                block(
                    self.ctx.as_ptr(),
                    Some(served::<S>),
                    Some(timed_out::<S>),
                    Some(freed::<S>),
                    milliseconds,
                    RedisStr::pointers(self.keys),
                    count,
                    Rc::into_raw(Rc::clone(&waiting)).cast_mut().cast(),
                )
            }
        };
        let handle = claim(self.ctx, handle, "RedisModule_BlockClientOnKeys")?;
        waiting.handle.set(handle.as_ptr());
        let set_disconnect = required!(RedisModule_SetDisconnectCallback);
        // SAFETY: R28: the handle that was just made.
        unsafe { set_disconnect(handle.as_ptr(), Some(disconnected::<S>)) };
        Ok((Blocked(PhantomData), waiting))
    }
}

impl<S: 'static> KeysBuilder<'_, '_, S, NoTimeoutAnswer> {
    /// Blocks the client.
    ///
    /// # Errors
    /// As for [`super::BlockBuilder::start`]; also [`Error::Invalid`] without a key or with more than
    /// [`WAITED_KEYS_MAX`], and [`Error::Unsupported`] for [`KeysBuilder::wake_on_deletion`] on Redis 7.0.
    pub fn start(self) -> Result<Blocked, Error> {
        Ok(self.block()?.0)
    }
}

impl<S: 'static> KeysBuilder<'_, '_, S, TimeoutAnswer> {
    /// Blocks the client, and gives what unblocks it without a key.
    ///
    /// # Errors
    /// As for a builder without `on_timeout`.
    pub fn start(self) -> Result<(Blocked, KeysUnblocker<S>), Error> {
        let (blocked, waiting) = self.block()?;
        Ok((blocked, KeysUnblocker { waiting }))
    }
}

/// Ends a client's wait for keys before one is ready. It need not be used, and may be dropped at any time: the
/// server ends such waits itself. It stays on the main thread.
pub struct KeysUnblocker<S: 'static> {
    waiting: Rc<Waiting<S>>,
}

impl<S: 'static> KeysUnblocker<S> {
    /// Whether the client still waits.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.handle.get().is_null()
    }

    /// Ends the wait: the client gets the answer of `on_timeout`, which runs at once or in the next turn of the
    /// event loop. Answers whether the client still waited.
    ///
    /// # Errors
    /// [`Error::Busy`] inside this very client's `on_ready`: serve it there.
    pub fn unblock(&self, _ctx: &Context<'_>) -> Result<bool, Error> {
        let handle = self.waiting.handle.get();
        if handle.is_null() {
            return Ok(false);
        }
        if self.waiting.is_being_served() {
            return Err(Error::Busy);
        }
        self.waiting.handle.set(ptr::null_mut());
        let unblock = required!(RedisModule_UnblockClient);
        // SAFETY: R44: the client waits and is not being served; the private data is not replaced. This is the main
        // thread, for Redis 7.0 and Valkey call `timed_out` from here.
        unsafe { unblock(handle, ptr::null_mut()) };
        Ok(true)
    }
}

impl<S> Waiting<S> {
    fn is_being_served(&self) -> bool {
        let on_ready = self.on_ready.take();
        let is_out = on_ready.is_none();
        self.on_ready.set(on_ready);
        is_out
    }
}

/// The record behind a callback's context.
///
/// # Safety
/// `ctx` is the context of a callback of a client blocked on keys with a state of type `S`; `'a` ends with it.
unsafe fn record<'a, S>(ctx: &Context<'a>) -> &'a Waiting<S> {
    let data = required!(RedisModule_GetBlockedClientPrivateData);
    // SAFETY: R44: the record that `block` gave to the server, which keeps its count until `freed`.
    unsafe { &*data(ctx.as_ptr()).cast_const().cast::<Waiting<S>>() }
}

unsafe extern "C" fn served<S: 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: R28: the context of this callback.
    let ctx = unsafe { ReadyContext::from_raw(ctx) };
    // SAFETY: R44: this client's record.
    let waiting = unsafe { record::<S>(&ctx) };
    let key = required!(RedisModule_GetBlockedClientReadyKey);
    // SAFETY: R44: the key that is ready lives through the callback.
    let key = unsafe { RedisStr::from_raw(key(ctx.as_ptr())) };
    let is_served = guard("a client that waits for keys", || false, || ready::serve(&ctx, waiting, key));
    if is_served { raw::REDISMODULE_OK as c_int } else { raw::REDISMODULE_ERR as c_int }
}

unsafe extern "C" fn timed_out<S: 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: R28: the context of this callback.
    let ctx = unsafe { BlockedContext::from_raw(ctx) };
    // SAFETY: R44: this client's record.
    let waiting = unsafe { record::<S>(&ctx) };
    waiting.handle.set(ptr::null_mut());
    let write = |writer: &mut ReplyWriter<'_>| match (waiting.on_timeout.take(), waiting.state.take()) {
        (Some(make), Some(state)) => Ok(writer.value(&make(&ctx, state)?)?),
        _ => Ok(writer.null()?),
    };
    // SAFETY: R28: this callback owes its client one reply.
    unsafe { answer(&ctx, "the time-out of a client that waits for keys", write) };
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn disconnected<S: 'static>(
    ctx: *mut raw::RedisModuleCtx,
    _handle: *mut raw::RedisModuleBlockedClient,
) {
    guard(
        "the disconnection of a client that waits for keys",
        || (),
        || {
            // SAFETY: R28: the context of this callback.
            let ctx = unsafe { BlockedContext::from_raw(ctx) };
            // SAFETY: R44: this client's record.
            let waiting = unsafe { record::<S>(&ctx) };
            waiting.handle.set(ptr::null_mut());
            if let (Some(hear), Some(state)) = (waiting.on_disconnect.take(), waiting.state.take()) {
                let _leaving = Leaving::begin(&ctx);
                hear(&ctx, state);
            }
        },
    );
}

/// Called once, when the wait has ended in whatever way; this context may have no client.
unsafe extern "C" fn freed<S: 'static>(_ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    guard(
        "the end of a client that waited for keys",
        || (),
        || {
            // SAFETY: R44: the count that `block` gave to the server.
            let waiting = unsafe { Rc::from_raw(data.cast_const().cast::<Waiting<S>>()) };
            waiting.handle.set(ptr::null_mut());
            // What a `KeysUnblocker` still holds keeps neither the state nor the callbacks.
            drop((waiting.state.take(), waiting.on_ready.take()));
            drop((waiting.on_timeout.take(), waiting.on_disconnect.take()));
        },
    );
}
