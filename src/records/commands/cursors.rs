//! `RECORD.CURSORS key`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{READS, info};
use crate::records::{replies, writing};

pub static INFO: CommandInfo = info(
    c"Reads all named cursors, each with epoch and version.",
    c"O(N) with N the named cursors",
    2,
    READS,
    &[Arg::key(c"key", 0)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?;
    args.finish()?;
    writing::read(ctx, key, |store| {
        let all = store.cursors().map(|(name, cursor)| (Reply::bulk(name), replies::cursor(cursor)));
        Ok(Reply::Map(all.collect()))
    })
}
