//! A replica that runs by itself: a driver on a thread, a handler it calls, and a handle for everybody else.
//!
//! ```text
//!   Options + Handler -> Prepared -- run ---> on the caller's thread
//!                            |   `-- spawned by Replica::start
//!                            `-- handle --> ReplicaHandle: stop, call, send, status
//! ```

mod asked;
mod handle;
mod options;
mod prepared;
mod relay;
mod status;

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::callback::{Handler, HandlerError, Message};
use crate::position::{Position, ReplId};

use super::driver::DriverError;
use super::wake::StopHandle;
pub use asked::CallError;
pub use handle::ReplicaHandle;
pub use options::{Options, Start, Transactions};
pub use prepared::Prepared;
use relay::Started;
pub use status::{ReplicaState, Status};

/// Why a replica did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// [`Handler::init`] failed; nothing was connected.
    #[error("the handler refused to start: {0}")]
    Init(HandlerError),
    /// There can be no more threads.
    #[error("no thread for the replica: raise the limit of processes ({0})")]
    Thread(std::io::Error),
    /// It ended before it had begun, or before the first load was complete.
    #[error("the replica ended before it was ready: {0}")]
    Ended(DriverError),
    /// The first load was not complete in time; the replica was stopped.
    #[error("the first load was not complete after {} s: give it more time, or start without waiting", .0.as_secs())]
    Timeout(Duration),
    /// It was asked to stop before it was ready.
    #[error("the replica was stopped before it was ready")]
    Stopped,
}

/// A running replica, on a thread of its own. Dropped, it is stopped. On a thread of the caller's: [`Prepared`].
#[derive(Debug)]
pub struct Replica<H: Handler> {
    handle: ReplicaHandle<H>,
    thread: Option<JoinHandle<(H, Result<(), DriverError>)>>,
}

impl<H: Handler + 'static> Replica<H> {
    /// Starts a replica on a thread of its own. Returns when [`Handler::init`] has, before anything is connected; or,
    /// with [`Start::AfterLoad`], when the first load is complete.
    ///
    /// # Errors
    /// `init` failed, or there was no first load in time.
    pub fn start(options: Options, handler: H) -> Result<Self, StartError> {
        let (tell, told) = sync_channel(2);
        let start = options.start;
        let prepared = Prepared::telling(options, handler, Some(tell));
        let handle = prepared.handle();
        let thread = thread::Builder::new().name(String::from("replica")).spawn(move || prepared.run());
        let thread = Some(thread.map_err(StartError::Thread)?);
        Replica { handle, thread }.await_start(&told, start)
    }

    fn await_start(mut self, told: &Receiver<Started>, start: Start) -> Result<Self, StartError> {
        match told.recv() {
            Ok(Started::Init(Ok(()))) => {}
            Ok(Started::Init(Err(error))) => return Err(StartError::Init(error)),
            Ok(Started::Loaded) | Err(_) => return Err(self.why_ended()),
        }
        let Start::AfterLoad { timeout } = start else { return Ok(self) };
        let deadline = Instant::now() + timeout;
        match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(_) => Ok(self),
            Err(RecvTimeoutError::Timeout) => Err(StartError::Timeout(timeout)),
            Err(RecvTimeoutError::Disconnected) => Err(self.why_ended()),
        }
    }

    fn why_ended(&mut self) -> StartError {
        match self.join() {
            Some((_, Err(error))) => StartError::Ended(error),
            _ => StartError::Stopped,
        }
    }

    /// As [`ReplicaHandle::call`].
    ///
    /// # Errors
    /// The replica is not loading or streaming, or has ended.
    pub fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        self.handle.call(call)
    }

    /// As [`ReplicaHandle::send`].
    ///
    /// # Errors
    /// The replica has ended.
    pub fn send(&self, message: Message) -> Result<(), CallError> {
        self.handle.send(message)
    }

    /// Stops the replica, waits for its end, and returns the handler with the reason: Ok if it was this call. None if
    /// the thread itself panicked, which no handler can bring about.
    pub fn stop(mut self) -> Option<(H, Result<(), DriverError>)> {
        self.handle.stop();
        self.join()
    }

    /// Waits for the end of a replica that nobody stops: an error of the handler, or a link that is not tried again.
    pub fn wait(mut self) -> Option<(H, Result<(), DriverError>)> {
        self.join()
    }

    /// A handle that stops it from elsewhere.
    pub fn stop_handle(&self) -> StopHandle {
        self.handle.stop_handle()
    }

    /// A handle to ask it from elsewhere.
    pub fn handle(&self) -> ReplicaHandle<H> {
        self.handle.clone()
    }
}

impl<H: Handler> Replica<H> {
    /// State, position and address, of one moment.
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// What it is doing.
    pub fn state(&self) -> ReplicaState {
        self.status().state
    }

    /// The offset behind what the handler has applied; 0 before that is known.
    pub fn offset(&self) -> u64 {
        self.status().offset
    }

    /// The source's history; None before it is known.
    pub fn replid(&self) -> Option<ReplId> {
        self.status().replid
    }

    /// Where another replica could go on; None before a load is complete.
    pub fn position(&self) -> Option<Position> {
        self.status().position()
    }

    fn join(&mut self) -> Option<(H, Result<(), DriverError>)> {
        self.thread.take()?.join().ok()
    }
}

impl<H: Handler> Drop for Replica<H> {
    fn drop(&mut self) {
        self.handle.stop();
        drop(self.join());
    }
}
