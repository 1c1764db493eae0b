//! The conversation up to the reply to PSYNC, one request and one reply at a time.
//!
//! ```text
//!   AUTH -> PING -> REPLCONF capa .. -> version -> rdb-filter-only -> rdb-only -> PSYNC -+-> +FULLRESYNC
//!   (with credentials)                             (a part)           (a snapshot)       +-> +CONTINUE
//!                                                                                       +-> a second channel
//!                                                                                       +-> unknown command: SYNC
//! ```
//!
//! The order is that of the servers' own replicas (syncWithMaster in replication.c), but whoever has a password says it
//! first, as services in front of servers expect, and nothing is sent ahead: PSYNC behind an unanswered REPLCONF hangs. `REPLCONF listening-port` is never sent: a Sentinel that
//! watches the source would list us as its replica and could promote or reconfigure what listens there.

use crate::position::{Position, ReplId};
use crate::resp::encode_command;

use super::dual::Dialect;
use super::{Config, Credentials, Error, Goal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Auth,
    Ping,
    CapaEof,
    CapaPsync2,
    /// Valkey's word for a second channel.
    CapaDualChannel,
    /// Redis' word for the same. Both ignore what they don't know (replconfCommand in replication.c).
    CapaRdbChannel,
    Version,
    Filter,
    RdbOnly,
    Psync,
}

/// What a reply leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Next,
    /// The source, or its ACL, refuses REPLCONF itself and not only one option of it.
    ReplconfRefused,
    FullResync {
        replid: ReplId,
        offset: u64,
    },
    Continue {
        replid: Option<ReplId>,
    },
    SecondChannel(Dialect),
    /// The line is the header of a snapshot, as in reply to SYNC.
    SnapshotHeader,
    FallBackToSync,
}

impl Step {
    const ORDER: [Step; 10] = [
        Step::Auth,
        Step::Ping,
        Step::CapaEof,
        Step::CapaPsync2,
        Step::CapaDualChannel,
        Step::CapaRdbChannel,
        Step::Version,
        Step::Filter,
        Step::RdbOnly,
        Step::Psync,
    ];

    /// The first step under `config`; None if SYNC is all there is.
    pub(super) fn first(config: &Config) -> Option<Step> {
        Self::ORDER.into_iter().find(|step| step.is_wanted(config))
    }

    /// The step behind this one.
    pub(super) fn next(self, config: &Config) -> Option<Step> {
        Self::ORDER.into_iter().skip(self as usize + 1).find(|step| step.is_wanted(config))
    }

    fn is_wanted(self, config: &Config) -> bool {
        let names = &config.names;
        match self {
            Step::Ping => !names.ping.is_empty(),
            Step::Auth => config.credentials.is_some() && !names.auth.is_empty(),
            Step::Psync => !names.psync.is_empty(),
            _ if names.replconf.is_empty() => false,
            Step::CapaDualChannel | Step::CapaRdbChannel => config.announces_dual_channel(),
            Step::Filter => config.scope.filter().is_some(),
            Step::RdbOnly => config.goal == Goal::Snapshot,
            Step::CapaEof | Step::CapaPsync2 | Step::Version => true,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Step::Ping => "PING",
            Step::Auth => "AUTH",
            Step::Psync => "PSYNC",
            _ => "REPLCONF",
        }
    }

    /// Appends the request of this step.
    pub(super) fn request(self, config: &Config, out: &mut Vec<u8>) {
        match self {
            Step::Ping => encode_command(&[config.names.ping.as_bytes()], out),
            Step::Auth => request_auth(config, out),
            Step::CapaEof => replconf(config, [b"capa", b"eof"], out),
            Step::CapaPsync2 => replconf(config, [b"capa", b"psync2"], out),
            Step::CapaDualChannel => replconf(config, [b"capa", b"dual-channel"], out),
            Step::CapaRdbChannel => replconf(config, [b"capa", b"rdb-channel-repl"], out),
            Step::Version => replconf(config, [b"version", config.announced_version.as_bytes()], out),
            Step::Filter => {
                replconf(config, [b"rdb-filter-only", config.scope.filter().unwrap_or_default()], out);
            }
            Step::RdbOnly => replconf(config, [b"rdb-only", b"1"], out),
            Step::Psync => request_psync(config, config.resumed_at(), out),
        }
    }

