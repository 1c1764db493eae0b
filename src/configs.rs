//! The settings `mirror.*`.

use std::time::Duration;

use redis_context::config::{Config, IntConfig};
use redis_replica::transport::BackoffConfig;

use crate::link::SpoolLimits;

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
static SPOOL_MAX: IntConfig = IntConfig::memory(c"spool-max", 4096 * MIB);

/// The first and the longest delay between two attempts to connect, in milliseconds.
static RECONNECT_MIN_MS: IntConfig = IntConfig::new(c"reconnect-min-ms", 1000).range(1, 3_600_000);
static RECONNECT_MAX_MS: IntConfig = IntConfig::new(c"reconnect-max-ms", 30_000).range(1, 3_600_000);

/// All of them, for registration.
pub static ALL: [&dyn Config; 6] =
    [&APPLY_BUDGET_US, &QUEUE_MAX, &SPOOL_MEMORY, &SPOOL_MAX, &RECONNECT_MIN_MS, &RECONNECT_MAX_MS];

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

/// Delays between attempts to connect.
pub fn backoff() -> BackoffConfig {
    let millis = |config: &IntConfig| Duration::from_millis(config.get().unsigned_abs());
    let first = millis(&RECONNECT_MIN_MS);
    BackoffConfig { first, max: millis(&RECONNECT_MAX_MS).max(first), jitter_percent: 25 }
}
