//! One replication link, without IO: bytes and the time go in; events, bytes to send and timeouts come out.
//!
//! A driver repeats: wait for the socket or [`poll_timeout`](Connection::poll_timeout); give what arrived to
//! [`receive`](Connection::receive), or the time to [`handle_timeout`](Connection::handle_timeout); take events
//! from [`poll_event`](Connection::poll_event) until there are none; send what
//! [`poll_transmit`](Connection::poll_transmit) holds. What was applied is told by
//! [`set_applied`](Connection::set_applied), and only that is ever acknowledged.
//!
//! A connection lives as long as its socket. After an error or a closed socket, make another one with the
//! [`Position`] that was applied last.
//!
//! ```text
//!   Handshake --> AwaitingSnapshot --> Snapshot --> Streaming
//!       |   +FULLRESYNC            $..          end     ^
//!       +-----------------------------------------------+
//!                          +CONTINUE
//! ```

mod buffer;
mod config;
mod error;
mod event;
mod handshake;
mod snapshot;
mod stream;
mod timer;

use std::time::{Duration, Instant};

use zeroize::{Zeroize, Zeroizing};

use crate::position::{Position, ReplId};
use crate::resp::{ProtocolError, encode_command};

use buffer::Buffer;
pub use config::{AckPolicy, Config, Credentials, Limits, Timeouts};
pub use error::{Error, Retry};
pub use event::{Command, Event, Place, State};
#[cfg(feature = "net")]
pub(crate) use handshake::auth_refusal;
use handshake::{Outcome, Step};
use snapshot::{Framing, Snapshot};
use stream::{AckRequest, Stream};
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
    out: Zeroizing<Vec<u8>>,
    /// Bytes of `out` already sent.
    sent: usize,
    timers: Timers,
    /// The last time told by the driver.
    now: Instant,
    /// What the consumer has applied; None until it has told.
    applied: Option<u64>,
    ack: Ack,
    eager_acks: u32,
}

enum Phase {
    Handshake(Step),
    Awaiting(Origin),
    Snapshot { snapshot: Box<Snapshot>, offset: u64 },
    Streaming(Box<Stream>),
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
        let mut connection = Connection {
            buffer: Buffer::new(config.limits.buffer_bytes),
            config,
            phase: Phase::Handshake(Step::Ping),
            failure: None,
            out: Zeroizing::default(),
            sent: 0,
            timers: Timers::default(),
            now,
            applied: None,
            ack: Ack::NotDue,
            eager_acks: 0,
        };
        connection.ask(Step::Ping);
        connection
    }

    /// Takes bytes that arrived. Poll for events and bytes to send afterwards, and take all events before the
    /// next call: the buffer only holds what can't be told yet.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() || self.failure.is_some() {
            return;
        }
        self.heard(now);
        if matches!(self.phase, Phase::Streaming(_)) {
            self.eager_acks = 0;
        }
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
        self.timers.next()
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
        Some(&self.out[self.sent..]).filter(|bytes| !bytes.is_empty())
    }

    /// Drops the first `count` bytes of [`poll_transmit`](Self::poll_transmit): they were sent.
    pub fn transmitted(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.out.len() {
            self.out.zeroize();
            self.sent = 0;
        }
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
            Phase::Streaming(stream) => stream.set_limits(&limits),
            Phase::Handshake(_) | Phase::Awaiting(_) => {}
        }
        self.config.limits = limits;
    }

    /// How far the link has come.
    pub fn state(&self) -> State {
        match &self.phase {
            _ if self.failure.is_some() => State::Failed,
            Phase::Handshake(_) => State::Handshake,
            Phase::Awaiting(_) => State::AwaitingSnapshot,
            Phase::Snapshot { .. } => State::Snapshot,
            Phase::Streaming(_) => State::Streaming,
        }
    }

    /// The offset behind the last whole command told, or where the stream will begin. 0 before that is known.
    pub fn offset(&self) -> u64 {
        match &self.phase {
            Phase::Streaming(stream) => stream.offset(),
            Phase::Snapshot { offset, .. } | Phase::Awaiting(Origin::Psync { offset }) => *offset,
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
        self.buffer.len()
    }
}

