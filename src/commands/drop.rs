//! `MIRROR.DROP name [PURGE]`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Outcome, Reply};

use super::find;
use crate::apply::job::{Job, Purge};
use crate::checkpoint;
use crate::registry::REGISTRY;
use crate::rights;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"Ends a mirror. Its keys stay, unless PURGE says to delete exactly those."),
    complexity: Some(c"O(1), with PURGE O(N) with N the keys of the dbs in its scope, in slices"),
    since: Some(c"0.1.0"),
    arity: -2,
    args: &[Arg::string(c"name"), Arg::word(c"purge", c"PURGE").optional()],
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Outcome, ErrorReply> {
    let name = args.next_arg()?.as_bytes().to_vec();
    let is_purge = args.take_keyword("PURGE");
    args.finish()?;
    rights::refuse_for(ctx, &name)?;
    if is_purge {
        return purge(ctx, name);
    }
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    if find(&mut registry, &name)?.is_dropping {
        return Err(being_purged());
    }
    registry.remove(&name);
    checkpoint::replicate_drop(ctx, &name);
    Ok(Reply::OK.into())
}

fn purge(ctx: &CommandContext<'_>, name: Vec<u8>) -> Result<Outcome, ErrorReply> {
    let scope = {
        let mut registry = REGISTRY.try_borrow_mut(ctx)?;
        let mirror = find(&mut registry, &name)?;
        if mirror.is_dropping {
            return Err(being_purged());
        }
        std::sync::Arc::clone(&mirror.scope)
    };
    let (blocked, client) = ctx
        .block::<Result<u64, ErrorReply>>()
        .on_reply(|_, outcome| outcome.map(|deleted| Reply::Int(i64::try_from(deleted).unwrap_or(i64::MAX))))
        .start()?;
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    let mirror = find(&mut registry, &name)?;
    mirror.is_dropping = true;
    // A crash half-way leaves a mirror whose keys are partly gone: it must not go on from where it was.
    mirror.forget_position();
    checkpoint::replicate(ctx, &mirror.stored);
    let link = mirror.stop_link("the mirror is being dropped");
    registry.ending.extend(link);
    registry.add_job(Job::Purge(Purge::new(ctx, name, &scope, client)));
    Ok(blocked.into())
}

fn being_purged() -> ErrorReply {
    ErrorReply::err("the mirror is being purged already")
}
