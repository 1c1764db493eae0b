//! `RECORD.SYNCLATEST key [TYPE t]* [FILTER expr] [COUNT n] [MAXBYTES n] [CURSOR c]`

use record_store::list::{ListCursor, ListQuery};
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Streamed};

use super::numbers::{self, once};
use super::{READS, info, pages};
use crate::records::writing::{read, refusal};
use crate::records::{replies, terms};

pub static INFO: CommandInfo = info(
    c"Reads the state at one version in pages; RECORD.SYNC from that version goes on from there.",
    c"O(T + N log T) with N the records looked at and T the types",
    -2,
    READS,
    &[
        Arg::key(c"key", 0),
        Arg::string(c"type").token(c"TYPE").optional().multiple_token(),
        Arg::string(c"filter").token(c"FILTER").optional(),
        Arg::integer(c"count").token(c"COUNT").optional().summary(c"1000 by default."),
        Arg::integer(c"bytes").token(c"MAXBYTES").optional(),
        Arg::string(c"cursor").token(c"CURSOR").optional().summary(c"Of the page before."),
    ],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, ErrorReply> {
    let key = args.next_arg()?;
    let mut types: Vec<&[u8]> = Vec::new();
    let (mut filter, mut count, mut bytes, mut from) = (None, None, None, None);
    while !args.is_empty() {
        if let Some(name) = args.take_option("TYPE")? {
            numbers::add_type(&mut types, name.as_bytes())?;
        } else if args.take_keyword("FILTER") {
            once(&mut filter, numbers::filter(&mut args)?)?;
        } else if args.take_keyword("COUNT") {
            once(&mut count, numbers::count(&mut args)?)?;
        } else if args.take_keyword("MAXBYTES") {
            once(&mut bytes, numbers::count(&mut args)?)?;
        } else if args.take_keyword("CURSOR") {
            once(&mut from, list_cursor(&mut args)?)?;
        } else {
            return Err(Error::Syntax.into());
        }
    }
    let query = ListQuery {
        from: from.flatten(),
        types: &types,
        filter: filter.as_ref(),
        count_max: pages::count(count),
        bytes_max: pages::bytes(bytes),
    };
    let view = terms::view(ctx, key);
    read(ctx, key, |store| {
        let page = store.list(&query, view).map_err(|error| refusal(&error))?;
        Ok(ctx.stream(|writer| replies::list(writer, &page))?)
    })
}

/// `0` begins.
fn list_cursor(args: &mut Args<'_>) -> Result<Option<ListCursor>, ErrorReply> {
    let text = args.next_str()?;
    if text == "0" {
        return Ok(None);
    }
    let cursor = text.parse();
    cursor.map(Some).map_err(|_| ErrorReply::err("the cursor is none that RECORD.SYNCLATEST has given"))
}
