//! What a forked child writes nobody sees.
use redis_context::{CallFlags, CommandContext};

fn fork(ctx: &CommandContext<'_>) {
    let _ = ctx.fork(
        |child| {
            let _ = child.call(c"PING", CallFlags::empty(), &[]);
            0
        },
        |_, _| (),
    );
}

fn main() {
    let _ = fork;
}
