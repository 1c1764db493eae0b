//! Threads, the server's lock, watched descriptors and jobs for the main thread.
//!
//! ```text
//! > MSET page:1 x page:2 y other z     OK
//! > WORK.COUNT page:                   (integer) 2       # a thread walks over the keys, a few at a time
//! > WORK.TOUCH page:                   (integer) 2       # as WORK.COUNT; then the main thread writes what was found
//! > GET touched:page:                  "2"
//! > WORK.PRIMES 10000                  (integer) 1229    # a long command that lets others have their turn
//! > WORK.LISTEN <port>                 OK                # the event loop listens
//! $ echo hello | nc 127.0.0.1 <port>
//! > WORK.HEARD                         # soon
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
