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
mod registry;
mod rights;
mod secrets;
mod store;
mod text;
mod waiters;

use redis_context::{Error, LoadContext, ModuleOptions, UnloadContext, Waker};

use registry::{Fixed, REGISTRY};

redis_context::module! {
    name: "mirror",
    version: 1,
    init: load,
    deinit: unload,
}

fn load(load: &LoadContext<'_>) -> Result<(), Error> {
    // A load beside the live data is no trouble: state is staged until it ends.
    load.set_options(ModuleOptions::HANDLE_IO_ERRORS | ModuleOptions::HANDLE_REPL_ASYNC_LOAD);
    load.configs_with_arguments(&configs::ALL)?;
    load.register_type::<store::State>()?;
    REGISTRY.try_borrow_mut(load)?.fixed = Some(Fixed { waker: Waker::new(load)?, local: None });
    commands::register(load)?;
    #[cfg(feature = "fault-injection")]
    fault::register(load)?;
    info::register(load)?;
    events::subscribe(load)
}

/// A module with a data type can't be unloaded; this is for the server's own end.
fn unload(unload: &UnloadContext<'_>) -> Result<(), Error> {
    REGISTRY.try_borrow_mut(unload)?.stop_links("the module is being unloaded");
    Ok(())
}
