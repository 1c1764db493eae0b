//! The commands `MIRROR.*`, one file each: its documentation and `run`.

pub mod create;
mod drop;
mod list;
mod pause;
mod resume;
mod resync;
mod status;
mod wait;

use std::ffi::CStr;

use redis_context::{Arg, Command, CommandFlags, CommandInfo, Error, ErrorReply, LoadContext};

use crate::checkpoint;
use crate::mirror::Mirror;
use crate::registry::Registry;

/// Registers all of them, in the ACL category `@mirror` where a server lets modules have one.
pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let acl = if add_category(load, c"mirror")? { &WITH_CATEGORY } else { &WITHOUT_CATEGORY };
    let admin = |name, info| Command::new(name).flags(ADMIN).info(info).acl(acl.admin);
    let reading = |name, info| Command::new(name).flags(READING).info(info).acl(acl.reading);
    let create = admin(c"mirror.create", &create::INFO).flags(ADMIN.union(CommandFlags::DENY_OOM));
    load.command(create, create::run)?;
    load.command(admin(c"mirror.drop", &drop::INFO), drop::run)?;
    load.command(admin(c"mirror.pause", &pause::INFO), pause::run)?;
    load.command(admin(c"mirror.resume", &resume::INFO), resume::run)?;
    load.command(admin(c"mirror.resync", &resync::INFO), resync::run)?;
    load.command(reading(c"mirror.list", &list::INFO), list::run)?;
    load.command(reading(c"mirror.status", &status::INFO), status::run)?;
    let wait = Command::new(c"mirror.wait").flags(WAITING).info(&wait::INFO).acl(acl.waiting);
    load.command(wait, wait::run)?;
    load.command(admin(c"mirror.checkpoint", &CHECKPOINT), checkpoint::checkpoint)?;
    load.command(admin(c"mirror.state", &STATE), checkpoint::state)
}

/// Adds an ACL category where the server lets modules have one.
pub fn add_category(load: &LoadContext<'_>, name: &'static CStr) -> Result<bool, Error> {
    match load.add_acl_category(name) {
        Ok(()) => Ok(true),
        // It is left from an earlier load in this process, which a server unloaded but for that.
        Err(Error::Registration { error, .. }) if matches!(*error, Error::Refused { .. }) => Ok(true),
        Err(Error::Unsupported { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Commands that change mirrors: on a primary only, never from a script. ADMIN keeps them out of MONITOR too.
const ADMIN: CommandFlags = CommandFlags::WRITE.union(CommandFlags::ADMIN).union(CommandFlags::DENY_SCRIPT);

const READING: CommandFlags = CommandFlags::READONLY
    .union(CommandFlags::ALLOW_STALE)
    .union(CommandFlags::ALLOW_LOADING)
    .union(CommandFlags::ALLOW_BUSY)
    .union(CommandFlags::FAST);

const WAITING: CommandFlags = CommandFlags::READONLY.union(CommandFlags::BLOCKING);

/// ACL categories.
struct Categories {
    admin: &'static CStr,
    reading: &'static CStr,
    waiting: &'static CStr,
}

static WITH_CATEGORY: Categories = Categories {
    admin: c"mirror admin dangerous slow",
    reading: c"mirror admin fast",
    waiting: c"mirror slow blocking",
};

static WITHOUT_CATEGORY: Categories =
    Categories { admin: c"admin dangerous slow", reading: c"admin fast", waiting: c"slow blocking" };

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
pub fn find<'r>(registry: &'r mut Registry, name: &[u8]) -> Result<&'r mut Mirror, ErrorReply> {
    registry.find(name).ok_or_else(no_such_mirror)
}

fn no_such_mirror() -> ErrorReply {
    ErrorReply::err("no such mirror: MIRROR.LIST names them")
}
