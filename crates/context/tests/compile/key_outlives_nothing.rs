//! A key is closed before the context it was opened with ends.
use redis_context::{Context, Error, ReadKey, RedisString};

fn keep(ctx: Context<'_>, name: &RedisString) -> Result<ReadKey<'static>, Error> {
    ctx.open_read(name)
}

fn main() {
    let _ = keep;
}
