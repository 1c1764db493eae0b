//! A TLS session over a socket.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::failure::TlsFailure;
use super::session::{Next, Session};
use crate::transport::stream::is_timeout;

/// How long the alert that says why we leave may take.
const ALERT_TIMEOUT: Duration = Duration::from_millis(100);

/// How reads and writes treat a socket that isn't ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They wait, by the socket's time-outs.
    Blocking,
    /// They return at once.
    Readiness,
}

/// An encrypted connection, made by [`TlsConnector::secure`](super::TlsConnector::secure).
///
/// The end of the connection is the end of the bytes, whether the peer announced it or not: the replication stream
/// says itself where it is complete.
pub struct TlsStream {
    socket: TcpStream,
    session: Session,
    mode: Mode,
}

impl TlsStream {
    pub(super) fn new(socket: TcpStream, session: Session) -> Self {
        TlsStream { socket, session, mode: Mode::Blocking }
    }

    /// The socket, for its address, descriptor and time-outs.
    pub(in crate::transport) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(in crate::transport) fn use_readiness(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        self.mode = Mode::Readiness;
        Ok(())
    }

    /// Whether a read returns something, or the end, without the socket.
    pub(in crate::transport) fn has_buffered(&self) -> bool {
        self.session.has_buffered()
    }

    /// Whether encrypted bytes wait for the socket.
    pub(in crate::transport) fn wants_write(&self) -> bool {
        !self.session.unsent().is_empty()
    }

    pub(super) fn handshake(&mut self, deadline: Instant) -> Result<(), TlsFailure> {
        let outcome = self.shake_hands(deadline);
        if outcome.is_err() && self.wants_write() {
            // Best effort: the peer's log then says why.
            let _ = self.socket.set_write_timeout(Some(ALERT_TIMEOUT));
            let _ = self.send();
        }
        outcome
    }

    fn shake_hands(&mut self, deadline: Instant) -> Result<(), TlsFailure> {
        loop {
            let next = self.session.shake_hands()?;
            if next == Next::Closed {
                return Err(TlsFailure::Closed);
            }
            self.socket.set_write_timeout(Some(time_left(deadline)?)).map_err(broken)?;
            self.send().map_err(|error| self.why_unsendable(error)).map_err(broken)?;
            if next == Next::Traffic {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(time_left(deadline)?)).map_err(broken)?;
            match self.receive() {
                Err(error) if is_timeout(&error) => {}
                outcome => outcome.map_err(broken)?,
            }
        }
    }

    /// Reads the socket once.
    fn receive(&mut self) -> io::Result<()> {
        let count = self.socket.read(self.session.room()?)?;
        match count {
            0 => self.session.received_end(),
            _ => self.session.received(count),
        }
        Ok(())
    }

    /// Sends what waits, as far as the socket takes it.
    fn send(&mut self) -> io::Result<()> {
        while self.wants_write() {
            match self.socket.write(self.session.unsent()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.session.sent(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A peer that leaves with an alert may have closed its side before we write: the reason then waits unread.
    fn why_unsendable(&mut self, error: io::Error) -> io::Error {
        if is_timeout(&error) || self.receive().is_err() {
            return error;
        }
        match self.session.shake_hands() {
            Err(failure) => failure.into(),
            Ok(_) => error,
        }
    }

    /// Whether a read that has brought nothing so far is to return.
    fn must_return(&self, began: Instant) -> io::Result<bool> {
        Ok(match self.mode {
            Mode::Readiness => true,
            Mode::Blocking => self.socket.read_timeout()?.is_some_and(|limit| began.elapsed() >= limit),
        })
    }
}

impl Read for TlsStream {
    /// Waits for the socket only if nothing is decrypted yet.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        loop {
            let count = self.session.read(into)?;
            if count > 0 || into.is_empty() || self.session.is_closed() {
                return Ok(count);
            }
            match self.send() {
                Err(error) if !is_timeout(&error) => return Err(self.why_unsendable(error)),
                _ => {}
            }
            self.receive()?;
            let count = self.session.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            if !self.session.is_closed() && self.must_return(began)? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }
}

impl Write for TlsStream {
    /// Takes at most one record's worth, and only when the one before is sent. What is taken may wait for the socket:
    /// reads, writes and `flush` go on with it.
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.send() {
            return Err(self.why_unsendable(error));
        }
        let count = self.session.write(from)?;
        match self.send() {
            Err(error) if !is_timeout(&error) => Err(self.why_unsendable(error)),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Drop for TlsStream {
    /// Tells the peer that the end is no accident, if it can be told at once.
    fn drop(&mut self) {
        self.session.close();
        if self.wants_write() && self.socket.set_nonblocking(true).is_ok() {
            let _ = self.send();
        }
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

fn time_left(deadline: Instant) -> Result<Duration, TlsFailure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(TlsFailure::TimedOut { waited: Duration::ZERO }) } else { Ok(left) }
}

fn broken(error: io::Error) -> TlsFailure {
    match TlsFailure::of(&error) {
        Some(failure) => failure.clone(),
        None if error.kind() == io::ErrorKind::ConnectionReset => TlsFailure::Closed,
        None => TlsFailure::Broken { kind: error.kind() },
    }
}
