//! Timers and acknowledgements.

use crate::resp::encode_command;

use super::config::AckPolicy;
use super::stream::AckRequest;
use super::timer::Timer;
use super::{Ack, Connection, EAGER_ACK_INTERVAL, Error, Phase, Replconf};

impl Connection {
    pub(super) fn reply_is_late(&mut self) {
        if let Phase::Handshake(step) = self.phase {
            self.fail(Error::ReplyTimeout { step: step.name() });
        }
    }

    pub(super) fn ack_is_due(&mut self) {
        self.ack = match &self.phase {
            Phase::Streaming(_) => Ack::Offset,
            // As a server does while it loads (replicationSendNewlineToMaster): the source sees us alive.
            Phase::Snapshot { .. } | Phase::Dual(_) => Ack::Newline,
            Phase::Handshake(_) | Phase::Awaiting(_) | Phase::Complete { .. } => return,
        };
        let mut interval = self.config.timeouts.ack_interval;
        if self.eager_acks > 0 {
            self.eager_acks -= 1;
            interval = interval.min(EAGER_ACK_INTERVAL);
        }
        self.timers.set(Timer::Ack, self.now + interval);
    }

    /// Requests for acknowledgement are answered by one, however many came since the last was sent.
    pub(super) fn write_ack(&mut self) {
        if let Phase::Streaming(stream) = &mut self.phase
            && stream.take_ack_request() == AckRequest::Wanted
        {
            self.ack = Ack::Offset;
        }
        match std::mem::replace(&mut self.ack, Ack::NotDue) {
            Ack::NotDue => {}
            Ack::Offset if self.replconf == Replconf::Known => self.write_offset(),
            // A newline is taken as a sign of life too (processInlineBuffer in networking.c).
            Ack::Newline | Ack::Offset => self.out.bytes_mut().push(b'\n'),
        }
    }

    fn write_offset(&mut self) {
        let mut digits = itoa::Buffer::new();
        let offset = digits.format(self.acknowledged()).as_bytes();
        let name = self.config.names.replconf.as_bytes();
        encode_command(&[name, b"ACK", offset], self.out.bytes_mut());
    }

    fn acknowledged(&self) -> u64 {
        let applied = self.applied.unwrap_or(0);
        match self.config.ack {
            AckPolicy::Exact => applied,
            AckPolicy::BehindByOne => applied.saturating_sub(1),
        }
    }
}
