//! From a name to a connected socket, in two steps, so that a caller may judge the addresses in between: the address
//! that is connected is the one that was judged.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Stream;

/// A server's name or address, and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A host name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// `host` and `port` together.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Endpoint { host: host.into(), port }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve {host}: check the name and the resolver ({source})")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The resolver did not answer.
    #[error("cannot resolve {host} in time: check the resolver")]
    ResolveTimeout {
        /// The name.
        host: String,
    },
    /// There is no address to try.
    #[error("no address to connect to")]
    NoAddress,
    /// No address accepted; this is the last one's answer.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The last address tried.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
    /// The Sentinels led to no source.
    #[error(transparent)]
    Sentinel(#[from] super::sentinel::SentinelError),
    /// The peer was reached, but there is no TLS with it.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] super::tls::TlsFailure),
}

/// The addresses of `endpoint`, in the resolver's order.
///
/// The system's resolver can't be interrupted: it runs on a thread of its own, which outlives a time-out until the
/// resolver gives up by itself. Addresses in figures need no resolver and no thread.
///
/// # Errors
/// The name has no address, or the resolver takes longer than `timeout`.
pub fn resolve(endpoint: &Endpoint, timeout: Duration) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port)]);
    }
    let host = endpoint.host.clone();
    let (sender, receiver) = mpsc::sync_channel(1);
    let (name, port) = (host.clone(), endpoint.port);
    let resolver = thread::Builder::new().name(String::from("resolve")).spawn(move || {
        let addresses = (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody listens any more after a time-out.
        let _ = sender.send(addresses);
    });
    if let Err(source) = resolver {
        return Err(ConnectError::Resolve { host, source });
    }
    match receiver.recv_timeout(timeout) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(source)) => Err(ConnectError::Resolve { host, source }),
        Err(_) => Err(ConnectError::ResolveTimeout { host }),
    }
}

/// Connects to the first of `addresses` that accepts, within `timeout` over all of them.
///
/// # Errors
/// There is no address, or none accepted in time.
pub fn connect(addresses: &[SocketAddr], timeout: Duration) -> Result<Stream, ConnectError> {
    let deadline = Instant::now() + timeout;
    let mut failure = ConnectError::NoAddress;
    for (index, address) in addresses.iter().enumerate() {
        // The time left is shared, so that a first address that swallows packets leaves some to the others.
        let untried = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / untried;
        match open(*address, share) {
            Ok(socket) => return Ok(Stream::Tcp(socket)),
            Err(source) => failure = ConnectError::Connect { address: *address, source },
        }
    }
    Err(failure)
}

fn open(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, timeout.max(Duration::from_millis(1)))?;
    // Acknowledgements are small and must not wait for one another.
    socket.set_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn endpoints_are_shown_as_in_urls() {
        assert_eq!(Endpoint::new("example.org", 6379).to_string(), "example.org:6379");
        assert_eq!(Endpoint::new("::1", 6379).to_string(), "[::1]:6379");
    }

    #[test]
    fn goes_on_to_the_next_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let closed = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
        let stream = connect(&[closed, open], 5 * SECOND).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert!(matches!(
            connect(&[closed], SECOND),
            Err(ConnectError::Connect { address, .. }) if address == closed
        ));
        assert!(matches!(connect(&[], SECOND), Err(ConnectError::NoAddress)));
    }

    #[test]
    fn figures_need_no_resolver() {
        let address = resolve(&Endpoint::new("::1", 7), Duration::ZERO).unwrap();
        assert_eq!(address, ["[::1]:7".parse().unwrap()]);
    }
}
