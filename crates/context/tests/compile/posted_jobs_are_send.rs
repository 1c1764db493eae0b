//! A job is made on one thread and run on another.
use std::rc::Rc;

use redis_context::MainThread;

fn post(main_thread: &MainThread) {
    let local = Rc::new(1);
    let _ = main_thread.post(move |_| drop(local));
}

fn main() {
    let _ = post;
}
