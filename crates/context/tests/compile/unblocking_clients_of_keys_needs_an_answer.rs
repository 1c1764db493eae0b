//! A client that waits for keys is unblocked by the module only if something answers it then.
use redis_context::{CommandContext, Error, Ready, RedisStr};

fn wait(ctx: &CommandContext<'_>, key: RedisStr<'_>) -> Result<(), Error> {
    let keys = [key];
    let (_blocked, unblocker) = ctx.block_on_keys(&keys, ()).on_ready(|_, _, ()| Ok(Ready::NotYet)).start()?;
    unblocker.unblock(ctx)?;
    Ok(())
}

fn main() {
    let _ = wait;
}
