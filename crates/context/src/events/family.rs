//! Events that only one of the families has. Their identifiers mean something else in the other one.

use std::ffi::{c_char, c_int};
use std::ops::RangeInclusive;

use redis_module::raw;

use super::{Fired, Sealed, ServerEvent, text};
use crate::cluster::{NodeId, SlotPropagator};
use crate::context::Context;
use crate::server::Family;

/// Ranges of slots, in the form of their family.
#[derive(Debug, Clone, Copy)]
pub struct SlotRanges<'e>(Ranges<'e>);

#[derive(Debug, Clone, Copy)]
enum Ranges<'e> {
    Redis(&'e [raw::RedisModuleSlotRange]),
    Valkey(&'e [ValkeySlotRange]),
}

/// `ValkeyModuleSlotRange` (valkeymodule.h, Valkey 9.0).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct ValkeySlotRange {
    start: c_int,
    end: c_int,
}

impl<'e> SlotRanges<'e> {
    const NONE: Self = Self(Ranges::Redis(&[]));

    /// The ranges, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = RangeInclusive<u16>> + use<'e> {
        let (redis, valkey): (&'e [raw::RedisModuleSlotRange], &'e [ValkeySlotRange]) = match self.0 {
            Ranges::Redis(ranges) => (ranges, &[]),
            Ranges::Valkey(ranges) => (&[], ranges),
        };
        let slot = |slot: c_int| u16::try_from(slot).unwrap_or(u16::MAX);
        redis
            .iter()
            .map(|range| range.start..=range.end)
            .chain(valkey.iter().map(move |range| slot(range.start)..=slot(range.end)))
    }

    /// Whether a slot is in one of them.
    pub fn contains(&self, slot: u16) -> bool {
        self.iter().any(|range| range.contains(&slot))
    }
}

/// Redis's array of ranges, which begins with their number.
///
/// # Safety
/// `slots` is NULL or an array of the server's that lives for `'e`.
pub(crate) unsafe fn slot_ranges<'e>(slots: *const raw::RedisModuleSlotRangeArray) -> SlotRanges<'e> {
    if slots.is_null() {
        return SlotRanges::NONE;
    }
    // SAFETY: R58: the caller's promise. The pointers keep the array's provenance: a reference to its head would not.
    let (count, first) = unsafe { ((*slots).num_ranges, (&raw const (*slots).ranges).cast()) };
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: R58: so many ranges follow.
    SlotRanges(Ranges::Redis(unsafe { std::slice::from_raw_parts(first, count) }))
}

/// Slots move from one node to another, all at once. Redis 8.4, not Valkey.
pub struct ClusterSlotMigration;

/// A task that moves slots. Fields that the server did not pass are `None` or empty.
#[derive(Debug, Clone, Copy)]
pub struct SlotMigrationTask<'e> {
    /// The task's id, 40 hexadecimal digits.
    pub id: Option<&'e [u8]>,
    /// The node that gives the slots away.
    pub source: Option<NodeId>,
    /// The node that takes them.
    pub destination: Option<NodeId>,
    /// The slots.
    pub slots: SlotRanges<'e>,
}

