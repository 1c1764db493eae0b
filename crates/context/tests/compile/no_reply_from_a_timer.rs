//! A timer has no client to answer.
use redis_context::TimerContext;

fn fired(ctx: &TimerContext<'_>) {
    let _ = ctx.stream(|out| out.int(1));
}

fn main() {
    let _ = fired;
}
