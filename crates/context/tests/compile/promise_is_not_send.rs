//! A promise belongs to the main thread.
use redis_context::Promise;

fn elsewhere(promise: Promise) {
    std::thread::spawn(move || promise.detach());
}

fn main() {
    let _ = elsewhere;
}
