//! The settings of a replica.

use std::time::Duration;

use crate::callback::BatchLimits;
use crate::connection::Credentials;
use crate::transport::{DriverConfig, Endpoint};

/// Values of a snapshot that are larger, in serialized bytes, are unpacked piece by piece.
const PIECES_ABOVE_BYTES: u64 = 1 << 20;

/// When [`Replica::start`](super::Replica::start) returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// When `init` has run, before connecting.
    #[default]
    AtOnce,
    /// When the first load is complete, or has not been for so long.
    AfterLoad {
        /// For the first load alone: what comes later takes as long as it takes.
        timeout: Duration,
    },
}

impl Start {
    /// Waits for six minutes at most.
    pub const AFTER_LOAD: Start = Start::AfterLoad { timeout: Duration::from_secs(360) };
}

/// How transactions are delivered. Always as one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transactions {
    /// Their commands alone.
    #[default]
    Grouped,
    /// With the `multi` before and the `exec` behind them.
    Raw,
}

/// The settings of a [`Replica`](super::Replica).
#[derive(Debug, Clone)]
pub struct Options {
    /// The source, how it is reached, and when it is tried again. Values of a snapshot above 1 MiB come in pieces, unless the
    /// limit is set otherwise ([`rdb::Limits::pieces_above_bytes`](crate::rdb::Limits)).
    pub driver: DriverConfig,
    /// How much of a snapshot is handed over at once.
    pub batch: BatchLimits,
    /// How transactions are delivered.
    pub transactions: Transactions,
    /// Whether the start waits for the first load.
    pub start: Start,
}

impl Options {
    /// The defaults, for the source at `host` and `port`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Options::from(DriverConfig::new(Endpoint::new(host, port)))
    }

    /// Logs in with these.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.driver.connection.credentials = Some(credentials);
        self
    }

    /// When the start returns.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// How transactions are delivered.
    #[must_use]
    pub fn transactions(mut self, transactions: Transactions) -> Self {
        self.transactions = transactions;
        self
    }
}

impl From<DriverConfig> for Options {
    fn from(mut driver: DriverConfig) -> Self {
        driver.connection.limits.rdb.pieces_above_bytes.get_or_insert(PIECES_ABOVE_BYTES);
        Options {
            driver,
            batch: BatchLimits::default(),
            transactions: Transactions::default(),
            start: Start::default(),
        }
    }
}
