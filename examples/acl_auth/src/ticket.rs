//! Tickets: an AUTH that a thread decides on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use redis_context::{
    Arg, Args, AuthContext, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply, Grant,
    LoadContext, LogLevel, RedisStr, Reply, Verdict, thread,
};

/// The ticket of each user. A real one would be asked for elsewhere, which is why a thread does it.
static TICKETS: Mutex<BTreeMap<Vec<u8>, Vec<u8>>> = Mutex::new(BTreeMap::new());

static TICKET: CommandInfo = CommandInfo {
    summary: Some(c"Gives a user a ticket."),
    arity: 3,
    args: &[Arg::string(c"user"), Arg::string(c"ticket")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    match load.on_auth(decide) {
        Err(error @ Error::Unsupported { .. }) => {
            load.log_fmt(LogLevel::Notice, format_args!("tickets are left out: {error}"));
        }
        registered => registered?,
    }
    let flags = CommandFlags::ADMIN | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"guest.ticket").flags(flags).info(&TICKET), ticket)
}

fn ticket<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let user = args.next_arg()?;
    let position = args.position();
    let ticket = args.next_arg()?;
    ctx.redact(position);
    let mut tickets = TICKETS.lock().unwrap_or_else(PoisonError::into_inner);
    tickets.insert(user.as_bytes().to_vec(), ticket.as_bytes().to_vec());
    Ok(Reply::OK)
}

fn decide<'a>(
    ctx: &AuthContext<'a>,
    name: RedisStr<'a>,
    ticket: RedisStr<'a>,
) -> Result<Verdict, ErrorReply> {
    let Some(user) = name.as_bytes().strip_prefix(b"ticket:") else {
        return Ok(Verdict::NotHandled);
    };
    let (user, ticket) = (user.to_vec(), ticket.as_bytes().to_vec());
    let granted = user.clone();
    let (blocked, unblocker) = ctx.block(move |_ctx, is_valid: bool| {
        if !is_valid {
            return Err(ErrorReply::new("DENIED", "the ticket is not valid"));
        }
        Ok(Grant::acl_user(granted).into())
    })?;
    let check = move || {
        let tickets = TICKETS.lock().unwrap_or_else(PoisonError::into_inner);
        let is_valid = tickets.get(&user).is_some_and(|known| *known == ticket);
        drop(tickets);
        unblocker.unblock(is_valid);
    };
    // Without a thread the unblocker is dropped, which denies.
    if let Err(error) = thread::spawn("check-ticket", check) {
        ctx.log_fmt(LogLevel::Warning, format_args!("no ticket is checked: {error}"));
    }
    Ok(blocked.into())
}
