//! How large anything may be. A store that is loaded may be larger than today's limits: they bind what is added.

/// The largest version. A store that gets there refuses changes; at a million a second that takes 285 years.
pub const VERSION_MAX: u64 = (1 << 53) - 1;
/// The latest time in milliseconds of Unix time.
pub const TIME_MAX: u64 = (1 << 53) - 1;
/// The largest token of a lease. A store that gets there grants no more.
pub const TOKEN_MAX: u64 = (1 << 53) - 1;
/// The longest time to live, in milliseconds: a hundred years.
pub const TTL_MAX: u64 = 100 * 366 * 24 * 3_600_000;
/// The longest name of a type, id, lease, holder or cursor that any store can have, in bytes.
pub const NAME_BYTES_MAX: usize = 65_535;
/// The largest data of a record that any store can have, in bytes.
pub const DATA_BYTES_MAX: usize = 512 << 20;

/// What a store may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest name of a type, id, lease, holder or cursor, in bytes.
    pub name_bytes_max: usize,
    /// The largest data of a record, in bytes.
    pub data_bytes_max: usize,
    /// The most operations of one put.
    pub batch_ops_max: usize,
    /// The most types of a store.
    pub types_max: usize,
    /// The most leases of a store.
    pub leases_max: usize,
    /// The most named cursors of a store.
    pub cursors_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            name_bytes_max: 1024,
            data_bytes_max: 64 << 20,
            batch_ops_max: 10_000,
            types_max: 100_000,
            leases_max: 10_000,
            cursors_max: 10_000,
        }
    }
}

/// Something is larger than allowed. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("RECLIMIT {what}: {min} to {max}")]
pub struct LimitError {
    /// What is too large or too small.
    pub what: &'static str,
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

impl Limits {
    pub(crate) fn name(&self, what: &'static str, name: &[u8]) -> Result<(), LimitError> {
        between(what, name.len() as u64, 1, self.name_bytes_max.min(NAME_BYTES_MAX) as u64)
    }

    pub(crate) fn data(&self, data: &[u8]) -> Result<(), LimitError> {
        between("bytes of data", data.len() as u64, 0, self.data_bytes_max.min(DATA_BYTES_MAX) as u64)
    }
}

/// A time to live.
pub(crate) fn ttl(ttl_ms: u64) -> Result<(), LimitError> {
    between("milliseconds to live", ttl_ms, 1, TTL_MAX)
}

pub(crate) fn between(what: &'static str, value: u64, min: u64, max: u64) -> Result<(), LimitError> {
    if value < min || value > max {
        return Err(LimitError { what, min, max });
    }
    Ok(())
}