/// How far the task is.
#[non_exhaustive]
pub enum ClusterSlotMigrationEvent<'e> {
    /// This node begins to import.
    ImportStarted(SlotMigrationTask<'e>),
    /// The import failed, or was cancelled: what came of it is trimmed.
    ImportFailed(SlotMigrationTask<'e>),
    /// The slots are this node's now.
    ImportCompleted(SlotMigrationTask<'e>),
    /// This node begins to give slots away.
    MigrateStarted(SlotMigrationTask<'e>),
    /// That failed, or was cancelled: the slots stay.
    MigrateFailed(SlotMigrationTask<'e>),
    /// The slots are another node's now; the keys that are left here are trimmed.
    MigrateCompleted(SlotMigrationTask<'e>),
    /// Just before the keys are sent, **in a forked child**: what the module keeps beside the keyspace goes to the
    /// other node as commands. State that is changed here is lost with the child.
    MigratePropagate(SlotMigrationTask<'e>, SlotPropagator<'e>),
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

impl Sealed for ClusterSlotMigration {}
impl ServerEvent for ClusterSlotMigration {
    type Payload<'e> = ClusterSlotMigrationEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION;
    const NAME: &'static str = "the ClusterSlotMigration event";
    const SINCE: &'static str = "Redis 8.4";
    const FAMILY: Option<Family> = Some(Family::Redis);

    unsafe fn payload<'e>(ctx: &'e Context<'_>, fired: &'e Fired) -> ClusterSlotMigrationEvent<'e> {
        use ClusterSlotMigrationEvent as Event;
        let task = task(fired);
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_IMPORT_STARTED => Event::ImportStarted(task),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_IMPORT_FAILED => Event::ImportFailed(task),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_IMPORT_COMPLETED => Event::ImportCompleted(task),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_MIGRATE_STARTED => Event::MigrateStarted(task),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_MIGRATE_FAILED => Event::MigrateFailed(task),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_MIGRATE_COMPLETED => {
                Event::MigrateCompleted(task)
            }
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_MIGRATE_MODULE_PROPAGATE => {
                // SAFETY: R58: the context of this event.
                Event::MigratePropagate(task, unsafe { SlotPropagator::new(ctx) })
            }
            other => Event::Unknown(other),
        }
    }
}

fn task(fired: &Fired) -> SlotMigrationTask<'_> {
    // SAFETY: R22: version 1 of this event's data.
    let Some(data) = (unsafe { fired.version_1::<raw::RedisModuleClusterSlotMigrationInfo>() }) else {
        return SlotMigrationTask { id: None, source: None, destination: None, slots: SlotRanges::NONE };
    };
    // SAFETY: R22: the server's own text and array, and two arrays of 41 bytes in the data.
    unsafe {
        SlotMigrationTask {
            id: text(data.task_id),
            source: NodeId::copied(data.source_node_id.as_ptr()),
            destination: NodeId::copied(data.destination_node_id.as_ptr()),
            slots: slot_ranges(data.slots),
        }
    }
}

/// Keys of slots that are not this node's any more are removed. Redis 8.4, not Valkey.
pub struct ClusterSlotMigrationTrim;

/// How far the removal is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ClusterSlotMigrationTrimEvent<'e> {
    /// Key after key is removed from now on, each with a keyspace event of the class `KEY_TRIMMED`.
    Started(SlotRanges<'e>),
    /// All of them are removed.
    Completed(SlotRanges<'e>),
    /// All at once, by a thread of the server, without an event for each: unless a module subscribed to `KEY_TRIMMED`
    /// or a client tracks keys.
    InBackground(SlotRanges<'e>),
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

impl Sealed for ClusterSlotMigrationTrim {}
impl ServerEvent for ClusterSlotMigrationTrim {
    type Payload<'e> = ClusterSlotMigrationTrimEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION_TRIM;
    const NAME: &'static str = "the ClusterSlotMigrationTrim event";
    const SINCE: &'static str = "Redis 8.4";
    const FAMILY: Option<Family> = Some(Family::Redis);

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> ClusterSlotMigrationTrimEvent<'e> {
        use ClusterSlotMigrationTrimEvent as Event;
        // SAFETY: R22: version 1 of this event's data, with an array that lives for the callback.
        let slots = unsafe {
            let data = fired.version_1::<raw::RedisModuleClusterSlotMigrationTrimInfo>();
            data.map_or(SlotRanges::NONE, |data| slot_ranges(data.slots))
        };
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_TRIM_STARTED => Event::Started(slots),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_TRIM_COMPLETED => Event::Completed(slots),
            raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_TRIM_BACKGROUND => Event::InBackground(slots),
            other => Event::Unknown(other),
        }
    }
}

/// A client has tried to authenticate. Valkey 9.0, not Redis.
pub struct AuthenticationAttempt;

/// Who tried, and how it ended. Fields that the server did not pass are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticationAttemptEvent<'e> {
    /// The server's number for the client.
    pub client_id: Option<u64>,
    /// The user's name, as the client gave it: whatever bytes before the first NUL.
    pub user: Option<&'e [u8]>,
    /// The module that decided; `None` if the server did.
    pub module: Option<&'e [u8]>,
    /// Whether the client was let in.
    pub granted: bool,
}

/// `ValkeyModuleAuthenticationInfoV1` (valkeymodule.h, Valkey 9.0).
#[repr(C)]
struct AuthenticationInfo {
    version: u64,
    client_id: u64,
    username: *const c_char,
    module_name: *const c_char,
    result: c_int,
}

impl Sealed for AuthenticationAttempt {}
impl ServerEvent for AuthenticationAttempt {
    type Payload<'e> = AuthenticationAttemptEvent<'e>;
    const ID: u64 = 18;
    const NAME: &'static str = "the AuthenticationAttempt event";
    const SINCE: &'static str = "Valkey 9.0";
    const FAMILY: Option<Family> = Some(Family::Valkey);

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> AuthenticationAttemptEvent<'e> {
        // SAFETY: R22: version 1 of this event's data.
        let data = unsafe { fired.version_1::<AuthenticationInfo>() };
        // SAFETY: R22: the server's own texts, which it keeps for the callback.
        let texts = data.map(|data| unsafe { (text(data.username), text(data.module_name)) });
        let (user, module) = texts.unwrap_or_default();
        AuthenticationAttemptEvent {
            client_id: data.map(|data| data.client_id),
            user,
            module,
            granted: data.is_some_and(|data| data.result == 0),
        }
    }
}

/// Slots move from one node to another, all at once. Valkey 9.0, not Redis.
pub struct AtomicSlotMigration;

/// A job that moves slots. Fields that the server did not pass are `None` or empty.
#[derive(Debug, Clone, Copy)]
pub struct SlotMigrationJob<'e> {
    /// The job's name, 40 hexadecimal digits.
    pub name: Option<&'e [u8]>,
    /// The slots.
    pub slots: SlotRanges<'e>,
}