    /// Judges the reply to this step: a line without its line end.
    pub(super) fn reply(self, line: &[u8], config: &Config) -> Result<Outcome, Error> {
        match self {
            Step::Ping => ping_reply(line),
            Step::Auth => auth_reply(line, config),
            Step::CapaEof => first_replconf_reply(line),
            Step::Psync => psync_reply(line, config),
            _ => replconf_reply(line),
        }
    }
}

pub(super) fn request_auth(config: &Config, out: &mut Vec<u8>) {
    let name = config.names.auth.as_bytes();
    config.credentials.iter().for_each(|user| encode_command(&user.auth_args_as(name), out));
}

/// One option at a time: a server refuses the whole command for one that it does not know.
pub(super) fn replconf(config: &Config, option: [&[u8]; 2], out: &mut Vec<u8>) {
    let [name, value] = option;
    encode_command(&[config.names.replconf.as_bytes(), name, value], out);
}

/// PSYNC names the first byte it lacks, one behind the last it has.
pub(super) fn request_psync(config: &Config, resume: Option<Position>, out: &mut Vec<u8>) {
    let name = config.names.psync.as_bytes();
    match resume {
        None => encode_command(&[name, b"?", b"-1"], out),
        Some(position) => {
            let mut digits = itoa::Buffer::new();
            let next = digits.format(position.offset.saturating_add(1)).as_bytes();
            encode_command(&[name, position.replid.as_bytes(), next], out);
        }
    }
}

fn ping_reply(line: &[u8]) -> Result<Outcome, Error> {
    match line.first() {
        Some(b'+') => Ok(Outcome::Next),
        Some(b'-') => match refusal(line) {
            // A user without +ping may still be one that replicates (as in syncWithMaster).
            Some(Error::NotPermitted) => Ok(Outcome::Next),
            Some(error) => Err(error),
            None => Err(Error::PingRefused),
        },
        _ => Err(Error::UnexpectedReply { step: "PING" }),
    }
}

pub(super) fn auth_reply(line: &[u8], config: &Config) -> Result<Outcome, Error> {
    match line.first() {
        Some(b'+') => Ok(Outcome::Next),
        Some(b'-') => {
            Err(config.credentials.as_ref().map_or(Error::AuthRefused, |user| auth_refusal(line, user)))
        }
        _ => Err(Error::UnexpectedReply { step: "AUTH" }),
    }
}

/// The texts of authCommand, Redis 2.8 to 8.6 (acl.c, before 6.0 server.c).
pub(crate) fn auth_refusal(line: &[u8], credentials: &Credentials) -> Error {
    let names_user = credentials.auth_args().len() == 3;
    if contains(line, b"invalid password") {
        Error::WrongPassword
    } else if contains(line, b"without any password") || contains(line, b"no password is set") {
        Error::NoPasswordSet
    } else if names_user && contains(line, b"wrong number of arguments") {
        Error::UsersUnsupported
    } else {
        refusal(line).unwrap_or(Error::AuthRefused)
    }
}

/// No server refuses a capability, and none from 2.8 on lacks REPLCONF. Redis 2.8 knows no option of that name.
fn first_replconf_reply(line: &[u8]) -> Result<Outcome, Error> {
    let is_refused = line.starts_with(b"-") && !contains(line, b"unrecognized replconf option");
    if is_refused { Ok(Outcome::ReplconfRefused) } else { replconf_reply(line) }
}

/// Errors are ignored: options are only known from some version on, and some services refuse REPLCONF.
fn replconf_reply(line: &[u8]) -> Result<Outcome, Error> {
    match line.first() {
        Some(b'+' | b'-') => Ok(Outcome::Next),
        _ => Err(Error::UnexpectedReply { step: "REPLCONF" }),
    }
}

