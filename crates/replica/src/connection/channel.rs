//! The second connection of a dual-channel synchronization: introduced, bound to the first, and then the snapshot.
//!
//! ```text
//!   AUTH -> REPLCONF capa eof -+-> version -> rdb-only 1 -> rdb-channel 1 -> SYNC ----> $ENDOFF   (Valkey)
//!                              +-> rdb-channel 1 main-ch-client-id <id> -> PSYNC ? -1 -> +FULLRESYNC (Redis)
//! ```
//!
//! Source: dualChannelFullSyncWithPrimary (replication.c, Valkey 8.0); Redis' was tried against 8.0 and 8.6.

use crate::position::ReplId;
use crate::rdb;
use crate::resp::encode_command;

use super::buffer::Buffer;
use super::dual::Dialect;
use super::handshake::{self, offset, replconf};
use super::outbox::Outbox;
use super::phases::next_line;
use super::snapshot::{Framing, Snapshot};
use super::{Config, Error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Auth,
    CapaEof,
    Version,
    RdbOnly,
    Join,
    Sync,
}

enum State {
    /// The socket is not connected yet.
    Unopened,
    Asked(Step),
    /// For the snapshot's header.
    Awaiting,
    Snapshot(Box<Snapshot>),
    Ended {
        bytes: u64,
        db: u32,
    },
}

/// Where the stream behind the snapshot begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) replid: ReplId,
    pub(super) offset: u64,
    /// How the source calls this channel; a Valkey source has to be told on the other one.
    pub(super) client: Option<u64>,
}

pub(super) struct Channel {
    dialect: Dialect,
    state: State,
    pub(super) buffer: Buffer,
    pub(super) out: Outbox,
}

impl Channel {
    pub(super) fn new(dialect: Dialect, buffer_bytes: usize) -> Self {
        let (buffer, out) = (Buffer::new(buffer_bytes), Outbox::default());
        Channel { dialect, state: State::Unopened, buffer, out }
    }

    /// Says that the socket is connected.
    pub(super) fn open(&mut self, config: &Config) {
        if matches!(self.state, State::Unopened) {
            self.ask(if config.credentials.is_some() { Step::Auth } else { Step::CapaEof }, config);
        }
    }

    /// The snapshot, while items of it are to come.
    pub(super) fn snapshot(&mut self) -> Option<(&mut Snapshot, &mut Buffer)> {
        match &mut self.state {
            State::Snapshot(snapshot) if !snapshot.has_ended() => Some((snapshot, &mut self.buffer)),
            _ => None,
        }
    }

    pub(super) fn is_reading(&self) -> bool {
        matches!(self.state, State::Snapshot(_))
    }

    /// Length and database of the snapshot once it is complete.
    pub(super) fn ended(&self) -> Option<(u64, u32)> {
        match self.state {
            State::Ended { bytes, db } => Some((bytes, db)),
            _ => None,
        }
    }

    pub(super) fn set_limits(&mut self, buffer_bytes: usize, limits: rdb::Limits) {
        self.buffer.raise_limit(buffer_bytes);
        if let State::Snapshot(snapshot) = &mut self.state {
            snapshot.set_limits(limits);
        }
    }

    /// Goes on as far as the bytes at hand allow, up to where the stream's beginning becomes known.
    pub(super) fn advance(&mut self, config: &Config) -> Result<Option<Begun>, Error> {
        loop {
            match &self.state {
                State::Asked(step) => {
                    let step = *step;
                    let Some(line) = next_line(&mut self.buffer, config)? else { return Ok(None) };
                    if let Some(begun) = self.reply(step, &line, config)? {
                        return Ok(Some(begun));
                    }
                }
                State::Awaiting => {
                    let Some(line) = next_line(&mut self.buffer, config)? else { return Ok(None) };
                    self.begin_snapshot(&line, config)?;
                }
                State::Snapshot(snapshot) if snapshot.has_ended() => {
                    let Some(bytes) = snapshot.poll_end(&mut self.buffer)? else { return Ok(None) };
                    self.state = State::Ended { bytes, db: snapshot.stream_db() };
                }
                State::Unopened | State::Snapshot(_) | State::Ended { .. } => return Ok(None),
            }
        }
    }

