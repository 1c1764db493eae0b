//! `RECORD.TRIM key VERSION v | BEFORE ms | KEEP n`

use record_store::upkeep::Trim;
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Reply};

use super::{REMOVES, info};
use crate::records::replies::int;
use crate::records::writing::{Missing, write};

static BOUNDS: [Arg; 3] = [
    Arg::integer(c"version").token(c"VERSION").summary(c"Up to this version."),
    Arg::integer(c"milliseconds").token(c"BEFORE").summary(c"Older than this Unix time in milliseconds."),
    Arg::integer(c"count").token(c"KEEP").summary(c"All but so many."),
];

pub static INFO: CommandInfo = info(
    c"Forgets changes, the oldest first: cursors before them get RECCOMPACTED. Records stay.",
    c"O(N) with N the changes forgotten",
    4,
    REMOVES,
    &[Arg::key(c"key", 0), Arg::one_of(c"bound", &BOUNDS)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let key = args.next_arg()?;
    let trim = if args.take_keyword("VERSION") {
        Trim::Version(args.next_u64()?)
    } else if args.take_keyword("BEFORE") {
        Trim::Before(args.next_u64()?)
    } else if args.take_keyword("KEEP") {
        Trim::Keep(args.next_u64()?)
    } else {
        return Err(Error::Syntax.into());
    };
    args.finish()?;
    let count = write(ctx, key, Missing::Leave, |store, write| store.trim(write, trim))?;
    Ok(Reply::Int(int(count.unwrap_or(0))))
}
