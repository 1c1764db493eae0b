//! `RECORD.GETCURSOR key name`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{READS, info};
use crate::records::{replies, writing};

pub static INFO: CommandInfo = info(
    c"Reads a named cursor: epoch and version, or nothing.",
    c"O(log N) with N the named cursors",
    3,
    READS,
    &[Arg::key(c"key", 0), Arg::string(c"name")],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let (key, name) = (args.next_arg()?, args.next_arg()?);
    args.finish()?;
    writing::read(ctx, key, |store| Ok(store.cursor(name.as_bytes()).map_or(Reply::Null, replies::cursor)))
}
