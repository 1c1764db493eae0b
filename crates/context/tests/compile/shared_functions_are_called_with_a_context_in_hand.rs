//! An import is no good on another thread, where no context is.
redis_context::shared_api! {
    pub trait Api: "threads" version 1 {
        fn get(name: &[u8]) -> Option<i64>;
    }
    pub struct Threads;
}

fn move_to_a_thread(threads: Threads) {
    std::thread::spawn(move || drop(threads));
}

fn main() {
    let _ = move_to_a_thread;
}
