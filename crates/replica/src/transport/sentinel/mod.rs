//! A source that Sentinels know: found before each link, proven by ROLE, watched while the link lasts.
//!
//! Follows the servers' guidelines for Sentinel clients: the Sentinels are asked in order, one that answers moves to
//! the front, and whoever they name must say itself what it is.

mod error;
mod find;
mod talk;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::connection::Credentials;
use crate::resp::Limits;

use super::connect::{ConnectError, Endpoint, connect, resolve};
#[cfg(feature = "tls")]
use super::tls::TlsConnector;

pub use error::SentinelError;
pub(super) use find::{Found, confirm};
use talk::Talk;
pub(super) use watch::Watch;

/// What a Sentinel's answer may hold: a few dozen fields for each of a primary's replicas.
const ANSWER_LIMITS: Limits =
    Limits { line_bytes: 4 << 10, bulk_bytes: 64 << 10, elements: 1 << 16, depth: 8, total_bytes: 4 << 20 };

/// Whom to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceRole {
    /// The group's primary.
    #[default]
    Primary,
    /// One of its replicas that is in touch with it.
    Replica,
}

/// Sentinels and what they watch. Clones share what was learned about who answers.
#[derive(Debug, Clone)]
pub struct Sentinels {
    group: String,
    role: SourceRole,
    credentials: Option<Credentials>,
    #[cfg(feature = "tls")]
    tls: Option<TlsConnector>,
    timeout: Duration,
    /// Who answered last comes first.
    order: Arc<Mutex<Vec<Endpoint>>>,
}

impl Sentinels {
    /// The Sentinels at `endpoints`, asked for the primary of `group` (as in `sentinel monitor <group> ..`).
    pub fn new(endpoints: Vec<Endpoint>, group: impl Into<String>) -> Self {
        Sentinels {
            group: group.into(),
            role: SourceRole::default(),
            credentials: None,
            #[cfg(feature = "tls")]
            tls: None,
            timeout: Duration::from_secs(2),
            order: Arc::new(Mutex::new(endpoints)),
        }
    }

    /// Follows a server of this role.
    #[must_use]
    pub fn role(mut self, role: SourceRole) -> Self {
        self.role = role;
        self
    }

    /// The Sentinels' own user and password, which are not the source's.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Encrypts the connections to the Sentinels.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: TlsConnector) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long each step with one Sentinel may take (connecting, TLS, an answer) before the next one is asked; two
    /// seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The Sentinels, in the order in which they are asked next.
    pub fn order(&self) -> Vec<Endpoint> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn move_to_front(&self, sentinel: &Endpoint) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = order.iter().position(|other| other == sentinel) {
            order[..=at].rotate_right(1);
        }
    }

    fn connect(&self, sentinel: &Endpoint) -> Result<Talk, SentinelError> {
        let reached = self.reach(sentinel);
        let stream = reached.map_err(|reason| SentinelError::Unreachable {
            sentinel: sentinel.clone(),
            reason: Box::new(reason),
        })?;
        let mut talk = Talk::new(stream, self.timeout);
        if let Some(credentials) = &self.credentials {
            let outcome = talk.authenticate(credentials, "AUTH");
            outcome.map_err(|reason| SentinelError::failed(sentinel, reason))?;
        }
        Ok(talk)
    }

    fn reach(&self, sentinel: &Endpoint) -> Result<super::Stream, ConnectError> {
        let stream = connect(&resolve(sentinel, self.timeout)?, self.timeout)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.secure(stream, &sentinel.host, self.timeout);
        }
        Ok(stream)
    }
}
