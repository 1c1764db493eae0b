//! The clock of a source that tells how long keys live, not until when: Redis before 7.0.
//!
//! Its stream carries EXPIRE, SETEX or SET PX as clients sent them, so they count from when they were carried out there.
//! That time is not in the stream. Taken is the source's time when the command is planned here: later by what the
//! command took to come here, as a native replica takes it, and never too early. A key that lives too long here goes
//! when the source deletes it; one that went too soon would have to be fetched again.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis_replica::rdb::Family;

use super::control::{Control, Expiries};

/// How often the difference between the clocks is measured.
const MEASURE_AGAIN: Duration = Duration::from_secs(60);

/// The format that Redis 7.0 writes; all before it send relative times.
const FIRST_ABSOLUTE_RDB: u16 = 10;

/// How the source's clock goes, where that matters.
#[derive(Default)]
pub struct SourceClock {
    is_needed: bool,
    ahead_ms: Option<i64>,
    measured: Option<Instant>,
}

impl SourceClock {
    /// Learns of the source from the head of its snapshot.
    pub fn note_rdb_version(&mut self, family: Family, version: u16) {
        self.is_needed = family == Family::Redis && version < FIRST_ABSOLUTE_RDB;
    }

    /// Learns of the source from what it says of itself.
    pub fn note_expiries(&mut self, expiries: Expiries) {
        self.is_needed = expiries == Expiries::Relative;
    }

    /// The source's time, in Unix milliseconds; `None` when it isn't needed, or could never be had.
    pub fn now_ms(&mut self, control: &mut Control) -> Option<u64> {
        if !self.is_needed {
            return None;
        }
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE_AGAIN) {
            self.measured = Some(Instant::now());
            // The last measure does until the source answers again.
            self.ahead_ms = control.clock_ahead_ms().ok().or(self.ahead_ms);
        }
        let here = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let here = i64::try_from(here.as_millis()).ok()?;
        u64::try_from(here.checked_add(self.ahead_ms?)?).ok()
    }
}
