//! `RECORD.CLEAR key`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{REMOVES, info};
use crate::records::writing::{Missing, write};

pub static INFO: CommandInfo = info(
    c"Deletes all records and changes; options, leases, named cursors and the count of versions stay.",
    c"O(N) with N the records and changes",
    2,
    REMOVES,
    &[Arg::key(c"key", 0)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?;
    args.finish()?;
    write(ctx, key, Missing::Leave, |store, write| store.clear(write).map(|commit| ((), commit)))?;
    Ok(Reply::OK)
}
