//! `RECORD.CURSOR key name SET epoch version | DEL`

use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, RedisStr, Reply};

use super::{CHANGES, info, numbers};
use crate::records::memory;
use crate::records::writing::{Missing, write};

static SET: [Arg; 2] = [Arg::string(c"epoch").token(c"SET"), Arg::integer(c"version")];
static ACTIONS: [Arg; 2] = [Arg::block(c"set", &SET), Arg::word(c"delete", c"DEL")];

pub static INFO: CommandInfo = info(
    c"Keeps and deletes named cursors: a reader's own note of where it is.",
    c"O(log N) with N the named cursors",
    -4,
    CHANGES,
    &[Arg::key(c"key", 0), Arg::string(c"name"), Arg::one_of(c"action", &ACTIONS)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let (key, name) = (args.next_arg()?, args.next_arg()?.as_bytes());
    if args.take_keyword("SET") {
        set(ctx, key, name, args)
    } else if args.take_keyword("DEL") {
        args.finish()?;
        let deleted = write(ctx, key, Missing::Leave, |store, write| {
            store.delete_cursor(write, name).map(|commit| (!commit.is_empty(), commit))
        })?;
        Ok(Reply::Int(i64::from(deleted.unwrap_or(false))))
    } else {
        Err(Error::Syntax.into())
    }
}

fn set(
    ctx: &CommandContext<'_>,
    key: RedisStr<'_>,
    name: &[u8],
    mut args: Args<'_>,
) -> Result<Reply, ErrorReply> {
    let cursor = numbers::cursor(&mut args)?;
    args.finish()?;
    memory::refuse_new(ctx, key, |store| store.cursor(name).is_some())?;
    write(ctx, key, Missing::Create, |store, write| {
        store.set_cursor(write, name, cursor).map(|commit| ((), commit))
    })?;
    Ok(Reply::OK)
}
