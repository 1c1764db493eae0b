//! A blocking loop that follows a source through every break.

mod config;
mod error;

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::connection::{Config, Connection, Error, Event, Retry, State};
use crate::position::Position;

use super::backoff::Backoff;
use super::dial::{Dial, Reached};
use super::observer::{Observer, ObserverError};
use super::second::{Progress, Second};
use super::sentinel::Watch;
use super::source::Source;
use super::stream::{Stream, is_timeout};
use super::teller::{Teller, Untold};
use super::wake::{Bell, StopHandle, Waker};

pub use config::{DriverConfig, Reconnect};
pub use error::{DriverError, LinkError};

pub(super) const READ_BYTES: usize = 64 << 10;

/// Why following one link ended.
enum End {
    Link(LinkError),
    Observer(ObserverError),
    Stopped,
    /// The snapshot is complete, and nothing else was wanted.
    Complete,
}

impl<E: Into<LinkError>> From<E> for End {
    fn from(error: E) -> Self {
        End::Link(error.into())
    }
}

/// Follows one source, and tells an [`Observer`].
#[derive(Debug)]
pub struct Driver {
    config: DriverConfig,
    backoff: Backoff,
    stop: StopHandle,
    teller: Teller,
}

impl Driver {
    /// A driver that has not begun.
    pub fn new(config: DriverConfig) -> Self {
        Driver {
            backoff: Backoff::new(config.backoff, config.backoff_seed),
            stop: StopHandle::default(),
            teller: Teller::new(
                config.connection.resume,
                config.transaction_bytes,
                config.connection.limits.resp,
            ),
            config,
        }
    }

    /// A handle to stop this driver from elsewhere.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// A handle to have [`Observer::woken`] called from elsewhere.
    pub fn waker(&self) -> Waker {
        self.stop.waker()
    }

    /// The position behind what the observer has applied; None before a snapshot is complete.
    pub fn position(&self) -> Option<Position> {
        self.teller.position()
    }

    /// Follows the source until stopped, or until it has the snapshot if that is all that is wanted
    /// ([`Goal::Snapshot`](crate::Goal::Snapshot)). Returns Ok when asked to stop; may be called again and then goes on at
    /// [`position`](Self::position).
    ///
    /// # Errors
    /// A callback failed, or a link ended that is not to be tried again.
    pub fn run(&mut self, observer: &mut impl Observer) -> Result<(), DriverError> {
        let bell = self.stop.listen().map_err(DriverError::Wake)?;
        guarded(|| observer.init())?.map_err(DriverError::Observer)?;
        // Outlives the last callback: the source sees us until then.
        let mut link = None;
        let result = guarded(|| self.follow_for_ever(&bell, &mut link, observer)).and_then(|result| result);
        guarded(|| observer.destroy())?;
        result
    }

    fn follow_for_ever(
        &mut self,
        bell: &Bell,
        link: &mut Option<Stream>,
        observer: &mut impl Observer,
    ) -> Result<(), DriverError> {
        loop {
            let Err(end) = self.follow_once(bell, link, observer);
            let outcome = match end {
                End::Link(reason) => {
                    *link = None;
                    self.back_off(reason, bell, observer)
                }
                end => Err(end),
            };
            match outcome {
                Ok(()) => {}
                Err(End::Stopped | End::Complete) => return Ok(()),
                Err(End::Observer(error)) => return Err(DriverError::Observer(error)),
                Err(End::Link(reason)) => return Err(DriverError::Link(reason)),
            }
        }
    }

    /// Tells that a link ended, and waits until it is time for the next.
    fn back_off(&mut self, reason: LinkError, bell: &Bell, observer: &mut impl Observer) -> Result<(), End> {
        let delay = self.delay_after(&reason);
        observer.closed(&reason, delay);
        let Some(delay) = delay else { return Err(End::Link(reason)) };
        let until = Instant::now() + delay;
        loop {
            attend(bell, observer)?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            bell.wait(Some(left))?;
        }
    }

    fn delay_after(&mut self, reason: &LinkError) -> Option<Duration> {
        let hopeless = reason.retry() == Retry::NeedsUser;
        match self.config.reconnect {
            Reconnect::Never => None,
            Reconnect::UnlessHopeless if hopeless => None,
            // Nothing failed: the next source is known already.
            _ if matches!(reason, LinkError::SourceMoved) => Some(Duration::ZERO),
            _ if matches!(reason, LinkError::Replication(Error::Loading)) => Some(self.backoff.soon()),
            _ => Some(self.backoff.next_delay()),
        }
    }

    /// One link, from connecting to its end.
    fn follow_once(
        &mut self,
        bell: &Bell,
        link: &mut Option<Stream>,
        observer: &mut impl Observer,
    ) -> Result<Infallible, End> {
        let mut reached = self.open(bell, observer)?;
        reached.stream.use_readiness()?;
        observer.connected(reached.stream.peer_addr()?);
        let config = Config { resume: self.position(), ..self.config.connection.clone() };
        let mut connection = Connection::new(config, Instant::now());
        self.pump(reached, link, &mut connection, bell, observer)
    }

