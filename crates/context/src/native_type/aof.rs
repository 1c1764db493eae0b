//! What a type's values are rewritten to when an AOF holds commands alone.

use std::ffi::CStr;
use std::ops::Deref;

use redis_module::raw;

use super::stream::TypeStream;
use crate::api::required;
use crate::string::RedisString;

/// Writes commands into an AOF that is being rewritten.
pub struct AofWriter<'a> {
    stream: TypeStream<'a>,
}

impl<'a> AofWriter<'a> {
    /// # Safety
    /// `io` is what the server passed to an AOF callback, for all of `'a`.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        // SAFETY: the caller's promise.
        Self { stream: unsafe { TypeStream::new(io) } }
    }

    /// Writes one command. A command this server doesn't know fails the rewrite, and the server logs it.
    pub fn command(&mut self, name: &CStr, arguments: &[&[u8]]) {
        let owned: Vec<RedisString> = arguments.iter().map(|bytes| RedisString::new(bytes)).collect();
        let mut pointers: Vec<*mut raw::RedisModuleString> = owned.iter().map(RedisString::as_ptr).collect();
        let emit = required!(RedisModule_EmitAOF);
        // SAFETY: R32: "v" reads an array of strings and its length; they live through the call.
        unsafe { emit(self.stream.io, name.as_ptr(), c"v".as_ptr(), pointers.as_mut_ptr(), pointers.len()) };
    }
}

impl<'a> Deref for AofWriter<'a> {
    type Target = TypeStream<'a>;
    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}
