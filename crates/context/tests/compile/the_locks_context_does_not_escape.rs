//! What runs under the lock can't keep its context for later.
use redis_context::{LockedContext, ServerLock};

fn run<'cx>(lock: &ServerLock) {
    let mut kept: Option<&LockedContext<'cx>> = None;
    let _ = lock.run(|ctx| kept = Some(ctx));
}

fn main() {
    let _ = run;
}
