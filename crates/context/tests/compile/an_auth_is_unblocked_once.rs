//! Ending the wait consumes what ends it.
use redis_context::AuthUnblocker;

fn end(unblocker: AuthUnblocker<bool>) {
    unblocker.unblock(true);
    unblocker.unblock(false);
}

fn main() {
    let _ = end;
}
