//! `RECORD.MGET key type id ..`

use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Streamed};

use super::{READS, info};
use crate::records::{replies, terms, writing};

pub static INFO: CommandInfo = info(
    c"Reads records of one type.",
    c"O(N) with N the records asked for",
    -4,
    READS,
    &[Arg::key(c"key", 0), Arg::string(c"type"), Arg::string(c"id").multiple()],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, ErrorReply> {
    let (key, type_name) = (args.next_arg()?, args.next_arg()?);
    if args.is_empty() {
        return Err(Error::WrongArity.into());
    }
    let now = terms::now(ctx);
    writing::read(ctx, key, |store| {
        Ok(ctx.stream(|writer| {
            writer.array(args.len(), |writer| {
                args.try_for_each(|id| match store.get(type_name.as_bytes(), id.as_bytes(), now) {
                    Some(record) => replies::change(writer, record),
                    None => writer.null(),
                })
            })
        })?)
    })
}
