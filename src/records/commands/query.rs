//! `RECORD.QUERY key type [FILTER expr] [MATCH substr] [OFFSET o] [LIMIT l]`

use record_store::query::Query;
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Streamed};

use super::numbers::{self, once};
use super::{READS, info, pages};
use crate::records::writing::read;
use crate::records::{configs, replies, terms};

const ADVICE: &str = "take fewer at once (LIMIT) and go on behind them (OFFSET)";

pub static INFO: CommandInfo = info(
    c"Reads the records of a type that match, those that were changed longest ago first.",
    c"O(N) with N the records of the type, or the ids that the filter names",
    -3,
    READS,
    &[
        Arg::key(c"key", 0),
        Arg::string(c"type"),
        Arg::string(c"filter").token(c"FILTER").optional(),
        Arg::string(c"substring").token(c"MATCH").optional().summary(c"Of the id or the data."),
        Arg::integer(c"offset").token(c"OFFSET").optional(),
        Arg::integer(c"limit").token(c"LIMIT").optional().summary(c"1000 by default."),
    ],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, ErrorReply> {
    let (key, type_name) = (args.next_arg()?, args.next_arg()?);
    let (mut filter, mut contains, mut offset, mut limit) = (None, None, None, None);
    while !args.is_empty() {
        if args.take_keyword("FILTER") {
            once(&mut filter, numbers::filter(&mut args)?)?;
        } else if args.take_keyword("MATCH") {
            once(&mut contains, args.next_arg()?.as_bytes())?;
        } else if args.take_keyword("OFFSET") {
            once(&mut offset, numbers::count(&mut args)?)?;
        } else if args.take_keyword("LIMIT") {
            once(&mut limit, numbers::count(&mut args)?)?;
        } else {
            return Err(Error::Syntax.into());
        }
    }
    let query = Query {
        type_name: type_name.as_bytes(),
        filter: filter.as_ref(),
        contains,
        offset: offset.unwrap_or(0),
        limit: pages::count_of_all(limit, ADVICE)?,
        bytes_max: configs::page_bytes(),
    };
    read(ctx, key, |store| {
        let records =
            store.query(&query, terms::now(ctx)).map_err(|error| pages::too_large(error, ADVICE))?;
        Ok(ctx.stream(|writer| replies::changes(writer, &records))?)
    })
}
