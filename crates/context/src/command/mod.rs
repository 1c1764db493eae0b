//! Registering commands: name, flags, keys, documentation, and the handler behind them.

mod acl;
mod check;
mod docs;
mod flags;
mod group;
mod handler;
mod keys;
mod name;
mod positions;
mod rules;

pub use docs::{Arg, ArgKind, BeginSearch, CommandInfo, FindKeys, KeySpec};
pub use flags::{CommandFlags, KeyAccess};
pub use group::CommandGroup;
pub use keys::CommandKey;
pub use positions::{ChannelAccess, Positions};
pub(crate) use rules::refuse_while_named;

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// A command without keys and flags. Its name is at most 128 bytes of printable ASCII, without spaces and any of
    /// `"#'(),:=@\|`; upper and lower case are the same to the server.
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

impl LoadContext<'_> {
    /// Registers a command.
    ///
    /// `handler` is a function, or a closure that captures nothing: state lives in a [`crate::MainCell`]. It
    /// returns what converts into an [`Outcome`] or an [`ErrorReply`]: exactly one reply. A panic answers
    /// `-ERR internal error ..` and is logged.
    ///
    /// # Errors
    /// [`Error::Registration`], if the name can't be or is taken, if the keys or the documentation contradict
    /// themselves, and for more than 256 commands, or more than the server can permit to users (1024 names, its own and
    /// those of all modules that were loaded since it started).
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
        self.create(&command, entry, &[])
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
        self.create(&command, entry, &["getkeys-api"])
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
        self.create(&command, entry, &["getchannels-api"])
    }

    fn create(&self, command: &Command, entry: raw::RedisModuleCmdFunc, more: &[&str]) -> Result<(), Error> {
        let created = command.check().and_then(|()| command.create(self, entry, more));
        created.map_err(|error| error.of("the command", command.name.to_bytes()))
    }
}

impl Command {
    /// Refuses what the server would follow without a look at it.
    fn check(&self) -> Result<(), Error> {
        name::check(self.name)?;
        check::keys(self.keys)?;
        self.acl_categories.map_or(Ok(()), acl::check)?;
        self.info.map_or(Ok(()), check::info)
    }

    /// Has the server make a command that was checked.
    fn create(&self, ctx: &Context<'_>, entry: raw::RedisModuleCmdFunc, more: &[&str]) -> Result<(), Error> {
        count()?;
        name::check_originals(ctx, self.name)?;
        let create = required!(RedisModule_CreateCommand);
        let flags = self.flags.names(more)?;
        let (first, last, step) = self.keys;
        // SAFETY: R12: OnLoad is running; the server copies the texts.
        let status =
            unsafe { create(ctx.as_ptr(), self.name.as_ptr(), entry, flags.as_ptr(), first, last, step) };
        accepted(status, "RedisModule_CreateCommand")?;
        rules::note(ctx, self.name)?;
        describe(ctx, find(ctx, self.name)?, self)
    }
}

/// The most commands and subcommands of one module. The server knows 1024 commands by bits, its own among them, and
/// writes beyond a table when a user is given one of more than these with a first argument (`ACLAddAllowedFirstArg`,
/// acl.c).
const COMMANDS_MAX: usize = 256;

static COMMANDS: AtomicUsize = AtomicUsize::new(0);

fn count() -> Result<(), Error> {
    if COMMANDS.fetch_add(1, Ordering::Relaxed) >= COMMANDS_MAX {
        return Err(Error::Invalid { what: "the number of commands", reason: "at most 256 for one module" });
    }
    Ok(())
}

/// Refuses a load whose commands would end the server.
pub(crate) fn confirm(ctx: &Context<'_>) -> Result<(), Error> {
    group::confirm(ctx)?;
    rules::confirm()
}

/// The module goes, and its commands with it.
pub(crate) fn abandon(ctx: &Context<'_>) {
    COMMANDS.store(0, Ordering::Relaxed);
    group::abandon(ctx);
    rules::abandon(ctx);
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
