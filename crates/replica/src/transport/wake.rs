//! Reaching a driver from other threads: it sleeps in `poll`, on the source's socket and on a pair of sockets of its own.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::stream::Stream;

const STOP: u8 = 1;
const WAKE: u8 = 2;

/// Asks a driver to stop. Clones ask the same driver.
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<Calls>);

impl StopHandle {
    /// Makes the driver return at once, or when its callback returns.
    pub fn stop(&self) {
        self.0.call(STOP);
    }

    /// Whether the driver was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.0.has(STOP)
    }

    /// A handle that wakes the same driver.
    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.0))
    }

    /// The other end, for the thread that runs the driver.
    ///
    /// # Errors
    /// There are no more file descriptors.
    pub(super) fn listen(&self) -> io::Result<Bell> {
        Bell::new(Arc::clone(&self.0))
    }
}

/// Makes a driver call [`Observer::woken`](super::Observer::woken). Clones wake the same driver.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Calls>);

impl Waker {
    /// Has [`Observer::woken`](super::Observer::woken) called between two events, wherever the driver is: also while it
    /// connects or waits for the next attempt. Calls that come before it was called count as one; one that comes while
    /// the driver does not run is kept for its next run.
    pub fn wake(&self) {
        self.0.call(WAKE);
    }
}

/// What is asked of a driver, and how its thread is brought to look at it.
#[derive(Debug, Default)]
struct Calls {
    asked: AtomicU8,
    /// None while the driver does not run.
    line: Mutex<Option<UnixStream>>,
}

impl Calls {
    fn call(&self, what: u8) {
        // Whoever finds it asked already finds the line rung already, or the driver about to look.
        if self.asked.fetch_or(what, Ordering::AcqRel) & what == 0 {
            self.ring();
        }
    }

    fn has(&self, what: u8) -> bool {
        self.asked.load(Ordering::Acquire) & what != 0
    }

    fn ring(&self) {
        if let Some(line) = &mut *self.line.lock().unwrap_or_else(PoisonError::into_inner) {
            // Full means that the driver has not looked since: one byte is as good as many.
            let _ = line.write(&[1]);
        }
    }
}

/// The driver's end, for one run.
#[derive(Debug)]
pub(super) struct Bell {
    calls: Arc<Calls>,
    line: UnixStream,
}

/// Rings when it goes, however that comes about.
pub(super) struct RingOnDrop(Arc<Calls>);

impl Drop for RingOnDrop {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl Bell {
    fn new(calls: Arc<Calls>) -> io::Result<Bell> {
        let (far, line) = UnixStream::pair()?;
        far.set_nonblocking(true)?;
        line.set_nonblocking(true)?;
        *calls.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(far);
        Ok(Bell { calls, line })
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.calls.has(STOP)
    }

    /// Whether anything is asked: one look at memory, for between events.
    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        self.calls.asked.load(Ordering::Relaxed) != 0
    }

    /// Whether the driver was woken since the last call.
    pub(super) fn take_wake(&self) -> bool {
        self.calls.asked.fetch_and(!WAKE, Ordering::AcqRel) & WAKE != 0
    }

    pub(super) fn ring_on_drop(&self) -> RingOnDrop {
        RingOnDrop(Arc::clone(&self.calls))
    }

    /// Sleeps until somebody rings or `timeout` is over; None sleeps for as long as it takes.
    ///
    /// # Errors
    /// What `poll` says.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.poll(&mut [PollFd::new(&self.line, PollFlags::IN)], timeout)
    }

    /// The same, or until one of `streams` can be read, or written if that is of interest.
    ///
    /// # Errors
    /// What `poll` says.
    pub(super) fn wait_streams(
        &self,
        streams: &[Option<(&Stream, PollFlags)>],
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let own = PollFd::new(&self.line, PollFlags::IN);
        let others = streams.iter().flatten().map(|(stream, interest)| PollFd::new(*stream, *interest));
        self.poll(&mut std::iter::once(own).chain(others).collect::<Vec<_>>(), timeout)
    }

    /// Polls `fds`, the first of which is our own.
    fn poll(&self, fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
        // Longer than 2^63 s is for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if fds.first().is_some_and(|own| !own.revents().is_empty()) {
            // What is asked is in memory; the bytes only end the sleep.
            while matches!((&self.line).read(&mut [0; 64]), Ok(64)) {}
        }
        Ok(())
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        *self.calls.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
