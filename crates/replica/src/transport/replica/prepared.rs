//! A replica that has not begun, for the thread that it is to run on.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::callback::Handler;
use crate::transport::driver::{Driver, DriverError};

use super::asked::{Queue, Taker};
use super::handle::ReplicaHandle;
use super::options::Options;
use super::relay::{Relay, Started};
use super::status::Shared;

/// A replica that has not begun. It runs on the thread that calls [`run`](Self::run).
///
/// ```no_run
/// use redis_replica::callback::{Batch, Handler, HandlerError};
/// use redis_replica::transport::{Options, Prepared};
///
/// struct Count(usize);
///
/// impl Handler for Count {
///     fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
///         self.0 += batch.iter().count();
///         Ok(())
///     }
/// }
///
/// let replica = Prepared::new(Options::new("127.0.0.1", 6379), Count(0));
/// let stop = replica.handle().stop_handle();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(60));
///     stop.stop();
/// });
/// let (count, outcome) = replica.run();
/// outcome?;
/// println!("{} commands in a minute", count.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prepared<H: Handler> {
    driver: Driver,
    relay: Relay<H>,
    handle: ReplicaHandle<H>,
}

impl<H: Handler> Prepared<H> {
    /// Connects nothing and calls nothing yet. [`Options::start`] is about threads and means nothing here:
    /// [`Status::is_loaded`](super::Status::is_loaded) tells of the first load.
    pub fn new(options: Options, handler: H) -> Self {
        Prepared::telling(options, handler, None)
    }

    /// Tells whoever waits for the start.
    pub(super) fn telling(options: Options, handler: H, started: Option<SyncSender<Started>>) -> Self {
        let (queue, shared) = (Arc::new(Queue::default()), Arc::new(Shared::default()));
        let driver = Driver::new(options.driver);
        let handle = ReplicaHandle {
            stop: driver.stop_handle(),
            waker: driver.waker(),
            queue: Arc::clone(&queue),
            shared: Arc::clone(&shared),
        };
        let relay =
            Relay::new(handler, options.batch, options.transactions, Taker::of(queue), shared, started);
        Prepared { driver, relay, handle }
    }

    /// A handle to ask and stop it from elsewhere.
    pub fn handle(&self) -> ReplicaHandle<H> {
        self.handle.clone()
    }

    /// Follows the source until it is stopped, and answers the handler with the reason: Ok if it was asked to stop, or
    /// has the snapshot and nothing else was wanted; else a callback's error, that of [`Handler::init`] too, or that of
    /// a link that is not tried again.
    pub fn run(mut self) -> (H, Result<(), DriverError>) {
        let result = self.driver.run(&mut self.relay);
        (self.relay.end(), result)
    }
}

impl<H: Handler> fmt::Debug for Prepared<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Prepared").field("driver", &self.driver).finish_non_exhaustive()
    }
}
