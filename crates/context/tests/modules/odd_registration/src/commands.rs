//! Commands of any name.

use std::ffi::{CStr, CString};

use redis_context::{Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext};

pub fn echo<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<String, Error> {
    Ok(format!("{} {}", ctx.command_name().unwrap_or("?"), args.len()))
}

pub fn command(load: &LoadContext<'_>, name: &'static CStr) -> Result<(), Error> {
    load.command(Command::new(name).flags(CommandFlags::FAST), echo)
}

pub fn many(load: &LoadContext<'_>, count: u64) -> Result<(), Error> {
    for at in 0..count {
        let name = CString::new(format!("odd.many-{at}")).map_err(|_| Error::Syntax)?;
        command(load, Box::leak(name.into_boxed_c_str()))?;
    }
    Ok(())
}

pub fn group(load: &LoadContext<'_>, name: &'static CStr, arity: i64) -> Result<(), Error> {
    let arity = i32::try_from(arity).map_err(|_| Error::NotAnInteger)?;
    let info = Box::leak(Box::new(CommandInfo { arity, ..CommandInfo::EMPTY }));
    load.command_group(Command::new(name).info(info)).map(drop)
}

pub fn subcommand(load: &LoadContext<'_>, group: &'static CStr, name: &'static CStr) -> Result<(), Error> {
    load.command_group(Command::new(group))?.subcommand(Command::new(name), echo)
}

/// A group whose one subcommand is not for clusters.
pub fn without_a_cluster(load: &LoadContext<'_>, group: &'static CStr) -> Result<(), Error> {
    let group = load.command_group(Command::new(group))?;
    group.subcommand(Command::new(c"sub").flags(CommandFlags::NO_CLUSTER), echo)
}
