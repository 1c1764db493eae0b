//! Connecting on a thread of its own, so that whoever waits for it can be woken.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::connection::Config;

use super::connect::{ConnectError, Endpoint, connect, resolve};
use super::driver::DriverConfig;
use super::sentinel::{Found, Sentinels, confirm};
use super::source::Source;
use super::stream::Stream;
#[cfg(feature = "tls")]
use super::tls::TlsConnector;
use super::wake::Bell;

/// What it takes to reach the source.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    to: To,
    #[cfg(feature = "tls")]
    tls: Option<TlsConnector>,
    timeout: Duration,
    /// Who we are to a source that is asked for its role first.
    config: Config,
}

#[derive(Debug, Clone)]
enum To {
    Source(Source),
    /// Where a link goes already; the host is the name in its certificate.
    Address {
        address: SocketAddr,
        host: String,
    },
}

/// A connection, and how it was found.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) stream: Stream,
    /// The name it was asked for by.
    pub(super) host: String,
    /// The primary that the Sentinels named.
    pub(super) primary: Option<Endpoint>,
}

impl Dial {
    pub(super) fn new(config: &DriverConfig) -> Self {
        Dial {
            to: To::Source(config.source.clone()),
            #[cfg(feature = "tls")]
            tls: config.tls.clone(),
            timeout: config.connect_timeout,
            config: config.connection.clone(),
        }
    }

    /// Another connection to where `reached` goes.
    pub(super) fn again(&self, reached: &Reached) -> io::Result<Self> {
        let (address, host) = (reached.stream.peer_addr()?, reached.host.clone());
        Ok(Dial { to: To::Address { address, host }, ..self.clone() })
    }

    /// Begins, and rings `bell` when there is an outcome. Nobody has to take it: the attempt ends by its time-outs.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(super) fn begin(self, bell: &Bell) -> io::Result<Dialing> {
        let (outcome, outcomes) = sync_channel(1);
        let ring = bell.ring_on_drop();
        thread::Builder::new().name(String::from("connect")).spawn(move || {
            // Dropped in reverse order, also by a panic: the bell rings when the outcome is known.
            let (_ring, outcome) = (ring, outcome);
            let _ = outcome.send(self.connect());
        })?;
        Ok(Dialing(outcomes))
    }

    fn connect(&self) -> Result<Reached, ConnectError> {
        match &self.to {
            To::Source(Source::Server(endpoint)) => {
                let stream = self.reach(endpoint)?;
                Ok(Reached { stream, host: endpoint.host.clone(), primary: None })
            }
            To::Source(Source::Sentinel(sentinels)) => self.through(sentinels),
            To::Address { address, host } => {
                let stream = self.secure(connect(&[*address], self.timeout)?, host)?;
                Ok(Reached { stream, host: host.clone(), primary: None })
            }
        }
    }

    /// The first of the servers named that is what it should be.
    fn through(&self, sentinels: &Sentinels) -> Result<Reached, ConnectError> {
        let Found { servers, primary } = sentinels.find()?;
        let mut failure = ConnectError::NoAddress;
        for server in servers {
            let confirmed = self
                .reach(&server)
                .and_then(|stream| Ok(confirm(stream, &server, sentinels.wanted_role(), &self.config)?));
            match confirmed {
                Ok(stream) => return Ok(Reached { stream, host: server.host, primary: Some(primary) }),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn reach(&self, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
        self.secure(connect(&resolve(endpoint, self.timeout)?, self.timeout)?, &endpoint.host)
    }

    fn secure(&self, stream: Stream, host: &str) -> Result<Stream, ConnectError> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.secure(stream, host, self.timeout);
        }
        let _ = host;
        Ok(stream)
    }
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Dialing(Receiver<Result<Reached, ConnectError>>);

impl Dialing {
    /// The outcome, or None while there is none. The outer error says that the thread panicked.
    pub(super) fn outcome(&self) -> io::Result<Option<Result<Reached, ConnectError>>> {
        match self.0.try_recv() {
            Ok(outcome) => Ok(Some(outcome)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the thread that connects panicked")),
        }
    }
}
