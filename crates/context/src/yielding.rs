//! Letting the server serve others in the middle of a long command.

use std::ffi::{CStr, c_int};
use std::ptr;

use redis_module::raw;

use crate::api::required;
use crate::context::CommandContext;
use crate::error::Error;
use crate::key::refuse_while_open;
use crate::module::Calling;
use crate::serving::is_serving;
use crate::state::ContextFlags;
use crate::thread::is_main;

/// Who is served in the middle of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YieldTo<'a> {
    /// The server's own work: replication, cluster, connections. Clients wait.
    Events,
    /// Clients too. Commands with `ALLOW_BUSY` run, and all others are answered `-BUSY` and this text.
    Clients(&'a CStr),
}

impl CommandContext<'_> {
    /// Lets the server work for a moment, if the command has run for longer than `busy-reply-threshold` (5 seconds by
    /// default; `hz` times a second from then on): call it often, it costs next to nothing before.
    ///
    /// Other callbacks of the module run in there: commands with `ALLOW_BUSY`, disconnections. They find
    /// [`Error::Busy`] in the state that this command has borrowed. Posted jobs, watchers and timers wait.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] while a key is open or a walk takes a step, since others' commands may change its value.
    /// [`Error::Busy`] inside a script or a transaction, which no other command may interrupt, while the server serves
    /// blocked clients, one of whom could leave, and in a command that runs on another thread, under the server's lock.
    pub fn yield_now(&self, to: YieldTo<'_>) -> Result<(), Error> {
        refuse_while_open()?;
        // The server asserts that no other command begins inside those (server.c, processCommand).
        if self.flags().intersects(ContextFlags::SCRIPT | ContextFlags::MULTI) || !is_main() || is_serving() {
            return Err(Error::Busy);
        }
        let (flags, text) = match to {
            YieldTo::Events => (raw::REDISMODULE_YIELD_FLAG_NONE, ptr::null()),
            YieldTo::Clients(text) => (raw::REDISMODULE_YIELD_FLAG_CLIENTS, text.as_ptr()),
        };
        let yield_now = required!(RedisModule_Yield);
        let _calling = Calling::begin();
        // SAFETY: R49: a command on the main thread, with no key open; the text is read during the call only.
        unsafe { yield_now(self.as_ptr(), flags as c_int, text) };
        Ok(())
    }
}
