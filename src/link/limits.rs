//! What one indivisible unit of a source may take here.

use mirror_engine::planner::PlanLimits;
use redis_replica::{Limits, resp};

/// The part of `maxmemory` that one unit may take at most. While it is received, planned and applied there are
/// up to five copies of it, and what it replaces must not be other people's keys.
const SHARE_OF_MAXMEMORY: usize = 8;

/// Below this nothing useful could be mirrored.
const BYTES_MIN: usize = 64 * 1024;

/// What beside the values a reply to a fetch may hold: framing, and INFO.
const REPLY_EXTRA_BYTES: usize = 1024 * 1024;

/// Limits on one unit: a command or transaction of the stream, a value of a snapshot or of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitLimits {
    /// Bytes.
    pub bytes: usize,
    /// Commands of a transaction.
    pub ops: usize,
}

impl UnitLimits {
    /// What the settings allow on a server with this `maxmemory`; 0 stands for none.
    pub fn new(bytes: usize, ops: usize, maxmemory: usize) -> Self {
        let share = if maxmemory == 0 { usize::MAX } else { maxmemory / SHARE_OF_MAXMEMORY };
        Self { bytes: bytes.min(share).max(BYTES_MIN), ops }
    }

    /// For the connection.
    pub fn received(self) -> Limits {
        Limits::for_units_of(self.bytes)
    }

    /// For the planner.
    pub fn planned(self) -> PlanLimits {
        PlanLimits { unit_ops_max: self.ops, unit_bytes_max: self.bytes }
    }

    /// For the replies of the control connection.
    pub fn replied(self) -> resp::Limits {
        let total_bytes = self.bytes.saturating_add(REPLY_EXTRA_BYTES);
        resp::Limits { bulk_bytes: self.bytes, total_bytes, ..resp::Limits::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    #[test]
    fn a_unit_takes_an_eighth_of_maxmemory_at_most() {
        let bytes = |maxmemory| UnitLimits::new(256 * MB, 1, maxmemory).bytes;
        assert_eq!(bytes(0), 256 * MB);
        assert_eq!(bytes(8192 * MB), 256 * MB);
        assert_eq!(bytes(800 * MB), 100 * MB);
        assert_eq!(bytes(1000), BYTES_MIN);
    }
}
