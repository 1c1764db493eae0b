//! Hash values.

use std::ffi::c_int;
use std::ptr;

use redis_module::raw;

use super::{KeyType, ReadKey, WriteKey};
use crate::api::{api, required};
use crate::error::Error;
use crate::string::{RedisStr, RedisString};

/// How many fields one call into the server sets. More are set by several calls.
pub const HASH_FIELDS_PER_CALL: usize = 8;

/// Which fields [`WriteKey::hash_set`] sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashCondition {
    /// All of them.
    #[default]
    Always,
    /// Those that do not exist yet.
    IfMissing,
    /// Those that exist.
    IfPresent,
}

impl HashCondition {
    fn bits(self) -> c_int {
        let bits = match self {
            Self::Always => raw::REDISMODULE_HASH_NONE,
            Self::IfMissing => raw::REDISMODULE_HASH_NX,
            Self::IfPresent => raw::REDISMODULE_HASH_XX,
        };
        bits as c_int
    }
}

/// The value that stands for "delete this field" (redismodule.h, `REDISMODULE_HASH_DELETE`).
const DELETE: *mut raw::RedisModuleString = ptr::without_provenance_mut(1);

type Pointers = (*mut raw::RedisModuleString, *mut raw::RedisModuleString);

impl ReadKey<'_> {
    /// A field of a hash; `None` if there is no such field or key.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn hash_get<'f>(&self, field: impl Into<RedisStr<'f>>) -> Result<Option<RedisString>, Error> {
        if !self.holds(KeyType::Hash)? {
            return Ok(None);
        }
        let get = required!(RedisModule_HashGet);
        let mut value: *mut raw::RedisModuleString = ptr::null_mut();
        let none = raw::REDISMODULE_HASH_NONE as c_int;
        let end: *mut raw::RedisModuleString = ptr::null_mut();
        // SAFETY: R21: one field, where its value goes, and the NULL that ends the arguments.
        unsafe { get(self.as_ptr(), none, field.into().as_ptr(), &raw mut value, end) };
        // SAFETY: R5: a string of our own, or NULL; the context has no automatic memory.
        Ok(unsafe { RedisString::from_raw(value) })
    }

    /// Whether a hash has a field.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn hash_exists<'f>(&self, field: impl Into<RedisStr<'f>>) -> Result<bool, Error> {
        if !self.holds(KeyType::Hash)? {
            return Ok(false);
        }
        let get = required!(RedisModule_HashGet);
        let mut exists: c_int = 0;
        let flag = raw::REDISMODULE_HASH_EXISTS as c_int;
        let end: *mut raw::RedisModuleString = ptr::null_mut();
        // SAFETY: R21: one field, where the answer goes, and the NULL that ends the arguments.
        unsafe { get(self.as_ptr(), flag, field.into().as_ptr(), &raw mut exists, end) };
        Ok(exists != 0)
    }
}

impl ReadKey<'_> {
    /// When the first field of a hash expires, in Unix milliseconds: also of one whose time has come and that is not
    /// removed yet. `None` if no field does, or there is no such key. Redis 8 on; Valkey tells it nowhere.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Unsupported`].
    pub fn hash_min_expire_at_ms(&self) -> Result<Option<u64>, Error> {
        let min = api!(RedisModule_HashFieldMinExpire, "Redis 8.0")?;
        if !self.holds(KeyType::Hash)? {
            return Ok(None);
        }
        // SAFETY: R20: an open key that holds a hash.
        let at = unsafe { min(self.as_ptr()) };
        Ok(u64::try_from(at).ok())
    }
}

impl WriteKey<'_> {
    /// Sets fields of a hash, which is made if the key is missing. Answers how many were set, new or not.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else; nothing was set then.
    pub fn hash_set(
        &mut self,
        fields: &[(RedisStr<'_>, RedisStr<'_>)],
        condition: HashCondition,
    ) -> Result<usize, Error> {
        self.holds(KeyType::Hash)?;
        let flags = condition.bits() | raw::REDISMODULE_HASH_COUNT_ALL as c_int;
        let mut count = 0;
        for chunk in fields.chunks(HASH_FIELDS_PER_CALL) {
            let mut pairs: [Pointers; HASH_FIELDS_PER_CALL] =
                [(ptr::null_mut(), ptr::null_mut()); HASH_FIELDS_PER_CALL];
            for (slot, (field, value)) in pairs.iter_mut().zip(chunk) {
                *slot = (field.as_ptr(), value.as_ptr());
            }
            count += self.hash_set_chunk(flags, &pairs);
        }
        Ok(count)
    }

    /// Deletes a field of a hash, and the key with its last field. Answers whether it existed.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn hash_delete<'f>(&mut self, field: impl Into<RedisStr<'f>>) -> Result<bool, Error> {
        if !self.holds(KeyType::Hash)? {
            return Ok(false);
        }
        let mut pairs: [Pointers; HASH_FIELDS_PER_CALL] =
            [(ptr::null_mut(), ptr::null_mut()); HASH_FIELDS_PER_CALL];
        pairs[0] = (field.into().as_ptr(), DELETE);
        Ok(self.hash_set_chunk(raw::REDISMODULE_HASH_NONE as c_int, &pairs) > 0)
    }

    /// One call. The server stops at the first field that is NULL, so the unused pairs are never read.
    #[inline]
    fn hash_set_chunk(&mut self, flags: c_int, pairs: &[Pointers; HASH_FIELDS_PER_CALL]) -> usize {
        let set = required!(RedisModule_HashSet);
        let [a, b, c, d, e, f, g, h] = *pairs;
        let end: *mut raw::RedisModuleString = ptr::null_mut();
        // SAFETY: R21: pairs of strings that live through the call, ended by NULL; the key is open for
        // writing and holds a hash or nothing.
        let count = unsafe {
            set(
                self.as_ptr(),
                flags,
                a.0,
                a.1,
                b.0,
                b.1,
                c.0,
                c.1,
                d.0,
                d.1,
                e.0,
                e.1,
                f.0,
                f.1,
                g.0,
                g.1,
                h.0,
                h.1,
                end,
            )
        };
        usize::try_from(count).unwrap_or(0)
    }
}
