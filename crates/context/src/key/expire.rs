//! How long a key has to live, counted from now.

use redis_module::raw;

use super::{ReadKey, WriteKey};
use crate::api::required;
use crate::error::Error;

/// The longest time to live that [`WriteKey::set_expire_in`] takes, in milliseconds: some 146 million years. The
/// server adds its clock to it.
pub const EXPIRE_IN_MS_MAX: u64 = (i64::MAX / 2) as u64;

impl ReadKey<'_> {
    /// How long the key has to live, in milliseconds from the time at which the running command began. 0 if its time
    /// has come; `None` if it has none, or is missing.
    pub fn expire_in_ms(&self) -> Option<u64> {
        if !self.exists() {
            return None;
        }
        let get = required!(RedisModule_GetExpire);
        // SAFETY: R20: an open key that exists.
        u64::try_from(unsafe { get(self.as_ptr()) }).ok()
    }
}

impl WriteKey<'_> {
    /// Sets how long the key has to live, in milliseconds from the time at which the running command began. Replicate
    /// the absolute time ([`ReadKey::expire_at_ms`]): a replica counts from later on.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist, [`Error::Invalid`] above [`EXPIRE_IN_MS_MAX`].
    pub fn set_expire_in(&mut self, ms: u64) -> Result<(), Error> {
        if ms > EXPIRE_IN_MS_MAX {
            return Err(Error::Invalid { what: "the time to live", reason: "above i64::MAX / 2" });
        }
        self.release_iterator();
        let set = required!(RedisModule_SetExpire);
        // SAFETY: R20: an open key; the server refuses one without a value. R35: it may move the value.
        let status = unsafe { set(self.as_ptr(), ms as i64) };
        if status == raw::REDISMODULE_OK as i32 { Ok(()) } else { Err(Error::NoSuchKey) }
    }
}
