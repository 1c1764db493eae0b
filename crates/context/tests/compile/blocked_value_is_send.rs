//! What a blocked client waits for may come from any thread.
use std::rc::Rc;

use redis_context::CommandContext;

fn block(ctx: &CommandContext<'_>) {
    let _ = ctx.block::<Rc<u32>>();
}

fn main() {
    let _ = block;
}
