//! Streams, fields of hashes, dicts, command filters and metadata of keys, used in odd ways.
#![forbid(unsafe_code)]

mod dicts;
mod filters;
mod hashes;
mod meta;
mod streams;

use redis_context::{Command, CommandFlags, Error, LoadContext, UnloadContext};

redis_context::module! {
    name: "structures",
    version: 1,
    init: init,
    deinit: deinit,
}

/// `loadmodule libhello_structures.so [REFUSE]`: refused when everything is registered.
fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    streams::register(load)?;
    hashes::register(load)?;
    dicts::register(load)?;
    filters::register(load)?;
    meta::register(load)?;
    if load.args().take_keyword("refuse") { Err(Error::module("asked to")) } else { Ok(()) }
}

fn deinit(_: &UnloadContext<'_>) -> Result<(), Error> {
    Ok(())
}

fn write(name: &'static std::ffi::CStr) -> Command {
    Command::new(name).flags(CommandFlags::WRITE).keys(1, 1, 1)
}

fn read(name: &'static std::ffi::CStr) -> Command {
    Command::new(name).flags(CommandFlags::READONLY).keys(1, 1, 1)
}