    fn open(&self, bell: &Bell, observer: &mut impl Observer) -> Result<Reached, End> {
        attend(bell, observer)?;
        observer.connecting();
        let dialing = Dial::new(&self.config).begin(bell)?;
        loop {
            if let Some(outcome) = dialing.outcome()? {
                return Ok(outcome?);
            }
            bell.wait(None)?;
            attend(bell, observer)?;
        }
    }

    fn pump(
        &mut self,
        reached: Reached,
        link: &mut Option<Stream>,
        connection: &mut Connection,
        bell: &Bell,
        observer: &mut impl Observer,
    ) -> Result<Infallible, End> {
        let mut second = Second::new(Dial::new(&self.config).again(&reached)?);
        let watch = self.watch(&reached, bell)?;
        let stream = link.insert(reached.stream);
        let mut chunk = vec![0; READ_BYTES];
        loop {
            transmit(stream, connection)?;
            attend(bell, observer)?;
            if watch.as_ref().is_some_and(Watch::has_moved) {
                return Err(LinkError::SourceMoved.into());
            }
            let progress = second.attend(connection, bell)?;
            // Read before sleeping: what a TLS session has decrypted already shows nowhere on the socket.
            match stream.read(&mut chunk) {
                Ok(0) => return Err(LinkError::Closed.into()),
                Ok(len) => connection.receive(&chunk[..len], Instant::now()),
                Err(error) if is_timeout(&error) && progress == Progress::Some => {}
                Err(error) if is_timeout(&error) => sleep(bell, stream, &second, connection)?,
                Err(error) => return Err(error.into()),
            }
            connection.handle_timeout(Instant::now());
            while let Some(applied) = self.step(connection, observer)? {
                connection.set_applied(applied);
                attend(bell, observer)?;
                show_life(stream, connection)?;
            }
            if connection.state() == State::Complete {
                return Err(End::Complete);
            }
        }
    }

    /// Has the Sentinels tell when there is another primary.
    fn watch(&self, reached: &Reached, bell: &Bell) -> io::Result<Option<Watch>> {
        match (&self.config.source, &reached.primary) {
            (Source::Sentinel(sentinels), Some(primary)) => {
                Watch::begin(sentinels.clone(), primary.clone(), bell.ring_on_drop()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Tells one event; returns the offset applied with it, or None if there is no event.
    fn step(
        &mut self,
        connection: &mut Connection,
        observer: &mut impl Observer,
    ) -> Result<Option<u64>, End> {
        let Some(event) = connection.poll_event()? else { return Ok(None) };
        self.tell(event, observer)?;
        Ok(Some(self.position().map_or(0, |position| position.offset)))
    }

    fn tell(&mut self, event: Event<'_>, observer: &mut impl Observer) -> Result<(), End> {
        if matches!(event, Event::SnapshotEnd { .. } | Event::Continue { .. }) {
            self.backoff.reset();
        }
        self.teller.tell(event, observer).map_err(|untold| match untold {
            Untold::Observer(error) => End::Observer(error),
            Untold::TransactionTooLarge { limit } => LinkError::TransactionTooLarge { limit }.into(),
        })
    }
}

/// Turns a panic of a callback into an error: it is the user's code, on the user's thread.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, DriverError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| DriverError::ObserverPanicked)
}

/// Does what is asked from elsewhere: between events, so that a callback sees whole ones.
#[inline]
fn attend(bell: &Bell, observer: &mut impl Observer) -> Result<(), End> {
    if !bell.is_asked() {
        return Ok(());
    }
    if bell.take_wake() {
        observer.woken().map_err(End::Observer)?;
    }
    if bell.is_stopped() { Err(End::Stopped) } else { Ok(()) }
}

/// Sends what the socket takes; the rest waits until it can be written again.
fn transmit(stream: &mut Stream, connection: &mut Connection) -> Result<(), LinkError> {
    while let Some(bytes) = connection.poll_transmit() {
        match stream.write(bytes) {
            Ok(0) => return Err(LinkError::Closed),
            Ok(sent) => connection.transmitted(sent),
            Err(error) if is_timeout(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    match stream.flush() {
        Err(error) if !is_timeout(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Sends what is due between two events: one read may hold many, and an observer take longer over them than the source
/// waits for a sign of life. Meanwhile it is not the source that is silent.
fn show_life(stream: &mut Stream, connection: &mut Connection) -> Result<(), LinkError> {
    let now = Instant::now();
    if connection.poll_timeout().is_none_or(|due| due > now) {
        return Ok(());
    }
    connection.heard(now);
    connection.handle_timeout(now);
    transmit(stream, connection)
}

fn sleep(bell: &Bell, stream: &Stream, second: &Second, connection: &mut Connection) -> io::Result<()> {
    let mut interest = PollFlags::IN;
    interest.set(PollFlags::OUT, stream.wants_write() || connection.poll_transmit().is_some());
    let due = connection.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
    let beside = second.interest(connection);
    bell.wait_streams(&[Some((stream, interest)), beside], due)
}
