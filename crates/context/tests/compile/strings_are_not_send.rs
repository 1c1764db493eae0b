//! A string's count is not atomic: it stays on the main thread.
use redis_context::RedisString;

fn elsewhere(string: RedisString) {
    std::thread::spawn(move || drop(string));
}

fn main() {
    let _ = elsewhere;
}
