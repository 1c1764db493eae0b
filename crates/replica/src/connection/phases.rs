//! How a link moves from one phase to the next, and what that tells.

use std::time::Duration;

use crate::position::{Position, ReplId};
use crate::resp::{ProtocolError, encode_command};

use super::buffer::Buffer;
use super::handshake::{self, Outcome, Step};
use super::purpose::Goal;
use super::snapshot::{Framing, Snapshot};
use super::stream::Stream;
use super::timer::{Timer, Timers};
use super::{Config, Connection, EAGER_ACKS, Error, Event, LINE_BYTES_MAX, Origin, Phase, Replconf};

impl Connection {
    /// Moves through the phases as far as the bytes at hand allow, and tells what that means.
    pub(super) fn change_phase(&mut self) -> Result<Option<Event<'static>>, Error> {
        while let Phase::Handshake(step) = self.phase {
            let Some(line) = next_line(&mut self.buffer, &self.config)? else { return Ok(None) };
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
                self.end_snapshot(offset, db);
                Ok(Some(Event::SnapshotEnd { bytes, offset, db }))
            }
            Phase::Dual(_) => self.change_dual(),
            _ => Ok(None),
        }
    }

    pub(super) fn poll_phase(&mut self) -> Result<Option<Event<'_>>, Error> {
        let scope = self.config.scope;
        let failure = &mut self.failure;
        let fail = |error: &Error| *failure = Some(error.clone());
        match &mut self.phase {
            Phase::Streaming(stream) => stream.poll(&mut self.buffer).inspect_err(fail),
            Phase::Snapshot { snapshot, .. } if !snapshot.has_ended() => {
                snapshot.poll_item(&mut self.buffer, scope, fail)
            }
            Phase::Dual(dual) => match dual.channel.snapshot() {
                Some((snapshot, buffer)) => snapshot.poll_item(buffer, scope, fail),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn handshake_reply(&mut self, step: Step, line: &[u8]) -> Result<Option<Event<'static>>, Error> {
        match step.reply(line, &self.config)? {
            Outcome::Next => self.ask_or_sync(step.next(&self.config)),
            Outcome::ReplconfRefused => {
                self.replconf = Replconf::Refused;
                self.ask_or_sync(step.next(&self.config));
            }
            Outcome::SnapshotHeader => {
                self.await_from(Origin::Sync);
                return self.begin_snapshot(Origin::Sync, line);
            }
            Outcome::FallBackToSync => self.ask_or_sync(None),
            Outcome::SecondChannel(dialect) => self.begin_dual(dialect),
            Outcome::FullResync { replid, offset } => {
                self.await_from(Origin::Psync { offset });
                return Ok(Some(Event::FullResync { replid: Some(replid), offset }));
            }
            Outcome::Continue { replid } => return self.resume(replid),
        }
        Ok(None)
    }

    /// The next step; behind the last one SYNC is all that is left to try.
    pub(super) fn ask_or_sync(&mut self, step: Option<Step>) {
        match step {
            Some(step) => self.ask(step),
            None if self.config.names.sync.is_empty() => self.fail(Error::ReplicationUnsupported),
            None => {
                encode_command(&[self.config.names.sync.as_bytes()], self.out.bytes_mut());
                self.await_from(Origin::Sync);
            }
        }
    }

    fn ask(&mut self, step: Step) {
        self.phase = Phase::Handshake(step);
        step.request(&self.config, self.out.bytes_mut());
        self.timers.set(Timer::Reply, self.now + self.reply_timeout(step));
    }

    /// A source may only answer PSYNC when it can fork.
    pub(super) fn reply_timeout(&self, step: Step) -> Duration {
        let timeouts = &self.config.timeouts;
        if step == Step::Psync { timeouts.reply.max(timeouts.silence) } else { timeouts.reply }
    }

    fn await_from(&mut self, origin: Origin) {
        self.timers.stop(Timer::Reply);
        self.timers.set(Timer::Silence, self.now + self.config.timeouts.silence);
        self.phase = Phase::Awaiting(origin);
    }

    fn resume(&mut self, new_replid: Option<ReplId>) -> Result<Option<Event<'static>>, Error> {
        let asked = self.config.resumed_at().ok_or(Error::UnaskedContinue)?;
        let position = Position { replid: new_replid.unwrap_or(asked.replid), ..asked };
        self.await_from(Origin::Psync { offset: position.offset });
        self.applied = Some(position.offset);
        self.begin_stream(position.offset, position.db);
        Ok(Some(Event::Continue { position, new_replid: position.replid != asked.replid }))
    }

    fn await_snapshot(&mut self, origin: Origin) -> Result<Option<Event<'static>>, Error> {
        let Some(line) = next_line(&mut self.buffer, &self.config)? else { return Ok(None) };
        self.begin_snapshot(origin, &line)
    }

    fn begin_snapshot(&mut self, origin: Origin, line: &[u8]) -> Result<Option<Event<'static>>, Error> {
        if line.starts_with(b"-") {
            return Err(handshake::snapshot_refusal(line));
        }
        let snapshot = Box::new(Snapshot::new(Framing::parse(line)?, self.config.limits.rdb));
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

    fn end_snapshot(&mut self, offset: u64, db: u32) {
        match self.config.goal {
            Goal::Follow => self.begin_stream(offset, db),
            Goal::Snapshot => {
                self.timers = Timers::default();
                self.phase = Phase::Complete { offset };
            }
        }
    }

    /// The first acknowledgement goes out at once: a source without disk starts the stream only then.
    pub(super) fn begin_stream(&mut self, offset: u64, db: u32) {
        self.phase = Phase::Streaming(Box::new(Stream::new(offset, db, &self.config.limits)));
        self.ack_is_due();
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.timers = Timers::default();
        self.out.clear();
        self.failure = Some(error);
    }
}

/// The next line that is no keepalive, without its line end.
pub(super) fn next_line(buffer: &mut Buffer, config: &Config) -> Result<Option<Vec<u8>>, ProtocolError> {
    let limit = config.limits.resp.line_bytes.min(LINE_BYTES_MAX);
    loop {
        let waiting = buffer.bytes();
        let window = &waiting[..waiting.len().min(limit + 2)];
        let Some(end) = memchr::memchr(b'\n', window) else {
            let is_long = window.len() > limit + 1;
            return if is_long { Err(ProtocolError::LineTooLong { limit }) } else { Ok(None) };
        };
        let line = buffer.consume(end + 1).trim_ascii_end().to_vec();
        if !line.is_empty() {
            return Ok(Some(line));
        }
    }
}
