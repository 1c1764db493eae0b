//! A forked child has no client to answer and no data to change: it can't be given the context of the command.
use redis_context::{CallFlags, CommandContext, Error, ForkedChild};

fn fork(ctx: &CommandContext<'_>) -> Result<ForkedChild, Error> {
    ctx.fork(
        |_| {
            let _ = ctx.call(c"PING", CallFlags::empty(), &[]);
            0
        },
        |_, _| (),
    )
}

fn main() {
    let _ = fork;
}
