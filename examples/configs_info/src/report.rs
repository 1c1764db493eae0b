//! The module's section in INFO.

use redis_context::{Error, LoadContext};

use crate::settings::{BANNER, CACHE_MAX, SHOWN, WORKERS};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.info(|info| {
        info.section("settings", |section| {
            // A crash report has no context, and leaves the main thread's state alone.
            if let Some(Ok(shown)) = section.context().map(|ctx| SHOWN.try_borrow(ctx)) {
                section.uint("shown", *shown);
            }
            section.double("cache_max_mb", CACHE_MAX.get() as f64 / f64::from(1 << 20));
            section.text("banner", BANNER.get());
            section.dict("workers", |fields| {
                fields.int("least", 1);
                fields.int("now", WORKERS.get());
            });
        });
    })
}
