//! What the streams of a type's callbacks have in common.

use std::ffi::c_int;
use std::marker::PhantomData;

use redis_module::raw;

use crate::api::required;
use crate::log::{LogLevel, log_io};
use crate::string::RedisStr;

/// The stream of a callback: it tells whose value is saved, loaded or rewritten.
pub struct TypeStream<'a> {
    pub(super) io: *mut raw::RedisModuleIO,
    callback: PhantomData<&'a mut ()>,
}

impl<'a> TypeStream<'a> {
    /// # Safety
    /// `io` is what the server passed to a callback that runs for all of `'a`.
    pub(super) unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        Self { io, callback: PhantomData }
    }

    /// The key whose value it is; `None` for auxiliary data, [`crate::TypeHandle::encode`] and
    /// [`crate::TypeHandle::decode`].
    pub fn key(&self) -> Option<RedisStr<'a>> {
        let key = required!(RedisModule_GetKeyNameFromIO);
        // SAFETY: R51: the callback's own stream; the name lives for all of `'a`.
        unsafe { RedisStr::from_raw(key(self.io).cast_mut()) }
    }

    /// The number of the key's database; `None` where there is no key.
    pub fn db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetDbIdFromIO);
        // SAFETY: R51: the callback's own stream.
        db_number(unsafe { db(self.io) })
    }

    /// Logs a line under the module's name: see [`crate::Context::log`].
    pub fn log(&self, level: LogLevel, message: impl AsRef<[u8]>) {
        // SAFETY: R51: the callback's own stream.
        unsafe { log_io(self.io, level, message.as_ref()) };
    }
}

/// The servers write -1 for "no database".
pub(super) fn db_number(db: c_int) -> Option<u32> {
    u32::try_from(db).ok()
}
