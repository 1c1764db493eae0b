//! Calling commands that block, such as BLPOP: the reply comes later.
//!
//! ```text
//! ctx.call_promise(c"BLPOP", flags, &args, handler)  -->  Promised::Reply(reply)   there was something
//!                                                     \-> Promised::Later(promise)
//! later     the command is done                      -->  handler(ctx, Ok(reply))
//!           promise.abort(ctx), or it is dropped     -->  the command is taken back
//! ```

use std::cell::Cell;
use std::ffi::{CStr, c_void};
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use redis_module::raw;

use super::manner::Manner;
use super::refusal::needs_connection;
use super::reply::CallReply;
use super::{CallError, CallFlags, clear_errno};
use crate::api::api;
use crate::context::{Context, TimerContext, WriteContext};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::log::{LogLevel, log_fmt};
use crate::module::{Calling, Pin};
use crate::serving::Serving;
use crate::string::RedisString;
use crate::timer::Timer;

const SINCE: &str = "Redis 7.2 and Valkey 7.2";

type Handler = Box<dyn for<'cx> FnOnce(&TimerContext<'cx>, Result<CallReply<'cx>, CallError>)>;

/// What came of a command that may block.
#[must_use = "dropping a promise takes the command back"]
pub enum Promised<'cx> {
    /// It did not have to wait.
    Reply(CallReply<'cx>),
    /// It waits; the handler gets the reply.
    Later(Promise),
}

/// A command that waits for something. Dropping it takes the command back as [`Promise::abort`] does;
/// [`Promise::detach`] lets it wait without a handle. It stays on the main thread, and while the command waits the module
/// is not unloaded.
#[must_use = "dropping a promise takes the command back: keep it, or detach it"]
pub struct Promise {
    pending: Rc<Pending>,
}

/// What the handle and the server share. The server's count is given back when the command is done or was taken
/// back.
struct Pending {
    handler: Cell<Option<Handler>>,
    /// The promise itself; NULL once it was freed.
    reply: Cell<*mut raw::RedisModuleCallReply>,
    /// Otherwise the server asserts that the time it took was counted, which nobody has done.
    can_abort: bool,
    _pin: Pin,
}

impl WriteContext<'_> {
    /// Runs a command that may block: it waits as it would for a client, except that no time-out but the command's own
    /// ends it. Redis 7.2 and Valkey; what blocks there of the server's own commands are those that wait for keys, WAIT
    /// and WAITAOF, and commands of modules.
    ///
    /// `handler` runs on the main thread, once, when a command that had to wait is done: what it writes is one unit
    /// with what the command wrote. It may write after asking [`TimerContext::may_write_now`]. If the command did not
    /// have to wait, the reply is in [`Promised::Reply`] and `handler` is dropped.
    ///
    /// The handler gets [`CallError::Postponed`] if clients were paused (CLIENT PAUSE, a failover) when what the command
    /// waited for came: the command has done nothing then, and may be called again.
    ///
    /// # Errors
    /// Those of [`WriteContext::call`]; [`CallError::Unsupported`] on Redis 7.0; [`CallError::NotForModules`] for
    /// commands that subscribe, monitor or shut down, which the server does not survive without a connection;
    /// [`CallError::UserMayGo`] with [`CallFlags::AS_USER`].
    pub fn call_promise(
        &self,
        name: &CStr,
        flags: CallFlags,
        args: &[&[u8]],
        handler: impl for<'cx> FnOnce(&TimerContext<'cx>, Result<CallReply<'cx>, CallError>) + 'static,
    ) -> Result<Promised<'_>, CallError> {
        const UNSUPPORTED: CallError = CallError::Unsupported { flag: "K (may block)", since: SINCE };
        api!(RedisModule_CallReplyPromiseSetUnblockHandler, "Redis 7.2 and Valkey 7.2")
            .map_err(|_| UNSUPPORTED)?;
        if flags.contains(CallFlags::AS_USER) {
            return Err(CallError::UserMayGo);
        }
        let manner = self.may_call(name, flags, || args.first().copied())?;
        if manner == Manner::WithoutWrites {
            return Err(CallError::Loading);
        }
        let _held = manner.begin(self)?;
        if needs_connection(name.to_bytes()) {
            return Err(CallError::NotForModules);
        }
        let sent = if flags.are_delicate() { flags.for_this_server()? } else { flags };
        let raw = self.call_blocking(name, sent, args);
        // SAFETY: R16: a reply of this context, owned from here on.
        let reply = unsafe { CallReply::from_call(raw, flags) }?;
        if reply.as_reply().kind() == raw::REDISMODULE_REPLY_PROMISE {
            let can_abort = waits_for_keys(name.to_bytes());
            let promise = Promise::new(self, reply.into_raw(), Box::new(handler), can_abort);
            return Ok(Promised::Later(promise));
        }
        let reply = if flags.are_delicate() { reply.of_delicate_call(flags, sent)? } else { reply };
        Ok(Promised::Reply(reply))
    }

    fn call_blocking(&self, name: &CStr, flags: CallFlags, args: &[&[u8]]) -> *mut raw::RedisModuleCallReply {
        let call = crate::api::required!(RedisModule_Call);
        let strings: Vec<RedisString> = args.iter().map(|arg| RedisString::new(arg)).collect();
        let mut pointers: Vec<*mut raw::RedisModuleString> =
            strings.iter().map(RedisString::as_ptr).collect();
        let format = flags.promise_format();
        let _calling = Calling::begin();
        clear_errno();
        // SAFETY: R15: "v" reads a vector of live strings and its length.
        unsafe { call(self.as_ptr(), name.as_ptr(), format.as_ptr(), pointers.as_mut_ptr(), pointers.len()) }
    }
}

