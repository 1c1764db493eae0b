//! What the server goes by when it has to evict keys: how long a key is idle, or how often it is used. It keeps
//! one of the two for each key, as `maxmemory-policy` says: the frequency under the LFU policies, the idle time
//! under all others.

use redis_module::raw;

use super::{ReadKey, WriteKey};
use crate::api::required;
use crate::error::Error;
use crate::server::server;

/// The longest idle time that [`WriteKey::set_idle_ms`] takes, in milliseconds: 194 days. The server keeps 24 bits
/// of seconds (`LRU_BITS`, server.h).
pub const IDLE_MS_MAX: u64 = ((1 << 24) - 2) * 1000;

impl ReadKey<'_> {
    /// For how long the key has not been used, in milliseconds, at a resolution of a second. `None` if it is missing,
    /// or under an LFU policy. Opening a key uses it, unless with [`crate::OpenFlags::NO_TOUCH`]. Valkey 9.1
    /// counts from 0 again after 49 days (32 bits).
    pub fn idle_ms(&self) -> Option<u64> {
        if self.as_ptr().is_null() {
            return None;
        }
        let get = required!(RedisModule_GetLRU);
        let mut idle_ms = -1;
        // SAFETY: R20: an open key, not NULL; the server writes one number.
        unsafe { get(self.as_ptr(), &raw mut idle_ms) };
        u64::try_from(idle_ms).ok()
    }

    /// How often the key is used, as a logarithmic counter that decays (OBJECT FREQ). `None` if it is missing, or
    /// unless under an LFU policy.
    pub fn access_frequency(&self) -> Option<u8> {
        if self.as_ptr().is_null() {
            return None;
        }
        let get = required!(RedisModule_GetLFU);
        let mut frequency = -1;
        // SAFETY: R20: an open key, not NULL; the server writes one number.
        unsafe { get(self.as_ptr(), &raw mut frequency) };
        u8::try_from(frequency).ok()
    }
}

impl WriteKey<'_> {
    /// Sets for how long the key has not been used, in milliseconds, of which the server keeps the seconds.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist, [`Error::Refused`] under an LFU policy, [`Error::Invalid`]
    /// above [`IDLE_MS_MAX`]. [`Error::Unsupported`] on Valkey 9.1 and later, where the server reads thousands of
    /// seconds instead of milliseconds (seen on 9.1.2).
    pub fn set_idle_ms(&mut self, idle_ms: u64) -> Result<(), Error> {
        if idle_ms > IDLE_MS_MAX {
            return Err(Error::Invalid { what: "the idle time", reason: "at most 194 days" });
        }
        if server().is_valkey_since(9, 1) {
            return Err(Error::Unsupported {
                function: "RedisModule_SetLRU in milliseconds",
                since: "Redis 6.0 and Valkey 7.2, and went with Valkey 9.1",
            });
        }
        let set = required!(RedisModule_SetLRU);
        // SAFETY: R20: an open key; the server refuses one without a value.
        let status = unsafe { set(self.as_ptr(), idle_ms as i64) };
        self.policy_allows(status, "RedisModule_SetLRU", "maxmemory-policy counts uses, not idle time")
    }

    /// Sets how often the key is used.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist, [`Error::Refused`] unless under an LFU policy.
    pub fn set_access_frequency(&mut self, frequency: u8) -> Result<(), Error> {
        let set = required!(RedisModule_SetLFU);
        // SAFETY: R20: an open key; the server refuses one without a value, and asserts that the number is at
        // most 255 (objectSetLRUOrLFU, object.c).
        let status = unsafe { set(self.as_ptr(), i64::from(frequency)) };
        self.policy_allows(status, "RedisModule_SetLFU", "maxmemory-policy does not count uses")
    }

    fn policy_allows(&self, status: i32, function: &'static str, reason: &'static str) -> Result<(), Error> {
        if status == raw::REDISMODULE_OK as i32 {
            Ok(())
        } else if self.exists() {
            Err(Error::Refused { function, reason })
        } else {
            Err(Error::NoSuchKey)
        }
    }
}
