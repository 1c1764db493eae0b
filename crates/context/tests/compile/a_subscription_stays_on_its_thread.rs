//! Its listener is the main thread's.
use redis_context::Subscription;

fn move_to_a_thread(subscription: Subscription) {
    std::thread::spawn(move || drop(subscription));
}

fn main() {
    let _ = move_to_a_thread;
}
