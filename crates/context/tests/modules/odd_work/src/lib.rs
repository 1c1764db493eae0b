//! A module for tests: threads, the lock, yields and forks in odd ways. OW.JOURNAL tells what has happened.
#![forbid(unsafe_code)]

mod fork;
mod late;
mod lock;
mod yielding;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, Error, LoadContext, MainCell, Reply,
};

redis_context::module! {
    name: "odd_work",
    version: 1,
    init: init,
}

static JOURNAL: MainCell<Vec<String>> = MainCell::new(Vec::new());

/// What all commands here are: runnable at any time.
pub(crate) const ANY: CommandFlags =
    CommandFlags::READONLY.union(CommandFlags::ALLOW_LOADING).union(CommandFlags::ALLOW_BUSY);

pub(crate) fn note(ctx: &Context<'_>, line: impl Into<String>) {
    JOURNAL.borrow_mut(ctx).push(line.into());
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    fork::register(load)?;
    late::register(load)?;
    lock::register(load)?;
    yielding::register(load)?;
    load.command(Command::new(c"ow.journal").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::array(JOURNAL.borrow(ctx).clone()))
    })
}
