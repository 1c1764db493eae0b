//! `RECORD.VERSIONS key`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{READS, info};
use crate::records::replies::{self, int};
use crate::records::writing::read;

pub static INFO: CommandInfo =
    info(c"Reads where the history of a store stands.", c"O(1)", 2, READS, &[Arg::key(c"key", 0)]);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?;
    args.finish()?;
    read(ctx, key, |store| {
        let versions = store.versions();
        Ok(Reply::map([
            ("epoch", Reply::bulk(replies::epoch(versions.epoch))),
            ("version", Reply::Int(int(versions.version))),
            ("compact_version", Reply::Int(int(versions.compact_version))),
            ("earliest_change", versions.earliest_change.map(int).into()),
        ]))
    })
}
