//! Its name is in front of its settings in the configuration file, and of its fields in INFO.
use redis_context::{Error, LoadContext};

redis_context::module! { name: "two words", version: 1, init: init }

fn init(_load: &LoadContext<'_>) -> Result<(), Error> {
    Ok(())
}

fn main() {}
