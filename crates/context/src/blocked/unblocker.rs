//! Ending a wait, and measuring what was done for it.

use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use redis_module::raw;

use super::record::{self, Record};
use crate::api::required;
use crate::context::CommandContext;
use crate::error::Error;

/// Ends the wait of one client, once, from any thread. Dropping it ends the wait with an error reply. If
/// the client has timed out or left, nothing is sent and the value is dropped on the main thread, or goes to
/// `on_undelivered`.
#[must_use = "dropping it answers the client with an error"]
pub struct Unblocker<T: Send + 'static> {
    handle: NonNull<raw::RedisModuleBlockedClient>,
    record: NonNull<Record<T>>,
    /// Set by `unblock`; delivered when this is dropped.
    value: Option<T>,
}

// SAFETY: R28: RM_UnblockClient may be called from any thread (it takes its own lock); the value is `Send`.
unsafe impl<T: Send + 'static> Send for Unblocker<T> {}
// SAFETY: R28: a shared reference only reads the flag; the value is out of its reach.
unsafe impl<T: Send + 'static> Sync for Unblocker<T> {}

impl<T: Send + 'static> Unblocker<T> {
    pub(super) fn new(handle: NonNull<raw::RedisModuleBlockedClient>, record: NonNull<Record<T>>) -> Self {
        Self { handle, record, value: None }
    }

    /// Ends the wait: the client gets what `on_reply` makes of `value`.
    pub fn unblock(mut self, value: T) {
        self.value = Some(value);
    }

    /// Whether nobody waits any more: the client timed out or left. Work for it can stop.
    pub fn is_client_gone(&self) -> bool {
        // SAFETY: R42: the record lives until the client is unblocked, which consumes this.
        unsafe { self.record.as_ref() }.client_gone.load(Ordering::Acquire)
    }

    /// Takes the blocking back, inside the handler that began it: the handler answers at once after all, for
    /// instance because no thread could be started. No callback runs. The command can't block its client again.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it was another command that blocked this client: that client gets the error reply
    /// of a dropped `Unblocker`.
    pub fn abort(self, ctx: &CommandContext<'_>) -> Result<(), Error> {
        if !ctx.stop_blocking(self.handle) {
            return Err(Error::Invalid { what: "the client", reason: "another command has blocked it" });
        }
        let this = std::mem::ManuallyDrop::new(self);
        let abort = required!(RedisModule_AbortBlock);
        // SAFETY: R28: the handle is live until it is unblocked, which happens here, once; this is the main
        // thread.
        unsafe { abort(this.handle.as_ptr()) };
        // SAFETY: R42: aborting unblocks with NULL, so `freed` is not called and the record is ours again.
        unsafe { record::forget(ctx, this.handle, this.record) };
        Ok(())
    }

    /// Counts the time until the guard is dropped as the command's own: INFO commandstats, SLOWLOG and LATENCY
    /// then show it. Intervals add up. What is measured after the client timed out or left is shown nowhere.
    pub fn measure(&mut self) -> MeasuredTime<'_, T> {
        let start = required!(RedisModule_BlockedClientMeasureTimeStart);
        // SAFETY: R43: a live handle; `&mut self` keeps a second interval from beginning.
        unsafe { start(self.handle.as_ptr()) };
        MeasuredTime { unblocker: self }
    }
}

/// An interval that is being measured: see [`Unblocker::measure`].
#[must_use = "the interval ends when this is dropped"]
pub struct MeasuredTime<'u, T: Send + 'static> {
    unblocker: &'u mut Unblocker<T>,
}

impl<T: Send + 'static> MeasuredTime<'_, T> {
    /// As [`Unblocker::is_client_gone`].
    pub fn is_client_gone(&self) -> bool {
        self.unblocker.is_client_gone()
    }
}

impl<T: Send + 'static> Drop for MeasuredTime<'_, T> {
    fn drop(&mut self) {
        let end = required!(RedisModule_BlockedClientMeasureTimeEnd);
        // SAFETY: R43: a live handle, whose interval `measure` has begun; it ends once.
        unsafe { end(self.unblocker.handle.as_ptr()) };
    }
}

impl<T: Send + 'static> Drop for Unblocker<T> {
    fn drop(&mut self) {
        // SAFETY: R42: nobody reads the value before the client is unblocked, below.
        unsafe { *self.record.as_ref().value.get() = self.value.take() };
        // SAFETY: R42: as above.
        unsafe { self.record.as_ref() }.is_answered.store(true, Ordering::Release);
        let unblock = required!(RedisModule_UnblockClient);
        // SAFETY: R28: the handle is live until it is unblocked, which happens here only, once; the server
        // gives the record to `replied` and then to `freed`.
        unsafe { unblock(self.handle.as_ptr(), self.record.as_ptr().cast()) };
    }
}
