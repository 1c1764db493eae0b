//! How a key is opened.

use redis_module::raw;

use crate::api::api;
use crate::context::Context;
use crate::error::Error;
use crate::server::{Family, server};

bitflags::bitflags! {
    /// How a key is opened, besides for reading or writing. A flag that the server does not know is
    /// [`Error::Unsupported`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct OpenFlags: i32 {
        /// Leaves the key's idle time and access frequency as they are. All servers.
        const NO_TOUCH = raw::REDISMODULE_OPEN_KEY_NOTOUCH as i32;
        /// Fires no "keymiss" event. Redis 7.2 and Valkey.
        const NO_NOTIFY = raw::REDISMODULE_OPEN_KEY_NONOTIFY as i32;
        /// Counts neither as a hit nor as a miss. Redis 7.2 and Valkey.
        const NO_STATS = raw::REDISMODULE_OPEN_KEY_NOSTATS as i32;
        /// Does not delete a key whose time has come: it is missing all the same. Redis 7.2 and Valkey.
        const NO_EXPIRE = raw::REDISMODULE_OPEN_KEY_NOEXPIRE as i32;
        /// None of the effects above. Redis 7.2 and Valkey.
        const NO_EFFECTS = raw::REDISMODULE_OPEN_KEY_NOEFFECTS as i32;
        /// Sees keys, and fields of hashes, that have expired and were not deleted yet. Redis 8.0 (not Valkey).
        const ACCESS_EXPIRED = raw::REDISMODULE_OPEN_KEY_ACCESS_EXPIRED as i32;
        /// Sees keys of a cluster's slot that has moved away and is being emptied. Redis 8.4 (not Valkey).
        const ACCESS_TRIMMED = raw::REDISMODULE_OPEN_KEY_ACCESS_TRIMMED as i32;
    }
}

impl OpenFlags {
    /// Refuses a flag this server would silently ignore.
    #[inline]
    pub(super) fn check(self) -> Result<i32, Error> {
        let flags = self.intersection(Self::all());
        if !Self::NO_TOUCH.contains(flags) {
            flags.check_newer()?;
        }
        Ok(flags.bits())
    }

    #[cold]
    fn check_newer(self) -> Result<(), Error> {
        let lacks = self.difference(known());
        if lacks.is_empty() {
            Ok(())
        } else if lacks == Self::ACCESS_EXPIRED {
            Err(Error::Unsupported { function: "OPEN_KEY_ACCESS_EXPIRED", since: "Redis 8.0" })
        } else if lacks.intersects(Self::ACCESS_EXPIRED | Self::ACCESS_TRIMMED) {
            Err(Error::Unsupported { function: "OPEN_KEY_ACCESS_TRIMMED", since: "Redis 8.4" })
        } else {
            Err(Error::Unsupported { function: "OPEN_KEY flags", since: "Redis 7.2 and Valkey 7.2" })
        }
    }
}

impl Context<'_> {
    /// The flags that this server knows.
    pub fn open_flags(&self) -> OpenFlags {
        known()
    }
}

/// Redis 7.0 can't be asked, and knows the first one. Bits that came after the families had parted mean what they say
/// in Redis alone.
fn known() -> OpenFlags {
    let Ok(all) = api!(RedisModule_GetOpenKeyModesAll, "Redis 7.2 and Valkey 7.2") else {
        return OpenFlags::NO_TOUCH;
    };
    // SAFETY: R2: it takes nothing and answers a constant.
    let known = OpenFlags::from_bits_truncate(unsafe { all() });
    match server().family {
        Family::Redis => known,
        Family::Valkey => known.difference(OpenFlags::ACCESS_EXPIRED | OpenFlags::ACCESS_TRIMMED),
    }
}
