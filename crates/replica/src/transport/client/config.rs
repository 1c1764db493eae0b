//! The settings of a client.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::Credentials;
use crate::push::{InboxLimits, Processor, RegistryProcessor};
use crate::resp::Limits;

use super::Mover;

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// For AUTH, or for HELLO with RESP3; None sends none.
    pub credentials: Option<Credentials>,
    /// For one call, from sending to the last reply.
    pub timeout: Duration,
    /// What one reply or push may make us hold.
    pub limits: Limits,
    /// What is spoken.
    pub protocol: Protocol,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig {
            credentials: None,
            timeout: Duration::from_secs(10),
            limits: Limits::default(),
            protocol: Protocol::default(),
        }
    }
}

/// Which version of the protocol is spoken.
#[derive(Debug, Clone, Default)]
pub enum Protocol {
    /// Every server's. Without pushes: there is nothing to subscribe to and no tracking.
    #[default]
    Resp2,
    /// `HELLO 3`: Redis 6.0 and newer, Valkey.
    Resp3(PushConfig),
}

/// What becomes of the pushes of a RESP3 client.
#[derive(Debug, Clone)]
pub struct PushConfig {
    /// Hands out the pushes that are no messages. Several clients may have the same.
    pub processor: Arc<dyn Processor>,
    /// How many messages may wait for [`take_event`](super::Client::take_event).
    pub inbox: InboxLimits,
    /// Follows `MOVING` to the address it names; None leaves it to a handler of that name. With one, the client asks for
    /// announcements (`CLIENT MAINT_NOTIFICATIONS ON`, refused by servers that make none, which is no error).
    pub mover: Option<Arc<dyn Mover>>,
}

impl Default for PushConfig {
    fn default() -> Self {
        PushConfig {
            processor: Arc::new(RegistryProcessor::new()),
            inbox: InboxLimits::default(),
            mover: None,
        }
    }
}
