//! Threads, the server's lock, watched descriptors and jobs for the main thread.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_threads_event_loop.so
//! $ redis-cli
//! > MSET page:1 x page:2 y other z
//! OK
//! > WORK.COUNT page:           # a thread walks over the keys, a few at a time
//! (integer) 2
//! > WORK.TOUCH page:           # as WORK.COUNT; then the main thread writes what was found
//! (integer) 2
//! > GET touched:page:
//! "2"
//! > WORK.PRIMES 10000          # a long command that lets others have their turn
//! (integer) 1229
//! > WORK.LISTEN 7777           # the event loop listens; in a shell: echo hello | nc 127.0.0.1 7777
//! OK
//! > WORK.HEARD
//! 1) "hello\n"
//! ```
#![forbid(unsafe_code)]

mod count;
mod listen;
mod primes;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "threads_event_loop",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    count::register(load)?;
    listen::register(load)?;
    primes::register(load)
}
