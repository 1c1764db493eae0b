//! A data type of the module's own, with every callback: a series of measurements.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_native_type.so --enable-debug-command yes
//! > SERIES.ADD kitchen 20.5 21 19.5            (integer) 3
//! > SERIES.LABEL kitchen "degrees Celsius"     OK
//! > SERIES.RANGE kitchen 0 -2
//! 1) "20.5"
//! 2) "21"
//! > SERIES.STATS kitchen
//! 1) "label"
//! 2) "degrees Celsius"
//! 3) "samples"
//! 4) (integer) 3
//! 5) "sum"
//! 6) "61"
//! > COPY kitchen hall                          (integer) 1
//! > DEBUG DIGEST-VALUE kitchen hall            # the same twice
//! 1) 3aab40dcb7364c32c8cdd33f9b94dfd6daf65454
//! 2) 3aab40dcb7364c32c8cdd33f9b94dfd6daf65454
//! > MEMORY USAGE kitchen                       (integer) ..     # 344 with Redis 8
//! > DEBUG RELOAD                               OK               # both are saved and loaded again
//! > UNLINK hall                                (integer) 1
//! > SERIES.TOTALS
//! 1) "added"
//! 2) (integer) 3
//! 3) "unlinked"
//! 4) (integer) 1
//! ```
//!
//! `series.rs` is the type: what a value is, and what the server may ask of it. `commands.rs` is what clients see.
//! It runs on Redis 7.0 and Valkey 8.0 and later; only servers with a jemalloc of their own ever defragment.
#![forbid(unsafe_code)]

mod commands;
mod series;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "native_type",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    series::register(load)?;
    commands::register(load)
}
