//! The server's own commands: every type of reply, as a user, as a promise.
#![forbid(unsafe_code)]

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "calls",
    version: 1,
    init: init,
}

fn init(_load: &LoadContext<'_>) -> Result<(), Error> {
    Ok(())
}
