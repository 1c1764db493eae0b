//! The classes of keyspace events, and which of them a server knows.

use std::ffi::c_int;

use redis_module::raw;

use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::server::server;

bitflags::bitflags! {
    /// The classes of keyspace events. Each event is of one class.
    ///
    /// These are in both families; those said to be Redis's are refused elsewhere: there the same bits have other
    /// meanings, or none.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct NotifyFlags: c_int {
        /// `g`: DEL, EXPIRE, RENAME and others that fit any type.
        const GENERIC = raw::REDISMODULE_NOTIFY_GENERIC;
        /// `$`: strings.
        const STRING = raw::REDISMODULE_NOTIFY_STRING;
        /// `l`: lists.
        const LIST = raw::REDISMODULE_NOTIFY_LIST;
        /// `s`: sets.
        const SET = raw::REDISMODULE_NOTIFY_SET;
        /// `h`: hashes.
        const HASH = raw::REDISMODULE_NOTIFY_HASH;
        /// `z`: sorted sets.
        const SORTED_SET = raw::REDISMODULE_NOTIFY_ZSET;
        /// `x`: a key was deleted because its time had come.
        const EXPIRED = raw::REDISMODULE_NOTIFY_EXPIRED;
        /// `e`: a key was evicted for want of memory.
        const EVICTED = raw::REDISMODULE_NOTIFY_EVICTED;
        /// `t`: streams.
        const STREAM = raw::REDISMODULE_NOTIFY_STREAM;
        /// `m`: a key was looked for and not found. Not in `ALL`.
        const KEY_MISS = raw::REDISMODULE_NOTIFY_KEY_MISS;
        /// A key was loaded from a snapshot. Not in `ALL`. Only modules hear of it.
        const LOADED = raw::REDISMODULE_NOTIFY_LOADED;
        /// `d`: types of modules.
        const MODULE = raw::REDISMODULE_NOTIFY_MODULE;
        /// `n`: a new key. Not in `ALL`. Redis 7.0.1 and Valkey.
        const NEW = raw::REDISMODULE_NOTIFY_NEW;
        /// `o`: a value was replaced. Not in `ALL`. Redis 8.2, not Valkey.
        const OVERWRITTEN = raw::REDISMODULE_NOTIFY_OVERWRITTEN;
        /// `c`: a value was replaced by one of another type. Not in `ALL`. Redis 8.2, not Valkey.
        const TYPE_CHANGED = raw::REDISMODULE_NOTIFY_TYPE_CHANGED;
        /// A key is gone because its slot has moved to another node. Not in `ALL`. Only modules hear of it, and as long as
        /// one does, the server removes such keys one by one instead of all at once. Redis 8.4, not Valkey.
        const KEY_TRIMMED = raw::REDISMODULE_NOTIFY_KEY_TRIMMED;
        /// `r`: a rate limit. Not in `ALL`. Redis 8.8, not Valkey.
        const RATE_LIMIT = raw::REDISMODULE_NOTIFY_RATE_LIMIT;
        /// `A`: all classes but those said not to be in it.
        const ALL = raw::REDISMODULE_NOTIFY_ALL;
    }
}

/// The classes that came after the families parted: the same bits are something else in the other one.
const REDIS_ONLY: [(NotifyFlags, (u8, u8), &str); 4] = [
    (NotifyFlags::OVERWRITTEN, (8, 2), "Redis 8.2"),
    (NotifyFlags::TYPE_CHANGED, (8, 2), "Redis 8.2"),
    (NotifyFlags::KEY_TRIMMED, (8, 4), "Redis 8.4"),
    (NotifyFlags::RATE_LIMIT, (8, 8), "Redis 8.8"),
];

impl NotifyFlags {
    /// The bits, if this server knows all of these classes.
    pub(super) fn check(self) -> Result<c_int, Error> {
        let server = server();
        for (class, (major, minor), since) in REDIS_ONLY {
            if self.intersects(class) && !server.is_redis_since(major, minor) {
                return Err(Error::Unsupported { function: "a class of keyspace events", since });
            }
        }
        if known().contains(self) {
            Ok(self.bits())
        } else {
            Err(Error::Unsupported { function: "a class of keyspace events", since: "a later version" })
        }
    }
}

fn known() -> NotifyFlags {
    let all = required!(RedisModule_GetKeyspaceNotificationFlagsAll);
    // SAFETY: R2: it takes nothing and answers a constant.
    NotifyFlags::from_bits_retain(unsafe { all() })
}

impl Context<'_> {
    /// The classes this server knows, with the two bits (`K`, `E`) that choose channels for clients. Bits from 15 on
    /// are of its own family.
    pub fn known_notifications(&self) -> NotifyFlags {
        known()
    }

    /// The classes of which clients hear (`notify-keyspace-events`). Modules hear of what they subscribed to.
    pub fn client_notifications(&self) -> NotifyFlags {
        let get = required!(RedisModule_GetNotifyKeyspaceEvents);
        // SAFETY: R2: it takes nothing and reads a setting.
        NotifyFlags::from_bits_retain(unsafe { get() })
    }
}
