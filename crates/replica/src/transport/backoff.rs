//! How long to wait between two attempts.

use std::time::Duration;

/// The shape of a back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The first delay; each further one is twice as long.
    pub first: Duration,
    /// The longest delay.
    pub max: Duration,
    /// By how much a delay may be shortened at random, in percent (0 to 100), so that many links that broke at once
    /// don't come back at once.
    pub jitter_percent: u32,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        BackoffConfig { first: Duration::from_secs(1), max: Duration::from_secs(30), jitter_percent: 25 }
    }
}

/// Delays that double up to a maximum. The same seed gives the same delays.
#[derive(Debug, Clone)]
pub struct Backoff {
    config: BackoffConfig,
    delay: Duration,
    random: u64,
}

impl Backoff {
    /// A back-off before its first failure.
    pub fn new(config: BackoffConfig, seed: u64) -> Self {
        Backoff { config, delay: config.first.min(config.max), random: seed }
    }

    /// The delay before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.delay;
        self.delay = delay.saturating_mul(2).min(self.config.max);
        self.shorten(delay)
    }

    /// The shortest delay, for a peer that said it will be ready soon; the series does not move on.
    pub fn soon(&mut self) -> Duration {
        self.shorten(self.config.first.min(self.config.max))
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.delay = self.config.first.min(self.config.max);
    }

    fn shorten(&mut self, delay: Duration) -> Duration {
        let percent = u64::from(self.config.jitter_percent.min(100));
        let cut = self.next_random() % 1000 * percent / 100;
        delay.saturating_sub(delay / 1000 * u32::try_from(cut).unwrap_or(0))
    }

    /// SplitMix64: spread matters here, not secrecy.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_jitter() -> BackoffConfig {
        BackoffConfig { jitter_percent: 0, ..BackoffConfig::default() }
    }

    #[test]
    fn doubles_to_the_maximum_and_starts_over() {
        let mut backoff = Backoff::new(without_jitter(), 1);
        let seconds: Vec<u64> = (0..7).map(|_| backoff.next_delay().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next_delay(), Duration::from_secs(1));
    }

    #[test]
    fn soon_does_not_move_the_series() {
        let mut backoff = Backoff::new(without_jitter(), 1);
        backoff.next_delay();
        assert_eq!(backoff.soon(), Duration::from_secs(1));
        assert_eq!(backoff.next_delay(), Duration::from_secs(2));
    }

    #[test]
    fn jitter_stays_within_its_share_and_is_reproducible() {
        let config = BackoffConfig { max: Duration::from_secs(1), ..BackoffConfig::default() };
        let (mut one, mut two, mut other) =
            (Backoff::new(config, 7), Backoff::new(config, 7), Backoff::new(config, 8));
        let delays: Vec<Duration> = (0..200).map(|_| one.next_delay()).collect();
        assert!(delays.iter().all(|delay| (750..=1000).contains(&delay.as_millis())));
        assert!(delays.iter().max() > delays.iter().min());
        assert!(delays.iter().all(|delay| *delay == two.next_delay()));
        assert!(delays.iter().any(|delay| *delay != other.next_delay()));
    }
}
