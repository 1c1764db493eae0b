//! What others ask of the handler while it belongs to the driver's thread.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::callback::Message;

/// What may wait at once.
const WAITING_MAX: usize = 100_000;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The replica has no snapshot and no stream at the moment.
    #[error("the replica is not connected: ask again when it is loading or streaming")]
    NotConnected,
    /// The replica has ended, perhaps by this call's own panic.
    #[error("the replica has ended")]
    Stopped,
    /// Too much is waiting already.
    #[error("{WAITING_MAX} calls and messages are waiting: the handler is too slow")]
    Full,
}

/// What runs on the handler, or without it if there is no link.
pub(super) type Call<H> = Box<dyn FnOnce(Option<&mut H>) + Send>;

/// One thing asked.
pub(super) enum Asked<H> {
    Call(Call<H>),
    Message(Message),
}

/// What waits for the driver's thread.
pub(super) struct Queue<H>(Mutex<Option<VecDeque<Asked<H>>>>);

impl<H> Default for Queue<H> {
    fn default() -> Self {
        Queue(Mutex::new(Some(VecDeque::new())))
    }
}

impl<H> fmt::Debug for Queue<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Queue")
    }
}

impl<H> Queue<H> {
    pub(super) fn push(&self, asked: Asked<H>) -> Result<(), CallError> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.as_mut().ok_or(CallError::Stopped)?;
        if waiting.len() >= WAITING_MAX {
            return Err(CallError::Full);
        }
        waiting.push_back(asked);
        Ok(())
    }
}

/// The driver's end of a queue. When it goes, however that comes about, nobody waits for an answer any longer.
pub(super) struct Taker<H>(Arc<Queue<H>>);

impl<H> Taker<H> {
    pub(super) fn of(queue: Arc<Queue<H>>) -> Self {
        Taker(queue)
    }

    pub(super) fn pop(&self) -> Option<Asked<H>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.pop_front()
    }
}

impl<H> Drop for Taker<H> {
    fn drop(&mut self) {
        let waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Dropped without the lock: what was asked is the user's, and so is what its end does.
        drop(waiting);
    }
}
