//! Walks: over all keys in one command, over the elements of a key, and in steps whose cursor is kept between commands
//! or between the ticks of a timer.
//!
//! ```text
//! > SET greeting hello                  OK
//! > HSET user name ann city rome        (integer) 2
//! > SADD colours red                    (integer) 1
//! > ZADD game 10.5 ann                  (integer) 1
//! > KEYSPACE.TYPES
//! 1) "hash"
//! 2) (integer) 1
//! 3) "set"
//! 4) (integer) 1
//! 5) "string"
//! 6) (integer) 1
//! 7) "zset"
//! 8) (integer) 1
//! > KEY.ELEMENTS user
//! 1) "name"
//! 2) "ann"
//! 3) "city"
//! 4) "rome"
//! > KEY.FIND colours re*                "red"
//! > CENSUS START                        OK
//! > CENSUS RESULT                       # "running" and how many so far; soon
//! 1) "done"
//! 2) (integer) 4
//! > WALK.NEXT                           # "more" and some keys; soon the last ones
//! 1) "done"
//! ..
//! > WALK.RESTART                        OK
//! ```
//!
//! How many keys one step shows is the server's business.
#![forbid(unsafe_code)]

mod census;
mod elements;
mod keys;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "scan",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    keys::register(load)?;
    elements::register(load)?;
    census::register(load)
}
