//! `RECORD.VERSIONS key`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Streamed};

use super::{READS, info};
use crate::records::replies::{self, int};
use crate::records::writing::read;

pub static INFO: CommandInfo =
    info(c"Reads where the history of a store stands.", c"O(1)", 2, READS, &[Arg::key(c"key", 0)]);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, ErrorReply> {
    let key = args.next_arg()?;
    args.finish()?;
    let versions = read(ctx, key, |store| Ok(store.versions()))?;
    Ok(ctx.stream(|writer| {
        writer.map(4, |writer| {
            writer.bulk("epoch")?;
            replies::epoch(writer, versions.epoch)?;
            writer.bulk("version")?;
            writer.int(int(versions.version))?;
            writer.bulk("compact_version")?;
            writer.int(int(versions.compact_version))?;
            writer.bulk("earliest_change")?;
            match versions.earliest_change {
                Some(version) => writer.int(int(version)),
                None => writer.null(),
            }
        })
    })?)
}
