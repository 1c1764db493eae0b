//! Nobody makes a context.
use redis_context::{Context, MainCell};

static STATE: MainCell<u32> = MainCell::new(0);

fn main() {
    let forged = Context { raw: std::ptr::null_mut() };
    *STATE.borrow_mut(&forged) += 1;
}
