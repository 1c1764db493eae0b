//! One interval ends before the next begins, and before the client is unblocked.
use redis_context::Unblocker;

fn twice(mut unblocker: Unblocker<u32>) {
    let first = unblocker.measure();
    let second = unblocker.measure();
    drop((first, second));
    let third = unblocker.measure();
    unblocker.unblock(1);
    drop(third);
}

fn main() {
    let _ = twice;
}
