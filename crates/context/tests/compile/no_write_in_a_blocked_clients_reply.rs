//! The reply of a client that was blocked is no place to write.
use redis_context::{CallFlags, CommandContext, Reply};

fn block(ctx: &CommandContext<'_>) {
    let _ = ctx.block::<u32>().on_reply(|ctx, _| {
        let _ = ctx.call(c"INCR", CallFlags::REPLICATE, &[b"k"]);
        Ok(Reply::Null)
    });
}

fn main() {
    let _ = block;
}
