//! One replication link, without IO: bytes and the time go in; events, bytes to send and timeouts come out.
//!
//! A driver repeats: wait for the socket or [`poll_timeout`](Connection::poll_timeout); give what arrived to
//! [`receive`](Connection::receive), or the time to [`handle_timeout`](Connection::handle_timeout); take events
//! from [`poll_event`](Connection::poll_event) until there are none; send what
//! [`poll_transmit`](Connection::poll_transmit) holds. What was applied is told by
//! [`set_applied`](Connection::set_applied), and only that is ever acknowledged.
//!
//! With [`DualChannel::Announced`] the source may send the snapshot over a second connection: see
//! [`wants_channel`](Connection::wants_channel).
//!
//! A connection lives as long as its socket. After an error or a closed socket, make another one with the
//! [`Position`](crate::Position) that was applied last.
//!
//! ```text
//!   Handshake --> AwaitingSnapshot --> Snapshot --> Streaming (or Complete)
//!       |   +FULLRESYNC            $..          end     ^
//!       +-----------------------------------------------+
//!                          +CONTINUE
//! ```

mod acks;
mod buffer;
mod channel;
mod channels;
mod config;
mod dual;
mod error;
mod event;
mod handshake;
mod names;
mod outbox;
mod phases;
mod purpose;
mod recording;
mod snapshot;
mod stream;
mod timer;

use std::time::{Duration, Instant};

use buffer::Buffer;
pub use config::{AckPolicy, Config, Credentials, Limits, Timeouts};
use dual::Dual;
pub use error::{Error, Retry};
pub use event::{Command, Event, Place, State};
use handshake::Step;
#[cfg(feature = "net")]
pub(crate) use handshake::auth_refusal;
pub use names::CommandNames;
use outbox::Outbox;
pub use purpose::{DualChannel, Goal, SnapshotScope};
pub use recording::{Recording, Tail};
use snapshot::Snapshot;
use stream::Stream;
use timer::{Timer, Timers};

/// Longest line of the handshake, in bytes: generous beside the servers' 256 (syncWithMaster).
const LINE_BYTES_MAX: usize = 4096;

/// A source that sent its snapshot while saving starts the stream at our first ACK, but only once its child
/// process is gone: until the stream begins, acknowledge this often ..
const EAGER_ACK_INTERVAL: Duration = Duration::from_millis(100);

/// .. and at most this many times.
const EAGER_ACKS: u32 = 20;

/// One link to a source. See the [module](self).
pub struct Connection {
    config: Config,
    phase: Phase,
    failure: Option<Error>,
    buffer: Buffer,
    out: Outbox,
    timers: Timers,
    /// The last time told by the driver.
    now: Instant,
    /// What the consumer has applied; None until it has told.
    applied: Option<u64>,
    ack: Ack,
    eager_acks: u32,
    replconf: Replconf,
}

enum Phase {
    Handshake(Step),
    Awaiting(Origin),
    Snapshot { snapshot: Box<Snapshot>, offset: u64 },
    Dual(Box<Dual>),
    Streaming(Box<Stream>),
    Complete { offset: u64 },
}

/// Whether the source takes REPLCONF. If not it must not be sent an acknowledgement either: it would answer with an
/// error, and servers from Redis 7.0 on drop a replica that makes them answer (_addReplyToBufferOrList, networking.c).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replconf {
    Known,
    Refused,
}

/// Which request the awaited snapshot answers.
#[derive(Clone, Copy)]
enum Origin {
    Psync { offset: u64 },
    Sync,
}

/// What is to be sent beside requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ack {
    NotDue,
    Offset,
    Newline,
}

impl Connection {
    /// A link over a socket that has just been connected, at time `now`.
    pub fn new(config: Config, now: Instant) -> Self {
        let replconf = if config.names.replconf.is_empty() { Replconf::Refused } else { Replconf::Known };
        let first = Step::first(&config);
        let mut connection = Connection {
            buffer: Buffer::new(config.limits.buffer_bytes),
            config,
            phase: Phase::Handshake(Step::Ping),
            failure: None,
            out: Outbox::default(),
            timers: Timers::default(),
            now,
            applied: None,
            ack: Ack::NotDue,
            eager_acks: 0,
            replconf,
        };
        connection.ask_or_sync(first);
        connection
    }

