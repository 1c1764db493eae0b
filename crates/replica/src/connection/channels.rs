//! The second connection as a driver sees it.

use std::time::Instant;

use super::dual::{Dialect, Dual, News};
use super::timer::Timer;
use super::{Connection, Error, Event, Phase};

/// A second connection for the snapshot (see [`DualChannel`](super::DualChannel)).
impl Connection {
    /// Whether there should be a second connection to the same address now. Look when there are no events: connect one
    /// when it begins to be wanted and tell [`channel_opened`](Self::channel_opened); close it when it no longer is.
    /// If it breaks in between, the whole link is broken.
    pub fn wants_channel(&self) -> bool {
        self.failure.is_none() && matches!(self.phase, Phase::Dual(_))
    }

    /// Says that the second connection is there. Poll for bytes to send over it.
    pub fn channel_opened(&mut self, now: Instant) {
        self.now = now;
        if let Phase::Dual(dual) = &mut self.phase {
            dual.channel.open(&self.config);
        }
    }

    /// Takes bytes that arrived over the second connection. Poll for events and bytes to send over both afterwards.
    pub fn receive_channel(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() || self.failure.is_some() {
            return;
        }
        self.now = now;
        let Phase::Dual(dual) = &mut self.phase else { return };
        // The snapshot comes here: while it does, only this connection's silence tells that the source is gone.
        self.timers.set(Timer::Silence, now + self.config.timeouts.silence);
        if dual.channel.buffer.push(bytes).is_err() {
            self.fail(Error::BufferFull { limit: self.config.limits.buffer_bytes });
        }
    }

    /// Bytes to send over the second connection, if any. Tell by
    /// [`channel_transmitted`](Self::channel_transmitted) how many of them were sent.
    pub fn poll_channel_transmit(&mut self) -> Option<&[u8]> {
        match &self.phase {
            Phase::Dual(dual) if self.failure.is_none() => dual.channel.out.pending(),
            _ => None,
        }
    }

    /// Drops the first `count` bytes of [`poll_channel_transmit`](Self::poll_channel_transmit): they were sent.
    pub fn channel_transmitted(&mut self, count: usize) {
        if let Phase::Dual(dual) = &mut self.phase {
            dual.channel.out.transmitted(count);
        }
    }

    pub(super) fn begin_dual(&mut self, dialect: Dialect) {
        self.timers.stop(Timer::Reply);
        self.timers.set(Timer::Silence, self.now + self.config.timeouts.silence);
        self.timers.set(Timer::Ack, self.now + self.config.timeouts.ack_interval);
        self.phase = Phase::Dual(Box::new(Dual::new(dialect, self.config.limits.buffer_bytes)));
    }

    /// Keeps what the first connection received until the snapshot is complete.
    pub(super) fn hold(&mut self, bytes: &[u8], now: Instant) {
        self.now = now;
        let Phase::Dual(dual) = &self.phase else { return };
        let limit = self.config.dual_channel.held_bytes_max();
        let is_beyond = dual.holds_stream() && self.buffer.len() + bytes.len() > limit;
        if is_beyond || self.buffer.push(bytes).is_err() {
            self.fail(Error::HeldStreamFull { limit });
        }
    }

    pub(super) fn change_dual(&mut self) -> Result<Option<Event<'static>>, Error> {
        let Phase::Dual(dual) = &mut self.phase else { return Ok(None) };
        match dual.poll(&mut self.buffer, &mut self.out, &self.config)? {
            None => Ok(None),
            Some(News::Begun { replid, offset }) => {
                Ok(Some(Event::FullResync { replid: Some(replid), offset }))
            }
            Some(News::Ended { bytes, offset, db }) => {
                self.timers.set(Timer::Silence, self.now + self.config.timeouts.silence);
                self.begin_stream(offset, db);
                Ok(Some(Event::SnapshotEnd { bytes, offset, db }))
            }
        }
    }
}
