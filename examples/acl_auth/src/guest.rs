//! The guest: a user of the module's own.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use redis_context::{
    AclReason, Arg, Args, CallFlags, Command, CommandContext, CommandFlags, CommandInfo, Context, Error,
    Grant, LoadContext, MainCell, ModuleUser, Permission, Reply,
};

/// The user, made when the first guest comes.
static GUEST: MainCell<Option<Rc<ModuleUser>>> = MainCell::new(None);

/// How many clients are guests.
static GUESTS: MainCell<Cell<i64>> = MainCell::new(Cell::new(0));

const RIGHTS: &[&CStr] = &[c"on", c"nopass", c"~public:*", c"+@read", c"+guest.whoami"];

static LOGIN: CommandInfo =
    CommandInfo { summary: Some(c"Makes the client a guest."), arity: 1, ..CommandInfo::EMPTY };
static WHOAMI: CommandInfo =
    CommandInfo { summary: Some(c"Tells who the client is."), arity: 1, ..CommandInfo::EMPTY };
static SHOW_RIGHTS: CommandInfo = CommandInfo {
    summary: Some(c"Changes the guest's rights and shows them."),
    arity: -1,
    args: &[Arg::string(c"rule").optional().multiple()],
    ..CommandInfo::EMPTY
};
static CALL: CommandInfo = CommandInfo {
    summary: Some(c"Runs a command with the guest's rights."),
    arity: -2,
    args: &[Arg::string(c"command"), Arg::string(c"arg").optional().multiple()],
    ..CommandInfo::EMPTY
};
static MAY: CommandInfo = CommandInfo {
    summary: Some(c"Tells whether a user may run a command; a denial stands in ACL LOG."),
    arity: -3,
    args: &[Arg::string(c"user"), Arg::string(c"command"), Arg::string(c"arg").optional().multiple()],
    ..CommandInfo::EMPTY
};
static EXPEL: CommandInfo =
    CommandInfo { summary: Some(c"Disconnects all guests."), arity: 1, ..CommandInfo::EMPTY };

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let open = CommandFlags::FAST | CommandFlags::NO_AUTH | CommandFlags::DENY_SCRIPT;
    let admin = CommandFlags::ADMIN | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"guest.login").flags(open).info(&LOGIN), login)?;
    load.command(Command::new(c"guest.whoami").flags(CommandFlags::FAST).info(&WHOAMI), whoami)?;
    load.command(Command::new(c"guest.rights").flags(admin).info(&SHOW_RIGHTS), rights)?;
    load.command(Command::new(c"guest.call").flags(admin).info(&CALL), call)?;
    load.command(Command::new(c"guest.may").flags(admin).info(&MAY), may)?;
    load.command(Command::new(c"guest.expel").flags(admin).info(&EXPEL), expel)
}

fn guest(ctx: &Context<'_>) -> Result<Rc<ModuleUser>, Error> {
    if let Some(guest) = &*GUEST.try_borrow(ctx)? {
        return Ok(Rc::clone(guest));
    }
    let guest = Rc::new(ModuleUser::new(ctx, c"guest", RIGHTS)?);
    GUEST.replace(ctx, Some(Rc::clone(&guest)))?;
    Ok(guest)
}

fn login<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let grant = Grant::module_user(guest(ctx)?).on_change(|ctx, _client| {
        let guests = GUESTS.borrow(ctx);
        guests.set(guests.get() - 1);
    });
    ctx.authenticate(grant)?;
    let guests = GUESTS.borrow(ctx);
    guests.set(guests.get() + 1);
    Ok(Reply::OK)
}

fn whoami<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    Ok(ctx.user_name().map(|name| name.as_bytes().to_vec()).into())
}

fn rights<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Reply, Error> {
    let rules: Vec<CString> = args.map(|rule| c_string(rule.as_bytes())).collect::<Result<_, _>>()?;
    let rules: Vec<&CStr> = rules.iter().map(CString::as_c_str).collect();
    let guest = guest(ctx)?;
    guest.set_rights(ctx, &rules)?;
    Ok(Reply::bulk(guest.rights(ctx)))
}

fn call<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = c_string(args.next_arg()?.as_bytes())?;
    let args: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let guest = guest(ctx)?;
    ctx.as_user(&guest, |ctx| Ok(ctx.call(&name, CallFlags::AS_USER, &args)?.to_reply()))?
}

fn may<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let user = args.next_arg()?;
    let command: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    let permission = ctx.check_command(user.as_bytes(), &command)?;
    if permission == Permission::Denied {
        // Redis 7.0 logs in the name of a module's user only.
        match ctx.log_denial(user.as_bytes(), AclReason::Command, command[0]) {
            Err(Error::Unsupported { .. }) => guest(ctx)?.log_denial(ctx, AclReason::Command, command[0])?,
            logged => logged?,
        }
    }
    Ok((permission == Permission::Allowed).into())
}

fn expel<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    drop(GUEST.take(ctx)?);
    Ok(GUESTS.borrow(ctx).get().into())
}

fn c_string(bytes: &[u8]) -> Result<CString, Error> {
    CString::new(bytes).map_err(|_| Error::Syntax)
}
