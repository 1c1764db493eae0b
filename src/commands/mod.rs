//! The commands `MIRROR.*`, one file each: its documentation and `run`.

pub mod create;
mod drop;
mod list;
mod pause;
mod resume;
mod resync;
mod status;
mod wait;

use redis_context::{Arg, Command, CommandFlags, CommandInfo, Error, ErrorReply, LoadContext};

use crate::checkpoint;
use crate::mirror::Mirror;
use crate::registry::Registry;

/// Registers all of them.
pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(admin(c"mirror.create", &create::INFO, CommandFlags::DENY_OOM), create::run)?;
    load.command(admin(c"mirror.drop", &drop::INFO, CommandFlags::empty()), drop::run)?;
    load.command(admin(c"mirror.pause", &pause::INFO, CommandFlags::empty()), pause::run)?;
    load.command(admin(c"mirror.resume", &resume::INFO, CommandFlags::empty()), resume::run)?;
    load.command(admin(c"mirror.resync", &resync::INFO, CommandFlags::empty()), resync::run)?;
    load.command(reading(c"mirror.list", &list::INFO), list::run)?;
    load.command(reading(c"mirror.status", &status::INFO), status::run)?;
    load.command(waiting(c"mirror.wait", &wait::INFO), wait::run)?;
    load.command(internal(c"mirror.checkpoint", &CHECKPOINT), checkpoint::checkpoint)?;
    load.command(internal(c"mirror.state", &STATE), checkpoint::state)
}

/// Commands that change mirrors: on a primary only, never from a script.
fn admin(name: &'static std::ffi::CStr, info: &'static CommandInfo, more: CommandFlags) -> Command {
    let flags = CommandFlags::WRITE | CommandFlags::ADMIN | CommandFlags::DENY_SCRIPT;
    Command::new(name).flags(flags.union(more)).info(info).acl(c"admin dangerous slow")
}

fn reading(name: &'static std::ffi::CStr, info: &'static CommandInfo) -> Command {
    let flags = CommandFlags::READONLY | CommandFlags::ALLOW_STALE | CommandFlags::ALLOW_LOADING;
    Command::new(name).flags(flags.union(CommandFlags::FAST)).info(info).acl(c"admin fast")
}

fn waiting(name: &'static std::ffi::CStr, info: &'static CommandInfo) -> Command {
    Command::new(name).flags(CommandFlags::READONLY | CommandFlags::BLOCKING).info(info).acl(c"slow blocking")
}

fn internal(name: &'static std::ffi::CStr, info: &'static CommandInfo) -> Command {
    let flags = CommandFlags::WRITE | CommandFlags::ADMIN | CommandFlags::DENY_SCRIPT;
    Command::new(name).flags(flags).info(info).acl(c"admin dangerous slow")
}

static CHECKPOINT: CommandInfo = CommandInfo {
    summary: Some(c"Internal: the position of a mirror, from the primary or the AOF."),
    complexity: Some(c"O(N) with N the keys under repair"),
    since: Some(c"0.1.0"),
    arity: -9,
    args: &[Arg::string(c"field").multiple()],
    ..CommandInfo::EMPTY
};

static STATE: CommandInfo = CommandInfo {
    summary: Some(c"Internal: definitions of mirrors, from the primary or the AOF."),
    complexity: Some(c"O(N) with N the number of mirrors"),
    since: Some(c"0.1.0"),
    arity: -3,
    args: &[Arg::string(c"format"), Arg::string(c"word").multiple()],
    ..CommandInfo::EMPTY
};

/// The mirror a client named.
fn find<'r>(registry: &'r mut Registry, name: &[u8]) -> Result<&'r mut Mirror, ErrorReply> {
    registry.find(name).ok_or_else(no_such_mirror)
}

fn no_such_mirror() -> ErrorReply {
    ErrorReply::err("no such mirror: MIRROR.LIST names them")
}
