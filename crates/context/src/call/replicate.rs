//! Sending commands to the AOF and the replicas without running them.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use super::CallError;
use super::format::CallFlags;
use super::refusal::needs_connection;
use super::with_buffers;
use crate::api::required;
use crate::context::{CommandContext, WriteContext};
use crate::error::Error;
use crate::string::{RedisStr, RedisString};

bitflags::bitflags! {
    /// Where a command is replicated to: everywhere, unless told otherwise.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ReplicateFlags: u8 {
        /// Not to the AOF.
        const NO_AOF = 1 << 0;
        /// Not to the replicas.
        const NO_REPLICAS = 1 << 1;
    }
}

impl ReplicateFlags {
    /// To the AOF and the replicas.
    pub const ALL: Self = Self::empty();

    fn as_call_flags(self) -> CallFlags {
        let mut flags = CallFlags::empty();
        flags.set(CallFlags::NO_AOF, self.contains(Self::NO_AOF));
        flags.set(CallFlags::NO_REPLICAS, self.contains(Self::NO_REPLICAS));
        flags
    }
}

impl WriteContext<'_> {
    /// Replicates a command for the selected database without running it here. All that one callback
    /// replicates reaches the AOF and the replicas as one MULTI..EXEC. The command must exist here.
    ///
    /// # Errors
    /// [`Error::Refused`] for a command that does not exist; as [`Error::Call`], [`crate::CallError::WritesPaused`], and
    /// [`crate::CallError::NotForModules`] for commands that need a connection or change a server's role.
    #[inline]
    pub fn replicate(&self, name: &CStr, flags: ReplicateFlags, args: &[&[u8]]) -> Result<(), Error> {
        self.may_replicate(name)?;
        let replicate = required!(RedisModule_Replicate);
        let flags = flags.as_call_flags();
        let (ctx, format) = (self.as_ptr(), flags.format(args.len()));
        let command = name.as_ptr();
        // SAFETY: R15: the format names exactly the buffers that follow, which the server copies.
        let status = unsafe {
            with_buffers!(replicate(ctx, command, format), args, else {
                return self.replicate_many(name, flags, args);
            })
        };
        replicated(status)
    }

    /// As [`WriteContext::replicate`], with strings of the server's as arguments, which are shared instead of copied.
    pub fn replicate_strings(
        &self,
        name: &CStr,
        flags: ReplicateFlags,
        args: &[RedisStr<'_>],
    ) -> Result<(), Error> {
        self.may_replicate(name)?;
        let replicate = required!(RedisModule_Replicate);
        let format = flags.as_call_flags().vector_format();
        let (ctx, command) = (self.as_ptr(), name.as_ptr());
        // SAFETY: R15: "v" reads a vector of live strings and its length.
        let status =
            unsafe { replicate(ctx, command, format.as_ptr(), RedisStr::pointers(args), args.len()) };
        replicated(status)
    }

    /// Followers run what they are sent: a replica that is told to change its role ends in the middle of it.
    #[inline]
    fn may_replicate(&self, name: &CStr) -> Result<(), CallError> {
        if needs_connection(name.to_bytes()) {
            return Err(CallError::NotForModules);
        }
        self.refuse_while_paused()
    }

    #[cold]
    fn replicate_many(&self, name: &CStr, flags: CallFlags, args: &[&[u8]]) -> Result<(), Error> {
        let replicate = required!(RedisModule_Replicate);
        let strings: Vec<RedisString> = args.iter().map(|arg| RedisString::new(arg)).collect();
        let mut pointers: Vec<*mut raw::RedisModuleString> =
            strings.iter().map(RedisString::as_ptr).collect();
        let format = flags.vector_format();
        let (ctx, command) = (self.as_ptr(), name.as_ptr());
        // SAFETY: R15: "v" reads a vector of live strings and its length.
        let status =
            unsafe { replicate(ctx, command, format.as_ptr(), pointers.as_mut_ptr(), pointers.len()) };
        replicated(status)
    }
}

impl CommandContext<'_> {
    /// Replicates the client's command as it stands.
    ///
    /// # Errors
    /// [`crate::CallError::WritesPaused`] as [`Error::Call`].
    pub fn replicate_verbatim(&self) -> Result<(), Error> {
        self.refuse_while_paused()?;
        let replicate = required!(RedisModule_ReplicateVerbatim);
        // SAFETY: R15: the context of a command, which has the client's arguments.
        unsafe { replicate(self.as_ptr()) };
        Ok(())
    }
}

fn replicated(status: c_int) -> Result<(), Error> {
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    Err(Error::Refused { function: "RedisModule_Replicate", reason: "the server knows no such command" })
}
