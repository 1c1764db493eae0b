//! `RECORD.GETLEASE key name`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{READS, info};
use crate::records::replies::int;
use crate::records::{terms, writing};

pub static INFO: CommandInfo = info(
    c"Reads who holds a lease: holder, token and milliseconds left, or nothing.",
    c"O(log N) with N the leases of the store",
    3,
    READS,
    &[Arg::key(c"key", 0), Arg::string(c"name")],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let (key, name) = (args.next_arg()?, args.next_arg()?);
    args.finish()?;
    let now = terms::now(ctx);
    writing::read(ctx, key, |store| {
        let Some(lease) = store.lease(name.as_bytes(), now) else { return Ok(Reply::Null) };
        let left_ms = lease.expires_at.saturating_sub(now);
        Ok(Reply::Array(vec![
            Reply::bulk(&lease.holder),
            Reply::Int(int(lease.token)),
            Reply::Int(int(left_ms)),
        ]))
    })
}
