//! A closure that a thread gives to the server's lock runs on another thread.
use std::rc::Rc;

use redis_context::ServerLock;

fn run(lock: &ServerLock, shared: Rc<u32>) {
    let _ = lock.run(move |_| drop(shared));
}

fn main() {
    let _ = run;
}
