//! Odd things that blocked clients, promises and paused servers meet. See the tests for what they expect.
#![forbid(unsafe_code)]

mod conversions;
mod keys;
mod plain;
mod promises;
mod replicating;
mod tally;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "hello_waiting",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    tally::register(load)?;
    plain::register(load)?;
    conversions::register(load)?;
    keys::register(load)?;
    promises::register(load)?;
    replicating::register(load)
}
