//! The bytes of a reply live no longer than the reply.
use redis_context::{CallError, CallFlags, WriteContext};

fn keep<'a>(ctx: &'a WriteContext<'_>) -> Result<Option<&'a [u8]>, CallError> {
    let reply = ctx.call(c"PING", CallFlags::empty(), &[])?;
    Ok(reply.as_reply().as_bytes())
}

fn main() {
    let _ = keep;
}
