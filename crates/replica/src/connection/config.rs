//! What a connection needs to know before its first byte.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::position::Position;
use crate::{rdb, resp};

use super::names::CommandNames;
use super::purpose::{DualChannel, Goal, SnapshotScope};

/// A user's name and password, wiped from memory when dropped.
#[derive(Clone)]
pub struct Credentials {
    user: Option<String>,
    password: Zeroizing<Vec<u8>>,
}

impl Credentials {
    /// The default user's password (`requirepass`).
    pub fn password(password: impl Into<Vec<u8>>) -> Self {
        Credentials { user: None, password: Zeroizing::new(password.into()) }
    }

    /// An ACL user and its password (servers from Redis 6.0 on).
    pub fn user(user: impl Into<String>, password: impl Into<Vec<u8>>) -> Self {
        Credentials { user: Some(user.into()), password: Zeroizing::new(password.into()) }
    }

    /// The AUTH command.
    pub(crate) fn auth_args(&self) -> Vec<&[u8]> {
        self.auth_args_as(b"AUTH")
    }

    /// The AUTH command under another name.
    pub(crate) fn auth_args_as<'a>(&'a self, name: &'a [u8]) -> Vec<&'a [u8]> {
        let user = self.user.as_ref().map(String::as_bytes);
        [Some(name), user, Some(self.password.as_slice())].into_iter().flatten().collect()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Which offset is reported to the source.
///
/// The source's operators see it, and act on it: `FAILOVER` without TO picks a replica whose offset is exact and
/// would hand over to a client that is no server. WAIT counts exact replicas only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AckPolicy {
    /// One less than what is applied: the lag stays visible, and the source never picks us for a failover.
    #[default]
    BehindByOne,
    /// Exactly what is applied.
    Exact,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the reply to a step of the handshake; a newline from a source that prepares its snapshot starts it anew.
    pub reply: Duration,
    /// For any byte at all, once synchronizing. The servers' `repl-timeout`; the source pings every 10 s.
    pub silence: Duration,
    /// Between two acknowledgements, and between two keepalives during a snapshot.
    pub ack_interval: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            reply: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            ack_interval: Duration::from_secs(1),
        }
    }
}

/// Upper bounds on what a source may make us hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// On the commands of the stream and the lines of the handshake.
    pub resp: resp::Limits,
    /// On the snapshot.
    pub rdb: rdb::Limits,
    /// Bytes received and not yet consumed, over all. Must hold the largest value of the snapshot, serialized.
    pub buffer_bytes: usize,
    /// Highest database number a SELECT may name.
    pub db_max: u32,
}

/// What an argument of a command counts at least, in bytes: where it lies is noted, here and where it is planned.
const ARGUMENT_BYTES_MIN: usize = 16;

/// What an element of a value counts at least, in bytes: to find one that occurs twice, all are marked.
const ELEMENT_BYTES_MIN: u64 = 32;

/// What may be read ahead of a unit, in bytes.
const AHEAD_BYTES: usize = 1 << 20;

impl Limits {
    /// Limits under which no indivisible unit (a command, a value of the snapshot) takes more than about `bytes` to
    /// receive: an argument counts 16 bytes at least, an element of a value 32.
    #[must_use]
    pub fn for_units_of(bytes: usize) -> Self {
        let whole = bytes as u64;
        let rdb = rdb::Limits::default()
            .with_value_bytes(whole)
            .with_key_bytes(whole)
            .with_string_bytes(whole)
            .with_decoded_bytes(whole)
            .with_elements(whole / ELEMENT_BYTES_MIN);
        let resp = resp::Limits {
            bulk_bytes: bytes,
            elements: bytes / ARGUMENT_BYTES_MIN,
            total_bytes: bytes,
            ..resp::Limits::default()
        };
        Limits { resp, rdb, buffer_bytes: bytes.saturating_add(AHEAD_BYTES), ..Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            resp: resp::Limits::default(),
            rdb: rdb::Limits::default(),
            buffer_bytes: 4 << 30,
            db_max: i32::MAX as u32,
        }
    }
}

/// The settings of one connection.
#[derive(Debug, Clone)]
pub struct Config {
    /// For AUTH; None sends none.
    pub credentials: Option<Credentials>,
    /// Where to go on; None asks for a full synchronization.
    pub resume: Option<Position>,
    /// What the source calls the commands we send.
    pub names: CommandNames,
    /// How much of the snapshot is wanted.
    pub scope: SnapshotScope,
    /// What is wanted behind the snapshot.
    pub goal: Goal,
    /// Whether a second connection may be used for the snapshot.
    pub dual_channel: DualChannel,
    /// The version told to the source by `REPLCONF version`. Valkey 9 writes the RDB version which that server
    /// version reads (replicaRdbVersion in replication.c), so the default is the newest whose snapshot we decode.
    pub announced_version: String,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Which offset is acknowledged.
    pub ack: AckPolicy,
    /// What the source may make us hold.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            credentials: None,
            resume: None,
            names: CommandNames::default(),
            scope: SnapshotScope::default(),
            goal: Goal::default(),
            dual_channel: DualChannel::default(),
            announced_version: String::from("9.1.0"),
            timeouts: Timeouts::default(),
            ack: AckPolicy::default(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Where to go on, if that is wanted at all.
    pub(super) fn resumed_at(&self) -> Option<Position> {
        self.resume.filter(|_| self.goal == Goal::Follow)
    }

    /// Whether the source is told that a second connection may be used. For a part of the snapshot it is not worth it.
    pub(super) fn announces_dual_channel(&self) -> bool {
        let wants_all = self.goal == Goal::Follow && self.scope == SnapshotScope::Everything;
        wants_all && self.dual_channel != DualChannel::Off
    }
}
