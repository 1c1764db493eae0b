//! The conversation up to the reply to PSYNC, one request and one reply at a time.
//!
//! ```text
//!   PING -> AUTH -> REPLCONF capa eof -> capa psync2 -> version -> PSYNC -+-> +FULLRESYNC
//!           (with credentials only)                                       +-> +CONTINUE
//!                                                                         +-> unknown command: SYNC
//! ```
//!
//! The order is that of the servers' own replicas (syncWithMaster in replication.c), but nothing is sent
//! ahead: PSYNC behind an unanswered REPLCONF hangs. `REPLCONF listening-port` is never sent: a Sentinel that
//! watches the source would list us as its replica and could promote or reconfigure what listens there.

use crate::position::ReplId;
use crate::resp::encode_command;

use super::{Config, Credentials, Error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Ping,
    Auth,
    CapaEof,
    CapaPsync2,
    Version,
    Psync,
}

/// What a reply leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ask(Step),
    FullResync { replid: ReplId, offset: u64 },
    Continue { replid: Option<ReplId> },
    FallBackToSync,
}

impl Step {
    pub(super) fn name(self) -> &'static str {
        match self {
            Step::Ping => "PING",
            Step::Auth => "AUTH",
            Step::CapaEof | Step::CapaPsync2 | Step::Version => "REPLCONF",
            Step::Psync => "PSYNC",
        }
    }

    /// Appends the request of this step.
    pub(super) fn request(self, config: &Config, out: &mut Vec<u8>) {
        match self {
            Step::Ping => encode_command(&[b"PING"], out),
            Step::Auth => config.credentials.iter().for_each(|user| encode_command(&user.auth_args(), out)),
            Step::CapaEof => encode_command(&[b"REPLCONF", b"capa", b"eof"], out),
            Step::CapaPsync2 => encode_command(&[b"REPLCONF", b"capa", b"psync2"], out),
            Step::Version => {
                encode_command(&[b"REPLCONF", b"version", config.announced_version.as_bytes()], out);
            }
            Step::Psync => request_psync(config, out),
        }
    }

    /// Judges the reply to this step: a line without its line end.
    pub(super) fn reply(self, line: &[u8], config: &Config) -> Result<Outcome, Error> {
        match self {
            Step::Ping => ping_reply(line, config),
            Step::Auth => auth_reply(line, config),
            Step::CapaEof => replconf_reply(self, line, Step::CapaPsync2),
            Step::CapaPsync2 => replconf_reply(self, line, Step::Version),
            Step::Version => replconf_reply(self, line, Step::Psync),
            Step::Psync => psync_reply(line, config),
        }
    }
}

/// PSYNC names the first byte it lacks, one behind the last it has.
fn request_psync(config: &Config, out: &mut Vec<u8>) {
    match &config.resume {
        None => encode_command(&[b"PSYNC", b"?", b"-1"], out),
        Some(position) => {
            let next = position.offset.saturating_add(1);
            let next = itoa::Buffer::new().format(next).to_owned();
            encode_command(&[b"PSYNC", position.replid.as_bytes(), next.as_bytes()], out);
        }
    }
}

fn ping_reply(line: &[u8], config: &Config) -> Result<Outcome, Error> {
    let next = if config.credentials.is_some() { Step::Auth } else { Step::CapaEof };
    match line.first() {
        Some(b'+') => Ok(Outcome::Ask(next)),
        Some(b'-') => match refusal(line) {
            Some(Error::AuthRequired) if config.credentials.is_some() => Ok(Outcome::Ask(next)),
            // A user without +ping may still be one that replicates (as in syncWithMaster).
            Some(Error::NotPermitted) => Ok(Outcome::Ask(next)),
            Some(error) => Err(error),
            None => Err(Error::PingRefused),
        },
        _ => Err(Error::UnexpectedReply { step: "PING" }),
    }
}

fn auth_reply(line: &[u8], config: &Config) -> Result<Outcome, Error> {
    match line.first() {
        Some(b'+') => Ok(Outcome::Ask(Step::CapaEof)),
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

/// Errors are ignored: options are only known from some version on, and some services refuse REPLCONF.
fn replconf_reply(step: Step, line: &[u8], next: Step) -> Result<Outcome, Error> {
    match line.first() {
        Some(b'+' | b'-') => Ok(Outcome::Ask(next)),
        _ => Err(Error::UnexpectedReply { step: step.name() }),
    }
}

fn psync_reply(line: &[u8], config: &Config) -> Result<Outcome, Error> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    match words.next() {
        Some(b"+FULLRESYNC") => full_resync(words),
        Some(b"+CONTINUE") if config.resume.is_none() => Err(Error::UnaskedContinue),
        Some(b"+CONTINUE") => continue_stream(words),
        Some([b'-', ..]) => psync_refusal(line),
        _ => Err(Error::UnexpectedReply { step: "PSYNC" }),
    }
}

/// `+FULLRESYNC <id> <offset>`, and whatever a service appends.
fn full_resync<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Outcome, Error> {
    let replid = words.next().and_then(|word| ReplId::from_bytes(word).ok());
    let offset = words.next().and_then(decimal).filter(|offset| *offset <= i64::MAX as u64);
    match (replid, offset) {
        (Some(replid), Some(offset)) => Ok(Outcome::FullResync { replid, offset }),
        _ => Err(Error::InvalidFullResync),
    }
}

/// `+CONTINUE`, or with a new id when the source has been promoted (PSYNC2).
fn continue_stream<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Outcome, Error> {
    let replid = words.next().map(ReplId::from_bytes).transpose().map_err(|_| Error::InvalidContinue)?;
    Ok(Outcome::Continue { replid })
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

fn decimal(word: &[u8]) -> Option<u64> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}
