//! Users and what they may do.

use std::ffi::c_int;
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::string::RedisString;

/// A user of the server's ACL, looked up by name for one question.
struct User(NonNull<raw::RedisModuleUser>);

impl User {
    fn find(name: &[u8]) -> Option<Self> {
        let find = required!(RedisModule_GetModuleUserFromUserName);
        let name = RedisString::new(name);
        // SAFETY: R18: the server reads the name and gives a handle that is freed in `Drop`.
        NonNull::new(unsafe { find(name.as_ptr()) }).map(Self)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let free = required!(RedisModule_FreeModuleUser);
        // SAFETY: R18: frees the handle, not the user.
        unsafe { free(self.0.as_ptr()) };
    }
}

/// The answer to a question about a user's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// The user may.
    Allowed,
    /// The user may not.
    Denied,
}

/// Strings behind the last argument: some commands' key finders read a few arguments that only the arity
/// guarantees, and the check does not look at it (module.c, Redis 7.0; db.c, genericGetKeys).
const PADDING: usize = 8;

impl Context<'_> {
    /// Whether a user may run a command with these arguments, keys and channels included. `command` is the
    /// command's name and its arguments. [`Error::Invalid`] for a user or command that does not exist.
    pub fn check_command(&self, user: &[u8], command: &[&[u8]]) -> Result<Permission, Error> {
        const NO_USER: Error = Error::Invalid { what: "the user", reason: "there is none of that name" };
        const NO_COMMAND: Error =
            Error::Invalid { what: "the command", reason: "there is none of that name" };
        if command.is_empty() {
            return Err(NO_COMMAND);
        }
        let user = User::find(user).ok_or(NO_USER)?;
        let check = required!(RedisModule_ACLCheckCommandPermissions);
        let padding = std::iter::repeat_n(&b"0"[..], PADDING);
        let strings: Vec<_> = command.iter().copied().chain(padding).map(RedisString::new).collect();
        let mut pointers: Vec<_> = strings.iter().map(RedisString::as_ptr).collect();
        let argc = c_int::try_from(command.len())
            .map_err(|_| Error::Invalid { what: "the command", reason: "it has too many arguments" })?;
        // SAFETY: R18: a live user and live strings, more of them than `argc` says.
        let status = unsafe { check(user.0.as_ptr(), pointers.as_mut_ptr(), argc) };
        if status == raw::REDISMODULE_OK as c_int {
            return Ok(Permission::Allowed);
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EACCES) => Ok(Permission::Denied),
            Some(libc::EINVAL) => Err(Error::WrongArity),
            _ => Err(NO_COMMAND),
        }
    }
}
