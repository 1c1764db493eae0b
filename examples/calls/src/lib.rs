//! The server's own commands: every type of reply, as a user, as a promise.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_calls.so --enable-debug-command yes
//! > CALLS.TYPE DEBUG PROTOCOL map          "map of 3"       # what RESP3 calls the reply
//! > CALLS.TYPE GET nothing                 "null"
//! > CALLS.PASS HSET h a 1 b 2              (integer) 2      # the reply as it came
//! > CALLS.SUM h                            (integer) 3      # the reply as a HashMap<String, i64>
//! > CALLS.PASS NOSUCH
//! (error) ERR the server knows no such command
//! > ACL SETUSER guest on nopass ~* +get    OK
//! > CALLS.AS guest SET key value           # with the rights of a user of the ACL
//! (error) NOPERM that user may not run this command on these keys
//! > CALLS.AS guest GET key                 (nil)
//! > CALLS.LATER BLPOP list 0               (nil)            # a command that blocks: from Redis 7.2
//! > RPUSH list x                           (integer) 1
//! > CALLS.CAME                             # soon, from Redis 7.2
//! 1) "BLPOP: list x"
//! ```
#![forbid(unsafe_code)]

mod later;
mod types;

use std::collections::HashMap;
use std::ffi::CString;

use redis_context::{
    Arg, Args, CallFlags, CallReply, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply,
    LoadContext, Outcome, Permission, Reply,
};

redis_context::module! {
    name: "calls",
    version: 1,
    init: init,
}

static PASS: CommandInfo = CommandInfo {
    summary: Some(c"Runs a command and passes its reply on."),
    arity: -2,
    args: &[Arg::string(c"command"), Arg::string(c"arg").optional().multiple()],
    ..CommandInfo::EMPTY
};
static AS: CommandInfo = CommandInfo {
    summary: Some(c"Runs a command if a user may."),
    arity: -3,
    args: &[Arg::string(c"user"), Arg::string(c"command"), Arg::string(c"arg").optional().multiple()],
    ..CommandInfo::EMPTY
};
static SUM: CommandInfo = CommandInfo {
    summary: Some(c"Adds up the fields of a hash."),
    arity: 2,
    args: &[Arg::key(c"key", 0)],
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let any = CommandFlags::WRITE | CommandFlags::DENY_OOM | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"calls.pass").flags(any).info(&PASS), pass)?;
    load.command(Command::new(c"calls.as").flags(any).info(&AS), run_as)?;
    let read = Command::new(c"calls.sum").flags(CommandFlags::READONLY).keys(1, 1, 1);
    load.command(read.info(&SUM), sum)?;
    types::register(load, any)?;
    later::register(load, any)
}

/// Runs the command that the rest of the arguments is. The server's own strings are shared, not copied.
pub fn run<'c>(
    ctx: &'c CommandContext<'_>,
    args: &mut Args<'_>,
    flags: CallFlags,
) -> Result<CallReply<'c>, Error> {
    let name = CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let rest: Vec<_> = args.collect();
    Ok(ctx.call_strings(&name, flags | CallFlags::REPLICATE, &rest)?)
}

/// CALLS.PASS command [arg ..]: in the protocol that the client speaks.
fn pass<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let reply = run(ctx, &mut args, CallFlags::RESP_AUTO)?;
    Ok(ctx.stream(|writer| writer.call_reply(reply.as_reply()))?.into())
}

/// CALLS.AS user command [arg ..]
fn run_as<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, ErrorReply> {
    let user = args.next_arg()?;
    let command: Vec<&[u8]> = args.map(|arg| arg.as_bytes()).collect();
    if ctx.check_command(user.as_bytes(), &command)? == Permission::Denied {
        return Err(ErrorReply::new("NOPERM", "that user may not run this command on these keys"));
    }
    Ok(pass(ctx, args)?)
}

/// CALLS.SUM key
fn sum<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?.as_bytes();
    args.finish()?;
    let reply = ctx.call(c"HGETALL", CallFlags::RESP3, &[key]).map_err(Error::from)?;
    let fields: HashMap<&str, i64> = reply.get()?;
    let sum = fields.values().try_fold(0i64, |sum, value| sum.checked_add(*value));
    Ok(Reply::Int(sum.ok_or_else(|| ErrorReply::err("the sum is out of range"))?))
}
