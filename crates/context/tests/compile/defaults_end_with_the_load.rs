//! Settings are given other defaults between the server's and the administrator's, and at no other time.
use redis_context::config::{BoolConfig, Defaults};
use redis_context::{Error, LoadContext, MainCell};

static KEPT: MainCell<Option<&'static Defaults<'static>>> = MainCell::new(None);
static LOUD: BoolConfig = BoolConfig::new(c"loud", false);

fn keep(load: &LoadContext<'_>) -> Result<(), Error> {
    load.configs_after_defaults(&[&LOUD], |defaults| {
        KEPT.replace(load, Some(defaults))?;
        Ok(())
    })
}

fn main() {
    let _ = keep;
}