    /// Takes bytes that arrived. Poll for events and bytes to send afterwards, and take all events before the
    /// next call: the buffer only holds what can't be told yet.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() || self.failure.is_some() {
            return;
        }
        match &self.phase {
            Phase::Dual(_) => return self.hold(bytes, now),
            Phase::Streaming(_) => self.eager_acks = 0,
            _ => {}
        }
        self.heard(now);
        if self.buffer.push(bytes).is_err() {
            self.fail(Error::BufferFull { limit: self.config.limits.buffer_bytes });
        }
    }

    /// Says that the source is alive although nothing is received: its bytes wait elsewhere (in a spool, or in
    /// the socket because the consumer is slow). Without it, not reading for long looks like a silent source.
    pub fn heard(&mut self, now: Instant) {
        self.now = now;
        if let Phase::Handshake(step) = &self.phase {
            let timeout = self.reply_timeout(*step);
            self.timers.set(Timer::Reply, now + timeout);
        } else if self.timers.is_set(Timer::Silence) {
            self.timers.set(Timer::Silence, now + self.config.timeouts.silence);
        }
    }

    /// Handles what is due at `now`. Poll for events and bytes to send afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.failure.is_some() {
            return;
        }
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Reply => self.reply_is_late(),
                Timer::Silence => self.fail(Error::Silence),
                Timer::Ack => self.ack_is_due(),
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. May change with every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().filter(|_| self.failure.is_none())
    }

    /// The next event, or None until something is received.
    ///
    /// # Errors
    /// The link is broken for good; every further call gives the same error.
    pub fn poll_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        match self.change_phase() {
            Ok(None) => self.poll_phase(),
            Ok(event) => Ok(event),
            Err(error) => {
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Bytes to send, if any. Tell by [`transmitted`](Self::transmitted) how many of them were sent.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        if self.failure.is_some() {
            return None;
        }
        if self.out.is_empty() {
            self.write_ack();
        }
        self.out.pending()
    }

    /// Drops the first `count` bytes of [`poll_transmit`](Self::poll_transmit): they were sent.
    pub fn transmitted(&mut self, count: usize) {
        self.out.transmitted(count);
    }

    /// Tells up to which offset the consumer has applied the stream; from then on it is acknowledged. After a
    /// full synchronization nothing counts as applied, after a continuation the resume position does. Offsets
    /// only grow, and one that was not received yet counts as the last received.
    pub fn set_applied(&mut self, offset: u64) {
        if let Phase::Streaming(stream) = &self.phase {
            let offset = offset.min(stream.offset());
            self.applied = Some(self.applied.map_or(offset, |applied| applied.max(offset)));
        }
    }

    /// Sets other limits, also for what is being received. A buffer once allowed to be larger stays so: what it
    /// holds is bounded by the other limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.buffer.raise_limit(limits.buffer_bytes);
        match &mut self.phase {
            Phase::Snapshot { snapshot, .. } => snapshot.set_limits(limits.rdb),
            Phase::Dual(dual) => dual.channel.set_limits(limits.buffer_bytes, limits.rdb),
            Phase::Streaming(stream) => stream.set_limits(&limits),
            Phase::Handshake(_) | Phase::Awaiting(_) | Phase::Complete { .. } => {}
        }
        self.config.limits = limits;
    }

    /// How far the link has come.
    pub fn state(&self) -> State {
        match &self.phase {
            _ if self.failure.is_some() => State::Failed,
            Phase::Handshake(_) => State::Handshake,
            Phase::Awaiting(_) => State::AwaitingSnapshot,
            Phase::Dual(dual) if !dual.channel.is_reading() => State::AwaitingSnapshot,
            Phase::Snapshot { .. } | Phase::Dual(_) => State::Snapshot,
            Phase::Streaming(_) => State::Streaming,
            Phase::Complete { .. } => State::Complete,
        }
    }

    /// The offset behind the last whole command told, or where the stream will begin. 0 before that is known.
    pub fn offset(&self) -> u64 {
        match &self.phase {
            Phase::Streaming(stream) => stream.offset(),
            Phase::Snapshot { offset, .. }
            | Phase::Awaiting(Origin::Psync { offset })
            | Phase::Complete { offset } => *offset,
            Phase::Dual(dual) => dual.offset(),
            Phase::Handshake(_) | Phase::Awaiting(Origin::Sync) => 0,
        }
    }

    /// The database selected at [`offset`](Self::offset).
    pub fn db(&self) -> u32 {
        match &self.phase {
            Phase::Streaming(stream) => stream.db(),
            _ => 0,
        }
    }

    /// Bytes received that no event has told yet.
    pub fn buffered(&self) -> usize {
        let beside = if let Phase::Dual(dual) = &self.phase { dual.channel.buffer.len() } else { 0 };
        self.buffer.len() + beside
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Connection")
            .field("state", &self.state())
            .field("offset", &self.offset())
            .field("buffered", &self.buffered())
            .finish_non_exhaustive()
    }
}
