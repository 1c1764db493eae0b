//! Streams: entries added, walked over, trimmed; fields of hashes that expire.
//!
//! A little log of measurements. Writes through a key neither replicate nor notify by themselves: each command says
//! what the replicas and the AOF get, with the ids that this server chose.
//!
//! ```text
//! > STREAMS.PUT weather 1-1 sky clear wind 3     "1-1"
//! > STREAMS.PUT weather 1-2 sky clouds           "1-2"
//! > STREAMS.PUT weather 2-1 sky clear            "2-1"
//! > STREAMS.PUT weather * sky rain               ".."             # the id that the server chose
//! > STREAMS.LATEST weather 2                     # newest first
//! 1) 1) ".."
//!    2) 1) "sky"
//!       2) "rain"
//! 2) 1) "2-1"
//!    2) 1) "sky"
//!       2) "clear"
//! > STREAMS.BETWEEN weather (1-1 2
//! 1) 1) "1-2"
//!    2) 1) "sky"
//!       2) "clouds"
//! 2) 1) "2-1"
//!    2) 1) "sky"
//!       2) "clear"
//! > STREAMS.PURGE weather sky clear              (integer) 2
//! > STREAMS.REMOVE weather 1-2                   (integer) 1
//! > STREAMS.KEEP weather 10                      (integer) 0      # there are less
//! > STREAMS.FORGET weather 9                     (integer) 0      # entries before the millisecond 9
//! > HSET sessions anna 1 berta 2                 (integer) 2
//! > HPEXPIREAT sessions 4102444800000 FIELDS 1 anna      # from Redis 7.4, from Valkey 9.0
//! 1) (integer) 1
//! > STREAMS.EXPIRY sessions anna                 (integer) 4102444800000     # from Redis 8.0, not on Valkey
//! ```
#![forbid(unsafe_code)]

mod read;
mod write;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "streams",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    write::register(load)?;
    read::register(load)
}
