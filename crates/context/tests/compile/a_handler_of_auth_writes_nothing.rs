//! An AUTH is also handled in the middle of a busy script and of a load.
use redis_context::{AuthContext, CallFlags};

fn handle(ctx: &AuthContext<'_>) {
    let _ = ctx.call(c"PING", CallFlags::empty(), &[]);
}

fn main() {
    let _ = handle;
}
