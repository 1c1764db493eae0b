//! The contexts a server hands to a module, one type per role.
//!
//! [`Context`] is the read-only base. What may write is reached only through [`WriteContext`],
//! which only the roles that may write hand out. None of them has a public constructor.

use std::cell::Cell;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use redis_module::raw;

use crate::error::Error;

/// What every role may do: read the server's state and log. Bound to one callback, and so to the
/// main thread (or to the server's lock): neither `Send` nor `Sync`, and invariant in `'cx`.
pub struct Context<'cx> {
    raw: *mut raw::RedisModuleCtx,
    role: PhantomData<*mut &'cx mut ()>,
}

impl Context<'_> {
    /// Wraps the context of one callback.
    ///
    /// # Safety
    /// `raw` is the live context of a callback that runs for all of `'cx`.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleCtx) -> Self {
        Self { raw, role: PhantomData }
    }

    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleCtx {
        self.raw
    }
}

/// Declares a role: a context that offers all that `$base` offers and what its own `impl` adds.
macro_rules! role {
    ($(#[$doc:meta])* $name:ident: $base:ident) => {
        $(#[$doc])*
        pub struct $name<'cx>($base<'cx>);

        impl $name<'_> {
            /// Wraps the context of one callback.
            ///
            /// # Safety
            /// As for `Context::from_raw`; moreover the callback is of this role.
            #[allow(dead_code, reason = "not every role is made in every build")]
            pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleCtx) -> Self {
                // SAFETY: the caller's promise is the same one.
                Self(unsafe { $base::from_raw(raw) })
            }
        }

        impl<'cx> Deref for $name<'cx> {
            type Target = $base<'cx>;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}

role! {
    /// Calls that write, keys opened for writing, replication, events: for the roles that may write.
    WriteContext: Context
}
role! {
    /// The module is about to be unloaded.
    UnloadContext: Context
}

/// Registration, while the module loads. It also has the arguments of the load.
pub struct LoadContext<'cx> {
    base: Context<'cx>,
    pub(crate) args: &'cx [*mut raw::RedisModuleString],
    pub(crate) module: &'static CStr,
}

impl<'cx> LoadContext<'cx> {
    /// Wraps the context of `RedisModule_OnLoad`.
    ///
    /// # Safety
    /// As for `Context::from_raw`; `args` are live strings for all of `'cx`.
    pub(crate) unsafe fn from_raw(
        raw: *mut raw::RedisModuleCtx,
        args: &'cx [*mut raw::RedisModuleString],
        module: &'static CStr,
    ) -> Self {
        // SAFETY: the caller's promise is the same one.
        Self { base: unsafe { Context::from_raw(raw) }, args, module }
    }
}

impl<'cx> Deref for LoadContext<'cx> {
    type Target = Context<'cx>;
    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

/// A client's command. It may write and may block its client.
///
/// The client is answered once: by what the handler returns, by [`CommandContext::stream`], or later,
/// after the client was blocked.
pub struct CommandContext<'cx> {
    base: WriteContext<'cx>,
    answer_started: Cell<bool>,
    /// What the client was blocked with, as long as that is its answer.
    blocked: Cell<*mut raw::RedisModuleBlockedClient>,
    was_aborted: Cell<bool>,
}

impl CommandContext<'_> {
    /// Wraps the context of a command.
    ///
    /// # Safety
    /// As for `Context::from_raw`; moreover the callback is a command's.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleCtx) -> Self {
        // SAFETY: the caller's promise is the same one.
        let base = unsafe { WriteContext::from_raw(raw) };
        let blocked = Cell::new(ptr::null_mut());
        Self { base, answer_started: Cell::new(false), blocked, was_aborted: Cell::new(false) }
    }

    /// The one answer will come from whoever unblocks the client.
    pub(crate) fn start_blocking(&self, handle: NonNull<raw::RedisModuleBlockedClient>) {
        self.answer_started.set(true);
        self.blocked.set(handle.as_ptr());
    }

    /// The handler owes the answer again, if it was this command that blocked its client with `handle`.
    pub(crate) fn stop_blocking(&self, handle: NonNull<raw::RedisModuleBlockedClient>) -> bool {
        let is_ours = self.blocked.get() == handle.as_ptr();
        if is_ours {
            self.blocked.set(ptr::null_mut());
            self.answer_started.set(false);
            self.was_aborted.set(true);
        }
        is_ours
    }

    /// Whether this command has blocked its client and taken that back: to the server it is blocked until the next turn
    /// of the event loop, and blocking it again would mix up the two.
    pub(crate) fn was_aborted(&self) -> bool {
        self.was_aborted.get()
    }

    /// Whether a reply was begun or the client was blocked: then the handler's return value is no reply.
    pub(crate) fn is_answer_started(&self) -> bool {
        self.answer_started.get()
    }

    /// Claims the one answer; [`Error::AlreadyAnswered`] if it is claimed. Whoever claims it must reply
    /// or block the client, and returns an `Outcome::answered`.
    pub(crate) fn start_answer(&self) -> Result<(), Error> {
        if self.answer_started.replace(true) { Err(Error::AlreadyAnswered) } else { Ok(()) }
    }
}

impl<'cx> Deref for CommandContext<'cx> {
    type Target = WriteContext<'cx>;
    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

role! {
    /// A timer or a job that was posted to the main thread. It writes after asking
    /// `may_write_now`.
    TimerContext: Context
}
role! {
    /// A server event. It writes after asking `may_write_now`, where the event allows writes.
    EventContext: Context
}
role! {
    /// A message from another node of the cluster. It writes nothing: the server is reading from that node, and a
    /// command could end the connection under its hands. A [`crate::Timer`] of zero writes.
    ClusterMessageContext: Context
}
role! {
    /// A keyspace event. It must not write.
    NotificationContext: Context
}
role! {
    /// The reply, the time-out or the disconnection of a client that was blocked. It writes nothing.
    BlockedContext: Context
}

/// A client that waits for keys may be served: one of them is ready. It may write, as a command may; the client is
/// answered by what the callback returns, or by [`ReadyContext::stream`].
///
/// The server walks over the clients that wait meanwhile. Commands that would end another client's wait are
/// [`crate::CallError::NotWhileServing`].
pub struct ReadyContext<'cx> {
    base: WriteContext<'cx>,
    answer_started: Cell<bool>,
}

impl ReadyContext<'_> {
    /// Wraps the context of one callback.
    ///
    /// # Safety
    /// As for `Context::from_raw`; moreover the callback is that of a client blocked on keys.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleCtx) -> Self {
        // SAFETY: the caller's promise is the same one.
        Self { base: unsafe { WriteContext::from_raw(raw) }, answer_started: Cell::new(false) }
    }

    pub(crate) fn is_answer_started(&self) -> bool {
        self.answer_started.get()
    }

    /// Claims the one answer; [`Error::AlreadyAnswered`] if it is claimed.
    pub(crate) fn start_answer(&self) -> Result<(), Error> {
        if self.answer_started.replace(true) { Err(Error::AlreadyAnswered) } else { Ok(()) }
    }
}

impl<'cx> Deref for ReadyContext<'cx> {
    type Target = WriteContext<'cx>;
    fn deref(&self) -> &Self::Target {
        &self.base
    }
}
