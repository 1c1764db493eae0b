//! Replies as types of Rust: HW.CONVERT.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Error, ErrorReply, FromReply, LoadContext,
    RedisString, Reply, ReplyRef,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"hw.convert").flags(CommandFlags::WRITE), convert)
}

/// HW.CONVERT type RESP2|RESP3 command ..: the value as Rust shows it.
fn convert<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let kind = args.next_str()?;
    let flags = if args.next_str()? == "RESP3" { CallFlags::RESP3 } else { CallFlags::empty() };
    let name = std::ffi::CString::new(args.next_arg()?.as_bytes()).map_err(|_| Error::Syntax)?;
    let rest: Vec<_> = args.collect();
    let reply = ctx.call_strings(&name, flags, &rest).map_err(Error::from)?;
    let reply = reply.as_reply();
    let shown = match kind {
        "i64" => show::<i64>(reply),
        "u64" => show::<u64>(reply),
        "f64" => show::<f64>(reply),
        "bool" => show::<bool>(reply),
        "bytes" => show::<&[u8]>(reply),
        "text" => show::<&str>(reply),
        "owned" => show::<String>(reply),
        "string" => show::<RedisString>(reply),
        "option" => show::<Option<Vec<u8>>>(reply),
        "list" => show::<Vec<String>>(reply),
        "lists" => show::<Vec<(String, Vec<Option<i64>>)>>(reply),
        "set" => show::<HashSet<String>>(reply).and(show::<BTreeSet<String>>(reply)),
        "map" => show::<HashMap<String, f64>>(reply).and(show::<BTreeMap<String, f64>>(reply)),
        "reply" => show::<Reply>(reply),
        "unit" => show::<()>(reply),
        _ => return Err(Error::Syntax.into()),
    };
    shown.map(Reply::from)
}

fn show<'r, T: FromReply<'r> + Debug>(reply: ReplyRef<'r>) -> Result<String, ErrorReply> {
    reply.get::<T>().map(|value| format!("{value:?}"))
}
