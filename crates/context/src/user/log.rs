//! The server's log of denials, ACL LOG.

use std::ffi::c_uint;

use redis_module::raw;

use super::ModuleUser;
use crate::api::{api, required};
use crate::context::Context;
use crate::error::Error;
use crate::string::RedisString;

/// What a user lacked a right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AclReason {
    /// To log in.
    Auth,
    /// To run the command.
    Command,
    /// To use a key.
    Key,
    /// To use a channel.
    Channel,
    /// A reason this crate has no name for, by the server's number (Valkey 9.1: a database).
    Unknown(u32),
}

impl AclReason {
    pub(super) fn from_raw(number: c_uint) -> Self {
        match number {
            raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_AUTH => Self::Auth,
            raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_CMD => Self::Command,
            raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY => Self::Key,
            raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_CHANNEL => Self::Channel,
            other => Self::Unknown(other),
        }
    }

    /// The server's number, if every server has it.
    fn number(self) -> Result<c_uint, Error> {
        match self {
            Self::Auth => Ok(raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_AUTH),
            Self::Command => Ok(raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_CMD),
            Self::Key => Ok(raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY),
            Self::Channel => Ok(raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_CHANNEL),
            Self::Unknown(_) => Err(Error::Invalid { what: "the reason", reason: "it has no name" }),
        }
    }
}

impl Context<'_> {
    /// Adds an entry to ACL LOG, in the name of a user who need not exist: `object` is the command, key or channel
    /// that was denied. The client shown is the one whose command is running. Redis 7.2 and Valkey 7.2; before
    /// that see [`ModuleUser::log_denial`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0; [`Error::Invalid`] for [`AclReason::Unknown`].
    pub fn log_denial(&self, user: &[u8], reason: AclReason, object: &[u8]) -> Result<(), Error> {
        let add = api!(RedisModule_ACLAddLogEntryByUserName, "Redis 7.2 and Valkey 7.2")?;
        let (user, object) = (RedisString::new(user), RedisString::new(object));
        let reason = reason.number()?;
        // SAFETY: R17: a context with a client; the server copies both strings.
        unsafe { add(self.as_ptr(), user.as_ptr(), object.as_ptr(), reason) };
        Ok(())
    }
}

impl ModuleUser {
    /// As [`Context::log_denial`], in the name of this user. On every server.
    ///
    /// # Errors
    /// [`Error::Invalid`] for [`AclReason::Unknown`].
    pub fn log_denial(&self, ctx: &Context<'_>, reason: AclReason, object: &[u8]) -> Result<(), Error> {
        let add = required!(RedisModule_ACLAddLogEntry);
        let object = RedisString::new(object);
        let reason = reason.number()?;
        // SAFETY: R17 and R18: a context with a client and a live user; the server copies name and object.
        unsafe { add(ctx.as_ptr(), self.as_ptr(), object.as_ptr(), reason) };
        Ok(())
    }
}
