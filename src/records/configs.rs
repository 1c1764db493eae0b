//! The settings `mirror.record-*`: how large anything may be. They bind what is added; a store that is there already may
//! be larger.

use record_store::Limits;
use redis_context::config::{BoolConfig, Config, IntConfig};

const MIB: i64 = 1024 * 1024;

/// Bytes of the name of a type, an id, a lease, a holder or a cursor.
static NAME_MAX: IntConfig = IntConfig::memory(c"record-name-max", 1024).range(1, 65_535);

/// Bytes of one record's data.
static DATA_MAX: IntConfig = IntConfig::memory(c"record-data-max", 64 * MIB).range(0, 512 * MIB);

/// Operations of one RECORD.PUT, and types that one RECORD.SYNC asks for.
static BATCH_MAX: IntConfig = IntConfig::new(c"record-batch-max", 10_000).range(1, 1_000_000);

/// Types of one store.
static TYPES_MAX: IntConfig = IntConfig::new(c"record-types-max", 100_000).range(1, 10_000_000);

/// Leases of one store, and its named cursors.
static LEASES_MAX: IntConfig = IntConfig::new(c"record-leases-max", 10_000).range(0, 1_000_000);
static CURSORS_MAX: IntConfig = IntConfig::new(c"record-cursors-max", 10_000).range(0, 1_000_000);

/// Bytes of the records of one reply, unless the first is larger.
static PAGE_MAX: IntConfig = IntConfig::memory(c"record-page-max", 16 * MIB).range(1, 1024 * MIB);

/// Records of one reply.
static PAGE_RECORDS_MAX: IntConfig = IntConfig::new(c"record-page-records-max", 100_000).range(1, 10_000_000);

/// Clients that may wait for one store.
static WAITING_MAX: IntConfig = IntConfig::new(c"record-waiting-max", 100_000).range(0, 10_000_000);

/// Whether each put publishes the new version.
static PUBLISH: BoolConfig = BoolConfig::new(c"record-publish", true);

/// All of them, for registration.
pub static ALL: [&dyn Config; 10] = [
    &NAME_MAX,
    &DATA_MAX,
    &BATCH_MAX,
    &TYPES_MAX,
    &LEASES_MAX,
    &CURSORS_MAX,
    &PAGE_MAX,
    &PAGE_RECORDS_MAX,
    &WAITING_MAX,
    &PUBLISH,
];

fn size(config: &IntConfig) -> usize {
    usize::try_from(config.get()).unwrap_or(usize::MAX)
}

/// What a store may take.
pub fn limits() -> Limits {
    Limits {
        name_bytes_max: size(&NAME_MAX),
        data_bytes_max: size(&DATA_MAX),
        batch_ops_max: size(&BATCH_MAX),
        types_max: size(&TYPES_MAX),
        leases_max: size(&LEASES_MAX),
        cursors_max: size(&CURSORS_MAX),
    }
}

/// Bytes of the records of one reply.
pub fn page_bytes() -> usize {
    size(&PAGE_MAX)
}

/// Records of one reply.
pub fn page_records() -> usize {
    size(&PAGE_RECORDS_MAX)
}

/// Clients that may wait for one store.
pub fn waiting_max() -> usize {
    size(&WAITING_MAX)
}

/// Whether each put publishes the new version.
pub fn publishes() -> bool {
    PUBLISH.get()
}
