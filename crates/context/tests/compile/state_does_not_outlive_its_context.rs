//! A borrow of the module's state ends with the callback that made it.
use redis_context::{Context, MainCell};
use std::cell::Ref;

static STATE: MainCell<u32> = MainCell::new(0);

fn keep(ctx: &Context<'_>) -> Ref<'static, u32> {
    STATE.borrow(ctx)
}

fn main() {
    let _ = keep;
}
