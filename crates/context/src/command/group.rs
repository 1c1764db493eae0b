//! Commands that are nothing but their subcommands.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use redis_module::raw;

use super::handler::{self, Returning};
use super::{Command, CommandInfo, accepted, count, describe, find};
use crate::api::required;
use crate::args::Args;
use crate::cell::MainCell;
use crate::context::{CommandContext, Context, LoadContext};
use crate::error::Error;
use crate::outcome::{ErrorReply, Outcome};

const GROUP: &str = "the command group";

/// A command that is nothing but its subcommands.
///
/// The server hears of it with the first of them: one that is called without any would end it, for there is no
/// function behind it (`RedisModuleCommandDispatcher`, module.c).
pub struct CommandGroup<'load, 'cx> {
    context: &'load Context<'cx>,
    command: Command,
    raw: Cell<Option<NonNull<raw::RedisModuleCommand>>>,
}

/// The groups that have no subcommand yet.
static EMPTY: MainCell<Vec<&'static CStr>> = MainCell::new(Vec::new());

/// Refuses a load that leaves a group without a subcommand.
pub(super) fn confirm(ctx: &Context<'_>) -> Result<(), Error> {
    match EMPTY.try_borrow(ctx)?.first() {
        Some(name) => Err(Error::Refused {
            function: "RedisModule_CreateCommand",
            reason: "a group of commands has at least one subcommand",
        }
        .of(GROUP, name.to_bytes())),
        None => Ok(()),
    }
}

/// The module goes.
pub(super) fn abandon(ctx: &Context<'_>) {
    drop(EMPTY.take(ctx));
}

impl<'cx> LoadContext<'cx> {
    /// Registers a command that has nothing but subcommands, of which it has at least one. Its [`CommandInfo`] may say
    /// an arity, which counts the subcommand (-2 if it does not), and no keys: those are the subcommands'.
    ///
    /// # Errors
    /// [`Error::Registration`]. What the server refuses, such as a name that is taken, is found with the first
    /// subcommand; without any the load is refused.
    pub fn command_group(&self, command: Command) -> Result<CommandGroup<'_, 'cx>, Error> {
        check(&command).map_err(|error| error.of(GROUP, command.name.to_bytes()))?;
        EMPTY.try_borrow_mut(self)?.push(command.name);
        Ok(CommandGroup { context: self, command, raw: Cell::new(None) })
    }
}

fn check(command: &Command) -> Result<(), Error> {
    command.check()?;
    let info = command.info.unwrap_or(&CommandInfo::EMPTY);
    if command.keys != (0, 0, 0) || !info.key_specs.is_empty() {
        return Err(Error::Invalid { what: "its keys", reason: "they are those of its subcommands" });
    }
    // Without the subcommand the server would find the group itself (`lookupCommandLogic`, server.c).
    if matches!(info.arity, -1 | 1) {
        return Err(Error::Invalid { what: "its arity", reason: "it is called with a subcommand: -2, or 2" });
    }
    Ok(())
}

impl CommandGroup<'_, '_> {
    /// Registers a subcommand. `command`'s name is the second word alone.
    ///
    /// # Errors
    /// [`Error::Registration`].
    pub fn subcommand<F, R, E>(&self, command: Command, handler: F) -> Result<(), Error>
    where
        F: for<'a> Fn(&CommandContext<'a>, Args<'a>) -> Result<R, E> + Copy + 'static,
        R: Into<Outcome> + 'static,
        E: Into<ErrorReply> + 'static,
    {
        let entry = handler::entry::<_, 2>(Returning::new(handler));
        let full = [self.command.name.to_bytes(), command.name.to_bytes()].join(&b'|');
        let added = command.check().and_then(|()| {
            let group = self.create().map_err(|error| error.of(GROUP, self.command.name.to_bytes()))?;
            self.add(group, &command, entry, &full)
        });
        added.map_err(|error| error.of("the subcommand", &full))
    }

    /// The group's command, which is made when it is first asked for.
    fn create(&self) -> Result<NonNull<raw::RedisModuleCommand>, Error> {
        if let Some(raw) = self.raw.get() {
            return Ok(raw);
        }
        self.command.create(self.context, None, &[])?;
        let raw = find(self.context, self.command.name)?;
        self.raw.set(Some(raw));
        Ok(raw)
    }

    fn add(
        &self,
        group: NonNull<raw::RedisModuleCommand>,
        command: &Command,
        entry: raw::RedisModuleCmdFunc,
        full: &[u8],
    ) -> Result<(), Error> {
        count()?;
        let create = required!(RedisModule_CreateSubcommand);
        let flags = command.flags.names(&[])?;
        let (first, last, step) = command.keys;
        // SAFETY: R12: OnLoad is running and the group lives as long as the module; texts are copied.
        let status = unsafe {
            create(group.as_ptr(), command.name.as_ptr(), entry, flags.as_ptr(), first, last, step)
        };
        accepted(status, "RedisModule_CreateSubcommand")?;
        EMPTY.try_borrow_mut(self.context)?.retain(|name| *name != self.command.name);
        let full =
            CString::new(full).map_err(|_| Error::Invalid { what: "its name", reason: "it holds a NUL" })?;
        describe(self.context, find(self.context, &full)?, command)
    }
}
