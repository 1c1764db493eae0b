//! What a reply converts into without a copy lives no longer than the reply.
use redis_context::{CallFlags, ErrorReply, Error, WriteContext};

fn keep<'a>(ctx: &'a WriteContext<'_>) -> Result<&'a str, ErrorReply> {
    let reply = ctx.call(c"PING", CallFlags::empty(), &[]).map_err(Error::from)?;
    reply.get::<&str>()
}

fn main() {
    let _ = keep;
}
