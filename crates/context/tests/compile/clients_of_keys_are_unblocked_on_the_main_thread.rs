//! Unblocking a client that waits for keys runs its time-out at once on some servers.
use redis_context::KeysUnblocker;

fn elsewhere(unblocker: KeysUnblocker<u32>) {
    std::thread::spawn(move || drop(unblocker));
}

fn main() {
    let _ = elsewhere;
}
