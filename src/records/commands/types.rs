//! `RECORD.TYPES key`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{READS, info};
use crate::records::writing::read;

pub static INFO: CommandInfo = info(
    c"Names the types that have records, with how many.",
    c"O(N) with N the types",
    2,
    READS,
    &[Arg::key(c"key", 0)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?;
    args.finish()?;
    read(ctx, key, |store| {
        let types = store.types().map(|(name, count)| (Reply::bulk(name), Reply::Int(count as i64)));
        Ok(Reply::Map(types.collect()))
    })
}
