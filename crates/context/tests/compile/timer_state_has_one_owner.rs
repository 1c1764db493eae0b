//! A timer that was stopped gave its state back; it can't be stopped again.
use redis_context::{Context, Timer};

fn stop(ctx: &Context<'_>, timer: Timer<String>) {
    let _ = timer.stop(ctx);
    let _ = timer.stop(ctx);
}

fn main() {
    let _ = stop;
}
