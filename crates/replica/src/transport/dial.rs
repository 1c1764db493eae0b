//! Connecting on a thread of its own, so that whoever waits for it can be woken.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use super::connect::{ConnectError, Endpoint, connect, resolve};
use super::driver::DriverConfig;
use super::stream::Stream;
#[cfg(feature = "tls")]
use super::tls::TlsConnector;
use super::wake::Bell;

/// What it takes to reach the source.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    endpoint: Endpoint,
    #[cfg(feature = "tls")]
    tls: Option<TlsConnector>,
    timeout: Duration,
}

impl Dial {
    pub(super) fn new(config: &DriverConfig) -> Self {
        Dial {
            endpoint: config.endpoint.clone(),
            #[cfg(feature = "tls")]
            tls: config.tls.clone(),
            timeout: config.connect_timeout,
        }
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

    fn connect(&self) -> Result<Stream, ConnectError> {
        let stream = connect(&resolve(&self.endpoint, self.timeout)?, self.timeout)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.secure(stream, &self.endpoint.host, self.timeout);
        }
        Ok(stream)
    }
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Dialing(Receiver<Result<Stream, ConnectError>>);

impl Dialing {
    /// The outcome, or None while there is none. The outer error says that the thread panicked.
    pub(super) fn outcome(&self) -> io::Result<Option<Result<Stream, ConnectError>>> {
        match self.0.try_recv() {
            Ok(outcome) => Ok(Some(outcome)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the thread that connects panicked")),
        }
    }
}
