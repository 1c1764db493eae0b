//! A data type of the module's own, with every callback.
#![forbid(unsafe_code)]

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "native_type",
    version: 1,
    init: init,
}

fn init(_load: &LoadContext<'_>) -> Result<(), Error> {
    Ok(())
}
