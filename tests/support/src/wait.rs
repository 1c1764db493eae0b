//! Waiting for a condition, with a limit and a message that says what was seen instead.

use std::fmt::Display;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long a condition may take: far above what any does on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How many times slower than usual the servers are, because a tool such as valgrind watches them.
const SLOWNESS: &str = "REDIS_MIRROR_TEST_SLOWNESS";
const POLL_MIN: Duration = Duration::from_micros(200);
const POLL_MAX: Duration = Duration::from_millis(20);

/// How many times slower than usual the servers are; 1 unless `REDIS_MIRROR_TEST_SLOWNESS` says otherwise.
pub(crate) fn slowness() -> u32 {
    static READ: OnceLock<u32> = OnceLock::new();
    let read = || std::env::var(SLOWNESS).ok()?.parse().ok().filter(|factor| (1..=1000).contains(factor));
    *READ.get_or_init(|| read().unwrap_or(1))
}

/// A patience as long as slow servers need it.
pub(crate) fn stretched(patience: Duration) -> Duration {
    patience.saturating_mul(slowness())
}

/// Waits until the condition holds.
///
/// # Panics
/// When it doesn't within [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || if condition() { Ok(()) } else { Err("not yet") });
}

/// Waits until the attempt succeeds; its last failure is part of the message.
///
/// # Panics
/// When it doesn't within [`PATIENCE`].
#[track_caller]
pub fn wait_for<T, E: Display>(what: &str, attempt: impl FnMut() -> Result<T, E>) -> T {
    wait_within(PATIENCE, what, attempt).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits at most `patience` until the attempt succeeds; longer for servers that a tool slows down
/// (`REDIS_MIRROR_TEST_SLOWNESS`).
///
/// # Errors
/// [`Error::TimedOut`] with the last failure.
pub fn wait_within<T, E: Display>(
    patience: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T> {
    let patience = stretched(patience);
    let start = Instant::now();
    let mut pause = POLL_MIN;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(seen) if start.elapsed() >= patience => {
                return Err(Error::TimedOut { what: what.into(), waited: patience, seen: seen.to_string() });
            }
            Err(_) => sleep(pause),
        }
        pause = (pause * 2).min(POLL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_observation_is_in_the_message() {
        let mut tries = 0;
        let error = wait_within(Duration::from_millis(5), "the tide", || {
            tries += 1;
            Err::<(), _>(format!("try {tries}"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("for the tide; last seen: try "), "{error}");
        assert!(tries >= 2);
    }
}
