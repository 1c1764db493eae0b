//! What a user of a driver sets.

use std::time::Duration;

use crate::connection::Config;

use crate::transport::backoff::BackoffConfig;
use crate::transport::source::Source;
#[cfg(feature = "tls")]
use crate::transport::tls::TlsConnector;

/// What to do when a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reconnect {
    /// Try again, except after errors that only a user can heal ([`Retry::NeedsUser`](crate::Retry::NeedsUser)).
    #[default]
    UnlessHopeless,
    /// Try again whatever it was.
    Always,
    /// Return the error.
    Never,
}

/// The settings of a driver.
#[derive(Debug, Clone)]
pub struct DriverConfig {
    /// Where the source is.
    pub source: Source,
    /// Encrypts the connection to the source (feature `tls`); None speaks plain TCP.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsConnector>,
    /// The replication itself; its resume position is where the first link begins.
    pub connection: Config,
    /// For resolving, for connecting and for the TLS handshake, each.
    pub connect_timeout: Duration,
    /// Delays between attempts.
    pub backoff: BackoffConfig,
    /// Seed of their jitter: a different one in each process.
    pub backoff_seed: u64,
    /// What to do when a link ends.
    pub reconnect: Reconnect,
    /// Largest transaction, in bytes: it is held until its EXEC.
    pub transaction_bytes: usize,
}

impl DriverConfig {
    /// The defaults, for a source at an [`Endpoint`](crate::transport::Endpoint) or behind [`Sentinels`](crate::transport::Sentinels).
    pub fn new(source: impl Into<Source>) -> Self {
        DriverConfig {
            source: source.into(),
            #[cfg(feature = "tls")]
            tls: None,
            connection: Config::default(),
            connect_timeout: Duration::from_secs(5),
            backoff: BackoffConfig::default(),
            backoff_seed: u64::from(std::process::id()),
            reconnect: Reconnect::default(),
            transaction_bytes: 512 << 20,
        }
    }
}
