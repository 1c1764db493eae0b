//! `RECORD.APPLY key COMMIT bytes | LOAD bytes`: what was decided elsewhere. From the primary, the AOF and this server's
//! own mirrors alone.

use record_store::{Commit, Store};
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, RedisStr, Reply};

use super::{UPDATES, info};
use crate::apply;
use crate::checkpoint;
use crate::records::places::PLACES;
use crate::records::telling;
use crate::records::value::{self, Records};
use crate::records::writing::{After, place};

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
    let is_mirrored = apply::is_ours(ctx);
    if !is_mirrored && !checkpoint::is_replicated(ctx) {
        return Err(ErrorReply::new("NOPERM", "this command is internal to the mirror module"));
    }
    let key = args.next_arg()?;
    if args.take_keyword("COMMIT") {
        commit(ctx, key, args.next_arg()?.as_bytes())?;
    } else if args.take_keyword("LOAD") && !is_mirrored {
        load(ctx, key, args.next_arg()?.as_bytes())?;
    } else {
        return Err(Error::Syntax.into());
    }
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

fn commit(ctx: &CommandContext<'_>, name: RedisStr<'_>, bytes: &[u8]) -> Result<(), ErrorReply> {
    let of = value::handle(ctx)?;
    let mut key = ctx.open_write(name)?;
    let is_new = key.value_mut(of)?.is_none();
    let mut fresh = Store::new();
    let store = match key.value_mut(of)? {
        Some(Records(store)) => store,
        None => &mut fresh,
    };
    let commit = Commit::decode(bytes, store).map_err(|error| ErrorReply::err(error.to_string()))?;
    store.apply(&commit).map_err(|error| ErrorReply::err(error.to_string()))?;
    let after = After::of(store);
    if is_new {
        key.set_value(of, Records(fresh))?;
    }
    drop(key);
    telling::tell_here(ctx, name, &commit, after)
}

fn load(ctx: &CommandContext<'_>, name: RedisStr<'_>, chunk: &[u8]) -> Result<(), ErrorReply> {
    let of = value::handle(ctx)?;
    let mut key = ctx.open_write(name)?;
    if key.value_mut(of)?.is_none() {
        key.set_value(of, Records(Store::new()))?;
    }
    let Records(store) = key.value_mut(of)?.ok_or(Error::NoSuchKey)?;
    store.load_chunk(chunk).map_err(|error| ErrorReply::err(error.to_string()))?;
    PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(&place(ctx, name), After::of(store).due);
    Ok(())
}
