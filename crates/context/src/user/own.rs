//! Users of the module's own.

use std::cell::OnceCell;
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use redis_module::raw;

use super::{NO_USER, Permission, User};
use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::event_loop::MainThread;
use crate::string::RedisString;

/// A user of the module's own, whom the server's ACL does not list: what a module does can be held against a
/// set of rights that no client has, and clients can be authenticated as it ([`crate::Grant::module_user`]).
///
/// It begins without any right, and `off`. Dropping it takes its rights away at once, and the connections of the
/// clients that are authenticated as it in the event loop's next turn.
pub struct ModuleUser {
    user: ManuallyDrop<User>,
    /// Set when a client was first authenticated as it.
    clients: OnceCell<MainThread>,
}

const REFUSED: Error =
    Error::Refused { function: "RedisModule_CreateModuleUser", reason: "the server made no user" };
const NO_RULE: Error = Error::Invalid { what: "an ACL rule", reason: "the server does not know it" };

impl ModuleUser {
    /// A user with these rights: words of ACL SETUSER such as `+@all`, `-@admin` or `~*`, applied in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word the server does not take; [`ModuleUser::set_rights`] tells why it does not.
    pub fn new(_ctx: &Context<'_>, name: &CStr, rules: &[&CStr]) -> Result<Self, Error> {
        let user = Self::from(User::create(name)?);
        if rules.iter().all(|rule| user.user.set(rule)) { Ok(user) } else { Err(NO_RULE) }
    }

    /// A user with the rights that a user of the server's ACL has now. Later changes of that one don't change it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such user.
    pub fn copy_of(_ctx: &Context<'_>, acl_user: &[u8]) -> Result<Self, Error> {
        let rights = User::find(acl_user).ok_or(NO_USER)?.describe();
        let user = User::create(c"copy")?;
        user.set_described(rights.as_bytes())?;
        Ok(Self::from(user))
    }

    /// The user's rights and the hashes of its passwords, as ACL LIST writes them.
    pub fn rights(&self, _ctx: &Context<'_>) -> RedisString {
        self.user.describe()
    }

    /// Changes the rights, by words as in [`ModuleUser::new`]: all of them, or none if one is refused. Clients that
    /// are authenticated as it are bound by them from their next command on; those that have subscribed to a
    /// channel stay subscribed.
    ///
    /// # Errors
    /// [`Error::AclRule`] with the server's own words.
    pub fn set_rights(&self, _ctx: &Context<'_>, rules: &[&CStr]) -> Result<(), Error> {
        // Tried on another user first: the function that tells why a rule is refused also frees, on Valkey and
        // Redis 7.0, the clients whose subscriptions end, the one whose command is running included (acl.c,
        // ACLKillPubsubClientsIfNeeded).
        let trial = User::create(c"trial")?;
        trial.set_described(self.user.describe().as_bytes())?;
        rules.iter().try_for_each(|rule| trial.set_words(&[rule.to_bytes()]))?;
        if rules.iter().all(|rule| self.user.set(rule)) { Ok(()) } else { Err(NO_RULE) }
    }

    /// Whether this user may run a command: see [`Context::check_command`].
    ///
    /// # Errors
    /// As there.
    pub fn check_command(&self, _ctx: &Context<'_>, command: &[&[u8]]) -> Result<Permission, Error> {
        self.user.check_command(command)
    }

    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleUser {
        self.user.0.as_ptr()
    }

    /// Notes that a client is about to be authenticated as this user.
    pub(crate) fn has_clients(&self, ctx: &Context<'_>) -> Result<(), Error> {
        if self.clients.get().is_none() {
            let _ = self.clients.set(MainThread::get(ctx)?);
        }
        Ok(())
    }
}

impl From<User> for ModuleUser {
    fn from(user: User) -> Self {
        Self { user: ManuallyDrop::new(user), clients: OnceCell::new() }
    }
}

impl Drop for ModuleUser {
    fn drop(&mut self) {
        // SAFETY: R46: taken once, here.
        let user = unsafe { ManuallyDrop::take(&mut self.user) };
        if let Some(main_thread) = self.clients.take() {
            // Not now: commands of its clients may be running, and the server reads their user.
            user.set(c"reset");
            let parting = Parting(user);
            main_thread.post_always(move |_| parting.free());
        }
    }
}

/// A user on its way to be freed.
struct Parting(User);

// SAFETY: R46: a pointer that only a job on the main thread makes use of.
unsafe impl Send for Parting {}

impl Parting {
    fn free(self) {
        drop(self.0);
    }
}

impl User {
    fn create(name: &CStr) -> Result<Self, Error> {
        let create = required!(RedisModule_CreateModuleUser);
        // SAFETY: R18: the server copies the name and gives a handle that is freed in `Drop`.
        NonNull::new(unsafe { create(name.as_ptr()) }).map(Self).ok_or(REFUSED)
    }

    /// Applies one rule; whether the server took it.
    fn set(&self, rule: &CStr) -> bool {
        let set = required!(RedisModule_SetModuleUserACL);
        // SAFETY: R18: a live user; the server reads the rule during the call.
        unsafe { set(self.0.as_ptr(), rule.as_ptr()) == raw::REDISMODULE_OK as i32 }
    }

    fn describe(&self) -> RedisString {
        let describe = required!(RedisModule_GetModuleUserACLString);
        // SAFETY: R18: a live user; the server counts a reference for us.
        let text = unsafe { RedisString::from_raw(describe(self.0.as_ptr())) };
        text.unwrap_or_else(|| RedisString::new(b""))
    }

    /// Applies what `describe` gave.
    fn set_described(&self, text: &[u8]) -> Result<(), Error> {
        let words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        self.set_words(&words.collect::<Vec<_>>())
    }

    /// Applies all words or none. Only for users that no client is authenticated as.
    fn set_words(&self, words: &[&[u8]]) -> Result<(), Error> {
        let set = required!(RedisModule_SetModuleUserACLString);
        let line = quoted(words);
        let mut error = ptr::null_mut();
        // SAFETY: R46: a live user without clients; without a context the error's text is ours.
        let status = unsafe { set(ptr::null_mut(), self.0.as_ptr(), line.as_ptr(), &raw mut error) };
        // SAFETY: R5: NULL, or a string of which the server gave us the one reference.
        let error = unsafe { RedisString::from_raw(error) };
        match error {
            None if status == raw::REDISMODULE_OK as i32 => Ok(()),
            None => Err(NO_RULE),
            Some(error) => Err(Error::AclRule(String::from_utf8_lossy(error.as_bytes()).into_owned())),
        }
    }
}

/// A line that `sdssplitargs` (sds.c) splits into exactly these words; it takes a line whose quotes don't match for
/// an empty one.
fn quoted(words: &[&[u8]]) -> CString {
    use std::fmt::Write;
    let mut line = String::new();
    for word in words {
        line.push('"');
        for byte in *word {
            // A String takes whatever is written to it.
            let _ = match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => line.write_char(char::from(*byte)),
                other => write!(line, "\\x{other:02x}"),
            };
        }
        line.push_str("\" ");
    }
    CString::new(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_server() {
        assert_eq!(quoted(&[b"~a\"b", b"+get\0"]).to_bytes(), b"\"\\x7ea\\x22b\" \"\\x2bget\\x00\" ");
        assert_eq!(quoted(&[]).to_bytes(), b"");
    }
}
