//! Where a store is.

use std::time::Duration;

use redis::{Client, Connection, TlsCertificates};

use crate::Error;

/// How long a connection, and then each reply, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a store is and how it is reached.
#[derive(Debug, Clone)]
pub struct Options {
    url: String,
    pub(crate) key: String,
    pub(crate) expiry: Option<Duration>,
    tls: Option<TlsCertificates>,
}

impl Options {
    /// The store in a key. `url` is `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS.
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Options {
        Options { url: url.into(), key: key.into(), expiry: None, tls: None }
    }

    /// For how long changes are kept: a reader that is longer away reads the state again. Without it the store keeps what
    /// it has, at first a day.
    #[must_use]
    pub fn with_expiry(mut self, expiry: Duration) -> Options {
        self.expiry = Some(expiry);
        self
    }

    /// The authority that the server is verified by (PEM) in place of the system's, and what the server is shown.
    #[must_use]
    pub fn with_tls(mut self, certificates: TlsCertificates) -> Options {
        self.tls = Some(certificates);
        self
    }

    /// Connects. A reply may take `wait` longer than usual: as long as the command asks the server to wait.
    pub(crate) fn connect(&self, wait: Duration) -> Result<Connection, Error> {
        let client = match &self.tls {
            Some(certificates) => Client::build_with_tls(self.url.as_str(), certificates.clone())?,
            None => Client::open(self.url.as_str())?,
        };
        let connection = client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE + wait))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }
}

/// A reply may take so much longer than usual.
pub(crate) fn wait_for(connection: &Connection, wait: Duration) -> Result<(), Error> {
    Ok(connection.set_read_timeout(Some(PATIENCE + wait))?)
}
