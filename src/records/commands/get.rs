//! `RECORD.GET key type id`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Streamed};

use super::{READS, info};
use crate::records::{replies, terms, writing};

pub static INFO: CommandInfo = info(
    c"Reads a record.",
    c"O(1)",
    4,
    READS,
    &[Arg::key(c"key", 0), Arg::string(c"type"), Arg::string(c"id")],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, ErrorReply> {
    let (key, type_name, id) = (args.next_arg()?, args.next_arg()?, args.next_arg()?);
    args.finish()?;
    writing::read(ctx, key, |store| {
        let record = store.get(type_name.as_bytes(), id.as_bytes(), terms::now(ctx));
        Ok(ctx.stream(|writer| match record {
            Some(record) => replies::change(writer, record),
            None => writer.null(),
        })?)
    })
}
