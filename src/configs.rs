//! The settings `mirror.*`.

use std::time::Duration;

use mirror_engine::SourcePolicy;
use mirror_engine::policy::Loopback;
use redis_context::config::{Config, ConfigEnum, ConfigFlags, EnumConfig, IntConfig, StringConfig};
use redis_replica::AckPolicy;
use redis_replica::transport::BackoffConfig;

use crate::link::{SpoolLimits, UnitLimits};
use crate::secrets::SecretsDir;

const MIB: i64 = 1024 * 1024;

/// The time one slice may take, in microseconds. The server's clients wait as long at most, unless one
/// unit of the source takes longer.
static APPLY_BUDGET_US: IntConfig = IntConfig::new(c"apply-budget-us", 100).range(20, 1_000_000);

/// Bytes of planned work that may wait for the main thread, for each mirror.
static QUEUE_MAX: IntConfig = IntConfig::memory(c"queue-max", MIB / 2).range(64 * 1024, 4096 * MIB);

/// Bytes read ahead that are kept in memory, for each mirror.
static SPOOL_MEMORY: IntConfig = IntConfig::memory(c"spool-memory", 64 * MIB);

/// Bytes read ahead in all; what exceeds the memory goes to a temporary file. Beyond it the mirror stops
/// reading and the source buffers.
static SPOOL_MAX: IntConfig = IntConfig::memory(c"spool-max", 4096 * MIB).range(MIB, i64::MAX);

/// Bytes that one indivisible unit of a source may take: a transaction, a command, one value. The upper end is
/// what a batch of planned work can address, twice over.
static UNIT_MAX: IntConfig = IntConfig::memory(c"unit-max", 256 * MIB).range(MIB, 2048 * MIB);

/// Commands that one transaction of a source may hold.
static UNIT_OPS_MAX: IntConfig = IntConfig::new(c"unit-ops-max", 1_000_000).range(1, 100_000_000);

/// The first and the longest delay between two attempts to connect, in milliseconds.
static RECONNECT_MIN_MS: IntConfig = IntConfig::new(c"reconnect-min-ms", 1000).range(1, 3_600_000);
static RECONNECT_MAX_MS: IntConfig = IntConfig::new(c"reconnect-max-ms", 30_000).range(1, 3_600_000);

/// Who may create, change and drop mirrors: whoever may can point this server anywhere.
static ENABLE_CREATE: EnumConfig<EnableCreate> =
    EnumConfig::new(c"enable-create").flags(ConfigFlags::IMMUTABLE);

/// The sources that mirrors may have: patterns over `host:port`, separated by blanks; empty allows every ordinary
/// address.
static ALLOW_SOURCES: StringConfig =
    StringConfig::new(c"allow-sources", c"").flags(ConfigFlags::PROTECTED).check(|list| {
        SourcePolicy::parse(list, Loopback::Allowed).map(|_| ()).map_err(|error| error.to_string().into())
    });

/// The folder of the files that mirrors may name: passwords, certificates, keys.
static SECRETS_DIR: StringConfig =
    StringConfig::new(c"secrets-dir", c"").flags(ConfigFlags::IMMUTABLE).check(|path| {
        if path.is_empty() || path.starts_with(b"/") {
            Ok(())
        } else {
            Err("it must be an absolute path".into())
        }
    });

/// Which offset the source is told that we have applied.
static ACK: EnumConfig<Ack> = EnumConfig::new(c"ack");

/// All of them, for registration.
pub static ALL: [&dyn Config; 12] = [
    &APPLY_BUDGET_US,
    &QUEUE_MAX,
    &SPOOL_MEMORY,
    &SPOOL_MAX,
    &UNIT_MAX,
    &UNIT_OPS_MAX,
    &RECONNECT_MIN_MS,
    &RECONNECT_MAX_MS,
    &ENABLE_CREATE,
    &ALLOW_SOURCES,
    &SECRETS_DIR,
    &ACK,
];

/// The values of `mirror.enable-create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnableCreate {
    /// Clients of this machine.
    Local,
    /// Nobody: the mirrors there are go on.
    No,
    /// Everybody whom the ACL lets.
    Yes,
}

impl EnableCreate {
    /// As it is set.
    pub fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::No => "no",
            Self::Yes => "yes",
        }
    }
}

impl ConfigEnum for EnableCreate {
    const CHOICES: &'static [(&'static std::ffi::CStr, Self)] =
        &[(c"local", Self::Local), (c"no", Self::No), (c"yes", Self::Yes)];
}

#[derive(Debug, Clone, Copy)]
struct Ack(AckPolicy);

impl ConfigEnum for Ack {
    const CHOICES: &'static [(&'static std::ffi::CStr, Self)] =
        &[(c"behind", Self(AckPolicy::BehindByOne)), (c"exact", Self(AckPolicy::Exact))];
}

/// Who may create mirrors.
pub fn enable_create() -> EnableCreate {
    ENABLE_CREATE.get()
}

/// The sources that mirrors may have. Who may create mirrors from elsewhere must not reach this machine's own
/// services by that, unless the list names them.
pub fn source_policy() -> SourcePolicy {
    let loopback = match enable_create() {
        EnableCreate::Yes => Loopback::MustBeNamed,
        EnableCreate::Local | EnableCreate::No => Loopback::Allowed,
    };
    // The check has read the list before; one that can't be read allows nothing.
    SourcePolicy::parse(&ALLOW_SOURCES.get(), loopback).unwrap_or_else(|_| SourcePolicy::nothing())
}

/// The folder of the files that mirrors may name.
pub fn secrets_dir() -> SecretsDir {
    SecretsDir::new(&SECRETS_DIR.get())
}

/// Which offset sources are told.
pub fn ack() -> AckPolicy {
    ACK.get().0
}

/// The time one slice may take, in microseconds.
pub fn apply_budget_us() -> u64 {
    APPLY_BUDGET_US.get().unsigned_abs()
}

/// Bytes of planned work that may wait.
pub fn queue_bytes() -> usize {
    usize::try_from(QUEUE_MAX.get()).unwrap_or(usize::MAX)
}

/// Bytes read ahead.
pub fn spool_limits() -> SpoolLimits {
    SpoolLimits { memory_max: SPOOL_MEMORY.get().unsigned_abs(), total_max: SPOOL_MAX.get().unsigned_abs() }
}

/// What one unit may take on a server with this `maxmemory`, in bytes; 0 stands for none.
pub fn unit_limits(maxmemory: u64) -> UnitLimits {
    let number = |config: &IntConfig| usize::try_from(config.get()).unwrap_or(usize::MAX);
    let maxmemory = usize::try_from(maxmemory).unwrap_or(usize::MAX);
    UnitLimits::new(number(&UNIT_MAX), number(&UNIT_OPS_MAX), maxmemory)
}

/// Delays between attempts to connect.
pub fn backoff() -> BackoffConfig {
    let millis = |config: &IntConfig| Duration::from_millis(config.get().unsigned_abs());
    let first = millis(&RECONNECT_MIN_MS);
    BackoffConfig { first, max: millis(&RECONNECT_MAX_MS).max(first), jitter_percent: 25 }
}
