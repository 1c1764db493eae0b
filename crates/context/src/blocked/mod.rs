//! Clients that wait for an answer.
//!
//! ```text
//! handler   ctx.block::<T>().on_reply(..).start()  -->  Blocked     returned by the handler
//!                                                   \-> Unblocker   kept, or sent to a thread
//! later     unblocker.unblock(value)               -->  on_reply(ctx, value)        -> the answer
//!           the time is over, or CLIENT UNBLOCK     -->  on_timeout(ctx)             -> the answer
//!           the client is gone                      -->  on_disconnect(ctx)
//!           unblocked when nobody waits any more    -->  on_undelivered(ctx, value)
//! ```
//!
//! The server frees a blocked client's record only after it was unblocked, also when the client timed out
//! or left long ago. The `Unblocker` sees to that: it unblocks when it is dropped, at the latest. Clients that
//! wait for keys are in keys.rs.

mod keys;
mod leaving;
mod ready;
mod record;
mod unblocker;

pub use keys::{KeysBlock, KeysBuilder, KeysUnblocker, NoTimeoutAnswer, TimeoutAnswer, WAITED_KEYS_MAX};
pub(crate) use leaving::{Leaving, is_leaving, leaving_client};
pub use ready::Ready;
pub use unblocker::{MeasuredTime, Unblocker};

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use redis_module::raw;

use crate::api::required;
use crate::context::{BlockedContext, CommandContext, Context};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::log::LogLevel;
use crate::outcome::{ErrorReply, Outcome};
use crate::reply::{Reply, ReplyWriter};
use crate::state::ContextFlags;
use crate::timer::TIMER_MAX;
use record::Record;

/// The proof that a command's client is blocked, which the handler returns instead of a reply.
#[must_use = "return it from the handler"]
pub struct Blocked(PhantomData<*const ()>);

impl From<Blocked> for Outcome {
    fn from(_: Blocked) -> Self {
        Self::answered()
    }
}

/// What a blocked client's callback is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockedMoment {
    /// The answer is there: `on_reply`.
    Reply,
    /// The time is over, or the client was unblocked with CLIENT UNBLOCK .. TIMEOUT: `on_timeout`.
    Timeout,
    /// The client is gone: `on_disconnect`.
    Disconnected,
}

impl BlockedContext<'_> {
    /// What this callback is called for: one function may serve several of them.
    pub fn moment(&self) -> BlockedMoment {
        let is_reply = required!(RedisModule_IsBlockedReplyRequest);
        let is_timeout = required!(RedisModule_IsBlockedTimeoutRequest);
        // SAFETY: R28: the context of a blocked client's callback; only its flags are read.
        match unsafe { (is_reply(self.as_ptr()) != 0, is_timeout(self.as_ptr()) != 0) } {
            (true, _) => BlockedMoment::Reply,
            (_, true) => BlockedMoment::Timeout,
            _ => BlockedMoment::Disconnected,
        }
    }
}

/// How a client is to be blocked. Made by [`CommandContext::block`].
#[must_use = "start() blocks the client"]
pub struct BlockBuilder<'c, 'cx, T: Send + 'static> {
    ctx: &'c CommandContext<'cx>,
    timeout: Duration,
    record: Record<T>,
}

