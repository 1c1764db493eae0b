//! Where a driver finds its source.

use super::connect::Endpoint;
use super::sentinel::Sentinels;

/// Where a driver finds its source, asked anew before each link.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Source {
    /// At a fixed address.
    Server(Endpoint),
    /// Where Sentinels say that it is; they are watched while a link lasts.
    Sentinel(Sentinels),
}

impl From<Endpoint> for Source {
    fn from(endpoint: Endpoint) -> Self {
        Source::Server(endpoint)
    }
}

impl From<Sentinels> for Source {
    fn from(sentinels: Sentinels) -> Self {
        Source::Sentinel(sentinels)
    }
}
