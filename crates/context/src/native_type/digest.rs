//! What makes two values equal.

use std::marker::PhantomData;

use redis_module::raw;

use super::stream::db_number;
use crate::api::required;
use crate::string::RedisStr;

/// Adds up what makes two values equal, for DEBUG DIGEST: elements in an order that matters, in groups
/// whose own order doesn't.
pub struct Digest<'a> {
    digest: *mut raw::RedisModuleDigest,
    callback: PhantomData<&'a mut ()>,
}

impl<'a> Digest<'a> {
    /// # Safety
    /// `digest` is what the server passed to a digest callback, for all of `'a`.
    pub(super) unsafe fn new(digest: *mut raw::RedisModuleDigest) -> Self {
        Self { digest, callback: PhantomData }
    }

    /// Adds bytes to the present group.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let add = required!(RedisModule_DigestAddStringBuffer);
        // SAFETY: R32: the callback's own digest; `len` bytes are read.
        unsafe { add(self.digest, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Adds a number to the present group.
    pub fn int(&mut self, value: i64) {
        let add = required!(RedisModule_DigestAddLongLong);
        // SAFETY: R32: the callback's own digest.
        unsafe { add(self.digest, value) };
    }

    /// Ends a group.
    pub fn end_group(&mut self) {
        let end = required!(RedisModule_DigestEndSequence);
        // SAFETY: R32: the callback's own digest.
        unsafe { end(self.digest) };
    }

    /// The key whose value is digested. A copy under another name is to have the same digest: leave it out.
    pub fn key(&self) -> Option<RedisStr<'a>> {
        let key = required!(RedisModule_GetKeyNameFromDigest);
        // SAFETY: R51: the callback's own digest; the name lives for all of `'a`.
        unsafe { RedisStr::from_raw(key(self.digest).cast_mut()) }
    }

    /// The number of the key's database.
    pub fn db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetDbIdFromDigest);
        // SAFETY: R51: the callback's own digest.
        db_number(unsafe { db(self.digest) })
    }
}
