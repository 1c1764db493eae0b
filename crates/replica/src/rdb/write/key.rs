//! Keys as they are written.

/// A key and what a snapshot says of it beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'k> {
    pub(super) name: &'k [u8],
    pub(super) expire_at_ms: Option<u64>,
    pub(super) idle_seconds: Option<u64>,
    pub(super) freq: Option<u8>,
}

impl<'k> Key<'k> {
    /// A key that doesn't expire.
    #[must_use]
    pub const fn new(name: &'k [u8]) -> Self {
        Self { name, expire_at_ms: None, idle_seconds: None, freq: None }
    }

    /// It expires then: milliseconds since 1970.
    #[must_use]
    pub const fn expiring_at_ms(mut self, at_ms: u64) -> Self {
        self.expire_at_ms = Some(at_ms);
        self
    }

    /// Seconds since its last access (RDB version 9).
    #[must_use]
    pub const fn idle_for_s(mut self, seconds: u64) -> Self {
        self.idle_seconds = Some(seconds);
        self
    }

    /// Its access counter (RDB version 9).
    #[must_use]
    pub const fn with_freq(mut self, freq: u8) -> Self {
        self.freq = Some(freq);
        self
    }
}
