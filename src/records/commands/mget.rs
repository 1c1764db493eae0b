//! `RECORD.MGET key type id ..`

use std::sync::Arc;

use record_store::{Change, LimitError};
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Streamed};

use super::{READS, info, pages};
use crate::records::{configs, replies, terms, writing};

const ADVICE: &str = "ask for fewer ids at once";

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
    pages::count_of_all(Some(args.len()), ADVICE)?;
    let now = terms::now(ctx);
    writing::read(ctx, key, |store| {
        let found: Vec<_> = args.map(|id| store.get(type_name.as_bytes(), id.as_bytes(), now)).collect();
        check_size(&found)?;
        Ok(ctx.stream(|writer| {
            writer.array(found.len(), |writer| {
                found.iter().try_for_each(|record| match record {
                    Some(record) => replies::change(writer, record),
                    None => writer.null(),
                })
            })
        })?)
    })
}

/// A record alone may be of any size.
fn check_size(found: &[Option<&Arc<Change>>]) -> Result<(), ErrorReply> {
    let (bytes, max) =
        (found.iter().flatten().map(|record| record.cost()).sum::<usize>(), configs::page_bytes());
    if bytes > max && found.iter().flatten().count() > 1 {
        let error = LimitError { what: "bytes of records in one answer", min: 0, max: max as u64 };
        return Err(pages::too_large(error, ADVICE));
    }
    Ok(())
}
