//! Clients that wait for keys of any type.
#![forbid(unsafe_code)]

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "block_on_keys",
    version: 1,
    init: init,
}

fn init(_load: &LoadContext<'_>) -> Result<(), Error> {
    Ok(())
}