    fn begin_snapshot(&mut self, line: &[u8], config: &Config) -> Result<(), Error> {
        if line.starts_with(b"-") {
            return Err(handshake::snapshot_refusal(line));
        }
        let snapshot = Snapshot::new(Framing::parse(line)?, config.limits.rdb);
        self.state = State::Snapshot(Box::new(snapshot));
        Ok(())
    }

    fn reply(&mut self, step: Step, line: &[u8], config: &Config) -> Result<Option<Begun>, Error> {
        match step {
            Step::Auth => handshake::auth_reply(line, config).map(drop)?,
            Step::Sync => {
                let begun = self.dialect.begun(line)?;
                self.state = State::Awaiting;
                return Ok(Some(begun));
            }
            Step::RdbOnly | Step::Join if !line.starts_with(b"+") => {
                return Err(Error::DualChannelRefused { step: "REPLCONF" });
            }
            _ => {}
        }
        self.ask(self.next(step), config);
        Ok(None)
    }

    fn next(&self, step: Step) -> Step {
        match (step, self.dialect) {
            (Step::Auth, _) => Step::CapaEof,
            (Step::CapaEof, Dialect::Valkey) => Step::Version,
            (Step::Version, _) => Step::RdbOnly,
            (Step::RdbOnly, _) | (Step::CapaEof, Dialect::Redis { .. }) => Step::Join,
            (Step::Join | Step::Sync, _) => Step::Sync,
        }
    }

    fn ask(&mut self, step: Step, config: &Config) {
        let out = self.out.bytes_mut();
        match (step, self.dialect) {
            (Step::Auth, _) => handshake::request_auth(config, out),
            (Step::CapaEof, _) => replconf(config, [b"capa", b"eof"], out),
            (Step::Version, _) => replconf(config, [b"version", config.announced_version.as_bytes()], out),
            (Step::RdbOnly, _) => replconf(config, [b"rdb-only", b"1"], out),
            (Step::Join, Dialect::Valkey) => replconf(config, [b"rdb-channel", b"1"], out),
            (Step::Join, Dialect::Redis { main_client }) => join_redis(config, main_client, out),
            (Step::Sync, Dialect::Valkey) => encode_command(&[config.names.sync.as_bytes()], out),
            (Step::Sync, Dialect::Redis { .. }) => handshake::request_psync(config, None, out),
        }
        self.state = State::Asked(step);
    }
}

/// Both options at once, as Redis' own replicas send them.
fn join_redis(config: &Config, main_client: u64, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let client = digits.format(main_client).as_bytes();
    let name = config.names.replconf.as_bytes();
    encode_command(&[name, b"rdb-channel", b"1", b"main-ch-client-id", client], out);
}

/// `$ENDOFF:<offset> <replication id> <database> <client id>` (sendCurrentOffsetToReplica in replication.c). The
/// database is not looked at: Valkey 8 tells one that nobody selected, and the snapshot tells the right one.
pub(super) fn end_offset(line: &[u8]) -> Result<Begun, Error> {
    let Some(rest) = line.strip_prefix(b"$ENDOFF:") else {
        return Err(handshake::refused_to_sync(line, Error::InvalidDualChannel));
    };
    let mut words = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let offset = words.next().and_then(offset);
    let replid = words.next().and_then(|word| ReplId::from_bytes(word).ok());
    match (offset, replid, words.nth(1).and_then(handshake::decimal)) {
        (Some(offset), Some(replid), Some(client)) => Ok(Begun { replid, offset, client: Some(client) }),
        _ => Err(Error::InvalidDualChannel),
    }
}
