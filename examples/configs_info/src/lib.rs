//! Settings of the module, settings of the server, INFO out and in.
#![forbid(unsafe_code)]

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "configs_info",
    version: 1,
    init: init,
}

fn init(_load: &LoadContext<'_>) -> Result<(), Error> {
    Ok(())
}
