//! A class's values on keys.

use redis_module::raw;

use super::callbacks::{NONE, into_meta, pointer, take};
use super::{HANDLE, KeyMeta, KeyMetaClass};
use crate::api::api;
use crate::error::Error;
use crate::key::{ReadKey, WriteKey};

impl ReadKey<'_> {
    /// The key's metadata of a class; `None` if it has none, or is missing. It can be looked at as long as the key is
    /// open: no command runs meanwhile.
    pub fn meta<T: KeyMeta>(&self, of: &KeyMetaClass<T>) -> Option<&T> {
        // SAFETY: R39: a value of this class, which stays as long as the key is open and unchanged.
        unsafe { pointer::<T>(self.meta_number(of)).as_ref() }
    }

    fn meta_number<T>(&self, of: &KeyMetaClass<T>) -> u64 {
        // Without the function there is no class.
        let Ok(get) = api!(RedisModule_GetKeyMeta, "Redis 8.6") else { return NONE };
        if of.life.check(HANDLE).is_err() {
            return NONE;
        }
        let mut meta = NONE;
        // SAFETY: R39: an open key or NULL, a class of the server's and where its value goes.
        let status = unsafe { get(of.id, self.as_ptr(), &raw mut meta) };
        if status == raw::REDISMODULE_OK as i32 { meta } else { NONE }
    }
}

impl WriteKey<'_> {
    /// As [`ReadKey::meta`], to change it. The server is not told: replicate what you do.
    pub fn meta_mut<T: KeyMeta>(&mut self, of: &KeyMetaClass<T>) -> Option<&mut T> {
        // SAFETY: R39: as for `meta`; the key is borrowed for change, and no other handle of it is open.
        unsafe { pointer::<T>(self.meta_number(of)).as_mut() }
    }

    /// Hangs a value on the key and gives back the one it had. It stays until the key goes or is replaced; what a
    /// command does to the key's content leaves it alone. It closes the key, whose entry the server may move.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist; the value is dropped.
    pub fn set_meta<T: KeyMeta>(mut self, of: &KeyMetaClass<T>, value: T) -> Result<Option<T>, Error> {
        let set = api!(RedisModule_SetKeyMeta, "Redis 8.6")?;
        of.life.check(HANDLE)?;
        if !self.exists() {
            return Err(Error::NoSuchKey);
        }
        self.release_iterator();
        let old = self.meta_number(of);
        let new = into_meta(value);
        // SAFETY: R39: a key open for writing that exists, and a value of the class. The server may move the key's
        // entry and tells the handle alone: it is closed without a further use.
        let status = unsafe { set(of.id, self.as_ptr(), new) };
        if status != raw::REDISMODULE_OK as i32 {
            // SAFETY: R39: the server did not take it.
            drop(unsafe { take::<T>(new) });
            return Err(Error::Refused {
                function: "RedisModule_SetKeyMeta",
                reason: "the class was released",
            });
        }
        // SAFETY: R39: the server has the new value in its place.
        Ok(unsafe { take::<T>(old) })
    }

    /// Takes the key's metadata of a class away.
    pub fn remove_meta<T: KeyMeta>(&mut self, of: &KeyMetaClass<T>) -> Option<T> {
        let set = api!(RedisModule_SetKeyMeta, "Redis 8.6").ok()?;
        let old = self.meta_number(of);
        if old == NONE {
            return None;
        }
        // SAFETY: R39: a key open for writing that has a value of the class, which is replaced in its place.
        let status = unsafe { set(of.id, self.as_ptr(), NONE) };
        // SAFETY: R39: the server has none any more.
        if status == raw::REDISMODULE_OK as i32 { unsafe { take::<T>(old) } } else { None }
    }
}
