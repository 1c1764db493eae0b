//! Users and what they may do.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::required;
use crate::command::KeyAccess;
use crate::context::Context;
use crate::error::Error;
use crate::string::RedisString;

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
        let access = access
            .intersection(KeyAccess::ACCESS | KeyAccess::INSERT | KeyAccess::UPDATE | KeyAccess::DELETE);
        let flags = c_int::try_from(access.bits())
            .map_err(|_| Error::Invalid { what: "the access", reason: "it has unknown bits" })?;
        // SAFETY: R18: a live user and a live string; the flags are of those that the server takes.
        let status = unsafe { check(user.0.as_ptr(), key.as_ptr(), flags) };
        if status == raw::REDISMODULE_OK as c_int { Ok(Permission::Allowed) } else { Ok(Permission::Denied) }
    }
}

const NO_USER: Error = Error::Invalid { what: "the user", reason: "there is none of that name" };
const NO_COMMAND: Error = Error::Invalid { what: "the command", reason: "there is none of that name" };

/// A user of the module's own, whom the server's ACL does not list: what a module does can be held against a
/// set of rights that no client has.
pub struct ModuleUser(User);

impl ModuleUser {
    /// A user with these rights: words of ACL SETUSER such as `+@all`, `-@admin` or `~*`, applied in order.
    /// [`Error::Invalid`] for a word the server does not take.
    pub fn new(_ctx: &Context<'_>, name: &CStr, rules: &[&CStr]) -> Result<Self, Error> {
        const REFUSED: Error =
            Error::Refused { function: "RedisModule_CreateModuleUser", reason: "the server made no user" };
        const NO_RULE: Error = Error::Invalid { what: "an ACL rule", reason: "the server does not know it" };
        let (create, set) =
            (required!(RedisModule_CreateModuleUser), required!(RedisModule_SetModuleUserACL));
        // SAFETY: R18: the server copies the name and gives a handle that is freed in `Drop`.
        let user = NonNull::new(unsafe { create(name.as_ptr()) }).map(User).ok_or(REFUSED)?;
        for rule in rules {
            // SAFETY: R18: a live user; the server reads the rule during the call.
            let status = unsafe { set(user.0.as_ptr(), rule.as_ptr()) };
            if status != raw::REDISMODULE_OK as c_int {
                return Err(NO_RULE);
            }
        }
        Ok(Self(user))
    }

    /// Whether this user may run a command: see [`Context::check_command`].
    pub fn check_command(&self, _ctx: &Context<'_>, command: &[&[u8]]) -> Result<Permission, Error> {
        self.0.check_command(command)
    }
}

impl User {
    fn check_command(&self, command: &[&[u8]]) -> Result<Permission, Error> {
        if command.is_empty() {
            return Err(NO_COMMAND);
        }
        let check = required!(RedisModule_ACLCheckCommandPermissions);
        let padding = std::iter::repeat_n(&b"0"[..], PADDING);
        let strings: Vec<_> = command.iter().copied().chain(padding).map(RedisString::new).collect();
        let mut pointers: Vec<_> = strings.iter().map(RedisString::as_ptr).collect();
        let argc = c_int::try_from(command.len())
            .map_err(|_| Error::Invalid { what: "the command", reason: "it has too many arguments" })?;
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
