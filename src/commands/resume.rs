//! `MIRROR.RESUME name [AUTH user password | AUTH FILE path | AUTH ENV name]`

use mirror_engine::definition::{parse_login, secret_args};
use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::create::{self, AUTH};
use super::find;
use crate::checkpoint;
use crate::registry::REGISTRY;
use crate::rights;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"Opens a mirror's link again, from where it was if the source still can."),
    complexity: Some(c"O(1)"),
    since: Some(c"0.1.0"),
    arity: -2,
    args: &[Arg::string(c"name"), AUTH],
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, ErrorReply> {
    let first = args.position();
    let words: Vec<Vec<u8>> = args.map(|arg| arg.as_bytes().to_vec()).collect();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    for secret in secret_args(&words) {
        ctx.redact(first + secret);
    }
    let [name, options @ ..] = words.as_slice() else { return Err(redis_context::Error::WrongArity.into()) };
    if options.first().is_some_and(|word| !word.eq_ignore_ascii_case(b"AUTH")) {
        // A password may stand where none is looked for.
        (1..words.len()).for_each(|at| ctx.redact(first + at));
    }
    rights::refuse_for(ctx, name)?;
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    let mirror = find(&mut registry, name)?;
    if !options.is_empty() {
        let parsed = parse_login(&mirror.stored.definition, options)
            .map_err(|error| ErrorReply::err(error.to_string()))?;
        create::refuse_source(&parsed.definition)?;
        mirror.stored.definition = parsed.definition;
        mirror.password = parsed.password;
    }
    mirror.stored.definition.paused = false;
    mirror.failure = None;
    mirror.restart_at = None;
    // One that follows the stream is left alone; others begin anew, at once.
    let follows = mirror.link.as_ref().is_some_and(|link| link.shared.state().is_following());
    let ended = if follows && options.is_empty() { None } else { mirror.stop_link("the mirror was resumed") };
    checkpoint::replicate_definition(ctx, &mirror.stored.definition);
    registry.ending.extend(ended);
    registry.wake();
    Ok(Reply::OK)
}
