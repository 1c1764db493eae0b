//! A command could end the connection that the message is being read from.
use redis_context::{CallFlags, ClusterMessageContext};

fn heard(ctx: &ClusterMessageContext<'_>) {
    let _ = ctx.call(c"CLUSTER", CallFlags::empty(), &[b"RESET"]);
}

fn main() {
    let _ = heard;
}
