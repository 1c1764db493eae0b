//! `MIRROR.PAUSE name`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::find;
use crate::checkpoint;
use crate::registry::REGISTRY;
use crate::rights;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"Closes a mirror's link. Its keys stay as they are until MIRROR.RESUME."),
    complexity: Some(c"O(1)"),
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
    mirror.stored.definition.paused = true;
    checkpoint::replicate_definition(ctx, &mirror.stored.definition);
    checkpoint::replicate(ctx, &mirror.stored);
    let link = mirror.stop_link("the mirror was paused");
    registry.ending.extend(link);
    Ok(Reply::OK)
}
