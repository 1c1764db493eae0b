//! What the server tells a class about the key.

use std::marker::PhantomData;

use redis_module::raw;

use crate::api::required;
use crate::string::RedisStr;

/// Which key it is about, and where it goes.
pub struct KeyNames<'c> {
    raw: *mut raw::RedisModuleKeyOptCtx,
    callback: PhantomData<&'c ()>,
}

impl<'c> KeyNames<'c> {
    /// # Safety
    /// `raw` is what the server passed to a callback that runs for all of `'c`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        Self { raw, callback: PhantomData }
    }

    /// The key's name.
    pub fn name(&self) -> Option<RedisStr<'c>> {
        let name = required!(RedisModule_GetKeyNameFromOptCtx);
        // SAFETY: R39: the record of this callback; its names live through the callback.
        unsafe { RedisStr::from_raw(name(self.raw).cast_mut()) }
    }

    /// The name of the copy, or the new name; `None` for a key that is moved or goes.
    pub fn new_name(&self) -> Option<RedisStr<'c>> {
        let name = required!(RedisModule_GetToKeyNameFromOptCtx);
        // SAFETY: R39: the record of this callback; its names live through the callback.
        unsafe { RedisStr::from_raw(name(self.raw).cast_mut()) }
    }

    /// The key's database.
    pub fn db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetDbIdFromOptCtx);
        // SAFETY: R39: the record of this callback.
        u32::try_from(unsafe { db(self.raw) }).ok()
    }

    /// The database of the copy, or the new one; `None` for a key that goes.
    pub fn new_db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetToDbIdFromOptCtx);
        // SAFETY: R39: the record of this callback.
        u32::try_from(unsafe { db(self.raw) }).ok()
    }
}
