//! A full synchronization over two connections: the snapshot on the second, the stream on the first, held back until
//! the snapshot is complete.
//!
//! ```text
//!            first connection                          second connection
//!   Valkey   PSYNC -> +DUALCHANNELSYNC                 .. SYNC -> $ENDOFF:<offset> <replid> <db> <client>
//!            REPLCONF set-rdb-client-id <client>       snapshot ..
//!            PSYNC <replid> <offset + 1> -> +CONTINUE
//!            stream ..
//!   Redis    PSYNC -> +RDBCHANNELSYNC <client>         .. rdb-channel 1 main-ch-client-id <client>
//!            stream ..                                 PSYNC ? -1 -> +FULLRESYNC, snapshot ..
//! ```

use crate::position::{Position, ReplId};

use super::buffer::Buffer;
use super::channel::{Begun, Channel, end_offset};
use super::handshake::{self, decimal, replconf, request_psync};
use super::outbox::Outbox;
use super::phases::next_line;
use super::{Config, Error};

/// Whose way of doing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// From 8.0 on.
    Valkey,
    /// From 8.0 on: the first connection is the source's client of this number.
    Redis { main_client: u64 },
}

impl Dialect {
    /// From the words of the reply to PSYNC.
    pub(super) fn announced(word: &[u8], argument: Option<&[u8]>) -> Result<Self, Error> {
        match (word, argument.and_then(decimal)) {
            (b"+DUALCHANNELSYNC", _) => Ok(Dialect::Valkey),
            (b"+RDBCHANNELSYNC", Some(main_client)) => Ok(Dialect::Redis { main_client }),
            _ => Err(Error::InvalidDualChannel),
        }
    }

    /// From the reply to the second connection's request for the snapshot.
    pub(super) fn begun(self, line: &[u8]) -> Result<Begun, Error> {
        match self {
            Dialect::Valkey => end_offset(line),
            Dialect::Redis { .. } => {
                let (replid, offset) = handshake::begun(line)?;
                Ok(Begun { replid, offset, client: None })
            }
        }
    }
}

/// What the first connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Main {
    /// Until the second one knows where the snapshot ends.
    Idle,
    /// `set-rdb-client-id` is to be answered.
    Joining(Position),
    /// PSYNC is to be answered.
    Continuing(Position),
    /// All that arrives is the stream.
    Streaming,
}

/// What has become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Begun { replid: ReplId, offset: u64 },
    Ended { bytes: u64, offset: u64, db: u32 },
}

pub(super) struct Dual {
    main: Main,
    offset: u64,
    pub(super) channel: Channel,
}

impl Dual {
    pub(super) fn new(dialect: Dialect, buffer_bytes: usize) -> Self {
        let main = match dialect {
            Dialect::Valkey => Main::Idle,
            Dialect::Redis { .. } => Main::Streaming,
        };
        Dual { main, offset: 0, channel: Channel::new(dialect, buffer_bytes) }
    }

    /// Where the stream begins; 0 before that is known.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether what the first connection receives is held back.
    pub(super) fn holds_stream(&self) -> bool {
        self.main == Main::Streaming
    }

    /// Goes on with both connections; `buffer` and `out` are the first one's.
    pub(super) fn poll(
        &mut self,
        buffer: &mut Buffer,
        out: &mut Outbox,
        config: &Config,
    ) -> Result<Option<News>, Error> {
        if let Some(begun) = self.channel.advance(config)? {
            self.offset = begun.offset;
            self.join(begun, out, config);
            return Ok(Some(News::Begun { replid: begun.replid, offset: begun.offset }));
        }
        self.continue_main(buffer, out, config)?;
        match (self.main, self.channel.ended()) {
            (Main::Streaming, Some((bytes, db))) => Ok(Some(News::Ended { bytes, offset: self.offset, db })),
            _ => Ok(None),
        }
    }

    fn join(&mut self, begun: Begun, out: &mut Outbox, config: &Config) {
        let Some(client) = begun.client else { return };
        let mut digits = itoa::Buffer::new();
        replconf(config, [b"set-rdb-client-id", digits.format(client).as_bytes()], out.bytes_mut());
        self.main = Main::Joining(Position { replid: begun.replid, offset: begun.offset, db: 0 });
    }

    fn continue_main(&mut self, buffer: &mut Buffer, out: &mut Outbox, config: &Config) -> Result<(), Error> {
        if let Main::Joining(position) = self.main
            && let Some(line) = next_line(buffer, config)?
        {
            if !line.starts_with(b"+") {
                return Err(Error::DualChannelRefused { step: "REPLCONF" });
            }
            request_psync(config, Some(position), out.bytes_mut());
            self.main = Main::Continuing(position);
        }
        if let Main::Continuing(_) = self.main
            && let Some(line) = next_line(buffer, config)?
        {
            // Anything else, and the source no longer has what came since the snapshot.
            if !line.starts_with(b"+CONTINUE") {
                return Err(handshake::refused_to_sync(&line, Error::DualChannelRefused { step: "PSYNC" }));
            }
            self.main = Main::Streaming;
        }
        Ok(())
    }
}
