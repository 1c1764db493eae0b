//! Registering commands: name, flags, keys, documentation, and the handler behind them.

mod acl;
mod docs;
mod flags;
mod handler;
mod keys;
mod positions;

pub use docs::{Arg, ArgKind, BeginSearch, CommandInfo, FindKeys, KeySpec};
pub use flags::{CommandFlags, KeyAccess};
pub use keys::CommandKey;
pub use positions::{ChannelAccess, Positions};

use std::ffi::{CStr, CString, c_int};
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::required;
use crate::args::Args;
use crate::context::{CommandContext, Context, LoadContext};
use crate::error::Error;
use crate::outcome::{ErrorReply, Outcome};
use handler::Returning;

/// A command to register: `Command::new(c"hello.echo").flags(..).keys(1, 1, 1).info(&INFO)`.
#[derive(Debug, Clone, Copy)]
#[must_use = "pass it to LoadContext::command"]
pub struct Command {
    name: &'static CStr,
    flags: CommandFlags,
    keys: (c_int, c_int, c_int),
    info: Option<&'static CommandInfo>,
    acl_categories: Option<&'static CStr>,
}

impl Command {
    /// A command without keys and flags. The name holds none of ` |@=,` and no line break.
    pub const fn new(name: &'static CStr) -> Self {
        Self { name, flags: CommandFlags::empty(), keys: (0, 0, 0), info: None, acl_categories: None }
    }

    /// What the command does and when it may run.
    pub const fn flags(mut self, flags: CommandFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Where the keys are: the first and the last position (-1: the last argument, -2: the one before) and
    /// the step between two keys. Commands whose keys this can't say have key specs in their [`CommandInfo`].
    pub const fn keys(mut self, first: i32, last: i32, step: i32) -> Self {
        self.keys = (first, last, step);
        self
    }

    /// The command's arity, key specs and what COMMAND DOCS shows.
    pub const fn info(mut self, info: &'static CommandInfo) -> Self {
        self.info = Some(info);
        self
    }

    /// The ACL categories of the command, separated by spaces and without `@`. A server without such
    /// categories for modules (Redis 7.0) derives them from the flags alone.
    pub const fn acl(mut self, categories: &'static CStr) -> Self {
        self.acl_categories = Some(categories);
        self
    }
}

/// A command that is nothing but its subcommands.
pub struct CommandGroup<'load, 'cx> {
    context: &'load Context<'cx>,
    name: &'static CStr,
    raw: NonNull<raw::RedisModuleCommand>,
}

impl<'cx> LoadContext<'cx> {
    /// Registers a command.
    ///
    /// `handler` is a function, or a closure that captures nothing: state lives in a [`crate::MainCell`]. It
    /// returns what converts into an [`Outcome`] or an [`ErrorReply`]: exactly one reply. A panic answers
    /// `-ERR internal error ..` and is logged.
    ///
    /// ```compile_fail
    /// use redis_context::{Command, Error, LoadContext};
    /// // A handler that captures something does not build: a static function is all the server is given.
    /// fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    ///     let number: &'static i64 = Box::leak(Box::new(7));
    ///     load.command(Command::new(c"x"), move |_, _| Ok::<i64, Error>(*number))
    /// }
    /// let _ = init as fn(&LoadContext<'_>) -> Result<(), Error>;
    /// ```
    pub fn command<F, R, E>(&self, command: Command, handler: F) -> Result<(), Error>
    where
        F: for<'a> Fn(&CommandContext<'a>, Args<'a>) -> Result<R, E> + Copy + 'static,
        R: Into<Outcome> + 'static,
        E: Into<ErrorReply> + 'static,
    {
        let entry = handler::entry::<_, 1>(Returning::new(handler));
        self.create(&command, entry, command.flags.names(&[])?)
    }

