//! The server's settings and its INFO, as the module reads and changes them.

use std::ffi::CString;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, ConfigKind, Error, LoadContext, Reply,
};

static FIELD: CommandInfo = CommandInfo {
    summary: Some(c"Reads a field of a section of INFO."),
    arity: 3,
    args: &[Arg::string(c"section"), Arg::string(c"field")],
    ..CommandInfo::EMPTY
};
static SERVER: CommandInfo = CommandInfo {
    summary: Some(c"Shows the kind and the value of a config."),
    arity: 2,
    args: &[Arg::string(c"name")],
    ..CommandInfo::EMPTY
};
static TUNE: CommandInfo = CommandInfo {
    summary: Some(c"Changes a config."),
    arity: 3,
    args: &[Arg::string(c"name"), Arg::string(c"value")],
    ..CommandInfo::EMPTY
};
static NAMES: CommandInfo = CommandInfo {
    summary: Some(c"Lists the configs that match a pattern."),
    arity: 2,
    args: &[Arg::pattern(c"pattern")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let ask = CommandFlags::READONLY | CommandFlags::ADMIN;
    load.command(Command::new(c"configs_info.field").flags(ask).info(&FIELD), field)?;
    load.command(Command::new(c"configs_info.server").flags(ask).info(&SERVER), server)?;
    load.command(Command::new(c"configs_info.tune").flags(CommandFlags::ADMIN).info(&TUNE), tune)?;
    load.command(Command::new(c"configs_info.names").flags(ask).info(&NAMES), names)
}

fn name(args: &mut Args<'_>) -> Result<CString, Error> {
    CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)
}

/// `CONFIGS_INFO.FIELD section field`
fn field(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let (section, field) = (name(&mut args)?, name(&mut args)?);
    let info = ctx.server_info(&section).ok_or(Error::Syntax)?;
    // A number where it is one: `signed`, `unsigned` and `double` say None to everything else.
    Ok(match (info.signed(&field), info.double(&field)) {
        (Some(number), _) => Reply::Int(number),
        (None, Some(number)) => Reply::Double(number),
        (None, None) => Reply::from(info.text(&field).map(<[u8]>::to_vec)),
    })
}

/// `CONFIGS_INFO.SERVER name`
fn server(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let name = name(&mut args)?;
    let configs = ctx.server_config()?;
    let (kind, value) = match configs.kind(&name)? {
        ConfigKind::Bool => ("bool", Reply::Bool(configs.bool(&name)?)),
        ConfigKind::Number => ("number", Reply::Int(configs.number(&name)?)),
        ConfigKind::Choice => ("choice", Reply::bulk(configs.choice(&name)?)),
        _ => ("text", Reply::bulk(configs.get(&name)?)),
    };
    Ok(Reply::array([Reply::from(kind), value]))
}

/// `CONFIGS_INFO.TUNE name value`
fn tune(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let name = name(&mut args)?;
    ctx.server_config_mut()?.set(&name, args.next_arg()?.as_bytes())?;
    Ok(Reply::OK)
}

/// `CONFIGS_INFO.NAMES pattern`
fn names(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let mut names = ctx.server_config()?.names(&name(&mut args)?)?;
    names.sort();
    Ok(Reply::array(names.iter().map(|name| name.as_bytes())))
}
