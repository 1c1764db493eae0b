//! Pushes of RESP3 connections, without IO: who is told what a server says without having been asked.
//!
//! A push (`>` on the wire, "Push type" of the RESP3 specification) may arrive between any two replies. The
//! [`Decoder`](crate::resp::Decoder) takes it out of the way, so that it never answers a command; this layer says where
//! it goes. A connection hands its decoder to a [`Processor`] before it looks for a reply and after it has one:
//!
//! ```text
//!   Decoder ──> Processor ── name has a handler ──> Handler (the whole array, and a HandlerContext)
//!      │            └─────── it has none ─────────> counted in Processed, and gone
//!      └─ what a processor leaves: replies, and the reserved names ──> Subscriptions ──> Inbox
//! ```
//!
//! | name | sent by | read as |
//! |---|---|---|
//! | `message`, `pmessage`, `smessage` | pubsub.c | [`Push::Message`], [`Push::PatternMessage`], [`Push::ShardMessage`] |
//! | `subscribe`, `psubscribe`, `ssubscribe` | pubsub.c, in place of the command's reply | [`Push::Subscribed`] |
//! | `unsubscribe`, `punsubscribe`, `sunsubscribe` | the same, and when a slot leaves the node | [`Push::Unsubscribed`] |
//! | `invalidate` | tracking.c | [`Push::Invalidate`] |
//! | `tracking-redir-broken` | tracking.c | [`Push::TrackingRedirectionBroken`] |
//! | `MOVING`, `MIGRATING`, `FAILING_OVER`, .. | managed Redis services, asked by `CLIENT MAINT_NOTIFICATIONS ON` | [`Push::Maintenance`] |
//!
//! The first nine names are reserved: they belong to the [`Subscriptions`] of the connection and have no handlers.
//! Servers send pushes from Redis 6.0 on, shard channels from 7.0 on, every Valkey sends all but the last row.
//!
//! What can't be told is told too: an [`Inbox`] that was full says how many it lost, where they are missing
//! ([`Event::Gap`]), and a connection that ended says so ([`Event::Disconnected`], [`Handler::disconnected`]). After
//! either, what was built from pushes (a cache, a count) is no longer true.

mod error;
mod form;
mod handler;
mod inbox;
mod maintenance;
mod notification;
mod processor;
mod registry;
mod subscriptions;
mod void;

#[cfg(feature = "net")]
pub(crate) use error::chain;
pub use error::{
    Operation, ProcessorKind, PushError, Reason, is_handler_exists, is_handler_nil, is_handler_protected,
    is_void_processor,
};
pub use form::{FormError, Invalidated, Keys, Push};
pub use handler::{Handler, HandlerContext, HandlerFailure, handler};
pub use inbox::{Event, Inbox, InboxLimits};
pub use maintenance::{Address, Maintenance, Migration};
pub use notification::{Notification, is_reserved};
pub use processor::{Processed, Processor, RegistryProcessor, take_pending};
pub use registry::{Protection, Registry};
pub use subscriptions::{SubscriptionKind, Subscriptions};
pub use void::VoidProcessor;