/// How far the job is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum AtomicSlotMigrationEvent<'e> {
    /// This node begins to import.
    ImportStarted(SlotMigrationJob<'e>),
    /// This node begins to give slots away.
    ExportStarted(SlotMigrationJob<'e>),
    /// The import failed, or was cancelled.
    ImportAborted(SlotMigrationJob<'e>),
    /// Giving away failed, or was cancelled: the slots stay.
    ExportAborted(SlotMigrationJob<'e>),
    /// The slots are this node's now.
    ImportCompleted(SlotMigrationJob<'e>),
    /// The slots are another node's now.
    ExportCompleted(SlotMigrationJob<'e>),
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

/// `ValkeyModuleAtomicSlotMigrationInfoV1` (valkeymodule.h, Valkey 9.0).
#[repr(C)]
struct AtomicSlotMigrationInfo {
    version: u64,
    job_name: [c_char; raw::REDISMODULE_NODE_ID_LEN as usize + 1],
    slot_ranges: *const ValkeySlotRange,
    num_slot_ranges: u32,
}

impl Sealed for AtomicSlotMigration {}
impl ServerEvent for AtomicSlotMigration {
    type Payload<'e> = AtomicSlotMigrationEvent<'e>;
    const ID: u64 = 19;
    const NAME: &'static str = "the AtomicSlotMigration event";
    const SINCE: &'static str = "Valkey 9.0";
    const FAMILY: Option<Family> = Some(Family::Valkey);

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> AtomicSlotMigrationEvent<'e> {
        use AtomicSlotMigrationEvent as Event;
        // The order of valkeymodule.h.
        let events = [
            Event::ImportStarted,
            Event::ExportStarted,
            Event::ImportAborted,
            Event::ExportAborted,
            Event::ImportCompleted,
            Event::ExportCompleted,
        ];
        match usize::try_from(fired.sub).ok().and_then(|sub| events.get(sub)) {
            Some(event) => event(job(fired)),
            None => Event::Unknown(fired.sub),
        }
    }
}

fn job(fired: &Fired) -> SlotMigrationJob<'_> {
    // SAFETY: R22: version 1 of this event's data.
    let Some(data) = (unsafe { fired.version_1::<AtomicSlotMigrationInfo>() }) else {
        return SlotMigrationJob { name: None, slots: SlotRanges::NONE };
    };
    // SAFETY: R22: an array of bytes, signed in C.
    let name: &[u8] =
        unsafe { std::slice::from_raw_parts(data.job_name.as_ptr().cast(), data.job_name.len()) };
    let name = name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty());
    if data.slot_ranges.is_null() {
        return SlotMigrationJob { name, slots: SlotRanges::NONE };
    }
    // SAFETY: R22: so many ranges, which the server keeps for the callback.
    let ranges = unsafe { std::slice::from_raw_parts(data.slot_ranges, data.num_slot_ranges as usize) };
    SlotMigrationJob { name, slots: SlotRanges(Ranges::Valkey(ranges)) }
}
