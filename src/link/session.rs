//! One connection to the source: bytes from the socket or the spool into the connection, its events into
//! the planner, its acknowledgements out.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis_replica::transport::Stream;
use redis_replica::{Connection, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::fault::{self, Site};

use super::LinkError;
use super::planning::Planning;
use super::shared::{LinkState, NOTHING_APPLIED, Shared};
use super::spool::Spool;

/// Bytes read from the socket at a time.
const READ_BYTES: usize = 128 * 1024;

/// How long the queue must have been full before what is read is spooled. Until then the socket is left
/// unread, as a server leaves it that is busy: a short burst costs no copy, and the source keeps what
/// follows in its output buffer (256 MB before it closes the link).
const SPOOL_AFTER: Duration = Duration::from_secs(1);

/// The longest wait, so that a change of the applied offset is acknowledged in time.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// One live connection.
pub struct Session<'a> {
    pub shared: &'a Shared,
    pub planning: &'a mut Planning,
    pub spool: &'a mut Spool,
    pub connection: Connection,
    pub stream: Stream,
    /// Since when the queue has been full.
    pub full_since: Option<Instant>,
}

/// What a look at the socket gave.
enum Arrived {
    Nothing,
    Bytes,
    Closed,
}

impl Session<'_> {
    /// Runs until the link is told to stop (`Ok`) or the connection breaks.
    pub fn run(&mut self) -> Result<(), LinkError> {
        self.stream.use_readiness()?;
        let mut buffer = vec![0; READ_BYTES];
        let mut closed = false;
        while !self.shared.is_stopped() {
            fault::hit(Site::Link);
            self.tell_applied();
            self.pump()?;
            self.planning.serve_requests(self.shared)?;
            self.transmit()?;
            if closed && self.spool.is_empty() && !self.shared.queue.is_full() {
                return Err(LinkError::Closed);
            }
            self.note_fullness();
            self.shared.figures.is_spool_full.store(self.spool.is_full(), Ordering::Relaxed);
            self.shared.figures.buffered.store(self.held(), Ordering::Relaxed);
            let may_read = !closed && self.has_room();
            let is_ready = self.wait(may_read, closed)?;
            if is_ready {
                closed = matches!(self.read(&mut buffer)?, Arrived::Closed);
            }
            self.note_time();
        }
        Ok(())
    }

    /// Lets the connection tell what it can, as long as the queue has room.
    fn pump(&mut self) -> Result<(), LinkError> {
        loop {
            let told = self.planning.take_events(&mut self.connection, self.shared);
            self.show_state();
            told?;
            if self.shared.queue.is_full() {
                return Ok(());
            }
            match self.spool.pop()? {
                Some(bytes) => {
                    self.connection.receive(&bytes, Instant::now());
                    self.shared.figures.spooled.store(self.spool.len(), Ordering::Relaxed);
                }
                None => return Ok(()),
            }
        }
    }

    /// Whether the socket may be read. A snapshot is never spooled: the source sends what follows it only
    /// when it was read.
    fn has_room(&self) -> bool {
        match self.full_since {
            _ if !self.spool.is_empty() => !self.spool.is_full(),
            None => true,
            Some(since) => self.connection.state() == State::Streaming && since.elapsed() >= SPOOL_AFTER,
        }
    }

    /// Received bytes in memory.
    fn held(&self) -> u64 {
        self.connection.buffered() as u64 + self.spool.memory_len()
    }

    fn note_fullness(&mut self) {
        if !self.shared.queue.is_full() {
            self.full_since = None;
        } else if self.full_since.is_none() {
            self.full_since = Some(Instant::now());
        }
    }

    /// Reads once. Bytes that can't be planned now go to the spool.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Arrived, LinkError> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Ok(Arrived::Closed),
            Ok(count) => count,
            Err(error) if is_not_yet(&error) => return Ok(Arrived::Nothing),
            Err(error) => return Err(error.into()),
        };
        self.shared.figures.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
        let bytes = &buffer[..count];
        if self.spool.is_empty() && !self.shared.queue.is_full() {
            self.connection.receive(bytes, Instant::now());
        } else {
            self.connection.heard(Instant::now());
            self.spool.push(bytes)?;
        }
        self.shared.figures.spooled.store(self.spool.len(), Ordering::Relaxed);
        Ok(Arrived::Bytes)
    }

    /// Waits for the socket, for a wake, or for the next timer. True when the socket is to be read.
    fn wait(&mut self, may_read: bool, closed: bool) -> Result<bool, LinkError> {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, may_read);
        let wants_write = self.stream.wants_write() || self.connection.poll_transmit().is_some();
        interest.set(PollFlags::OUT, !closed && wants_write);
        // What is decrypted already shows nowhere on the socket.
        let has_buffered = may_read && self.stream.has_buffered();
        let timeout = if has_buffered { Timespec { tv_sec: 0, tv_nsec: 0 } } else { self.timeout() };
        let wake = self.shared.wake_fd();
        let mut fds = [PollFd::from_borrowed_fd(wake, PollFlags::IN), PollFd::new(&self.stream, interest)];
        // A socket nobody asks about would still report its end, again and again.
        let watched = if interest.is_empty() { 1 } else { 2 };
        match poll(&mut fds[..watched], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let is_ready = has_buffered || may_read && watched == 2 && !fds[1].revents().is_empty();
        if !fds[0].revents().is_empty() {
            self.shared.drain_wake();
        }
        Ok(is_ready)
    }

    fn timeout(&self) -> Timespec {
        let now = Instant::now();
        let due = self.connection.poll_timeout().map_or(WAIT_MAX, |at| at.saturating_duration_since(now));
        let due = due.min(WAIT_MAX);
        Timespec { tv_sec: 0, tv_nsec: due.subsec_nanos().into() }
    }

    fn note_time(&mut self) {
        let now = Instant::now();
        if !self.has_room() {
            self.connection.heard(now);
        }
        if self.connection.poll_timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
        }
    }

    fn tell_applied(&mut self) {
        let applied = self.shared.applied.load(Ordering::Acquire);
        if applied != NOTHING_APPLIED {
            self.connection.set_applied(applied);
        }
    }

    fn transmit(&mut self) -> Result<(), LinkError> {
        while let Some(bytes) = self.connection.poll_transmit() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(count) => self.connection.transmitted(count),
                Err(error) if is_not_yet(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match self.stream.flush() {
            Err(error) if !is_not_yet(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn show_state(&self) {
        self.shared.set_state(match self.connection.state() {
            State::Handshake => LinkState::Handshake,
            State::AwaitingSnapshot => LinkState::Waiting,
            State::Snapshot => LinkState::Loading,
            State::Streaming => LinkState::Streaming,
            _ => LinkState::BackingOff,
        });
    }
}

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
