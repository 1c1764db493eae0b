//! A module for tests: users, clients and authentication in odd ways. OA.JOURNAL tells what has happened.
#![forbid(unsafe_code)]

mod auth;
mod clients;
mod users;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, Error, LoadContext, MainCell, Reply,
};

redis_context::module! {
    name: "odd_auth",
    version: 1,
    init: init,
}

static JOURNAL: MainCell<Vec<String>> = MainCell::new(Vec::new());

/// What all commands here are: runnable by anybody at any time.
pub(crate) const ANY: CommandFlags = CommandFlags::READONLY
    .union(CommandFlags::NO_AUTH)
    .union(CommandFlags::ALLOW_LOADING)
    .union(CommandFlags::ALLOW_STALE)
    .union(CommandFlags::ALLOW_BUSY);

pub(crate) fn note(ctx: &Context<'_>, line: impl Into<String>) {
    JOURNAL.borrow_mut(ctx).push(line.into());
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    auth::register(load)?;
    clients::register(load)?;
    users::register(load)?;
    load.command(Command::new(c"oa.journal").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::array(JOURNAL.take(ctx)?))
    })
}
