//! `MIRROR.WAIT name timeout-ms [OFFSET n]`

use std::time::Duration;

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Outcome, Reply};

use super::find;
use crate::link::Request;
use crate::registry::REGISTRY;
use crate::waiters::{self, WAITERS_MAX};

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(
        c"Waits until all that the source had written when asked (or up to an offset) is applied here.",
    ),
    complexity: Some(c"O(1)"),
    since: Some(c"0.1.0"),
    arity: -3,
    args: &[
        Arg::string(c"name"),
        Arg::integer(c"timeout").summary(c"In milliseconds; 0 waits for ever."),
        Arg::integer(c"offset").token(c"OFFSET").optional(),
    ],
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Outcome, ErrorReply> {
    let name = args.next_arg()?.as_bytes().to_vec();
    let timeout = Duration::from_millis(args.next_u64()?);
    let offset = match args.take_option("OFFSET")? {
        None => None,
        Some(text) => {
            Some(text.to_str().ok().and_then(|text| text.parse::<u64>().ok()).ok_or_else(not_an_offset)?)
        }
    };
    args.finish()?;
    {
        let mut registry = REGISTRY.try_borrow_mut(ctx)?;
        let mirror = find(&mut registry, &name)?;
        if mirror.link.is_none() {
            return Err(ErrorReply::err("the mirror has no link now: see MIRROR.STATUS"));
        }
        if mirror.waiters.is_full() {
            return Err(ErrorReply::err(format!("{WAITERS_MAX} clients wait for this mirror already")));
        }
        if let (Some(offset), Some(applied), true) = (offset, mirror.applied(), mirror.is_consistent())
            && offset <= applied
        {
            return Ok(number(applied).into());
        }
    }
    let (blocked, client) = ctx
        .block::<waiters::Outcome>()
        .timeout(timeout)
        .on_reply(|_, outcome| outcome.map(number).map_err(ErrorReply::err))
        .on_timeout(|_| Ok(Reply::Null))
        .start()?;
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    let mirror = find(&mut registry, &name)?;
    let waiter = mirror.waiters.add(offset, client);
    if let (None, Some(link)) = (offset, &mirror.link) {
        link.shared.request(Request::SourceOffset { waiter });
    }
    Ok(blocked.into())
}

fn number(offset: u64) -> Reply {
    Reply::Int(i64::try_from(offset).unwrap_or(i64::MAX))
}

fn not_an_offset() -> ErrorReply {
    ErrorReply::err("the offset is not a number")
}
