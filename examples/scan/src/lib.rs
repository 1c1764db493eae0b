//! Walks: over all keys in one command, over the elements of a key, and in steps whose cursor is kept between commands
//! or between the ticks of a timer.
//!
//! ```text
//! > SET greeting hello                  > CENSUS START
//! > HSET user name ann city rome        OK
//! > SADD colours red                    > CENSUS RESULT
//! > ZADD game 10.5 ann                  1) "running"
//! > KEYSPACE.TYPES                      2) (integer) 2
//! 1) "hash"                             > CENSUS RESULT
//! 2) (integer) 1                        1) "done"
//! 3) "set"                              2) (integer) 4
//! 4) (integer) 1                        > WALK.NEXT
//! 5) "string"                           1) "more"
//! 6) (integer) 1                        2) "user"
//! 7) "zset"                             > WALK.NEXT
//! 8) (integer) 1                        1) "done"
//! > KEY.ELEMENTS user                   2) "greeting"
//! 1) "name"                             3) "colours"
//! 2) "ann"                              4) "game"
//! 3) "city"                             > WALK.NEXT
//! 4) "rome"                             1) "done"
//! > KEY.FIND colours re*                > WALK.RESTART
//! "red"                                 OK
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
