//! `PROBE.HAS name ..` answers 1 for each function of the module API that this server has, and 0 otherwise.
#![forbid(unsafe_code)]

use std::ffi::CString;

use redis_context::{Args, Command, CommandContext, CommandFlags, Error, LoadContext, Reply};

redis_context::module! {
    name: "api_probe",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"probe.has").flags(CommandFlags::READONLY), has)
}

fn has(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, Error> {
    let mut found = Vec::new();
    for name in args {
        let name = CString::new(name.as_bytes()).map_err(|_| Error::Syntax)?;
        found.push(i64::from(ctx.has_function(&name)));
    }
    Ok(Reply::array(found))
}
