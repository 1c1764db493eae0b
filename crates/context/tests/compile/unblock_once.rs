//! A blocked client is unblocked once.
use redis_context::Unblocker;

fn twice(unblocker: Unblocker<u32>) {
    unblocker.unblock(1);
    unblocker.unblock(2);
}

fn main() {
    let _ = twice;
}
