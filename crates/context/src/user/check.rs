//! Questions about the rights to key prefixes, channels and databases.

use std::ffi::{c_char, c_int, c_uint};

use redis_module::raw;

use super::{AclReason, NO_USER, Permission, User};
use crate::api::{api, required, unbound};
use crate::command::{ChannelAccess, KeyAccess};
use crate::context::Context;
use crate::error::Error;
use crate::server::{Family, server};
use crate::string::RedisString;

/// The function of Valkey, whose arguments differ from Redis' of the same name (valkeymodule.h, 9.1).
type CheckPrefix = unsafe extern "C" fn(*mut raw::RedisModuleUser, *const c_char, usize, c_uint) -> c_int;

const NO_COMMAND_OR_DB: Error =
    Error::Invalid { what: "the command or the database", reason: "there is none of that name or number" };

type CheckInDb = unsafe extern "C" fn(
    *mut raw::RedisModuleUser,
    *mut *mut raw::RedisModuleString,
    c_int,
    c_int,
    *mut c_uint,
) -> c_int;

const CHANNEL_BITS: [(ChannelAccess, u32); 4] = [
    (ChannelAccess::PATTERN, raw::REDISMODULE_CMD_CHANNEL_PATTERN),
    (ChannelAccess::PUBLISH, raw::REDISMODULE_CMD_CHANNEL_PUBLISH),
    (ChannelAccess::SUBSCRIBE, raw::REDISMODULE_CMD_CHANNEL_SUBSCRIBE),
    (ChannelAccess::UNSUBSCRIBE, raw::REDISMODULE_CMD_CHANNEL_UNSUBSCRIBE),
];

impl Context<'_> {
    /// Whether a user may use every key that begins with `prefix` in these ways: see [`Context::check_key`].
    /// Redis 8.0 and Valkey 9.1.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a user that does not exist; [`Error::Unsupported`] on other servers.
    pub fn check_key_prefix(
        &self,
        user: &[u8],
        prefix: &[u8],
        access: KeyAccess,
    ) -> Result<Permission, Error> {
        let user = User::find(user).ok_or(NO_USER)?;
        let access = super::checkable(access);
        let status = match server().family {
            Family::Redis => user.check_prefix_redis(prefix, access)?,
            Family::Valkey => user.check_prefix_valkey(prefix, access)?,
        };
        Ok(Permission::from_status(status))
    }

    /// Whether a user may use a channel: to publish to it or to subscribe to it, as a name or, with
    /// [`ChannelAccess::PATTERN`], as a pattern. To unsubscribe is always allowed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a user that does not exist.
    pub fn check_channel(
        &self,
        user: &[u8],
        channel: &[u8],
        access: ChannelAccess,
    ) -> Result<Permission, Error> {
        let user = User::find(user).ok_or(NO_USER)?;
        let check = required!(RedisModule_ACLCheckChannelPermissions);
        let channel = RedisString::new(channel);
        let named = CHANNEL_BITS.iter().filter(|(named, _)| access.contains(*named));
        let flags = named.fold(0, |flags, (_, bit)| flags | bit);
        // SAFETY: R18: a live user and a live string; the flags are of those that the server takes.
        let status = unsafe { check(user.0.as_ptr(), channel.as_ptr(), flags as c_int) };
        Ok(Permission::from_status(status))
    }

    /// What a user lacks to run a command with these arguments in a database; `None` if the user may. Unlike
    /// [`Context::check_command`] it knows of rights to databases and gives a reason. Valkey 9.1.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a user, command or database that does not exist; [`Error::Unsupported`] on other
    /// servers.
    pub fn check_command_in_db(
        &self,
        user: &[u8],
        db: u32,
        command: &[&[u8]],
    ) -> Result<Option<AclReason>, Error> {
        let user = User::find(user).ok_or(NO_USER)?;
        // SAFETY: R46: the type that valkeymodule.h gives it.
        let check = unsafe { unbound!(RedisModule_ACLCheckPermissions: CheckInDb, "Valkey 9.1") }?;
        let db = c_int::try_from(db).map_err(|_| NO_COMMAND_OR_DB)?;
        let (strings, argc) = super::padded(command)?;
        let mut pointers: Vec<_> = strings.iter().map(RedisString::as_ptr).collect();
        let mut reason = c_uint::MAX;
        super::clear_errno();
        // SAFETY: R18: a live user and live strings, more of them than `argc` says; one number is written.
        let status = unsafe { check(user.0.as_ptr(), pointers.as_mut_ptr(), argc, db, &raw mut reason) };
        if status == raw::REDISMODULE_OK as c_int {
            return Ok(None);
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::ENOENT | libc::EINVAL) => Err(NO_COMMAND_OR_DB),
            _ => Ok(Some(AclReason::from_raw(reason))),
        }
    }
}

impl User {
    fn check_prefix_redis(&self, prefix: &[u8], access: KeyAccess) -> Result<c_int, Error> {
        let check = api!(RedisModule_ACLCheckKeyPrefixPermissions, "Redis 8.0 and Valkey 9.1")?;
        let prefix = RedisString::new(prefix);
        // SAFETY: R18: a live user and a live string; the flags are of those that the server takes.
        Ok(unsafe { check(self.0.as_ptr(), prefix.as_ptr(), access.bits() as c_int) })
    }

    fn check_prefix_valkey(&self, prefix: &[u8], access: KeyAccess) -> Result<c_int, Error> {
        // SAFETY: R46: the type that valkeymodule.h gives it.
        let check = unsafe {
            unbound!(RedisModule_ACLCheckKeyPrefixPermissions: CheckPrefix, "Redis 8.0 and Valkey 9.1")
        }?;
        // SAFETY: R18: a live user; the server reads `len` bytes.
        Ok(unsafe { check(self.0.as_ptr(), prefix.as_ptr().cast(), prefix.len(), access.bits() as c_uint) })
    }
}
