//! A keyspace event must not change the keyspace.
use redis_context::{CallFlags, NotificationContext};

fn heard(ctx: &NotificationContext<'_>) {
    let _ = ctx.call(c"SET", CallFlags::empty(), &[b"k", b"v"]);
}

fn main() {
    let _ = heard;
}
