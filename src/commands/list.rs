//! `MIRROR.LIST`

use redis_context::{Args, CommandContext, CommandInfo, ErrorReply, Reply};

use crate::registry::REGISTRY;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"The names of all mirrors, in the order of their creation."),
    complexity: Some(c"O(N) with N the number of mirrors"),
    since: Some(c"0.1.0"),
    arity: 1,
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, ErrorReply> {
    args.finish()?;
    let registry = REGISTRY.try_borrow(ctx)?;
    Ok(Reply::array(registry.mirrors.iter().map(|mirror| Reply::bulk(&mirror.stored.definition.name))))
}
