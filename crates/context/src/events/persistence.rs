//! Saving, loading, forking, shutting down.

use redis_module::raw;

use super::replication::plain_event;
use super::{Fired, Sealed, ServerEvent};
use crate::context::Context;

plain_event! {
    /// A snapshot or an AOF rewrite begins or ends.
    Persistence,
    /// What begins or has ended.
    PersistenceEvent = REDISMODULE_EVENT_PERSISTENCE, "the Persistence event" {
        /// A background snapshot begins; in the child process, right after the fork.
        RdbStarted = REDISMODULE_SUBEVENT_PERSISTENCE_RDB_START,
        /// A background AOF rewrite begins; in the child process, right after the fork.
        AofStarted = REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START,
        /// A snapshot begins in this process, as for SAVE.
        SyncRdbStarted = REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_RDB_START,
        /// It succeeded.
        Ended = REDISMODULE_SUBEVENT_PERSISTENCE_ENDED,
        /// It failed.
        Failed = REDISMODULE_SUBEVENT_PERSISTENCE_FAILED,
        /// An AOF rewrite begins in this process.
        SyncAofStarted = REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_AOF_START,
    }
}

plain_event! {
    /// The module's own child process (or a save's) was born or died.
    ForkChild,
    /// What happened to the child. Fired in the parent.
    ForkChildEvent = REDISMODULE_EVENT_FORK_CHILD, "the ForkChild event" {
        /// The fork has succeeded.
        Born = REDISMODULE_SUBEVENT_FORK_CHILD_BORN,
        /// The child has ended.
        Died = REDISMODULE_SUBEVENT_FORK_CHILD_DIED,
    }
}

/// The data set is being replaced by one that is loaded.
pub struct Loading;

/// Where loaded data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadingSource {
    /// The snapshot file, at start or by DEBUG RELOAD.
    Rdb,
    /// The append-only file.
    Aof,
    /// This replica's primary.
    Primary,
}

/// How far the load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadingEvent {
    /// It begins.
    Started(LoadingSource),
    /// It succeeded.
    Ended,
    /// It failed.
    Failed,
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

impl Sealed for Loading {}
impl ServerEvent for Loading {
    type Payload<'e> = LoadingEvent;
    const ID: u64 = raw::REDISMODULE_EVENT_LOADING;
    const NAME: &'static str = "the Loading event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> LoadingEvent {
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_LOADING_RDB_START => LoadingEvent::Started(LoadingSource::Rdb),
            raw::REDISMODULE_SUBEVENT_LOADING_AOF_START => LoadingEvent::Started(LoadingSource::Aof),
            raw::REDISMODULE_SUBEVENT_LOADING_REPL_START => LoadingEvent::Started(LoadingSource::Primary),
            raw::REDISMODULE_SUBEVENT_LOADING_ENDED => LoadingEvent::Ended,
            raw::REDISMODULE_SUBEVENT_LOADING_FAILED => LoadingEvent::Failed,
            other => LoadingEvent::Unknown(other),
        }
    }
}

/// Fired now and then while data is loaded.
pub struct LoadingProgress;

/// How much has been loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadingProgressEvent {
    /// How often in a second this is fired, about.
    pub hz: Option<u32>,
    /// How much of the load is done, of 1024. `None` if the server cannot know.
    pub of_1024: Option<u32>,
}

impl Sealed for LoadingProgress {}
impl ServerEvent for LoadingProgress {
    type Payload<'e> = LoadingProgressEvent;
    const ID: u64 = raw::REDISMODULE_EVENT_LOADING_PROGRESS;
    const NAME: &'static str = "the LoadingProgress event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> LoadingProgressEvent {
        // SAFETY: R22: version 1 of this event's data.
        let data = unsafe { fired.version_1::<raw::RedisModuleLoadingProgressInfo>() };
        LoadingProgressEvent {
            hz: data.and_then(|data| u32::try_from(data.hz).ok()),
            of_1024: data.and_then(|data| u32::try_from(data.progress).ok()),
        }
    }
}

/// The server is shutting down; the last call a module gets.
pub struct Shutdown;

impl Sealed for Shutdown {}
impl ServerEvent for Shutdown {
    type Payload<'e> = ();
    const ID: u64 = raw::REDISMODULE_EVENT_SHUTDOWN;
    const NAME: &'static str = "the Shutdown event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, _fired: &'e Fired) {}
}
