//! A module for Redis and Valkey: a server that loads it holds live, exact copies of (parts of) other
//! servers' data beside its own, and stays writable. See ARCHITECTURE.md.

#![forbid(unsafe_code)]

mod apply;
mod checkpoint;
mod commands;
mod configs;
mod events;
mod fault;
mod gate;
mod info;
mod link;
mod mirror;
mod propagation;
mod rates;
mod records;
mod registry;
mod rights;
mod secrets;
mod store;
mod text;
mod waiters;

use redis_context::{Error, LoadContext, ModuleOptions, UnloadContext};

use registry::REGISTRY;

redis_context::module! {
    name: "mirror",
    version: 1,
    init: load,
    deinit: unload,
}

fn load(load: &LoadContext<'_>) -> Result<(), Error> {
    // A load beside the live data is no trouble: state is staged until it ends. Nor are slots that move all at once: what
    // is known of record stores is in their keys, and mirrors are not for clusters. A key is opened for writing before it
    // is known whether the write is refused: who watches it would be told all the same when it is closed.
    load.set_options(
        ModuleOptions::HANDLE_IO_ERRORS
            | ModuleOptions::HANDLE_REPL_ASYNC_LOAD
            | ModuleOptions::HANDLE_ATOMIC_SLOT_MIGRATION
            | ModuleOptions::NO_IMPLICIT_SIGNAL_MODIFIED,
    );
    load.configs_with_arguments(&[&configs::ALL[..], &records::CONFIGS[..]].concat())?;
    load.register_type::<store::State>()?;
    commands::register(load)?;
    #[cfg(feature = "fault-injection")]
    fault::register(load)?;
    info::register(load)?;
    // Before the mirrors' own: a unit of a mirror never shares a turn with the upkeep of records.
    records::register(load)?;
    events::subscribe(load)
}

/// A server unloads no module with a data type, except right after the load: Redis 8 does when MODULE LOADEX names a
/// setting that there is not, and ends itself if that fails (moduleLoad, module.c, Redis 8.0).
fn unload(unload: &UnloadContext<'_>) -> Result<(), Error> {
    REGISTRY.try_borrow_mut(unload)?.stop_links("the module is being unloaded");
    Ok(())
}
