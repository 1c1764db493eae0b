//! A timer fires after the function that started it has returned.
use std::time::Duration;

use redis_context::{Context, Timer};

fn start(ctx: &Context<'_>) {
    let on_the_stack = 1_u32;
    let borrowed = &on_the_stack;
    let timer = Timer::start(ctx, Duration::ZERO, borrowed, |_, _| ());
    timer.unwrap().detach();
}

fn main() {
    let _ = start;
}
