//! A connected byte stream.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

#[cfg(feature = "tls")]
use super::tls::TlsStream;

/// A connected byte stream to a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP (feature `tls`).
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The address connected to.
    ///
    /// # Errors
    /// The socket is no longer connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Bounds how long a read may wait; at least a millisecond, because a socket takes zero for "for ever".
    ///
    /// # Errors
    /// What the socket says.
    pub fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket().set_read_timeout(Some(timeout.max(Duration::from_millis(1))))
    }

    /// Bounds how long a write may wait; at least a millisecond.
    ///
    /// # Errors
    /// What the socket says.
    pub fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket().set_write_timeout(Some(timeout.max(Duration::from_millis(1))))
    }

    /// Makes reads and writes return at once, for a caller that polls the descriptor: for reading unless
    /// [`has_buffered`](Self::has_buffered), for writing if [`wants_write`](Self::wants_write).
    ///
    /// # Errors
    /// What the socket says.
    pub fn use_readiness(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(socket) => socket.set_nonblocking(true),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.use_readiness(),
        }
    }

    /// Whether a read returns at once though the descriptor may be silent: bytes are decrypted, or received with what
    /// was read before.
    pub fn has_buffered(&self) -> bool {
        match self {
            Stream::Tcp(_) => false,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.has_buffered(),
        }
    }

    /// Whether bytes wait for the descriptor to be writable, accepted by an earlier write or due by the protocol;
    /// [`flush`](Write::flush) sends what it takes.
    pub fn wants_write(&self) -> bool {
        match self {
            Stream::Tcp(_) => false,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.wants_write(),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Tcp(socket) => socket,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.socket(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.read(into),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.write(from),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// Whether an error only says that the time given was not enough.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