/// Events.
impl Connection {
    /// Moves through the phases as far as the bytes at hand allow, and tells what that means.
    fn change_phase(&mut self) -> Result<Option<Event<'static>>, Error> {
        while let Phase::Handshake(step) = self.phase {
            let Some(line) = self.next_line()? else { return Ok(None) };
            if let Some(event) = self.handshake_reply(step, &line)? {
                return Ok(Some(event));
            }
        }
        match &self.phase {
            Phase::Awaiting(origin) => self.await_snapshot(*origin),
            Phase::Snapshot { snapshot, offset } if snapshot.has_ended() => {
                let Some(bytes) = snapshot.poll_end(&mut self.buffer)? else { return Ok(None) };
                self.eager_acks = if snapshot.is_diskless() { EAGER_ACKS } else { 0 };
                let (offset, db) = (*offset, snapshot.stream_db());
                self.begin_stream(offset, db);
                Ok(Some(Event::SnapshotEnd { bytes, offset, db }))
            }
            _ => Ok(None),
        }
    }

    fn poll_phase(&mut self) -> Result<Option<Event<'_>>, Error> {
        let event = match &mut self.phase {
            Phase::Streaming(stream) => stream.poll(&mut self.buffer),
            Phase::Snapshot { snapshot, .. } if !snapshot.has_ended() => {
                snapshot.poll_item(&mut self.buffer).map(|item| item.map(Event::Snapshot))
            }
            _ => Ok(None),
        };
        if let Err(error) = &event {
            self.failure = Some(error.clone());
        }
        event
    }

    fn handshake_reply(&mut self, step: Step, line: &[u8]) -> Result<Option<Event<'static>>, Error> {
        match step.reply(line, &self.config)? {
            Outcome::Ask(next) => self.ask(next),
            Outcome::FallBackToSync => {
                encode_command(&[b"SYNC"], &mut self.out);
                self.await_from(Origin::Sync);
            }
            Outcome::FullResync { replid, offset } => {
                self.await_from(Origin::Psync { offset });
                return Ok(Some(Event::FullResync { replid: Some(replid), offset }));
            }
            Outcome::Continue { replid } => return self.resume(replid),
        }
        Ok(None)
    }

    fn ask(&mut self, step: Step) {
        self.phase = Phase::Handshake(step);
        step.request(&self.config, &mut self.out);
        self.timers.set(Timer::Reply, self.now + self.reply_timeout(step));
    }

    /// A source may only answer PSYNC when it can fork.
    fn reply_timeout(&self, step: Step) -> Duration {
        let timeouts = &self.config.timeouts;
        if step == Step::Psync { timeouts.reply.max(timeouts.silence) } else { timeouts.reply }
    }

    fn await_from(&mut self, origin: Origin) {
        self.timers.stop(Timer::Reply);
        self.timers.set(Timer::Silence, self.now + self.config.timeouts.silence);
        self.phase = Phase::Awaiting(origin);
    }

    fn resume(&mut self, new_replid: Option<ReplId>) -> Result<Option<Event<'static>>, Error> {
        let asked = self.config.resume.ok_or(Error::UnaskedContinue)?;
        let position = Position { replid: new_replid.unwrap_or(asked.replid), ..asked };
        self.await_from(Origin::Psync { offset: position.offset });
        self.applied = Some(position.offset);
        self.begin_stream(position.offset, position.db);
        Ok(Some(Event::Continue { position, new_replid: position.replid != asked.replid }))
    }

    fn await_snapshot(&mut self, origin: Origin) -> Result<Option<Event<'static>>, Error> {
        let Some(line) = self.next_line()? else { return Ok(None) };
        if line.starts_with(b"-") {
            return Err(handshake::snapshot_refusal(&line));
        }
        let snapshot = Box::new(Snapshot::new(Framing::parse(&line)?, self.config.limits.rdb));
        self.timers.set(Timer::Ack, self.now + self.config.timeouts.ack_interval);
        match origin {
            Origin::Psync { offset } => {
                self.phase = Phase::Snapshot { snapshot, offset };
                Ok(None)
            }
            Origin::Sync => {
                self.phase = Phase::Snapshot { snapshot, offset: 0 };
                Ok(Some(Event::FullResync { replid: None, offset: 0 }))
            }
        }
    }

    /// The first acknowledgement goes out at once: a source without disk starts the stream only then.
    fn begin_stream(&mut self, offset: u64, db: u32) {
        self.phase = Phase::Streaming(Box::new(Stream::new(offset, db, &self.config.limits)));
        self.ack_is_due();
    }

    /// The next line that is no keepalive, without its line end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let limit = self.config.limits.resp.line_bytes.min(LINE_BYTES_MAX);
        loop {
            let waiting = self.buffer.bytes();
            let window = &waiting[..waiting.len().min(limit + 2)];
            let Some(end) = memchr::memchr(b'\n', window) else {
                let is_long = window.len() > limit + 1;
                return if is_long { Err(ProtocolError::LineTooLong { limit }.into()) } else { Ok(None) };
            };
            let line = self.buffer.consume(end + 1).trim_ascii_end().to_vec();
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.timers = Timers::default();
        self.out.zeroize();
        self.sent = 0;
        self.failure = Some(error);
    }
}

/// Timers and acknowledgements.
impl Connection {
    fn reply_is_late(&mut self) {
        if let Phase::Handshake(step) = self.phase {
            self.fail(Error::ReplyTimeout { step: step.name() });
        }
    }

    fn ack_is_due(&mut self) {
        self.ack = match self.phase {
            Phase::Streaming(_) => Ack::Offset,
            // As a server does while it loads (replicationSendNewlineToMaster): the source sees us alive.
            Phase::Snapshot { .. } => Ack::Newline,
            Phase::Handshake(_) | Phase::Awaiting(_) => return,
        };
        let mut interval = self.config.timeouts.ack_interval;
        if self.eager_acks > 0 {
            self.eager_acks -= 1;
            interval = interval.min(EAGER_ACK_INTERVAL);
        }
        self.timers.set(Timer::Ack, self.now + interval);
    }

    /// Requests for acknowledgement are answered by one, however many came since the last was sent.
    fn write_ack(&mut self) {
        if let Phase::Streaming(stream) = &mut self.phase
            && stream.take_ack_request() == AckRequest::Wanted
        {
            self.ack = Ack::Offset;
        }
        match std::mem::replace(&mut self.ack, Ack::NotDue) {
            Ack::NotDue => {}
            Ack::Newline => self.out.push(b'\n'),
            Ack::Offset => {
                let mut digits = itoa::Buffer::new();
                let offset = digits.format(self.acknowledged()).as_bytes();
                encode_command(&[b"REPLCONF", b"ACK", offset], &mut self.out);
            }
        }
    }

    fn acknowledged(&self) -> u64 {
        let applied = self.applied.unwrap_or(0);
        match self.config.ack {
            AckPolicy::Exact => applied,
            AckPolicy::BehindByOne => applied.saturating_sub(1),
        }
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
