//! Keys without a handle: whether one exists, and any one.

use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::key::refuse_while_open;
use crate::string::{RedisStr, RedisString};

use super::open;

impl Context<'_> {
    /// Whether the selected database has this key. Its idle time and access frequency stay as they are; a key whose
    /// time has come is deleted.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] if this key is open, or in a walk over the keys.
    #[inline]
    pub fn key_exists<'n>(&self, name: impl Into<RedisStr<'n>>) -> Result<bool, Error> {
        let name = name.into();
        open::may_open(self, name)?;
        let exists = required!(RedisModule_KeyExists);
        // SAFETY: R20: a live context and name; no handle points at a value that an expiry would free.
        Ok(unsafe { exists(self.as_ptr(), name.as_ptr()) } != 0)
    }

    /// The name of any key of the selected database; `None` if it is empty. Keys whose time has come are deleted
    /// when they turn up.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] while a key is open, [`Error::Refused`] while writes are paused
    /// ([`Context::writes_are_paused`]).
    pub fn random_key(&self) -> Result<Option<RedisString>, Error> {
        refuse_while_open()?;
        if self.writes_are_paused() {
            // Expired keys stay then, and the server looks for another one until there is one (dbRandomKey,
            // db.c, Redis 7.0): for ever, if all have expired.
            return Err(Error::Refused { function: "RedisModule_RandomKey", reason: "writes are paused" });
        }
        let random = required!(RedisModule_RandomKey);
        // SAFETY: R20: a live context with a client; no handle points at a value that an expiry would free.
        let name = unsafe { random(self.as_ptr()) };
        // SAFETY: R5: a string of our own, or NULL; the context has no automatic memory.
        Ok(unsafe { RedisString::from_raw(name) })
    }
}
