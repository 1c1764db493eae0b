//! Where the value of a callback lives.

use std::marker::PhantomData;

use redis_module::raw;

use super::stream::db_number;
use crate::api::required;
use crate::defrag::knows_its_key;
use crate::string::RedisStr;

/// The key whose value a callback is about.
pub struct Place<'a> {
    raw: *mut raw::RedisModuleKeyOptCtx,
    /// Whether the key is one.
    has_key: bool,
    callback: PhantomData<&'a mut ()>,
}

impl<'a> Place<'a> {
    /// # Safety
    /// `raw` is what the server passed to a callback that runs for all of `'a`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        Self { raw, has_key: true, callback: PhantomData }
    }

    /// A place for a callback that a defragmentation makes too, whose key may be none.
    ///
    /// # Safety
    /// As for [`Place::new`].
    pub(super) unsafe fn of_defrag(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        Self { raw, has_key: knows_its_key(), callback: PhantomData }
    }

    /// The key's name; `None` where the server does not tell it: see [`crate::NativeType::free_effort`].
    pub fn key(&self) -> Option<RedisStr<'a>> {
        if !self.has_key {
            return None;
        }
        let key = required!(RedisModule_GetKeyNameFromOptCtx);
        // SAFETY: R51: what the callback was given; the name lives for all of `'a`.
        unsafe { RedisStr::from_raw(key(self.raw).cast_mut()) }
    }

    /// The number of the key's database; `None` where the server does not know it.
    pub fn db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetDbIdFromOptCtx);
        // SAFETY: R51: what the callback was given.
        db_number(unsafe { db(self.raw) })
    }
}

/// The keys of a COPY.
pub struct CopyPlaces<'a>(Place<'a>);

impl<'a> CopyPlaces<'a> {
    /// # Safety
    /// `raw` is what the server passed to a copy callback that runs for all of `'a`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { Place::new(raw) })
    }

    /// The key that is copied.
    pub fn from(&self) -> &Place<'a> {
        &self.0
    }

    /// The name of the copy.
    pub fn to_key(&self) -> Option<RedisStr<'a>> {
        let key = required!(RedisModule_GetToKeyNameFromOptCtx);
        // SAFETY: R51: what the callback was given; the name lives for all of `'a`.
        unsafe { RedisStr::from_raw(key(self.0.raw).cast_mut()) }
    }

    /// The number of the copy's database.
    pub fn to_db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetToDbIdFromOptCtx);
        // SAFETY: R51: what the callback was given.
        db_number(unsafe { db(self.0.raw) })
    }
}
