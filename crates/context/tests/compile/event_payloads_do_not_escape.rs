//! What an event shows is gone when its listener returns.
use redis_context::{Error, LoadContext, events};

fn keep(load: &LoadContext<'_>) -> Result<(), Error> {
    let kept = std::cell::Cell::new(None);
    load.on::<events::ModuleChange>(move |_, event| kept.set(Some(event)))
}

fn main() {
    let _ = keep;
}
