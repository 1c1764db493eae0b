//! Who defines a type byte, and which server understands which.
//!
//! The two families share bytes 0-21 and diverge from there: 22 is a release candidate's hash in Redis and the hash
//! with field expiry in Valkey. A byte therefore means nothing without its family.

use std::fmt;

use super::types;

/// The lineage of a server, and of the RDB format it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Redis. Snapshots that start with `REDIS` are of this family; those of Valkey before 9 are too, and mean the
    /// same, because they only use what both families share (RDB version 11).
    Redis,
    /// Valkey. Snapshots that start with `VALKEY`.
    Valkey,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
        })
    }
}

/// The server a value is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its lineage.
    pub family: Family,
    /// Its version: major, minor, patch.
    pub version: (u8, u8, u8),
}

impl Target {
    /// A Redis server of that version.
    #[must_use]
    pub const fn redis(major: u8, minor: u8, patch: u8) -> Self {
        Self { family: Family::Redis, version: (major, minor, patch) }
    }

    /// A Valkey server of that version.
    #[must_use]
    pub const fn valkey(major: u8, minor: u8, patch: u8) -> Self {
        Self { family: Family::Valkey, version: (major, minor, patch) }
    }

    /// Whether hash fields can expire there (Redis 7.4, Valkey 9.0).
    #[must_use]
    pub fn has_field_expiry(self) -> bool {
        match self.family {
            Family::Redis => self.version >= (7, 4, 0),
            Family::Valkey => self.version >= (9, 0, 0),
        }
    }

    /// The latest time a field can expire there (milliseconds since 1970), `None` if fields can't expire.
    ///
    /// Redis refuses more in `HPEXPIREAT` (t_hash.c, `HFE_MAX_ABS_TIME_MSEC`: the year 4199); Valkey takes any time.
    #[must_use]
    pub fn field_expiry_max_ms(self) -> Option<u64> {
        self.has_field_expiry().then_some(match self.family {
            Family::Redis => (1 << 46) - 1,
            Family::Valkey => i64::MAX as u64,
        })
    }

    /// Whether streams remember the idempotent ids of their producers there (Redis 8.6).
    #[must_use]
    pub fn has_stream_idempotency(self) -> bool {
        self.family == Family::Redis && self.version >= (8, 6, 0)
    }

    /// Whether consumers have an active time beside their seen time there (Redis 7.2, every Valkey).
    #[must_use]
    pub fn has_consumer_active_time(self) -> bool {
        self.family == Family::Valkey || self.version >= (7, 2, 0)
    }

    /// Whether streams keep `entries_added` and groups `entries_read` there (Redis 7.0, every Valkey).
    #[must_use]
    pub fn has_stream_counters(self) -> bool {
        self.family == Family::Valkey || self.version >= (7, 0, 0)
    }
}

/// Whether `target` loads a value whose type byte `type_byte` was written by a server of `source`, given the footer
/// of [`footer_version`]. Module values (7) are answered `true`: it then depends on the module being loaded there.
///
/// Source: `rdbLoadObject` of the versions named at each arm, and trial across seven servers.
#[must_use]
pub fn restorable(type_byte: u8, source: Family, target: Target) -> bool {
    match type_byte {
        0..=5 | 7 | 9..=15 => true,
        // rdb.h, Redis 7.0: listpacks replace ziplists, quicklist nodes may be plain, streams count.
        16..=19 => target.has_stream_counters(),
        // rdb.h, Redis 7.2: sets as listpacks, consumers with an active time.
        20 | 21 => target.has_consumer_active_time(),
        types::VALKEY_HASH_2 if source == Family::Valkey => {
            target.family == Family::Valkey && target.has_field_expiry()
        }
        22..=25 => source == Family::Redis && target.family == Family::Redis && target.has_field_expiry(),
        26 => source == Family::Redis && target.has_stream_idempotency(),
        _ => false,
    }
}

/// The lowest RDB version a DUMP footer may carry for this type byte. Servers refuse footers above their own version
/// (`verifyDumpPayload`), and Valkey 9 those from 12 to 79 too, so the lowest is what most servers take.
#[must_use]
pub fn footer_version(type_byte: u8, source: Family) -> u16 {
    match type_byte {
        0..=15 => 9,
        16..=19 => 10,
        20 | 21 => 11,
        _ if source == Family::Valkey => 80,
        26 => 13,
        _ => 12,
    }
}
