//! Users and what they may do.
//!
//! ```text
//! Context::check_command, check_key, ..   what a user of the server's ACL may do, asked by name
//! ModuleUser                              a user of the module's own, with rights it sets
//! WriteContext::as_user                   calls with the rights of a ModuleUser
//! Context::log_denial                     what ACL LOG shows
//! ```

mod as_user;
mod check;
mod log;
mod own;

use std::ffi::c_int;
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::required;
use crate::command::KeyAccess;
use crate::context::Context;
use crate::error::Error;
use crate::string::RedisString;

pub use log::AclReason;
pub use own::ModuleUser;

/// A handle of a user: of the server's ACL, looked up by name for one question, or of the module's own.
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
        // SAFETY: R18: frees the handle, and with it a user that the module made.
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
    /// command's name and its arguments. [`Error::Invalid`] for a user or command that does not exist;
    /// [`Error::WrongArity`] where the server looks at the number of arguments first (Redis 8.6).
    pub fn check_command(&self, user: &[u8], command: &[&[u8]]) -> Result<Permission, Error> {
        let user = User::find(user).ok_or(NO_USER)?;
        user.check_command(command)
    }

    /// Whether a user may use a key in these ways: of [`KeyAccess`] only `ACCESS`, `INSERT`, `UPDATE` and
    /// `DELETE` count; none of them asks for any right at all. [`Error::Invalid`] for a user that does not
    /// exist.
    pub fn check_key(&self, user: &[u8], key: &[u8], access: KeyAccess) -> Result<Permission, Error> {
        let user = User::find(user).ok_or(NO_USER)?;
        let check = required!(RedisModule_ACLCheckKeyPermissions);
        let key = RedisString::new(key);
        let flags = checkable(access).bits() as c_int;
        // SAFETY: R18: a live user and a live string; the flags are of those that the server takes.
        Ok(Permission::from_status(unsafe { check(user.0.as_ptr(), key.as_ptr(), flags) }))
    }
}

/// The ways to use a key that the server has rights for.
fn checkable(access: KeyAccess) -> KeyAccess {
    access.intersection(KeyAccess::ACCESS | KeyAccess::INSERT | KeyAccess::UPDATE | KeyAccess::DELETE)
}

impl Permission {
    fn from_status(status: c_int) -> Self {
        if status == raw::REDISMODULE_OK as c_int { Self::Allowed } else { Self::Denied }
    }
}

/// A command's words with more strings behind them ([`PADDING`]), and how many words it has.
fn padded(command: &[&[u8]]) -> Result<(Vec<RedisString>, c_int), Error> {
    if command.is_empty() {
        return Err(NO_COMMAND);
    }
    let argc = c_int::try_from(command.len())
        .map_err(|_| Error::Invalid { what: "the command", reason: "it has too many arguments" })?;
    let padding = std::iter::repeat_n(&b"0"[..], PADDING);
    Ok((command.iter().copied().chain(padding).map(RedisString::new).collect(), argc))
}

fn clear_errno() {
    // SAFETY: R2: the thread's own errno.
    unsafe { *libc::__errno_location() = 0 };
}

const NO_USER: Error = Error::Invalid { what: "the user", reason: "there is none of that name" };
const NO_COMMAND: Error = Error::Invalid { what: "the command", reason: "there is none of that name" };

impl User {
    fn check_command(&self, command: &[&[u8]]) -> Result<Permission, Error> {
        let check = required!(RedisModule_ACLCheckCommandPermissions);
        let (strings, argc) = padded(command)?;
        let mut pointers: Vec<_> = strings.iter().map(RedisString::as_ptr).collect();
        // SAFETY: R18: a live user and live strings, more of them than `argc` says.
        let status = unsafe { check(self.0.as_ptr(), pointers.as_mut_ptr(), argc) };
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
