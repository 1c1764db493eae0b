//! The server's configs, each method by itself; INFO with strings of the server.

use std::ffi::CString;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, MainCell, RedisString, Reply, ServerInfo,
};

static NOTE: MainCell<Option<RedisString>> = MainCell::new(None);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"hello.tune").flags(CommandFlags::ADMIN), tune)?;
    load.command(Command::new(c"hello.tuneopen").flags(CommandFlags::ADMIN), tune_while_open)?;
    load.command(Command::new(c"hello.read").flags(CommandFlags::READONLY), read)?;
    load.command(Command::new(c"hello.field").flags(CommandFlags::READONLY), field)?;
    load.command(Command::new(c"hello.note"), |ctx, mut args| {
        *NOTE.try_borrow_mut(ctx)? = Some(args.next_arg()?.retain());
        Ok::<_, Error>(Reply::OK)
    })?;
    load.info(|info| {
        info.section("note", |section| {
            let Some(Ok(note)) = section.context().map(|ctx| NOTE.try_borrow(ctx)) else { return };
            if let Some(note) = note.as_ref() {
                section.string("note", &note.as_redis_str());
            }
            section.bool("noted", note.is_some());
        });
    })
}

fn name(args: &mut Args<'_>) -> Result<CString, Error> {
    CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)
}

/// `HELLO.TUNE how name value`
fn tune(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let (how, name) = (args.next_str()?, name(&mut args)?);
    let configs = ctx.server_config_mut()?;
    match how {
        "any" => configs.set(&name, args.next_arg()?.as_bytes())?,
        "bool" => configs.set_bool(&name, args.next_str()? == "yes")?,
        "number" => configs.set_number(&name, args.next_i64()?)?,
        "choice" => configs.set_choice(&name, args.next_arg()?.as_bytes())?,
        _ => return Err(Error::Syntax),
    }
    Ok(Reply::OK)
}

/// `HELLO.TUNEOPEN key`: a config is not changed while a key is open.
fn tune_while_open(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let refused = ctx.server_config_mut()?.set(c"hz", b"11");
    drop(key);
    refused.map(|()| Reply::OK)
}

/// `HELLO.READ how name`
fn read(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let (how, name) = (args.next_str()?, name(&mut args)?);
    let configs = ctx.server_config()?;
    Ok(match how {
        "kind" => Reply::from(format!("{:?}", configs.kind(&name)?)),
        "any" => Reply::bulk(configs.get(&name)?),
        "bool" => Reply::Bool(configs.bool(&name)?),
        "number" => Reply::Int(configs.number(&name)?),
        "choice" => Reply::bulk(configs.choice(&name)?),
        _ => return Err(Error::Syntax),
    })
}

/// `HELLO.FIELD section field`: the field in each way to read it.
fn field(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let (section, field) = (name(&mut args)?, name(&mut args)?);
    let info: ServerInfo<'_> = ctx.server_info(&section).ok_or(Error::Syntax)?;
    let string = info.string(&field);
    let fields = [
        Reply::from(info.text(&field).map(<[u8]>::to_vec)),
        Reply::from(info.signed(&field)),
        Reply::from(info.unsigned(&field).map(|number| number.to_string())),
        Reply::from(info.double(&field)),
    ];
    drop(info);
    Ok(Reply::array(fields.into_iter().chain([Reply::from(string.map(|text| text.as_bytes().to_vec()))])))
}
