//! What everybody else may ask of a replica.

use std::fmt;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, PoisonError};

use crate::callback::Message;
use crate::transport::{StopHandle, Waker};

use super::asked::{Asked, CallError, Queue};
use super::status::{Shared, Status};

/// Asks a replica from any thread but its own. Clones ask the same one.
pub struct ReplicaHandle<H> {
    pub(super) stop: StopHandle,
    pub(super) waker: Waker,
    pub(super) queue: Arc<Queue<H>>,
    pub(super) shared: Arc<Shared>,
}

impl<H> ReplicaHandle<H> {
    /// Runs `call` on the handler between two callbacks, on the replica's thread, and returns its answer: what it
    /// changes is changed when the answer is there. Waits for a callback that runs, and for a replica that is only
    /// prepared until it does or is dropped.
    ///
    /// # Errors
    /// The replica is not loading or streaming, or has ended.
    pub fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        let (answer, answers) = sync_channel(1);
        let asked = Asked::Call(Box::new(move |handler: Option<&mut H>| {
            // Whoever asked waits until there is an answer.
            let _ = answer.send(handler.map(call).ok_or(CallError::NotConnected));
        }));
        self.ask(asked)?;
        answers.recv().map_err(|_| CallError::Stopped)?
    }

    /// Has [`Handler::message`](crate::callback::Handler::message) called, in whatever state; does not wait for it.
    ///
    /// # Errors
    /// The replica has ended.
    pub fn send(&self, message: Message) -> Result<(), CallError> {
        self.ask(Asked::Message(message))
    }

    fn ask(&self, asked: Asked<H>) -> Result<(), CallError> {
        self.queue.push(asked)?;
        self.waker.wake();
        Ok(())
    }

    /// Makes the replica end at once, or when its callback returns; does not wait for it.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// A handle that can do only that.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// State, position and address, of one moment.
    pub fn status(&self) -> Status {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Handlers need not be clonable.
impl<H> Clone for ReplicaHandle<H> {
    fn clone(&self) -> Self {
        ReplicaHandle {
            stop: self.stop.clone(),
            waker: self.waker.clone(),
            queue: Arc::clone(&self.queue),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<H> fmt::Debug for ReplicaHandle<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ReplicaHandle").field("status", &self.status()).finish_non_exhaustive()
    }
}
