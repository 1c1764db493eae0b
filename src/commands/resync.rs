//! `MIRROR.RESYNC name`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::find;
use crate::checkpoint;
use crate::registry::REGISTRY;
use crate::rights;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"Begins a mirror again with a full resync, laid over the keys it has."),
    complexity: Some(c"O(1); the resync runs in slices"),
    since: Some(c"0.1.0"),
    arity: 2,
    args: &[Arg::string(c"name")],
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, ErrorReply> {
    let name = args.next_arg()?;
    rights::refuse_for(ctx, name.as_bytes())?;
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    let mirror = find(&mut registry, name.as_bytes())?;
    mirror.forget_position();
    mirror.failure = None;
    mirror.restart_at = None;
    checkpoint::replicate(ctx, &mirror.stored);
    let link = mirror.stop_link("the mirror is being resynced");
    registry.ending.extend(link);
    registry.wake();
    Ok(Reply::OK)
}
