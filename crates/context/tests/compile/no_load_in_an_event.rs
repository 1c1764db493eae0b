//! A data set is loaded by a command, a timer or a posted job: not in the middle of an event, nor by who only reads.
use redis_context::{Context, Error, EventContext, WriteContext};

fn event(ctx: &EventContext<'_>) -> Result<(), Error> {
    ctx.load_rdb(c"dump.rdb")
}

fn reader(ctx: &Context<'_>) -> Result<(), Error> {
    ctx.save_rdb(c"dump.rdb")
}

fn writer(ctx: &WriteContext<'_>) -> Result<(), Error> {
    ctx.load_rdb(c"dump.rdb")
}

fn main() {}
