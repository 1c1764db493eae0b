//! The data set: flushed, swapped, a single key lost.

use std::mem::ManuallyDrop;

use redis_module::raw;

use super::{Fired, Sealed, ServerEvent};
use crate::context::Context;
use crate::key::{KeyType, ReadKey, Walk};
use crate::string::RedisStr;

/// A database, or all of them, is flushed.
pub struct FlushDb;

/// The flush of one database (FLUSHDB) or of all (FLUSHALL, and the data a load replaces).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushDbEvent {
    /// Before the flush. `db` is `None` for all of them.
    Started {
        /// The number of the database.
        db: Option<i32>,
    },
    /// After the flush; the values of an asynchronous one may still be being freed.
    Ended {
        /// The number of the database.
        db: Option<i32>,
    },
    /// A sub-event, or a payload, that this crate does not know: treat everything as flushed.
    Unknown(u64),
}

impl Sealed for FlushDb {}
impl ServerEvent for FlushDb {
    type Payload<'e> = FlushDbEvent;
    const ID: u64 = raw::REDISMODULE_EVENT_FLUSHDB;
    const NAME: &'static str = "the FlushDb event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> FlushDbEvent {
        // SAFETY: R22: version 1 of this event's data.
        let Some(data) = (unsafe { fired.version_1::<raw::RedisModuleFlushInfo>() }) else {
            return FlushDbEvent::Unknown(fired.sub);
        };
        let db = Some(data.dbnum).filter(|db| *db >= 0);
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_FLUSHDB_START => FlushDbEvent::Started { db },
            raw::REDISMODULE_SUBEVENT_FLUSHDB_END => FlushDbEvent::Ended { db },
            other => FlushDbEvent::Unknown(other),
        }
    }
}

/// Two databases have changed places.
pub struct SwapDb;

/// The numbers of the two databases; `None` if the server's payload is of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapDbEvent {
    /// SWAPDB's first and second database.
    pub dbs: Option<(i32, i32)>,
}

impl Sealed for SwapDb {}
impl ServerEvent for SwapDb {
    type Payload<'e> = SwapDbEvent;
    const ID: u64 = raw::REDISMODULE_EVENT_SWAPDB;
    const NAME: &'static str = "the SwapDb event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> SwapDbEvent {
        // SAFETY: R22: version 1 of this event's data.
        let data = unsafe { fired.version_1::<raw::RedisModuleSwapDbInfo>() };
        SwapDbEvent { dbs: data.map(|data| (data.dbnum_first, data.dbnum_second)) }
    }
}

/// A key is about to lose its value. No key can be opened meanwhile. Redis 7.2 and Valkey. Costs something for every such key: keyspace
/// events are cheaper where the key's name is enough.
pub struct Key;

/// Why the value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFate {
    /// Deleted.
    Deleted,
    /// Its time had come.
    Expired,
    /// Evicted for want of memory.
    Evicted,
    /// Another value takes its place.
    Overwritten,
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

/// The key, with the value it is about to lose.
pub struct KeyEvent<'e> {
    /// Why it loses it.
    pub fate: KeyFate,
    key: Option<ManuallyDrop<ReadKey<'e>>>,
    /// The server holds on to the key's entry.
    _walk: Walk,
}

impl KeyEvent<'_> {
    /// The name, if the server passed a key this crate can read.
    pub fn name(&self) -> Option<RedisStr<'_>> {
        self.key.as_ref().and_then(|key| key.name())
    }

    /// What the key still holds.
    pub fn key_type(&self) -> KeyType {
        self.key.as_ref().map_or(KeyType::Missing, |key| key.key_type())
    }

    /// The key, for reading what it still holds.
    pub fn key(&self) -> Option<&ReadKey<'_>> {
        self.key.as_deref()
    }
}

impl Sealed for Key {}
impl ServerEvent for Key {
    type Payload<'e> = KeyEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_KEY;
    const NAME: &'static str = "the Key event";
    const SINCE: &'static str = "Redis 7.2 and Valkey 7.2";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> KeyEvent<'e> {
        let fate = match fired.sub {
            raw::REDISMODULE_SUBEVENT_KEY_DELETED => KeyFate::Deleted,
            raw::REDISMODULE_SUBEVENT_KEY_EXPIRED => KeyFate::Expired,
            raw::REDISMODULE_SUBEVENT_KEY_EVICTED => KeyFate::Evicted,
            raw::REDISMODULE_SUBEVENT_KEY_OVERWRITTEN => KeyFate::Overwritten,
            other => KeyFate::Unknown(other),
        };
        // SAFETY: R22: version 1 of this event's data.
        let data = unsafe { fired.version_1::<raw::RedisModuleKeyInfo>() };
        let key = data.filter(|data| !data.key.is_null()).map(|data| {
            // SAFETY: R20: opened by the server, which closes it after the callback (moduleFireServerEvent).
            unsafe { ReadKey::borrowed(data.key) }
        });
        KeyEvent { fate, key, _walk: Walk::begin() }
    }
}
