//! `RECORD.APPLY key COMMIT bytes | LOAD bytes`: what was decided elsewhere. From the primary and the AOF alone; mirrors
//! apply the same without the command.

use record_store::Store;
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, RedisStr, Reply};

use super::{UPDATES, info};
use crate::checkpoint;
use crate::records::following::follow;
use crate::records::places::PLACES;
use crate::records::value::{self, Records};
use crate::records::writing::{After, place};
use crate::records::{events, partial};

static FORMS: [Arg; 2] =
    [Arg::string(c"commit").token(c"COMMIT"), Arg::string(c"chunk").token(c"LOAD").summary(c"From the AOF.")];

pub static INFO: CommandInfo = info(
    c"Internal: what was decided on a store, from the primary, the AOF or a mirror.",
    c"O(N log M) with N the changes, M the records of a type",
    4,
    UPDATES,
    &[Arg::key(c"key", 0), Arg::one_of(c"form", &FORMS)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    if !checkpoint::is_replicated(ctx) {
        return Err(ErrorReply::new("NOPERM", "this command is internal to the mirror module"));
    }
    let key = args.next_arg()?;
    if args.take_keyword("COMMIT") {
        follow(ctx, key, args.next_arg()?.as_bytes())?.tell(ctx, key)?;
    } else if args.take_keyword("LOAD") {
        load(ctx, key, args.next_arg()?.as_bytes())?;
    } else {
        return Err(Error::Syntax.into());
    }
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

fn load(ctx: &CommandContext<'_>, name: RedisStr<'_>, chunk: &[u8]) -> Result<(), ErrorReply> {
    let of = value::handle(ctx)?;
    let mut key = ctx.open_write(name)?;
    if key.value_mut(of)?.is_none() {
        key.set_value(of, Records(Store::new()))?;
    }
    let Records(store) = key.value_mut(of)?.ok_or(Error::NoSuchKey)?;
    ctx.signal_modified(name);
    store.load_chunk(chunk).map_err(|error| ErrorReply::err(error.to_string()))?;
    let place = place(ctx, name);
    events::hear(ctx)?;
    PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(&place, After::of(store).due);
    // Elsewhere the rest is on its way.
    if checkpoint::is_from_aof(ctx) {
        partial::note(ctx, place, store.is_partial())?;
    }
    Ok(())
}
