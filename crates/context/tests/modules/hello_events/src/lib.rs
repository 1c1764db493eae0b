//! A module that uses what `redis-context` offers beside commands: keys, keyspace and server events,
//! timers, jobs for the main thread, watched descriptors, blocked clients, a data type with auxiliary data,
//! walks over the keys and INFO. Each file shows one subject; HE.JOURNAL tells what has happened.
#![forbid(unsafe_code)]

mod blocking;
mod data;
mod journal;
mod keys;
mod listen;
mod work;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "hello_events",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    journal::register(load)?;
    keys::register(load)?;
    listen::register(load)?;
    work::register(load)?;
    blocking::register(load)?;
    data::register(load)?;
    if load.args().take_keyword("refuse") { refuse(load) } else { Ok(()) }
}

/// `loadmodule libhello_events.so REFUSE`: fails when everything is registered, and a timer, a job and a watched
/// descriptor are on their way. The server must not come back to any of it.
fn refuse(load: &LoadContext<'_>) -> Result<(), Error> {
    work::begin(load)?;
    Err(Error::module("asked to"))
}
