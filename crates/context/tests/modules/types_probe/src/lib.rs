//! A module that only tests load: what the callbacks of a type are told, panics in each of them, values as bytes,
//! snapshots on demand, long doubles, sizes in memory and the defragmentation of what belongs to no key.
#![forbid(unsafe_code)]

mod blocks;
mod dicts;
mod numbers;
mod probe;
mod snapshots;
mod values;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "types_probe",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    probe::register(load)?;
    values::register(load)?;
    numbers::register(load)?;
    snapshots::register(load)?;
    blocks::register(load)?;
    dicts::register(load)
}
