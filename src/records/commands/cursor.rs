//! `RECORD.CURSOR key name SET epoch version | GET | DEL`, `RECORD.CURSOR key LIST`

use record_store::Cursor;
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Reply};

use super::{UPDATES, info, numbers};
use crate::records::replies::int;
use crate::records::writing::{Missing, read, write};

static SET: [Arg; 2] = [Arg::string(c"epoch").token(c"SET"), Arg::integer(c"version")];
static ACTIONS: [Arg; 3] =
    [Arg::block(c"set", &SET), Arg::word(c"get", c"GET"), Arg::word(c"delete", c"DEL")];
static NAMED: [Arg; 2] = [Arg::string(c"name"), Arg::one_of(c"action", &ACTIONS)];
static FORMS: [Arg; 2] = [Arg::block(c"named", &NAMED), Arg::word(c"list", c"LIST")];

pub static INFO: CommandInfo = info(
    c"Keeps, reads and deletes named cursors: a reader's own note of where it is.",
    c"O(log N) with N the named cursors; O(N) for LIST",
    -3,
    UPDATES,
    &[Arg::key(c"key", 0), Arg::one_of(c"form", &FORMS)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?;
    if args.len() == 1 && args.take_keyword("LIST") {
        return read(ctx, key, |store| {
            let all = store.cursors().map(|(name, cursor)| (Reply::bulk(name), reply(cursor)));
            Ok(Reply::Map(all.collect()))
        });
    }
    let name = args.next_arg()?.as_bytes();
    if args.take_keyword("SET") {
        let cursor = numbers::cursor(&mut args)?;
        args.finish()?;
        write(ctx, key, Missing::Create, |store, write| {
            store.set_cursor(write, name, cursor).map(|commit| ((), commit))
        })?;
        Ok(Reply::OK)
    } else if args.take_keyword("GET") {
        args.finish()?;
        read(ctx, key, |store| Ok(store.cursor(name).map_or(Reply::Null, reply)))
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

fn reply(cursor: Cursor) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.history()), Reply::Int(int(cursor.version))])
}