    /// Registers a command whose keys only `positions` can tell.
    pub fn command_with_keys<F, R, E, P>(
        &self,
        command: Command,
        handler: F,
        positions: P,
    ) -> Result<(), Error>
    where
        F: for<'a> Fn(&CommandContext<'a>, Args<'a>) -> Result<R, E> + Copy + 'static,
        R: Into<Outcome> + 'static,
        E: Into<ErrorReply> + 'static,
        P: Fn(&mut Positions<'_>) + Copy + 'static,
    {
        let entry = positions::entry(Returning::new(handler), positions);
        self.create(&command, entry, command.flags.names(&["getkeys-api"])?)
    }

    /// Registers a command whose pub/sub channels only `positions` can tell.
    pub fn command_with_channels<F, R, E, P>(
        &self,
        command: Command,
        handler: F,
        positions: P,
    ) -> Result<(), Error>
    where
        F: for<'a> Fn(&CommandContext<'a>, Args<'a>) -> Result<R, E> + Copy + 'static,
        R: Into<Outcome> + 'static,
        E: Into<ErrorReply> + 'static,
        P: Fn(&mut Positions<'_>) + Copy + 'static,
    {
        let entry = positions::entry(Returning::new(handler), positions);
        self.create(&command, entry, command.flags.names(&["getchannels-api"])?)
    }

    /// Registers a command that has nothing but subcommands.
    pub fn command_group(&self, command: Command) -> Result<CommandGroup<'_, 'cx>, Error> {
        self.create(&command, None, command.flags.names(&[])?)?;
        Ok(CommandGroup { context: self, name: command.name, raw: find(self, command.name)? })
    }

    fn create(&self, command: &Command, entry: raw::RedisModuleCmdFunc, flags: CString) -> Result<(), Error> {
        let create = required!(RedisModule_CreateCommand);
        let (first, last, step) = checked(command.keys)?;
        // SAFETY: R12: OnLoad is running; the server copies the texts.
        let status =
            unsafe { create(self.as_ptr(), command.name.as_ptr(), entry, flags.as_ptr(), first, last, step) };
        accepted(status, "RedisModule_CreateCommand")?;
        describe(self, find(self, command.name)?, command)
    }
}

impl CommandGroup<'_, '_> {
    /// Registers a subcommand. `command`'s name is the second word alone.
    pub fn subcommand<F, R, E>(&self, command: Command, handler: F) -> Result<(), Error>
    where
        F: for<'a> Fn(&CommandContext<'a>, Args<'a>) -> Result<R, E> + Copy + 'static,
        R: Into<Outcome> + 'static,
        E: Into<ErrorReply> + 'static,
    {
        let create = required!(RedisModule_CreateSubcommand);
        let entry = handler::entry::<_, 2>(Returning::new(handler));
        let flags = command.flags.names(&[])?;
        let (first, last, step) = checked(command.keys)?;
        // SAFETY: R12: OnLoad is running and the group lives as long as the module; texts are copied.
        let status = unsafe {
            create(self.raw.as_ptr(), command.name.as_ptr(), entry, flags.as_ptr(), first, last, step)
        };
        accepted(status, "RedisModule_CreateSubcommand")?;
        let mut full = self.name.to_bytes().to_vec();
        full.push(b'|');
        full.extend_from_slice(command.name.to_bytes());
        let full = CString::new(full).map_err(|_| NUL_IN_NAME)?;
        describe(self.context, find(self.context, &full)?, &command)
    }
}

const NUL_IN_NAME: Error = Error::Invalid { what: "a command's name", reason: "it holds a NUL" };

/// What [`Command::keys`] was told, which the server would follow without a look at it: see docs.rs.
fn checked(keys: (c_int, c_int, c_int)) -> Result<(c_int, c_int, c_int), Error> {
    match keys {
        (0, 0, 0) => Ok(keys),
        (first @ 1.., last, 1..) if last < 0 || last >= first => Ok(keys),
        _ => Err(Error::Invalid {
            what: "a command's keys",
            reason: "the first is 1 or more, the last is not before it, and the step is 1 or more",
        }),
    }
}

fn accepted(status: c_int, function: &'static str) -> Result<(), Error> {
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    Err(Error::Refused {
        function,
        reason: "the name is taken or not valid, a flag is unknown, or NO_CLUSTER in a cluster",
    })
}

fn find(context: &Context<'_>, name: &CStr) -> Result<NonNull<raw::RedisModuleCommand>, Error> {
    let get = required!(RedisModule_GetCommand);
    // SAFETY: R12: a command of this module, which lives as long as it.
    let command = unsafe { get(context.as_ptr(), name.as_ptr()) };
    NonNull::new(command).ok_or(Error::Refused {
        function: "RedisModule_GetCommand",
        reason: "no command of that name belongs to this module",
    })
}

fn describe(
    context: &Context<'_>,
    raw: NonNull<raw::RedisModuleCommand>,
    command: &Command,
) -> Result<(), Error> {
    if let Some(info) = command.info {
        docs::set(raw, info)?;
    }
    match command.acl_categories {
        Some(categories) => acl::set_categories(context, raw, categories),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_outside_the_arguments_are_refused() {
        for keys in [(0, 0, 0), (1, 1, 1), (1, -1, 2), (2, 5, 1), (1, -2, 1)] {
            assert_eq!(checked(keys), Ok(keys));
        }
        for keys in [(1, 1, 0), (1, -1, -1), (-1, -1, 1), (0, 1, 1), (3, 2, 1)] {
            assert!(checked(keys).is_err(), "{keys:?}");
        }
    }
}
