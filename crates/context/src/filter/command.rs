//! The command that a filter sees.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr;

use redis_module::raw;

use crate::api::{api, required};
use crate::error::Error;
use crate::server::server;
use crate::state::ContextFlags;
use crate::string::{RedisStr, RedisString};

/// How many arguments a filter may make a command have, its name included: as many as a client may send
/// (networking.c).
pub const FILTER_ARGS_MAX: usize = 1024 * 1024;

/// A command before the server looks at it: its name is the argument 0, as the client wrote it.
///
/// In a cluster, Redis from 8.2 on may only be looked at: it takes a command's slot from the arguments as they were sent,
/// and would keep the keys of a changed command in a slot that is not theirs, where nobody finds them (8.6.3). Changes
/// are refused there.
pub struct FilteredCommand<'f> {
    raw: *mut raw::RedisModuleCommandFilterCtx,
    callback: PhantomData<&'f mut ()>,
}

impl FilteredCommand<'_> {
    /// # Safety
    /// `raw` is what the server passed to a filter that runs for all of `'f`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleCommandFilterCtx) -> Self {
        Self { raw, callback: PhantomData }
    }

    /// How many arguments there are, the command's name included: at least 1.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a command has a name")]
    pub fn len(&self) -> usize {
        let count = required!(RedisModule_CommandFilterArgsCount);
        // SAFETY: R40: the command of this callback.
        usize::try_from(unsafe { count(self.raw) }).unwrap_or_default()
    }

    /// The argument at `position`.
    #[inline]
    pub fn arg(&self, position: usize) -> Option<RedisStr<'_>> {
        let get = required!(RedisModule_CommandFilterArgGet);
        let position = c_int::try_from(position).ok()?;
        // SAFETY: R40: the command of this callback, which keeps its arguments until it is changed; NULL beyond them.
        unsafe { RedisStr::from_raw(get(self.raw, position)) }
    }

    /// Whether the command's name is this one, ASCII case aside.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.arg(0).is_some_and(|arg| arg.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The id of the client that sent the command. Commands that modules and scripts run have ids that belong to no
    /// connection. Redis 7.2 and Valkey.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub fn client_id(&self) -> Result<u64, Error> {
        let id = api!(RedisModule_CommandFilterGetClientId, "Redis 7.2 and Valkey 7.2")?;
        // SAFETY: R40: the command of this callback.
        Ok(unsafe { id(self.raw) })
    }

    /// Refuses changes on a server that would lose keys by them. Valkey looks at a changed command anew if its name
    /// is another string or the number of its arguments has changed (9.1, `moduleCallCommandFilters`): there the name is
    /// replaced by its copy.
    fn prepare_change(&mut self, position: usize) -> Result<(), Error> {
        let server = server();
        let is_affected = server.is_redis_since(8, 2) || server.is_valkey_since(9, 0) && position != 0;
        if !is_affected || !is_cluster() {
            return Ok(());
        }
        if server.is_redis_since(8, 2) {
            return Err(Error::Refused {
                function: "a change by a command filter",
                reason: "in a cluster this server has chosen the command's slot already",
            });
        }
        let Some(name) = self.arg(0).map(|name| name.to_owned()) else { return Ok(()) };
        self.replace(0, name)
    }

    /// Puts an argument in before the one at `position`, or after the last one if there are `position`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a position beyond that and for more than [`FILTER_ARGS_MAX`] arguments;
    /// [`Error::Refused`] in a cluster of Redis 8.2 or later.
    pub fn insert(&mut self, position: usize, arg: impl AsRef<[u8]>) -> Result<(), Error> {
        self.prepare_change(position)?;
        if self.len() >= FILTER_ARGS_MAX {
            return Err(Error::Invalid { what: "the number of arguments", reason: "at most 1048576" });
        }
        let insert = required!(RedisModule_CommandFilterArgInsert);
        // SAFETY: R40: the command of this callback, and a string that becomes the server's.
        self.give(position, arg.as_ref(), |at, arg| unsafe { insert(self.raw, at, arg) })
    }

    /// Replaces the argument at `position`; the name of the command too.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such argument; [`Error::Refused`] in a cluster of Redis 8.2 or later.
    pub fn replace(&mut self, position: usize, arg: impl AsRef<[u8]>) -> Result<(), Error> {
        self.prepare_change(position)?;
        let replace = required!(RedisModule_CommandFilterArgReplace);
        // SAFETY: R40: the command of this callback, and a string that becomes the server's.
        self.give(position, arg.as_ref(), |at, arg| unsafe { replace(self.raw, at, arg) })
    }

    /// Hands the server a new string, which it owns if it takes it. It is a copy of its own: commands change their
    /// arguments in place.
    fn give(
        &self,
        position: usize,
        arg: &[u8],
        take: impl FnOnce(c_int, *mut raw::RedisModuleString) -> c_int,
    ) -> Result<(), Error> {
        let at = c_int::try_from(position).map_err(|_| NO_SUCH_ARGUMENT)?;
        let arg = RedisString::new(arg);
        if take(at, arg.as_ptr()) != raw::REDISMODULE_OK as c_int {
            return Err(NO_SUCH_ARGUMENT);
        }
        std::mem::forget(arg);
        Ok(())
    }

    /// Takes the argument at `position` out; if it is the name, the next argument becomes the name.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such argument, or no other one: a command without a name would end the server.
    /// [`Error::Refused`] in a cluster of Redis 8.2 or later.
    pub fn remove(&mut self, position: usize) -> Result<(), Error> {
        self.prepare_change(position)?;
        if self.len() == 1 {
            return Err(Error::Invalid { what: "the number of arguments", reason: "a command has a name" });
        }
        let remove = required!(RedisModule_CommandFilterArgDelete);
        let at = c_int::try_from(position).map_err(|_| NO_SUCH_ARGUMENT)?;
        // SAFETY: R40: the command of this callback, which keeps an argument at least.
        let status = unsafe { remove(self.raw, at) };
        if status == raw::REDISMODULE_OK as c_int { Ok(()) } else { Err(NO_SUCH_ARGUMENT) }
    }
}

fn is_cluster() -> bool {
    let flags = required!(RedisModule_GetContextFlags);
    // SAFETY: R2: a NULL context is asked for the server's state only.
    let flags = unsafe { flags(ptr::null_mut()) }.cast_unsigned();
    ContextFlags::from_bits_truncate(flags).contains(ContextFlags::CLUSTER)
}

const NO_SUCH_ARGUMENT: Error =
    Error::Invalid { what: "the argument's position", reason: "the command has less arguments" };
