//! What single fields of a hash may have besides a value: a time to expire, and bytes that the module keeps.

use std::ffi::{c_char, c_int};
use std::ptr;

use redis_module::raw;

use super::{KeyType, ReadKey, WriteKey};
use crate::api::{required, unbound};
use crate::error::Error;
use crate::module::Pin;
use crate::server::server;
use crate::string::RedisStr;

type SetStringRef = unsafe extern "C" fn(
    *mut raw::RedisModuleKey,
    *mut raw::RedisModuleString,
    *const c_char,
    usize,
) -> c_int;
type HasStringRef = unsafe extern "C" fn(*mut raw::RedisModuleKey, *mut raw::RedisModuleString) -> c_int;

impl ReadKey<'_> {
    /// When a field of a hash expires, in Unix milliseconds; `None` if it does not, or if there is no such field or
    /// key. Redis 8.0 on; no Valkey tells a module.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Unsupported`].
    pub fn hash_field_expire_at_ms<'f>(&self, field: impl Into<RedisStr<'f>>) -> Result<Option<u64>, Error> {
        if !server().is_redis_since(8, 0) {
            return Err(Error::Unsupported { function: "HASH_EXPIRE_TIME", since: "Redis 8.0" });
        }
        if !self.holds(KeyType::Hash)? {
            return Ok(None);
        }
        let get = required!(RedisModule_HashGet);
        let mut at: i64 = -1;
        let flag = raw::REDISMODULE_HASH_EXPIRE_TIME as c_int;
        let end: *mut raw::RedisModuleString = ptr::null_mut();
        // SAFETY: R21: one field, where its time goes, and the NULL that ends the arguments; a server that does not
        // know the flag would write a string instead, and was sorted out.
        unsafe { get(self.as_ptr(), flag, field.into().as_ptr(), &raw mut at, end) };
        Ok(u64::try_from(at).ok())
    }

    /// Whether the value of a hash's field is bytes that a module keeps: see [`WriteKey::hash_set_shared`].
    /// Valkey 9.1 on; no Redis has it.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Unsupported`].
    pub fn hash_is_shared<'f>(&self, field: impl Into<RedisStr<'f>>) -> Result<bool, Error> {
        // SAFETY: R38: the function's own type.
        let has = unsafe { unbound!(RedisModule_HashHasStringRef: HasStringRef, "Valkey 9.1") }?;
        let field = field.into();
        if !self.hash_exists(field)? {
            return Ok(false);
        }
        // SAFETY: R38: an open key that holds a hash with this field; without the field the server would read
        // through NULL (t_hash.c, Valkey 9.1).
        Ok(unsafe { has(self.as_ptr(), field.as_ptr()) } != 0)
    }
}

impl WriteKey<'_> {
    /// Has a field of a hash show `bytes` where they are instead of a copy of its own: for large values that the
    /// module holds anyway. Answers whether there is such a field. The field keeps its time to expire; a command that
    /// sets it gives it a value of its own again. Valkey 9.1 on; no Redis has it.
    ///
    /// The server never says when it is done with the bytes, not even when the key is gone: hence `'static`, which
    /// for bytes made at run time means [`Box::leak`], and the module can't be unloaded any more.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Unsupported`].
    pub fn hash_set_shared<'f>(
        &mut self,
        field: impl Into<RedisStr<'f>>,
        bytes: &'static [u8],
    ) -> Result<bool, Error> {
        // SAFETY: R38: the function's own type.
        let set = unsafe { unbound!(RedisModule_HashSetStringRef: SetStringRef, "Valkey 9.1") }?;
        if !self.holds(KeyType::Hash)? {
            return Ok(false);
        }
        // SAFETY: R38: a key open for writing that holds a hash; the bytes stay for ever, as the module's code does.
        let status = unsafe { set(self.as_ptr(), field.into().as_ptr(), bytes.as_ptr().cast(), bytes.len()) };
        let is_set = status == raw::REDISMODULE_OK as c_int;
        if is_set {
            std::mem::forget(Pin::new());
        }
        Ok(is_set)
    }
}
