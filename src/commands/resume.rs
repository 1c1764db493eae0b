//! `MIRROR.RESUME name [AUTH user password]`

use mirror_engine::definition::CredentialSource;
use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};
use zeroize::Zeroizing;

use super::find;
use crate::checkpoint;
use crate::registry::REGISTRY;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"Opens a mirror's link again, from where it was if the source still can."),
    complexity: Some(c"O(1)"),
    since: Some(c"0.1.0"),
    arity: -2,
    args: &[
        Arg::string(c"name"),
        Arg::block(c"auth", &[Arg::string(c"user"), Arg::string(c"password")])
            .token(c"AUTH")
            .optional()
            .summary(c"For a mirror that needs credentials after a restart."),
    ],
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, ErrorReply> {
    let name = args.next_arg()?;
    let mut credentials = None;
    if args.take_keyword("AUTH") {
        let (user_at, user) = (args.position(), args.next_arg()?);
        ctx.redact(user_at);
        let (password_at, password) = (args.position(), args.next_arg()?);
        ctx.redact(password_at);
        credentials = Some((user.as_bytes().to_vec(), Zeroizing::new(password.as_bytes().to_vec())));
    }
    args.finish()?;
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    let mirror = find(&mut registry, name.as_bytes())?;
    if let Some((user, password)) = credentials {
        mirror.stored.definition.source.user = Some(user);
        mirror.stored.definition.credentials = CredentialSource::Inline;
        mirror.password = Some(password);
    }
    mirror.stored.definition.paused = false;
    mirror.failure = None;
    mirror.restart_at = None;
    let ended = mirror.link.take_if(|link| link.has_ended());
    checkpoint::replicate_definition(ctx, &mirror.stored.definition);
    registry.ending.extend(ended);
    registry.wake();
    Ok(Reply::OK)
}