/// The server's own commands that wait for keys: what waits is run again when a key is ready.
fn waits_for_keys(name: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 10] = [
        b"blpop",
        b"brpop",
        b"blmove",
        b"brpoplpush",
        b"blmpop",
        b"bzpopmin",
        b"bzpopmax",
        b"bzmpop",
        b"xread",
        b"xreadgroup",
    ];
    COMMANDS.iter().any(|command| name.eq_ignore_ascii_case(command))
}

impl Promise {
    fn new(
        ctx: &Context<'_>,
        reply: *mut raw::RedisModuleCallReply,
        handler: Handler,
        can_abort: bool,
    ) -> Self {
        detached::prepare(ctx);
        let pending = Rc::new(Pending {
            handler: Cell::new(Some(handler)),
            reply: Cell::new(reply),
            can_abort,
            _pin: Pin::new(),
        });
        if let Ok(set) = api!(RedisModule_CallReplyPromiseSetUnblockHandler, "Redis 7.2 and Valkey 7.2") {
            let data = Rc::into_raw(Rc::clone(&pending)).cast_mut().cast();
            // SAFETY: R45: a promise that nobody has touched; the server calls `unblocked` once with `data`, unless
            // it is aborted.
            unsafe { set(reply, Some(unblocked), data) };
        }
        Self { pending }
    }

    /// Whether the command still waits.
    pub fn is_pending(&self) -> bool {
        !self.pending.reply.get().is_null()
    }

    /// Takes the command back, in the next turn of the event loop: the server may be walking over those that wait just
    /// now. If the command is done before, its handler runs as ever; afterwards it will not, and is dropped.
    ///
    /// That is for the server's own commands that wait for keys, such as BLPOP and XREAD. The servers do not survive it for
    /// others (resetClient, networking.c): WAIT, WAITAOF and commands of modules go on, as if detached.
    pub fn abort(self, _ctx: &Context<'_>) {
        drop(self);
    }

    /// Lets the command wait without a handle.
    pub fn detach(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: R45: read once; `this` is not dropped.
        drop(unsafe { ptr::read(&raw const this.pending) });
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.is_pending() || !self.pending.can_abort {
            return;
        }
        let pending = Rc::clone(&self.pending);
        let abort = |_: &TimerContext<'_>, pending: Rc<Pending>| pending.abort();
        let soon = guard(
            "the end of a promise",
            || Err(Error::Busy),
            // SAFETY: R27: the main thread, for a promise is not `Send`; `new` has prepared the context.
            || unsafe { detached::with(|ctx| Timer::start(ctx, Duration::ZERO, pending, abort)) },
        );
        match soon {
            Ok(timer) => timer.detach(),
            Err(error) => {
                log_fmt(LogLevel::Warning, format_args!("a command that waits was not taken back: {error}"));
            }
        }
    }
}

impl Pending {
    /// In a timer, where the server walks over no clients.
    fn abort(&self) {
        let Ok(abort) = api!(RedisModule_CallReplyPromiseAbort, "Redis 7.2 and Valkey 7.2") else { return };
        let mut data: *mut c_void = ptr::null_mut();
        let reply = self.reply.get();
        // SAFETY: R45: a promise that was not freed; a command that is done is refused.
        if reply.is_null() || unsafe { abort(reply, &raw mut data) } != raw::REDISMODULE_OK as i32 {
            return;
        }
        self.free();
        // SAFETY: R45: the count that `new` gave to the server, which will not call `unblocked` any more.
        let servers = unsafe { Rc::from_raw(data.cast_const().cast::<Self>()) };
        drop(servers.handler.take());
    }

    /// Frees the promise, whose command the server goes on with by itself.
    fn free(&self) {
        let reply = self.reply.replace(ptr::null_mut());
        if !reply.is_null() {
            let free = crate::api::required!(RedisModule_FreeCallReply);
            // SAFETY: R45: freed once; a promise is bound to no context that has no automatic memory.
            unsafe { free(reply) };
        }
    }
}

unsafe extern "C" fn unblocked(
    ctx: *mut raw::RedisModuleCtx,
    reply: *mut raw::RedisModuleCallReply,
    data: *mut c_void,
) {
    guard(
        "the reply of a command that has waited",
        || (),
        || {
            // SAFETY: R45: the count that `new` gave to the server, which calls this once.
            let pending = unsafe { Rc::from_raw(data.cast_const().cast::<Pending>()) };
            pending.free();
            // SAFETY: R11: the context of this callback.
            let ctx = unsafe { TimerContext::from_raw(ctx) };
            // SAFETY: R45: the reply is given to this callback, which frees it while its context lives.
            let reply = unsafe { CallReply::from_call(reply, CallFlags::empty()) };
            if let Some(handler) = pending.handler.take() {
                let _serving = Serving::begin();
                handler(&ctx, reply.and_then(not_postponed));
            }
        },
    );
}

/// A command that was woken while clients are paused is postponed, and forgotten when the pause ends: its reply is then
/// no bytes at all (`processUnblockedClients`, blocked.c, Redis 8.6 and Valkey 9.1).
fn not_postponed(reply: CallReply<'_>) -> Result<CallReply<'_>, CallError> {
    if reply.as_reply().kind() == raw::REDISMODULE_REPLY_UNKNOWN {
        Err(CallError::Postponed)
    } else {
        Ok(reply)
    }
}