fn psync_reply(line: &[u8], config: &Config) -> Result<Outcome, Error> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    match words.next() {
        Some(b"+FULLRESYNC") => full_resync(words),
        Some(b"+CONTINUE") if config.resumed_at().is_none() => Err(Error::UnaskedContinue),
        Some(b"+CONTINUE") => continue_stream(words),
        Some(word) if config.announces_dual_channel() && word.ends_with(b"CHANNELSYNC") => {
            Dialect::announced(word, words.next()).map(Outcome::SecondChannel)
        }
        Some([b'-', ..]) => psync_refusal(line),
        // A server takes PSYNC under another name for SYNC: it compares the name as sent (syncCommand, replication.c).
        Some([b'$', ..]) => Ok(Outcome::SnapshotHeader),
        _ => Err(Error::UnexpectedReply { step: "PSYNC" }),
    }
}

/// `+FULLRESYNC <id> <offset>`, and whatever a service appends.
fn full_resync<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Outcome, Error> {
    let replid = words.next().and_then(|word| ReplId::from_bytes(word).ok());
    match (replid, words.next().and_then(offset)) {
        (Some(replid), Some(offset)) => Ok(Outcome::FullResync { replid, offset }),
        _ => Err(Error::InvalidFullResync),
    }
}

/// An offset, which the servers keep as a signed number.
pub(super) fn offset(word: &[u8]) -> Option<u64> {
    decimal(word).filter(|offset| *offset <= i64::MAX as u64)
}

/// `+CONTINUE`, or with a new id when the source has been promoted (PSYNC2).
fn continue_stream<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Outcome, Error> {
    let replid = words.next().map(ReplId::from_bytes).transpose().map_err(|_| Error::InvalidContinue)?;
    Ok(Outcome::Continue { replid })
}

/// `+FULLRESYNC` where nothing else will do.
pub(super) fn begun(line: &[u8]) -> Result<(ReplId, u64), Error> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    match words.next() {
        Some(b"+FULLRESYNC") => match full_resync(words)? {
            Outcome::FullResync { replid, offset } => Ok((replid, offset)),
            _ => Err(Error::InvalidFullResync),
        },
        _ => Err(refused_to_sync(line, Error::DualChannelRefused { step: "PSYNC" })),
    }
}

/// The error line in place of a synchronization, or `other` if it has no name of its own.
pub(super) fn refused_to_sync(line: &[u8], other: Error) -> Error {
    Some(line).filter(|line| line.starts_with(b"-")).and_then(refusal).unwrap_or(other)
}

fn psync_refusal(line: &[u8]) -> Result<Outcome, Error> {
    match refusal(line) {
        Some(error) => Err(error),
        None if is_unknown_command(line) => Ok(Outcome::FallBackToSync),
        None => Err(Error::SyncRefused),
    }
}

/// The error line in place of a snapshot: after SYNC a refusal, else the snapshot was given up.
pub(super) fn snapshot_refusal(line: &[u8]) -> Error {
    if is_unknown_command(line) {
        return Error::ReplicationUnsupported;
    }
    refusal(line).unwrap_or(Error::SnapshotAborted)
}

fn is_unknown_command(line: &[u8]) -> bool {
    contains(line, b"unknown command")
}

/// What an error line, with or without its minus sign, says at any step.
fn refusal(line: &[u8]) -> Option<Error> {
    let code = line.strip_prefix(b"-").unwrap_or(line).split(|byte| *byte == b' ').next()?;
    match code {
        b"NOAUTH" => Some(Error::AuthRequired),
        b"NOPERM" => Some(Error::NotPermitted),
        b"WRONGPASS" => Some(Error::WrongPassword),
        b"LOADING" => Some(Error::Loading),
        b"NOMASTERLINK" | b"MASTERDOWN" => Some(Error::NoPrimaryLink),
        b"BUSY" => Some(Error::Busy),
        b"DENIED" => Some(Error::ProtectedMode),
        _ if contains(line, b"max number of clients") => Some(Error::TooManyClients),
        // NOAUTH before Redis 2.8.
        _ if contains(line, b"operation not permitted") => Some(Error::AuthRequired),
        _ => None,
    }
}

fn contains(line: &[u8], lower: &[u8]) -> bool {
    line.windows(lower.len()).any(|window| window.eq_ignore_ascii_case(lower))
}

pub(super) fn decimal(word: &[u8]) -> Option<u64> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}
