//! The end of a pause calls the server.
use redis_context::TrimPause;

fn move_to_a_thread(pause: TrimPause) {
    std::thread::spawn(move || drop(pause));
}

fn main() {
    let _ = move_to_a_thread;
}
