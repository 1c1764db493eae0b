//! Walks over keys and over the elements of a key, from the main thread and from another.
#![forbid(unsafe_code)]

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "scan",
    version: 1,
    init: init,
}

fn init(_load: &LoadContext<'_>) -> Result<(), Error> {
    Ok(())
}
