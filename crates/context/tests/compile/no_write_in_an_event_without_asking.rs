//! An event or a timer writes only after it asked whether it may.
use redis_context::{EventContext, RedisString, TimerContext};

fn event(ctx: &EventContext<'_>, name: &RedisString) {
    let _ = ctx.open_write(name);
}

fn timer(ctx: &TimerContext<'_>) {
    let _ = ctx.replicate(c"PING", redis_context::ReplicateFlags::empty(), &[]);
}

fn main() {
    let _ = (event, timer);
}
