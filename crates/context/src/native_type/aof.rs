//! What a type's values are rewritten to when an AOF holds commands alone.

use std::ffi::CStr;
use std::marker::PhantomData;

use redis_module::raw;

use super::io::{db_of, key_of};
use crate::api::required;
use crate::log::{LogLevel, log_io};
use crate::string::{RedisStr, RedisString};

/// Writes commands into an AOF that is being rewritten.
pub struct AofWriter<'a> {
    io: *mut raw::RedisModuleIO,
    callback: PhantomData<&'a mut ()>,
}

impl<'a> AofWriter<'a> {
    /// # Safety
    /// `io` is what the server passed to an AOF callback, for all of `'a`.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        Self { io, callback: PhantomData }
    }

    /// Writes one command. A command this server doesn't know fails the rewrite, and the server logs it.
    pub fn command(&mut self, name: &CStr, arguments: &[&[u8]]) {
        let owned: Vec<RedisString> = arguments.iter().map(|bytes| RedisString::new(bytes)).collect();
        let mut pointers: Vec<*mut raw::RedisModuleString> = owned.iter().map(RedisString::as_ptr).collect();
        let emit = required!(RedisModule_EmitAOF);
        // SAFETY: R32: "v" reads an array of strings and its length; they live through the call.
        unsafe { emit(self.io, name.as_ptr(), c"v".as_ptr(), pointers.as_mut_ptr(), pointers.len()) };
    }

    /// The key whose value is rewritten.
    pub fn key(&self) -> Option<RedisStr<'a>> {
        // SAFETY: R51: the stream of a callback that runs for all of `'a`.
        unsafe { key_of(self.io) }
    }

    /// The number of the key's database.
    pub fn db(&self) -> Option<u32> {
        // SAFETY: R51: as above.
        unsafe { db_of(self.io) }
    }

    /// Logs a line under the module's name: see [`crate::Context::log`].
    pub fn log(&self, level: LogLevel, message: impl AsRef<[u8]>) {
        // SAFETY: R51: as above.
        unsafe { log_io(self.io, level, message.as_ref()) };
    }
}
