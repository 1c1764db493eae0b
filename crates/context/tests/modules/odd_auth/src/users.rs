//! OA.NEW, OA.SET, OA.RIGHTS, OA.COPY, OA.DROP, OA.AS, OA.CALL, OA.LOG, OA.KEY, OA.PREFIX, OA.CHANNEL, OA.INDB.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use redis_context::{
    AclReason, Args, CallFlags, ChannelAccess, Command, CommandContext, CommandFlags, Error, KeyAccess,
    LoadContext, MainCell, ModuleUser, Permission, Reply,
};

use crate::ANY;

pub static USER: MainCell<Option<Rc<ModuleUser>>> = MainCell::new(None);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"oa.new").flags(ANY), |ctx: &CommandContext<'_>, args: Args<'_>| {
        let rules = c_strings(args)?;
        let user = ModuleUser::new(ctx, c"odd", &views(&rules))?;
        USER.replace(ctx, Some(Rc::new(user)))?;
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"oa.set").flags(ANY), |ctx: &CommandContext<'_>, args: Args<'_>| {
        let rules = c_strings(args)?;
        user(ctx)?.set_rights(ctx, &views(&rules))?;
        Ok::<_, Error>(Reply::OK)
    })?;
    load.command(Command::new(c"oa.rights").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::bulk(user(ctx)?.rights(ctx)))
    })?;
    load.command(Command::new(c"oa.copy").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let copy = ModuleUser::copy_of(ctx, args.next_arg()?.as_bytes())?;
        Ok::<_, Error>(Reply::bulk(copy.rights(ctx)))
    })?;
    load.command(Command::new(c"oa.drop").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::Int(USER.take(ctx)?.is_some().into()))
    })?;
    load.command(Command::new(c"oa.as").flags(ANY), act)?;
    load.command(Command::new(c"oa.call").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let name = c_string(args.next_arg()?.as_bytes())?;
        let args: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
        Ok::<_, Error>(ctx.call(&name, CallFlags::AS_USER, &args)?.to_reply())
    })?;
    load.command(Command::new(c"oa.log").flags(ANY), log)?;
    match load.add_acl_category(c"oddities") {
        Err(Error::Unsupported { .. }) => {}
        added => {
            added?;
            load.command(Command::new(c"oa.odd").flags(CommandFlags::READONLY).acl(c"oddities"), |_, _| {
                Ok::<_, Error>(Reply::OK)
            })?;
        }
    }
    load.command(Command::new(c"oa.key").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let (user, key) = (args.next_arg()?, args.next_arg()?);
        let access = if args.take_keyword("read") { KeyAccess::ACCESS } else { KeyAccess::UPDATE };
        ctx.check_key(user.as_bytes(), key.as_bytes(), access).map(allowed)
    })?;
    load.command(Command::new(c"oa.prefix").flags(ANY), prefix)?;
    load.command(Command::new(c"oa.channel").flags(ANY), channel)?;
    load.command(Command::new(c"oa.indb").flags(ANY), in_db)
}

pub fn user(ctx: &CommandContext<'_>) -> Result<Rc<ModuleUser>, Error> {
    USER.try_borrow(ctx)?.clone().ok_or_else(|| Error::module("there is no user: OA.NEW"))
}

fn c_string(bytes: &[u8]) -> Result<CString, Error> {
    CString::new(bytes).map_err(|_| Error::Syntax)
}

fn c_strings(args: Args<'_>) -> Result<Vec<CString>, Error> {
    args.map(|arg| c_string(arg.as_bytes())).collect()
}

fn views(strings: &[CString]) -> Vec<&CStr> {
    strings.iter().map(CString::as_c_str).collect()
}

/// OA.AS PANIC | NESTED | PLAIN command arg..: runs it as the user; `NESTED` as another one inside that, who may all.
fn act<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (panics, is_nested) = (args.take_keyword("panic"), args.take_keyword("nested"));
    args.take_keyword("plain");
    let name = c_string(args.next_arg()?.as_bytes())?;
    let args: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let user = user(ctx)?;
    let almighty = ModuleUser::new(ctx, c"almighty", &[c"on", c"~*", c"&*", c"+@all"])?;
    let run = |flags| Ok::<_, Error>(ctx.call(&name, flags, &args)?.to_reply());
    let mut replies = ctx.as_user(&user, |ctx| {
        assert!(!panics, "as another user");
        let mut replies = vec![run(CallFlags::AS_USER)];
        if is_nested {
            replies.push(ctx.as_user(&almighty, |_| run(CallFlags::AS_USER)).and_then(|reply| reply));
            replies.push(run(CallFlags::AS_USER));
        }
        replies
    })?;
    replies.push(run(CallFlags::AS_USER));
    let replies =
        replies.into_iter().map(|reply| reply.unwrap_or_else(|error| Reply::bulk(error.to_string())));
    Ok(Reply::array(replies))
}

/// OA.LOG AUTH | COMMAND | KEY | CHANNEL | OTHER object [user]
fn log<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let reason = match args.next_str()? {
        "auth" => AclReason::Auth,
        "command" => AclReason::Command,
        "key" => AclReason::Key,
        "channel" => AclReason::Channel,
        _ => AclReason::Unknown(99),
    };
    let object = args.next_arg()?;
    match args.next() {
        Some(user) => ctx.log_denial(user.as_bytes(), reason, object.as_bytes())?,
        None => user(ctx)?.log_denial(ctx, reason, object.as_bytes())?,
    }
    Ok(Reply::OK)
}

fn allowed(permission: Permission) -> Reply {
    (permission == Permission::Allowed).into()
}

/// OA.PREFIX user prefix READ | WRITE
fn prefix<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (user, prefix) = (args.next_arg()?, args.next_arg()?);
    let access = if args.take_keyword("read") { KeyAccess::ACCESS } else { KeyAccess::UPDATE };
    ctx.check_key_prefix(user.as_bytes(), prefix.as_bytes(), access).map(allowed)
}

/// OA.CHANNEL user channel [PATTERN | LEAVE]
fn channel<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (user, channel) = (args.next_arg()?, args.next_arg()?);
    let mut access = ChannelAccess::SUBSCRIBE | ChannelAccess::from_bits_retain(1 << 20);
    if args.take_keyword("pattern") {
        access |= ChannelAccess::PATTERN;
    }
    if args.take_keyword("leave") {
        access = ChannelAccess::UNSUBSCRIBE;
    }
    ctx.check_channel(user.as_bytes(), channel.as_bytes(), access).map(allowed)
}

/// OA.INDB user db command arg..
fn in_db<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let user = args.next_arg()?;
    let db = u32::try_from(args.next_u64()?).map_err(|_| Error::NotAnInteger)?;
    let command: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let reason = ctx.check_command_in_db(user.as_bytes(), db, &command)?;
    Ok(Reply::bulk(format!("{reason:?}")))
}
