//! The commands `RECORD.*`, one file each: documentation and `run`.

mod apply;
mod clear;
mod cursor;
mod cursors;
mod get;
mod getcursor;
mod getlease;
mod getoptions;
mod lease;
mod mget;
mod numbers;
mod pages;
mod put;
mod query;
mod setoptions;
mod sync;
mod synclatest;
mod trim;
mod types;
mod versions;

use std::ffi::CStr;

use redis_context::{
    Arg, BeginSearch, Command, CommandFlags, CommandInfo, Error, FindKeys, KeyAccess, KeySpec, LoadContext,
};

const READ: CommandFlags = CommandFlags::READONLY;
const FAST_READ: CommandFlags = CommandFlags::READONLY.union(CommandFlags::FAST);
const WRITE: CommandFlags = CommandFlags::WRITE;

/// The key, which is read.
const READS: &[KeySpec] = &[key(KeyAccess::RO.union(KeyAccess::ACCESS))];
/// The key, which is changed, and the answer tells of what it holds.
const UPDATES: &[KeySpec] = &[key(KeyAccess::RW.union(KeyAccess::ACCESS).union(KeyAccess::UPDATE))];
/// The key, which is changed; the answer tells nothing that users have put there.
const CHANGES: &[KeySpec] = &[key(KeyAccess::RW.union(KeyAccess::UPDATE))];
/// The same, where nothing is added.
const REMOVES: &[KeySpec] = &[key(KeyAccess::RW.union(KeyAccess::DELETE))];

const fn key(access: KeyAccess) -> KeySpec {
    KeySpec { notes: None, access, begin: BeginSearch::Index(1), find: FindKeys::One }
}

/// The words of a command's documentation.
const fn info(
    summary: &'static CStr,
    complexity: &'static CStr,
    arity: i32,
    key_specs: &'static [KeySpec],
    args: &'static [Arg],
) -> CommandInfo {
    let (summary, complexity) = (Some(summary), Some(complexity));
    CommandInfo { summary, complexity, since: Some(c"0.1.0"), arity, key_specs, args, ..CommandInfo::EMPTY }
}

/// ACL categories: `@record` where a server lets modules have one.
struct Categories {
    read: &'static CStr,
    fast_read: &'static CStr,
    write: &'static CStr,
    blocking_read: &'static CStr,
    blocking_write: &'static CStr,
    internal: &'static CStr,
}

static WITH_CATEGORY: Categories = Categories {
    read: c"record read slow",
    fast_read: c"record read fast",
    write: c"record write slow",
    blocking_read: c"record read slow blocking",
    blocking_write: c"record write slow blocking",
    internal: c"record write slow dangerous admin",
};

static WITHOUT_CATEGORY: Categories = Categories {
    read: c"read slow",
    fast_read: c"read fast",
    write: c"write slow",
    blocking_read: c"read slow blocking",
    blocking_write: c"write slow blocking",
    internal: c"write slow dangerous admin",
};

/// Registers all of them.
pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let has_category = crate::commands::add_category(load, c"record")?;
    let acl = if has_category { &WITH_CATEGORY } else { &WITHOUT_CATEGORY };
    let fast_read = |name, info| Command::new(name).flags(FAST_READ).acl(acl.fast_read).info(info);
    let read = |name, info| Command::new(name).flags(READ).acl(acl.read).info(info);
    let write = |name, info| Command::new(name).flags(WRITE).acl(acl.write).info(info);
    // None has `deny-oom`: what takes memory is refused by `memory`, since each of them may also give some back.
    load.command(write(c"record.put", &put::INFO), put::run)?;
    load.command(fast_read(c"record.get", &get::INFO), get::run)?;
    load.command(fast_read(c"record.mget", &mget::INFO), mget::run)?;
    load.command(write(c"record.setoptions", &setoptions::INFO), setoptions::run)?;
    load.command(fast_read(c"record.getoptions", &getoptions::INFO), getoptions::run)?;
    let lease = Command::new(c"record.lease").flags(WRITE.union(CommandFlags::BLOCKING));
    load.command(lease.acl(acl.blocking_write).info(&lease::INFO), lease::run)?;
    load.command(fast_read(c"record.getlease", &getlease::INFO), getlease::run)?;
    let sync = Command::new(c"record.sync").flags(READ.union(CommandFlags::BLOCKING));
    load.command(sync.acl(acl.blocking_read).info(&sync::INFO), sync::run)?;
    load.command(read(c"record.synclatest", &synclatest::INFO), synclatest::run)?;
    load.command(read(c"record.query", &query::INFO), query::run)?;
    load.command(read(c"record.types", &types::INFO), types::run)?;
    load.command(fast_read(c"record.versions", &versions::INFO), versions::run)?;
    load.command(write(c"record.trim", &trim::INFO), trim::run)?;
    load.command(write(c"record.cursor", &cursor::INFO), cursor::run)?;
    load.command(fast_read(c"record.getcursor", &getcursor::INFO), getcursor::run)?;
    load.command(read(c"record.cursors", &cursors::INFO), cursors::run)?;
    load.command(write(c"record.clear", &clear::INFO), clear::run)?;
    let apply = Command::new(c"record.apply").flags(WRITE.union(CommandFlags::DENY_SCRIPT));
    load.command(apply.acl(acl.internal).info(&apply::INFO), apply::run)
}
