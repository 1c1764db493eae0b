//! The server's strings count their references without atomics: they stay where the lock is held.
use redis_context::{RedisString, ServerLock};

fn run(lock: &ServerLock) -> Option<RedisString> {
    lock.run(|_| RedisString::new(b"x")).ok()
}

fn main() {
    let _ = run;
}
