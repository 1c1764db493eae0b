//! A reply lives no longer than the context of its call.
use redis_context::{CallError, CallFlags, CallReply, WriteContext};

fn keep(ctx: &WriteContext<'_>) -> Result<CallReply<'static>, CallError> {
    ctx.call(c"PING", CallFlags::empty(), &[])
}

fn main() {
    let _ = keep;
}
