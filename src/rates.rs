//! How fast a mirror works: figures of the last second.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Rates per second, measured over windows of about a second.
#[derive(Default)]
pub struct Rates {
    window: Option<(Instant, u64, u64)>,
    rates: (u64, u64),
}

impl Rates {
    /// Notes the totals of now.
    pub fn note(&mut self, operations: u64, keys: u64) {
        let now = Instant::now();
        let (since, had_operations, had_keys) = *self.window.get_or_insert((now, operations, keys));
        let elapsed = now.duration_since(since);
        if elapsed < WINDOW {
            return;
        }
        let per_second = |count: u64| {
            u64::try_from(u128::from(count) * 1000 / elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
        };
        // The count of keys begins anew with each snapshot.
        self.rates = (
            per_second(operations.saturating_sub(had_operations)),
            per_second(keys.saturating_sub(had_keys)),
        );
        self.window = Some((now, operations, keys));
    }

    /// Operations per second.
    pub fn operations(&self) -> u64 {
        self.rates.0
    }

    /// Keys of a snapshot per second.
    pub fn keys(&self) -> u64 {
        self.rates.1
    }
}