impl<'cx> CommandContext<'cx> {
    /// Blocks this command's client until `T` is there; see [`BlockBuilder`].
    pub fn block<T: Send + 'static>(&self) -> BlockBuilder<'_, 'cx, T> {
        BlockBuilder { ctx: self, timeout: Duration::ZERO, record: Record::new() }
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
        self.on_reply_stream(move |ctx, value, writer| Ok(writer.value(&make(ctx, value)?)?))
    }

    /// As [`BlockBuilder::on_reply`], for answers too large for a [`Reply`]: they are written piece by piece. If
    /// `write` fails before it has written anything, the client gets the error; half-way, what it left out is
    /// filled with nulls.
    pub fn on_reply_stream(
        self,
        write: impl for<'cx> FnOnce(&BlockedContext<'cx>, T, &mut ReplyWriter<'_>) -> Result<(), ErrorReply>
        + 'static,
    ) -> Self {
        self.record.on_reply.set(Some(Box::new(write)));
        self
    }

    /// Makes the answer when the time is over or someone says CLIENT UNBLOCK .. TIMEOUT. Without it the
    /// answer is null. A panic is answered with an error.
    pub fn on_timeout(
        self,
        make: impl for<'cx> FnOnce(&BlockedContext<'cx>) -> Result<Reply, ErrorReply> + 'static,
    ) -> Self {
        self.on_timeout_stream(move |ctx, writer| Ok(writer.value(&make(ctx)?)?))
    }

    /// As [`BlockBuilder::on_timeout`], for answers too large for a [`Reply`], as [`BlockBuilder::on_reply_stream`].
    pub fn on_timeout_stream(
        self,
        write: impl for<'cx> FnOnce(&BlockedContext<'cx>, &mut ReplyWriter<'_>) -> Result<(), ErrorReply>
        + 'static,
    ) -> Self {
        self.record.on_timeout.set(Some(Box::new(write)));
        self
    }

    /// Hears that the client left, was killed, or was unblocked with CLIENT UNBLOCK .. ERROR (which the
    /// server answers itself).
    pub fn on_disconnect(self, hear: impl for<'cx> FnOnce(&BlockedContext<'cx>) + 'static) -> Self {
        self.record.on_disconnect.set(Some(Box::new(hear)));
        self
    }

    /// Takes back what [`Unblocker::unblock`] was given too late: the client had timed out or left. Without it
    /// the value is dropped, on the main thread as well.
    pub fn on_undelivered(self, take: impl for<'cx> FnOnce(&Context<'cx>, T) + 'static) -> Self {
        self.record.on_undelivered.set(Some(Box::new(take)));
        self
    }

    /// Blocks the client.
    ///
    /// # Errors
    /// [`Error::BlockingDenied`] inside MULTI, a script, or another module's call: answer at once, or
    /// return the error. [`Error::AlreadyAnswered`] if the client is blocked or answered.
    /// [`Error::Invalid`] for a time above [`TIMER_MAX`].
    pub fn start(self) -> Result<(Blocked, Unblocker<T>), Error> {
        let milliseconds = may_block(self.ctx, self.timeout)?;
        detached::prepare(self.ctx);
        // Before the server begins to count.
        self.record.deadline.set((milliseconds != 0).then(|| Instant::now() + self.timeout));
        let block = required!(RedisModule_BlockClient);
        let (replied, timed_out) = (Some(record::replied::<T> as _), Some(record::timed_out::<T> as _));
        // SAFETY: R28: a command's context, which may block; the callbacks are functions of this module, all of
        // them for the same `T`.
        let handle =
            unsafe { block(self.ctx.as_ptr(), replied, timed_out, Some(record::freed::<T>), milliseconds) };
        let handle = claim(self.ctx, handle, "RedisModule_BlockClient")?;
        let set_disconnect = required!(RedisModule_SetDisconnectCallback);
        // SAFETY: R28: the handle that was just made.
        unsafe { set_disconnect(handle.as_ptr(), Some(record::disconnected::<T>)) };
        let record = self.record.attach(self.ctx, handle);
        Ok((Blocked(PhantomData), Unblocker::new(handle, record)))
    }
}

/// Whether this client can be blocked, and for how many milliseconds. Asked before the server is, which would
/// answer the client itself (moduleBlockClient).
fn may_block(ctx: &CommandContext<'_>, timeout: Duration) -> Result<i64, Error> {
    if ctx.is_answer_started() {
        return Err(Error::AlreadyAnswered);
    }
    if ctx.was_aborted() {
        const REASON: &str = "this command has taken a block back: answer now";
        return Err(Error::Refused { function: "RedisModule_BlockClient", reason: REASON });
    }
    if ctx.flags().intersects(ContextFlags::NO_BLOCKING) {
        return Err(Error::BlockingDenied);
    }
    if timeout > TIMER_MAX {
        return Err(Error::Invalid { what: "the time to wait", reason: "at most 100 years" });
    }
    Ok(timeout.as_nanos().div_ceil(1_000_000) as i64)
}

/// Notes that the command's client was blocked.
fn claim(
    ctx: &CommandContext<'_>,
    handle: *mut raw::RedisModuleBlockedClient,
    function: &'static str,
) -> Result<NonNull<raw::RedisModuleBlockedClient>, Error> {
    let handle = NonNull::new(handle).ok_or(Error::Refused { function, reason: "it blocked nothing" })?;
    ctx.start_blocking(handle);
    Ok(handle)
}

/// Makes one answer and writes it.
///
/// # Safety
/// `ctx` is the context of a callback that owes its client exactly one reply.
unsafe fn answer(
    ctx: &Context<'_>,
    what: &'static str,
    write: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), ErrorReply>,
) {
    // SAFETY: R28: the one reply that is owed.
    let mut writer = unsafe { ReplyWriter::new(ctx.as_ptr()) };
    let panicked = || Err(ErrorReply::err("internal error: the command failed, see the server's log"));
    let Err(error) = guard(what, panicked, || write(&mut writer)) else { return };
    guard(
        what,
        || (),
        || {
            // With a reply begun, the writer completes it when it is dropped.
            if writer.error(&error).is_err() {
                let message = format_args!("{what} failed after its answer had begun: {}", error.message);
                ctx.log_fmt(LogLevel::Warning, message);
            }
        },
    );
}
