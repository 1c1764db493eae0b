//! What pushes say: the forms that servers send.

use crate::resp::Value;

use super::maintenance::{self, Maintenance};
use super::subscriptions::SubscriptionKind;

/// A push, read. Elements behind those named here are ignored: servers may add some.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Push<'a> {
    /// `>3 message channel payload`: PUBLISH to a channel (addReplyPubsubMessage, pubsub.c).
    Message {
        /// The channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// `>4 pmessage pattern channel payload`: PUBLISH to a channel that matches (addReplyPubsubPatMessage, pubsub.c).
    PatternMessage {
        /// The pattern that matched.
        pattern: &'a [u8],
        /// The channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// `>3 smessage channel payload`: SPUBLISH to a shard channel. Redis 7.0 and newer, Valkey.
    ShardMessage {
        /// The channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// `>3 subscribe channel count`, `psubscribe`, `ssubscribe`: a subscription begins.
    Subscribed {
        /// Of what.
        kind: SubscriptionKind,
        /// The channel or pattern.
        name: &'a [u8],
        /// Subscriptions of the connection now: channels and patterns together, shard channels by themselves.
        count: i64,
    },
    /// `>3 unsubscribe channel count`, `punsubscribe`, `sunsubscribe`: a subscription ended, asked for or because the
    /// slot of a shard channel left the node.
    Unsubscribed {
        /// Of what.
        kind: SubscriptionKind,
        /// The channel or pattern; None answers who had none.
        name: Option<&'a [u8]>,
        /// Subscriptions of the connection that are left, as for `Subscribed`.
        count: i64,
    },
    /// `>2 invalidate keys`: tracked keys changed (sendTrackingMessage, tracking.c). Redis 6.0 and newer, Valkey.
    Invalidate(Invalidated<'a>),
    /// `>2 tracking-redir-broken id`: the connection that invalidations were redirected to has ended
    /// (sendTrackingMessage, tracking.c).
    TrackingRedirectionBroken {
        /// The client id of that connection.
        client_id: i64,
    },
    /// A change that a managed service announces.
    Maintenance(Maintenance<'a>),
    /// Another name.
    Other {
        /// The name.
        name: &'a [u8],
        /// The elements behind it.
        arguments: &'a [Value],
    },
}

/// Which keys are no longer as they were read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Invalidated<'a> {
    /// These.
    Keys(Keys<'a>),
    /// Every key: the server was flushed (null in place of the keys).
    Everything,
}

/// Keys of an invalidation, in the order sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keys<'a>(&'a [Value]);

impl<'a> Keys<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.iter().filter_map(Value::as_bytes)
    }
}

/// A push that is not what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// It has no elements, or begins with one that is no string.
    #[error("a push has no name")]
    Nameless,
    /// An element is missing or of another type.
    #[error(
        "element {element} of a push '{form}' is missing or of the wrong type: the peer may be no server"
    )]
    Element {
        /// The name.
        form: &'static str,
        /// Which element; the name is 0.
        element: usize,
    },
}

/// The elements of a push of a known name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    pub(super) form: &'static str,
    pub(super) items: &'a [Value],
}

impl<'a> Elements<'a> {
    pub(super) fn wrong(self, element: usize) -> FormError {
        FormError::Element { form: self.form, element }
    }

    pub(super) fn value(self, element: usize) -> Result<&'a Value, FormError> {
        self.items.get(element).ok_or(self.wrong(element))
    }

    pub(super) fn bytes(self, element: usize) -> Result<&'a [u8], FormError> {
        self.value(element)?.as_bytes().ok_or(self.wrong(element))
    }

    pub(super) fn text(self, element: usize) -> Result<&'a str, FormError> {
        std::str::from_utf8(self.bytes(element)?).map_err(|_| self.wrong(element))
    }

    pub(super) fn integer(self, element: usize) -> Result<i64, FormError> {
        self.value(element)?.as_integer().ok_or(self.wrong(element))
    }
}

pub(super) fn read(items: &[Value]) -> Result<Push<'_>, FormError> {
    let name = items.first().and_then(Value::as_bytes).ok_or(FormError::Nameless)?;
    let of = |form| Elements { form, items };
    match name {
        b"message" => {
            let of = of("message");
            Ok(Push::Message { channel: of.bytes(1)?, payload: of.bytes(2)? })
        }
        b"smessage" => {
            let of = of("smessage");
            Ok(Push::ShardMessage { channel: of.bytes(1)?, payload: of.bytes(2)? })
        }
        b"pmessage" => {
            let of = of("pmessage");
            Ok(Push::PatternMessage { pattern: of.bytes(1)?, channel: of.bytes(2)?, payload: of.bytes(3)? })
        }
        b"subscribe" => subscribed(SubscriptionKind::Channel, of("subscribe")),
        b"psubscribe" => subscribed(SubscriptionKind::Pattern, of("psubscribe")),
        b"ssubscribe" => subscribed(SubscriptionKind::Shard, of("ssubscribe")),
        b"unsubscribe" => unsubscribed(SubscriptionKind::Channel, of("unsubscribe")),
        b"punsubscribe" => unsubscribed(SubscriptionKind::Pattern, of("punsubscribe")),
        b"sunsubscribe" => unsubscribed(SubscriptionKind::Shard, of("sunsubscribe")),
        b"invalidate" => invalidated(of("invalidate")).map(Push::Invalidate),
        b"tracking-redir-broken" => {
            Ok(Push::TrackingRedirectionBroken { client_id: of("tracking-redir-broken").integer(1)? })
        }
        _ => match maintenance::read(name, items) {
            Some(read) => read.map(Push::Maintenance),
            None => Ok(Push::Other { name, arguments: &items[1..] }),
        },
    }
}

fn subscribed(kind: SubscriptionKind, of: Elements<'_>) -> Result<Push<'_>, FormError> {
    Ok(Push::Subscribed { kind, name: of.bytes(1)?, count: of.integer(2)? })
}

fn unsubscribed(kind: SubscriptionKind, of: Elements<'_>) -> Result<Push<'_>, FormError> {
    let name = if of.value(1)?.is_null() { None } else { Some(of.bytes(1)?) };
    Ok(Push::Unsubscribed { kind, name, count: of.integer(2)? })
}

fn invalidated(of: Elements<'_>) -> Result<Invalidated<'_>, FormError> {
    match of.value(1)? {
        Value::Null => Ok(Invalidated::Everything),
        Value::Array(keys) if keys.iter().all(|key| key.as_bytes().is_some()) => {
            Ok(Invalidated::Keys(Keys(keys)))
        }
        _ => Err(of.wrong(1)),
    }
}
