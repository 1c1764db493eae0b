//! The key that is ready lives no longer than the callback.
use redis_context::{CommandContext, Error, Ready, RedisStr};

fn wait(ctx: &CommandContext<'_>, key: RedisStr<'_>) -> Result<(), Error> {
    let keys = [key];
    let kept: Option<RedisStr<'static>> = None;
    let _ = ctx.block_on_keys(&keys, kept).on_ready(|_, key, kept| {
        *kept = Some(key);
        Ok(Ready::NotYet)
    });
    Ok(())
}

fn main() {
    let _ = wait;
}
