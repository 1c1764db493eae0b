//! A replica that runs by itself: a driver on a thread, a handler it calls, and a handle for everybody else.

mod asked;
mod options;
mod relay;
mod status;

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::callback::{Handler, HandlerError, Message};
use crate::position::{Position, ReplId};

use super::driver::{Driver, DriverError};
use super::wake::{StopHandle, Waker};
pub use asked::CallError;
use asked::{Asked, Queue};
pub use options::{Options, Start, Transactions};
use relay::{Relay, Started};
use status::Shared;
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

/// A running replica. Dropped, it is stopped.
#[derive(Debug)]
pub struct Replica<H: Handler> {
    stop: StopHandle,
    waker: Waker,
    queue: Arc<Queue<H>>,
    shared: Arc<Shared>,
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
        let queue = Arc::new(Queue::default());
        let shared = Arc::new(Shared::default());
        let mut driver = Driver::new(options.driver);
        let (stop, waker) = (driver.stop_handle(), driver.waker());
        let mut relay = Relay::new(
            handler,
            options.batch,
            options.transactions,
            Arc::clone(&queue),
            Arc::clone(&shared),
            tell,
        );
        let running = move || {
            let result = driver.run(&mut relay);
            (relay.end(), result)
        };
        let thread = thread::Builder::new().name(String::from("replica")).spawn(running);
        let thread = Some(thread.map_err(StartError::Thread)?);
        let replica = Replica { stop, waker, queue, shared, thread };
        replica.await_start(&told, start)
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

    /// Runs `call` on the handler between two callbacks, on the replica's thread, and returns its answer: what it
    /// changes is changed when the answer is there. Waits for a callback that runs.
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

    /// Has [`Handler::message`] called, in whatever state; does not wait for it.
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

    /// Stops the replica, waits for its end, and returns the handler with the reason: Ok if it was this call. None if
    /// the thread itself panicked, which no handler can bring about.
    pub fn stop(mut self) -> Option<(H, Result<(), DriverError>)> {
        self.stop.stop();
        self.join()
    }

    /// Waits for the end of a replica that nobody stops: an error of the handler, or a link that is not tried again.
    pub fn wait(mut self) -> Option<(H, Result<(), DriverError>)> {
        self.join()
    }

    /// A handle that stops it from elsewhere.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }
}

impl<H: Handler> Replica<H> {
    /// State, position and address, of one moment.
    pub fn status(&self) -> Status {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.stop.stop();
        drop(self.join());
    }
}
